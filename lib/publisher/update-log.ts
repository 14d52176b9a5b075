/** The newest updates, within a bound of number and bytes, for those who have missed some. */
export class UpdateLog {
	#entries: Uint8Array[] = []
	/** How many of `#entries`, from the beginning, have been dropped. */
	#dropped = 0
	#newest = 0
	#bytes = 0
	readonly #maxUpdates: number
	readonly #maxBytes: number

	constructor(maxUpdates: number, maxBytes: number) {
		this.#maxUpdates = maxUpdates
		this.#maxBytes = maxBytes
	}

	/** The number of the newest update, whether it is still here or not. */
	get newest(): number {
		return this.#newest
	}

	get oldest(): number {
		return this.#newest - this.size + 1
	}

	get size(): number {
		return this.#entries.length - this.#dropped
	}

	get bytes(): number {
		return this.#bytes
	}

	/** Returns the update's number. */
	append(update: Uint8Array): number {
		this.#entries.push(update)
		this.#newest++
		this.#bytes += update.length
		while (this.size > this.#maxUpdates || this.#bytes > this.#maxBytes) {
			this.#bytes -= this.#entries[this.#dropped]!.length
			this.#entries[this.#dropped++] = EMPTY
		}
		if (this.#dropped > 64 && this.#dropped > this.size) {
			this.#entries = this.#entries.slice(this.#dropped)
			this.#dropped = 0
		}
		return this.#newest
	}

	/** Everything from `number` on. Whoever calls has looked at `oldest`. */
	from(number: number): readonly Uint8Array[] {
		return this.#entries.slice(this.#dropped + number - this.oldest)
	}
}

const EMPTY = new Uint8Array(0)
