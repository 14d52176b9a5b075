import { reasonOf, type Clock } from './clock.ts'
import type { RemoteTermError } from './errors.ts'

export interface TimeLimitOptions {
	/** Why it is aborted when the time is over. */
	readonly error: () => RemoteTermError
	/** Whichever of these is aborted first aborts it, too, with the same reason. */
	readonly outer?: ReadonlyArray<AbortSignal | undefined> | undefined
	/** Keeps no process alive. */
	readonly background?: boolean | undefined
}

/** One listener for all who follow a signal: more than ten are taken for a leak by Node. */
const followers = new WeakMap<AbortSignal, Set<TimeLimit>>()

/** Returns the function that ends it. */
const follow = (signal: AbortSignal, limit: TimeLimit): (() => void) => {
	const known = followers.get(signal)
	const limits = known ?? new Set()
	limits.add(limit)
	if (known === undefined) {
		followers.set(signal, limits)
		const onAbort = (): void => {
			for (const one of [...limits]) one.abort(reasonOf(signal))
		}
		signal.addEventListener('abort', onAbort, { once: true })
	}
	return () => void limits.delete(limit)
}

/**
 * A signal that is aborted after a while, or as soon as one of others is. `AbortSignal.any` would leave something behind
 * in a signal that lives long for each one that it has made; this takes away all that it has left, when it is disposed of
 * and when it is aborted.
 */
export class TimeLimit implements Disposable {
	readonly #controller = new AbortController()
	readonly #undo: Array<() => void> = []

	constructor(clock: Clock, delay: number, { error, outer = [], background = false }: TimeLimitOptions) {
		for (const signal of outer) {
			if (signal === undefined) continue
			if (signal.aborted) {
				this.abort(reasonOf(signal))
				return
			}
			this.#undo.push(follow(signal, this))
		}
		const timer = clock.timer(delay, () => this.abort(error()), { background })
		this.#undo.push(() => timer[Symbol.dispose]())
	}

	get signal(): AbortSignal {
		return this.#controller.signal
	}

	abort(reason?: RemoteTermError): void {
		this[Symbol.dispose]()
		this.#controller.abort(reason)
	}

	/** It is not aborted any more, save by `abort`. */
	[Symbol.dispose](): void {
		for (const undo of this.#undo.splice(0)) undo()
	}
}
