/**
 * References that were met not long ago: each for at least `keep` milliseconds, and at most `max` of them.
 */
export class Recent {
	readonly #met = new Map<string, number>()
	readonly #keep: number
	readonly #max: number

	constructor(keep: number, max: number) {
		this.#keep = keep
		this.#max = max
	}

	/** Whether this is the first time. */
	meet(ref: string, now: number): boolean {
		const isNew = !this.#met.has(ref)
		// The last one met is the last one forgotten.
		this.#met.delete(ref)
		this.#met.set(ref, now)
		for (const [oldest, at] of this.#met) {
			if (now - at <= this.#keep && this.#met.size <= this.#max) break
			this.#met.delete(oldest)
		}
		return isNew
	}

	get size(): number {
		return this.#met.size
	}
}
