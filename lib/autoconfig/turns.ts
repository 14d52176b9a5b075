import { untilAborted, type Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { TimeLimit } from '../core/time-limit.ts'
import type { Called } from './configuration.ts'

/**
 * One thing at a time, in the order in which they came; and within each, calls of the user's handler, which may take
 * time, throw, or never come back. None of that reaches anybody else. After `close` nobody is called any more.
 */
export class Turns {
	readonly #clock: Clock
	readonly #logger: Logger
	/** How long a promise is waited for, in milliseconds. */
	readonly #timeout: number
	readonly #closing = new AbortController()
	#last: Promise<unknown> = Promise.resolve()

	constructor(timeout: number, clock: Clock, logger: Logger) {
		this.#timeout = timeout
		this.#clock = clock
		this.#logger = logger
	}

	/** Aborted by `close`. */
	get signal(): AbortSignal {
		return this.#closing.signal
	}

	take<Result>(work: () => Promise<Result> | Result): Promise<Result> {
		const turn = this.#last.then(work)
		this.#last = turn.catch(() => {})
		return turn
	}

	call(name: string, callback: () => unknown): Called {
		if (this.#closing.signal.aborted) return undefined
		try {
			const result = callback()
			return isThenable(result) ? this.#wait(name, result) : undefined
		} catch (error) {
			this.#report(name, error)
			return undefined
		}
	}

	/** Resolves when the turn at hand, if any, has ended. */
	async close(reason: RemoteTermError): Promise<void> {
		this.#closing.abort(reason)
		await this.#last
	}

	async #wait(name: string, result: PromiseLike<unknown>): Promise<void> {
		const { signal } = this.#closing
		using limit = new TimeLimit(this.#clock, this.#timeout, {
			error: () => new RemoteTermError('TIMEOUT', `It took longer than ${this.#timeout} ms (handlerTimeout)`),
			// The call itself may have closed us.
			outer: [signal],
		})
		try {
			await untilAborted(result, limit.signal)
		} catch (error) {
			if (!signal.aborted) this.#report(name, error)
		}
	}

	#report(name: string, error: unknown): void {
		this.#logger.error(`The handler's ${name} failed`, { error })
	}
}

const isThenable = (result: unknown): result is PromiseLike<unknown> =>
	typeof result === 'object' && result !== null && 'then' in result && typeof result.then === 'function'
