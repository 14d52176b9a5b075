/** A few items whose encoding is made, and thrown away, together. */
export interface Bucket {
	readonly items: Map<string, unknown>
	/** Grows with each change of it. */
	revision: number
}

/** So many items are encoded anew at the next `put` because one of them has changed. */
const BUCKET_SIZE = 64

/** Items in buckets, so that a change of one costs a new client the encoding of a few, and not of all. */
export class Buckets {
	readonly #all = new Set<Bucket>()
	/** Those with room. */
	readonly #open = new Set<Bucket>()
	readonly #of = new Map<string, Bucket>()

	get all(): ReadonlySet<Bucket> {
		return this.#all
	}

	set(id: string, item: unknown): void {
		const bucket = this.#of.get(id) ?? this.#make(id)
		bucket.items.set(id, item)
		bucket.revision++
	}

	delete(id: string): void {
		const bucket = this.#of.get(id)
		if (bucket === undefined) return
		this.#of.delete(id)
		bucket.items.delete(id)
		bucket.revision++
		if (bucket.items.size > 0) this.#open.add(bucket)
		else {
			this.#open.delete(bucket)
			this.#all.delete(bucket)
		}
	}

	#make(id: string): Bucket {
		const [open] = this.#open
		const bucket = open ?? { items: new Map<string, unknown>(), revision: 0 }
		if (open === undefined) {
			this.#all.add(bucket)
			this.#open.add(bucket)
		}
		if (bucket.items.size + 1 >= BUCKET_SIZE) this.#open.delete(bucket)
		this.#of.set(id, bucket)
		return bucket
	}
}
