import { reasonOf, type Timer } from '../lib/core/clock.ts'
import type { RemoteTermError } from '../lib/core/errors.ts'
import type { FetchContext } from '../lib/core/fetcher.ts'

/**
 * What may end one request before its time: the caller's signal, a limit that runs out, or the caller losing
 * interest. All three abort `signal`, and the first of them is the `reason`.
 */
export class Limits {
	readonly #context: FetchContext
	readonly #controller = new AbortController()
	readonly #onAbort = (): void => this.end(reasonOf(this.#context.signal))
	#timer: Timer | undefined
	#reason: RemoteTermError | undefined

	constructor(context: FetchContext) {
		this.#context = context
		if (context.signal.aborted) throw reasonOf(context.signal)
		context.signal.addEventListener('abort', this.#onAbort, { once: true })
	}

	get signal(): AbortSignal {
		return this.#controller.signal
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
		this.#controller.abort(reason)
	}

	/** The request is over: lets go of the caller's signal and of the clock. */
	release(): void {
		this.#context.signal.removeEventListener('abort', this.#onAbort)
		this.#timer?.[Symbol.dispose]()
	}
}
