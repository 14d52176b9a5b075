/** What all that wait for the rest of a message may hold together. */
export class Room {
	/** Of one message. */
	readonly maxBytes: number
	#used = 0

	constructor(maxBytes: number) {
		this.maxBytes = maxBytes
	}

	/** @returns `false` where there is not so much left. */
	take(bytes: number): boolean {
		if (this.#used + bytes > this.maxBytes * MESSAGES) return false
		this.#used += bytes
		return true
	}

	give(bytes: number): void {
		this.#used -= bytes
	}
}

/** So many of the largest messages may be on their way to us in parts at a time. */
const MESSAGES = 4
const SMALLEST = 4_096

/**
 * The parts of one message as they come, in one piece of memory that grows with them: what somebody claims is still to
 * come costs nothing, nor does it cost more when it comes in many small parts.
 */
export class Parts {
	#bytes = new Uint8Array(0)
	#length = 0
	readonly #room: Room

	constructor(room: Room) {
		this.#room = room
	}

	get isEmpty(): boolean {
		return this.#length === 0
	}

	get joined(): Uint8Array {
		return this.#bytes.subarray(0, this.#length)
	}

	/** @returns `false` where it is too much. */
	add(part: Uint8Array): boolean {
		const length = this.#length + part.length
		if (length > this.#room.maxBytes) return false
		if (length > this.#bytes.length && !this.#grow(length)) return false
		this.#bytes.set(part, this.#length)
		this.#length = length
		return true
	}

	clear(): void {
		if (this.#bytes.length > 0) this.#room.give(this.#bytes.length)
		this.#bytes = new Uint8Array(0)
		this.#length = 0
	}

	#grow(atLeast: number): boolean {
		const size = Math.min(this.#room.maxBytes, Math.max(atLeast, 2 * this.#bytes.length, SMALLEST))
		if (!this.#room.take(size - this.#bytes.length)) return false
		const bytes = new Uint8Array(size)
		bytes.set(this.joined)
		this.#bytes = bytes
		return true
	}
}
