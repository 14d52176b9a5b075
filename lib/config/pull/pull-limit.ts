import { reasonOf, untilAborted, type Clock } from '../../core/clock.ts'
import { RemoteTermError } from '../../core/errors.ts'
import { TimeLimit } from '../../core/time-limit.ts'

/**
 * The time that one pull has, from the moment when it is its turn, shared out among its attempts: none may use up what
 * the attempts behind it need, so that a node that hangs costs its share and not the pull.
 */
export class PullLimit implements Disposable {
	readonly #clock: Clock
	readonly #deadline: number
	readonly #limit: TimeLimit
	/** One listener for all of them: more than ten are taken for a leak by Node. */
	readonly #attempts = new Set<AbortController>()

	constructor(clock: Clock, service: string, timeout: number, outer: AbortSignal) {
		this.#clock = clock
		this.#deadline = clock.monotonic() + timeout
		this.#limit = new TimeLimit(clock, timeout, {
			error: () =>
				new RemoteTermError(
					'TIMEOUT',
					`Expected the pull of ${service} to be over within ${timeout} ms (timeout)`,
				),
			outer: [outer],
		})
		const { signal } = this
		const onAbort = (): void => {
			for (const attempt of this.#attempts) attempt.abort(reasonOf(signal))
		}
		if (!signal.aborted) signal.addEventListener('abort', onAbort, { once: true })
	}

	/** Aborted when the time is over, and when the pull is given up. */
	get signal(): AbortSignal {
		return this.#limit.signal
	}

	/**
	 * Runs one attempt of `left`, within its share of the time that is left. `run` is given a signal that stays with what it
	 * has begun: a body that is read later ends with the pull.
	 */
	async attempt<T>(left: number, subject: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
		const share = Math.max(0, this.#deadline - this.#clock.monotonic()) / Math.max(1, left)
		const controller = new AbortController()
		this.#attempts.add(controller)
		if (this.signal.aborted) controller.abort(reasonOf(this.signal))
		const timer = this.#clock.timer(share, () => {
			const message = `${subject} did not answer within its share of the time, ${Math.round(share)} ms`
			controller.abort(new RemoteTermError('FETCH_TIMEOUT', message))
		})
		try {
			return await untilAborted(run(controller.signal), controller.signal)
		} finally {
			timer[Symbol.dispose]()
		}
	}

	[Symbol.dispose](): void {
		this.#limit[Symbol.dispose]()
	}
}
