import { reasonOf, type Timer } from '../lib/core/clock.ts'
import type { RemoteTermError } from '../lib/core/errors.ts'
import type { FetchContext } from '../lib/core/fetcher.ts'
import type { StopSignal } from './http-request/http-request.ts'

/**
 * What may end one request before its time: the caller's signal, a limit that runs out, or the caller losing
 * interest. The first of them is the `reason`, with which the client is told to stop.
 */
export class Limits implements StopSignal {
	readonly #context: FetchContext
	#listeners: ReadonlyArray<() => void> = []
	readonly #onAbort = (): void => this.end(reasonOf(this.#context.signal))
	#timer: Timer | undefined
	#reason: RemoteTermError | undefined

	constructor(context: FetchContext) {
		this.#context = context
		if (context.signal.aborted) throw reasonOf(context.signal)
		context.signal.addEventListener('abort', this.#onAbort, { once: true })
	}

	get aborted(): boolean {
		return this.#reason !== undefined
	}

	get reason(): RemoteTermError | undefined {
		return this.#reason
	}

	/** Waits for `work`, but no longer than `limit` milliseconds; then everything ends with `expired()`. */
	async within<T>(limit: number, expired: () => RemoteTermError, work: () => Promise<T>): Promise<T> {
		this.#timer = this.#context.clock.timer(limit, () => this.end(expired()))
		try {
			return await work()
		} finally {
			this.#timer[Symbol.dispose]()
			this.#timer = undefined
		}
	}

	end(reason: RemoteTermError): void {
		if (this.#reason !== undefined) return
		this.#reason = reason
		this.release()
		const listeners = this.#listeners
		this.#listeners = []
		for (const listener of listeners) listener()
	}

	addEventListener(_type: 'abort', listener: () => void): void {
		this.#listeners = [...this.#listeners, listener]
	}

	removeEventListener(_type: 'abort', listener: () => void): void {
		this.#listeners = this.#listeners.filter(one => one !== listener)
	}

	/** The request is over: lets go of the caller's signal and of the clock. */
	release(): void {
		this.#context.signal.removeEventListener('abort', this.#onAbort)
		this.#timer?.[Symbol.dispose]()
	}
}
