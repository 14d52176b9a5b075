/**
 * A set of small integers. A thousand peers that each know a thousand are a million facts: as bits they take 125 kB,
 * as sets of objects some fifty megabytes.
 */
export class Bits {
	#words = new Uint32Array(2)
	#size = 0

	get size(): number {
		return this.#size
	}

	has(index: number): boolean {
		return (this.#words[index >>> 5]! & (1 << (index & 31))) !== 0
	}

	/** Returns whether it was not there. */
	add(index: number): boolean {
		const word = index >>> 5
		if (word >= this.#words.length) {
			const grown = new Uint32Array(Math.max(word + 1, this.#words.length * 2))
			grown.set(this.#words)
			this.#words = grown
		}
		if (this.has(index)) return false
		this.#words[word]! |= 1 << (index & 31)
		this.#size += 1
		return true
	}

	/** Returns whether it was there. */
	delete(index: number): boolean {
		if (!this.has(index)) return false
		this.#words[index >>> 5]! &= ~(1 << (index & 31))
		this.#size -= 1
		return true
	}

	/** In ascending order. What is added or deleted during it may be missed. */
	*[Symbol.iterator](): Generator<number, void, undefined> {
		for (let word = 0; word < this.#words.length; word++) {
			for (let rest = this.#words[word]!; rest !== 0; rest &= rest - 1)
				yield (word << 5) + 31 - Math.clz32(rest & -rest)
		}
	}

	toArray(): number[] {
		const found: number[] = []
		for (let word = 0; word < this.#words.length; word++) {
			for (let rest = this.#words[word]!; rest !== 0; rest &= rest - 1)
				found.push((word << 5) + 31 - Math.clz32(rest & -rest))
		}
		return found
	}
}
