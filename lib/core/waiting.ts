import { reasonOf, type Clock } from './clock.ts'
import type { RemoteTermError } from './errors.ts'

export interface WaitLimits {
	readonly signal?: AbortSignal | undefined
	/** Milliseconds. */
	readonly timeout: number
}

/** Ends a wait: well, or with an error. Whatever comes after the first does nothing. */
export type Settle = (error?: RemoteTermError) => void

/**
 * Resolves when somebody calls `settle`; rejects as soon as the signal is aborted, and when the time is over.
 *
 * @param begin Hands over `settle`. Not called where the signal is aborted already.
 * @param end Called when it is over, so that nobody keeps `settle`.
 * @param late What to reject with when the time is over. Called before `end`.
 */
export const waiting = (
	clock: Clock,
	{ signal, timeout }: WaitLimits,
	begin: (settle: Settle) => void,
	end: () => void,
	late: () => RemoteTermError,
): Promise<void> =>
	new Promise((resolve, reject) => {
		if (signal?.aborted) {
			reject(reasonOf(signal))
			return
		}
		const settle: Settle = error => {
			timer[Symbol.dispose]()
			signal?.removeEventListener('abort', onAbort)
			end()
			if (error === undefined) resolve()
			else reject(error)
		}
		const onAbort = (): void => settle(reasonOf(signal!))
		const timer = clock.timer(timeout, () => settle(late()))
		signal?.addEventListener('abort', onAbort, { once: true })
		begin(settle)
	})
