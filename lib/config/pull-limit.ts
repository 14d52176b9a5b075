import { reasonOf, untilAborted, type Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'

/**
 * The time that one pull has, from the moment when it is its turn, shared out among its attempts: none may use up what
 * the attempts behind it need, so that a node that hangs costs its share and not the pull.
 */
export class PullLimit implements Disposable {
	readonly #clock: Clock
	readonly #controller = new AbortController()
	readonly #deadline: number
	readonly #end: () => void

	constructor(clock: Clock, service: string, timeout: number, outer: AbortSignal) {
		this.#clock = clock
		this.#deadline = clock.monotonic() + timeout
		const onAbort = (): void => this.#controller.abort(reasonOf(outer))
		if (outer.aborted) onAbort()
		outer.addEventListener('abort', onAbort, { once: true })
		const timer = clock.timer(timeout, () => {
			const message = `Expected the pull of ${service} to be over within ${timeout} ms (timeout)`
			this.#controller.abort(new RemoteTermError('TIMEOUT', message))
		})
		this.#end = () => {
			timer[Symbol.dispose]()
			outer.removeEventListener('abort', onAbort)
		}
	}

	/** Aborted when the time is over, and when the pull is given up. */
	get signal(): AbortSignal {
		return this.#controller.signal
	}

	/**
	 * Runs one attempt of `left`, within its share of the time that is left. `run` is given a signal that stays with what it
	 * has begun: a body that is read later ends with the pull.
	 */
	async attempt<T>(left: number, subject: string, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
		const share = Math.max(0, this.#deadline - this.#clock.monotonic()) / Math.max(1, left)
		const controller = new AbortController()
		const onAbort = (): void => controller.abort(reasonOf(this.signal))
		if (this.signal.aborted) onAbort()
		this.signal.addEventListener('abort', onAbort, { once: true })
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
		this.#end()
	}
}
