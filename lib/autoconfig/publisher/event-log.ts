export interface LogLimits {
	readonly maxEvents: number
	readonly maxBytes: number
}

/** How many dead slots at the front are worth a copy. */
const SLACK = 1024

/**
 * The last events of a view, encoded: what a client that was away resumes from, and what one that is slow still has
 * before it. There is one for all clients of a view, so that a client costs a number and not a queue.
 */
export class EventLog {
	readonly #limits: LogLimits
	#events: Array<Uint8Array | undefined> = []
	/** Where in `#events` the oldest one is. */
	#start = 0
	#first = 0
	#last = 0
	#bytes = 0
	#written = 0

	constructor(limits: LogLimits) {
		this.#limits = limits
	}

	/** The sequence number of the latest event; 0 before the first. */
	get last(): number {
		return this.#last
	}

	/** How many are kept. */
	get size(): number {
		return this.#last - this.#first
	}

	/** The bytes of those that are kept. */
	get bytes(): number {
		return this.#bytes
	}

	/** All bytes that were ever appended: the difference of two readings is what came in between. */
	get written(): number {
		return this.#written
	}

	/** Whether whoever has seen `seq` can go on from there. */
	holds(seq: number): boolean {
		return seq >= this.#first && seq <= this.#last
	}

	/** What `written` was when `seq` was the latest. `seq` must be one that the log `holds`. */
	writtenUpTo(seq: number): number {
		let after = 0
		for (let at = this.#start + (seq - this.#first); at < this.#events.length; at++)
			after += this.#events[at]?.length ?? 0
		return this.#written - after
	}

	/** `encode` is given the event's sequence number. */
	append(encode: (seq: number) => Uint8Array): void {
		const event = encode(++this.#last)
		this.#events.push(event)
		this.#bytes += event.length
		this.#written += event.length
		while (this.size > this.#limits.maxEvents || this.#bytes > this.#limits.maxBytes) this.#evict()
	}

	/** Nobody can go on from before: what has happened is not to be told by events. */
	reset(): void {
		this.#first = ++this.#last
		this.#events = []
		this.#start = 0
		this.#bytes = 0
	}

	/**
	 * Events after `seq`, as many as fit into `limit` bytes and one at least; `undefined` where there is none. `seq` must
	 * be one that the log `holds`.
	 */
	read(seq: number, limit: number): { readonly bytes: Uint8Array; readonly seq: number } | undefined {
		const from = this.#start + (seq - this.#first)
		const first = this.#events[from]
		if (first === undefined) return undefined
		let size = first.length
		let to = from + 1
		for (let next = this.#events[to]; next !== undefined; next = this.#events[to]) {
			if (size + next.length > limit) break
			size += next.length
			to++
		}
		const bytes = to === from + 1 ? first : Buffer.concat(this.#events.slice(from, to) as Uint8Array[], size)
		return { bytes, seq: seq + (to - from) }
	}

	#evict(): void {
		this.#bytes -= this.#events[this.#start]!.length
		this.#events[this.#start++] = undefined
		this.#first++
		if (this.#start < SLACK || this.#start * 2 < this.#events.length) return
		this.#events = this.#events.slice(this.#start)
		this.#start = 0
	}
}
