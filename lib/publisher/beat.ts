import type { Clock, Timer } from '../core/clock.ts'

/** Rings soon after something has changed, and then ever more rarely while nothing does. One timer, in the background. */
export class Beat {
	readonly #clock: Clock
	readonly #random: () => number
	readonly #interval: number
	readonly #maxInterval: number
	readonly #ring: () => void
	#timer: Timer | undefined
	#due = Infinity
	#delay: number
	#closed = false

	constructor(clock: Clock, random: () => number, interval: number, maxInterval: number, ring: () => void) {
		this.#clock = clock
		this.#random = random
		this.#interval = interval
		this.#maxInterval = maxInterval
		this.#ring = ring
		this.#delay = interval
	}

	stir(): void {
		this.#delay = this.#interval
		this.#arm()
	}

	close(): void {
		this.#closed = true
		this.#timer?.[Symbol.dispose]()
	}

	#arm(): void {
		const delay = this.#delay * (0.75 + this.#random() / 2)
		const due = this.#clock.monotonic() + delay
		if (this.#closed || due >= this.#due) return
		this.#timer?.[Symbol.dispose]()
		this.#due = due
		this.#timer = this.#clock.timer(
			delay,
			() => {
				this.#due = Infinity
				this.#delay = Math.min(this.#delay * 2, this.#maxInterval)
				this.#ring()
				this.#arm()
			},
			{ background: true },
		)
	}
}
