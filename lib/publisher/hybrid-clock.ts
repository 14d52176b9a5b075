import type { Clock } from '../core/clock.ts'

/** When something was written: by the wall clock as far as that goes, then by order, then by who wrote it. Never the same twice. */
export interface Stamp {
	/** Milliseconds since the Unix epoch. */
	readonly time: number
	/** Tells apart what was written in one millisecond, or after something from a clock that is ahead of ours. */
	readonly count: number
	/** The id of the instance that wrote it. */
	readonly by: string
}

/** Nobody counts that far in a millisecond; whoever says so would stop others from counting at all. */
export const MAX_COUNT = 2 ** 32

export const compareStamps = (a: Stamp, b: Stamp): number =>
	a.time - b.time || a.count - b.count || (a.by < b.by ? -1 : a.by > b.by ? 1 : 0)

/**
 * A hybrid logical clock (Kulkarni et al., 2014): close to the wall clock, and yet whatever is written after something
 * was seen is stamped later than that, however the clocks of the two differ. It follows clocks that are ahead, but only
 * so far: one machine with a clock a year ahead would otherwise win against everybody for a year.
 */
export class HybridClock {
	readonly #clock: Clock
	readonly #by: string
	readonly #maxAhead: number
	#time = 0
	#count = 0

	/** @param maxAhead How many milliseconds a stamp may be ahead of our wall clock. */
	constructor(clock: Clock, by: string, maxAhead: number) {
		this.#clock = clock
		this.#by = by
		this.#maxAhead = maxAhead
	}

	/** A stamp later than any that was made or seen. */
	next(): Stamp {
		// A clock may be finer than that.
		const now = Math.floor(this.#clock.now())
		if (now > this.#time) {
			this.#time = now
			this.#count = 0
		} else if (this.#count < MAX_COUNT) this.#count++
		else {
			this.#time++
			this.#count = 0
		}
		return { time: this.#time, count: this.#count, by: this.#by }
	}

	/** By how many milliseconds more than allowed a stamp is ahead of our wall clock; 0 or less for one that is not. */
	excess({ time }: Stamp): number {
		return time - this.#clock.now() - this.#maxAhead
	}

	/** What is written from now on is later than this. */
	see({ time, count }: Stamp): void {
		if (time < this.#time) return
		this.#count = time > this.#time ? count : Math.max(this.#count, count)
		this.#time = time
	}
}
