/** Chance from a seed (mulberry32), so that whatever it led to can be had again. */
export class Random {
	#state: number

	constructor(seed: number) {
		this.#state = seed >>> 0
	}

	/** From 0 up to 1. */
	next(): number {
		this.#state = (this.#state + 0x6d2b79f5) >>> 0
		let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
		mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
	}

	/** From `low` up to, but not including, `high`. */
	integer(low: number, high: number): number {
		return low + Math.floor(this.next() * (high - low))
	}

	chance(probability: number): boolean {
		return this.next() < probability
	}

	pick<Item>(items: readonly Item[]): Item {
		return items[this.integer(0, items.length)]!
	}

	text(length: number): string {
		return Array.from({ length }, () => Math.floor(this.next() * 36).toString(36)).join('')
	}
}
