import { untilAborted, type Clock, type Timer } from '../core/clock.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { TimeLimit } from '../core/time-limit.ts'

/** How long a source may take to answer, in milliseconds; an answer that comes later is not looked at. */
const ANSWER_TIMEOUT = 30_000

/** A value, or where to ask for it, again and again. */
export type Source<Value> = Value | (() => Value | Promise<Value>)

export interface SourceWatchOptions<Value> {
	readonly source: Source<Value>
	/** Takes what has been read. What it throws leaves everything as it was. */
	readonly apply: (value: Value) => void
	/** How often a source that can be asked is, in milliseconds. */
	readonly interval: number
	/** What the log says: what is asked for; of what failed, in front of the reason; and of the next success. */
	readonly words: { readonly asked: string; readonly kept: string; readonly again: string }
	readonly clock: Clock
	readonly logger: Logger
}

/**
 * Keeps something in step with where it comes from. A source that fails, or gives what cannot be used, changes nothing:
 * nobody is locked out, and nobody let in, by half a file. Said once, until it is over.
 */
export class SourceWatch<Value> {
	readonly #options: SourceWatchOptions<Value>
	#timer: Timer | undefined
	#reloading: Promise<void> | undefined
	#failing = false
	#stopped = false

	constructor(options: SourceWatchOptions<Value>) {
		this.#options = options
	}

	/** @throws what the source fails with, `TIMEOUT` where it does not answer for 30 s, and what `apply` does. */
	async start(): Promise<void> {
		const { source, apply } = this.#options
		if (!isAsked(source)) return apply(source)
		apply(await this.#ask(source))
		this.#arm()
	}

	/** Asks the source now. Never rejects. */
	reload(): Promise<void> {
		this.#reloading ??= this.#reload().finally(() => {
			this.#reloading = undefined
		})
		return this.#reloading
	}

	stop(): void {
		this.#stopped = true
		this.#timer?.[Symbol.dispose]()
	}

	async #reload(): Promise<void> {
		const { source, apply, words, logger } = this.#options
		if (!isAsked(source) || this.#stopped) return
		try {
			const value = await this.#ask(source)
			if (this.#stopped) return
			apply(value)
			if (this.#failing) logger.info(words.again)
			this.#failing = false
		} catch (error) {
			if (!this.#failing) logger.error(`${words.kept}: ${messageOf(error)}`)
			this.#failing = true
		}
		this.#arm()
	}

	async #ask(source: () => Value | Promise<Value>): Promise<Value> {
		const { clock, words } = this.#options
		using limit = new TimeLimit(clock, ANSWER_TIMEOUT, {
			error: () =>
				new RemoteTermError(
					'TIMEOUT',
					`Expected ${words.asked} within ${ANSWER_TIMEOUT} ms, and there was no answer`,
				),
		})
		return await untilAborted(Promise.resolve().then(source), limit.signal)
	}

	#arm(): void {
		this.#timer?.[Symbol.dispose]()
		if (this.#stopped) return
		const { clock, interval } = this.#options
		this.#timer = clock.timer(interval, () => void this.reload(), { background: true })
	}
}

const isAsked = <Value>(source: Source<Value>): source is () => Value | Promise<Value> =>
	typeof source === 'function'
