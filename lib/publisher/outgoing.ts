import { WINDOW } from './intake.ts'
import { MAX_PARTS } from './wire.ts'

/** What one message may carry of data or updates, if nothing else is said: it fits into any transport. */
export const PART_BYTES = 64 * 1024

/** Full data on its way to one peer, part by part, so that no queue has to hold it all. */
export class Outgoing {
	readonly ask: number
	readonly at: number
	readonly parts: number
	readonly #bytes: Uint8Array
	readonly #partBytes: number
	#sent = 0

	constructor(ask: number, at: number, bytes: Uint8Array, partBytes: number) {
		this.ask = ask
		this.at = at
		this.#partBytes = Math.max(partBytes, Math.ceil(bytes.length / MAX_PARTS))
		this.parts = Math.max(1, Math.ceil(bytes.length / this.#partBytes))
		this.#bytes = bytes
	}

	/** The parts that may go out now that those before `next` have arrived; with `again`, also those sent before. */
	*due(next: number, again: boolean): Generator<{ readonly part: number; readonly bytes: Uint8Array }> {
		if (again) this.#sent = Math.min(this.#sent, next)
		const size = this.#partBytes
		for (; this.#sent < Math.min(this.parts, next + WINDOW); this.#sent++)
			yield { part: this.#sent, bytes: this.#bytes.subarray(this.#sent * size, (this.#sent + 1) * size) }
	}
}

/** Updates in portions that fit into a message each. */
export const portions = function* (
	updates: readonly Uint8Array[],
	partBytes: number,
): Generator<{ readonly offset: number; readonly updates: readonly Uint8Array[] }> {
	let begin = 0
	let bytes = 0
	for (let index = 0; index < updates.length; index++) {
		const { length } = updates[index]!
		if (index > begin && (bytes + length > partBytes || index - begin >= MOST_UPDATES)) {
			yield { offset: begin, updates: updates.slice(begin, index) }
			begin = index
			bytes = 0
		}
		bytes += length
	}
	if (begin < updates.length) yield { offset: begin, updates: updates.slice(begin) }
}

const MOST_UPDATES = 1_000
