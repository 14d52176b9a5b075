import type { Clock } from '../core/clock.ts'

/** After so many steps, or so many milliseconds, whichever comes first, others have their turn. */
const STEPS = 256
const MILLISECONDS = 8

/** Lets whatever else waits in the event loop go first. It is no timer: it waits for nothing. */
export const pause = (): Promise<void> =>
	new Promise(resolve => {
		setImmediate(resolve)
	})

/** Cuts a long loop into slices, so that it does not hold the event loop. */
export class Slices {
	readonly #clock: Clock
	#steps = 0
	#began: number

	constructor(clock: Clock) {
		this.#clock = clock
		this.#began = clock.monotonic()
	}

	/** Called after each step; what it returns is to be awaited. */
	next(): Promise<void> | undefined {
		if (++this.#steps < STEPS && this.#clock.monotonic() - this.#began < MILLISECONDS) return undefined
		return this.#pause()
	}

	async #pause(): Promise<void> {
		await pause()
		this.#steps = 0
		this.#began = this.#clock.monotonic()
	}
}
