import { RemoteTermError } from './errors.ts'

/** A timer that has not fired yet. Disposing of it twice, or after it has fired, does nothing. */
export type Timer = Disposable

/**
 * Time as a parameter, so that every schedule can be tested to the millisecond.
 *
 * `now` is the wall clock and may jump; use it only to tell people when something happened, and for what other
 * machines' dates are compared with. Whatever is measured or waited for uses `monotonic` and `timer`, which do not.
 */
export interface Clock {
	/** Milliseconds since the Unix epoch. May jump in either direction. */
	now(): number
	/** Milliseconds since some fixed moment. Never goes back. */
	monotonic(): number
	/**
	 * Calls `fire` once after `delay` milliseconds. With `background`, the timer does not keep the process alive.
	 * Delays beyond 2^31 − 1 ms (24.8 days), which `setTimeout` would turn into 1 ms, are honoured.
	 */
	timer(delay: number, fire: () => void, options?: { readonly background?: boolean }): Timer
}

const LONGEST_TIMEOUT = 2 ** 31 - 1

class SystemTimer implements Timer {
	#handle: ReturnType<typeof setTimeout> | undefined
	#left: number
	readonly #fire: () => void
	readonly #background: boolean

	constructor(delay: number, fire: () => void, background: boolean) {
		this.#left = delay
		this.#fire = fire
		this.#background = background
		this.#arm()
	}

	[Symbol.dispose](): void {
		clearTimeout(this.#handle)
	}

	#arm(): void {
		const step = Math.min(this.#left, LONGEST_TIMEOUT)
		this.#left -= step
		this.#handle = setTimeout(onTimeout, step, this)
		// Outside Node a handle is a number, and there is no process to keep alive.
		if (this.#background && typeof this.#handle === 'object') this.#handle.unref()
	}

	ring(): void {
		if (this.#left > 0) this.#arm()
		else this.#fire()
	}
}

const onTimeout = (timer: SystemTimer): void => timer.ring()

export const systemClock: Clock = Object.freeze({
	now: () => Date.now(),
	monotonic: () => performance.now(),
	timer: (delay: number, fire: () => void, options?: { readonly background?: boolean }): Timer =>
		new SystemTimer(Math.max(0, delay), fire, options?.background ?? false),
})

/** Resolves after `delay` milliseconds; rejects with the signal's reason as soon as that is aborted. */
export const sleep = (
	clock: Clock,
	delay: number,
	{ signal, background = false }: { signal?: AbortSignal; background?: boolean } = {},
): Promise<void> =>
	new Promise((resolve, reject) => {
		if (signal?.aborted) {
			reject(reasonOf(signal))
			return
		}
		const onAbort = (): void => {
			timer[Symbol.dispose]()
			reject(reasonOf(signal!))
		}
		const timer = clock.timer(
			delay,
			() => {
				signal?.removeEventListener('abort', onAbort)
				resolve()
			},
			{ background },
		)
		signal?.addEventListener('abort', onAbort, { once: true })
	})

/** Why a signal was aborted, as one of our errors: `AbortError`s and foreign reasons become `STOPPED`. */
export const reasonOf = (signal: AbortSignal): RemoteTermError => {
	const reason: unknown = signal.reason
	return reason instanceof RemoteTermError
		? reason
		: new RemoteTermError('STOPPED', 'Stopped before it was done', { cause: reason })
}

/**
 * Settles like `work`, or rejects with the signal's reason as soon as that is aborted, whichever comes first.
 * What a loser does later is of no consequence, its rejection included.
 */
export const untilAborted = <T>(work: PromiseLike<T>, signal: AbortSignal): Promise<T> =>
	new Promise((resolve, reject) => {
		const onAbort = (): void => reject(reasonOf(signal))
		if (signal.aborted) onAbort()
		else signal.addEventListener('abort', onAbort, { once: true })
		work.then(
			value => {
				signal.removeEventListener('abort', onAbort)
				resolve(value)
			},
			(error: unknown) => {
				signal.removeEventListener('abort', onAbort)
				reject(error)
			},
		)
	})
