/** Hands out the least of what it holds, in O(log n). What is equal comes in no particular order. */
export class Heap<Item> {
	readonly #items: Item[] = []
	readonly #isBefore: (one: Item, other: Item) => boolean

	constructor(isBefore: (one: Item, other: Item) => boolean) {
		this.#isBefore = isBefore
	}

	get size(): number {
		return this.#items.length
	}

	peek(): Item | undefined {
		return this.#items[0]
	}

	/** In no particular order. */
	[Symbol.iterator](): IterableIterator<Item> {
		return this.#items[Symbol.iterator]()
	}

	push(item: Item): void {
		const items = this.#items
		let at = items.length
		items.push(item)
		while (at > 0) {
			const parent = (at - 1) >> 1
			if (!this.#isBefore(item, items[parent]!)) break
			items[at] = items[parent]!
			at = parent
		}
		items[at] = item
	}

	pop(): Item | undefined {
		const items = this.#items
		const first = items[0]
		const last = items.pop()
		if (items.length > 0) this.#sink(last!)
		return first
	}

	#sink(item: Item): void {
		const items = this.#items
		let at = 0
		for (;;) {
			let child = 2 * at + 1
			if (child >= items.length) break
			if (child + 1 < items.length && this.#isBefore(items[child + 1]!, items[child]!)) child += 1
			if (!this.#isBefore(items[child]!, item)) break
			items[at] = items[child]!
			at = child
		}
		items[at] = item
	}
}
