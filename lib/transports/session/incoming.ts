import type { Frame } from './frame.ts'
import { Parts, type Room } from './parts.ts'

/** What becomes of a part of a message. */
export type Arrival =
	| { readonly kind: 'message'; readonly payload: Uint8Array; readonly lost: number }
	| { readonly kind: 'part'; readonly lost: number }
	/** It comes too late, or again, or behind one that should have come after it. */
	| { readonly kind: 'late' }
	| { readonly kind: 'too-large'; readonly lost: number }

/**
 * What one peer sends us, put in order: each part once, none before one that was sent earlier. What would come out of
 * order is dropped, since a gap can be repaired by whoever numbers its messages, and a wrong order cannot.
 */
export class Incoming {
	#casts: number | undefined
	#directs = 0
	#stint = 0
	/** How many parts of the message at hand are still to come; −1 where none is at hand. */
	#missing = -1
	readonly #maxBytes: number
	readonly #parts: Parts

	constructor(room: Room) {
		this.#maxBytes = room.maxBytes
		this.#parts = new Parts(room)
	}

	/** Nothing more is expected. */
	close(): void {
		this.#giveUp()
	}

	/** What a greeting says about what has gone to everybody before it: how much of that is missing. */
	note({ casts }: Frame): number {
		this.#casts ??= casts
		const lost = Math.max(0, casts - this.#casts)
		this.#casts = Math.max(this.#casts, casts)
		if (lost > 0) this.#giveUp()
		return lost
	}

	take(frame: Frame): Arrival {
		const lost = frame.stint === 0 ? this.#cast(frame) : this.#direct(frame)
		if (lost === undefined) return { kind: 'late' }
		if (lost > 0 || frame.kind === 'first') this.#giveUp()
		if (frame.kind === 'first') this.#missing = frame.more + 1
		// The beginning is lost, or this is not the part that comes next.
		if (this.#missing - 1 !== frame.more) {
			this.#giveUp()
			return { kind: 'part', lost }
		}
		this.#missing = frame.more
		if (frame.more === 0 && this.#parts.isEmpty && frame.body.length <= this.#maxBytes)
			return this.#message(frame.body, lost)
		if (!this.#parts.add(frame.body)) {
			this.#giveUp()
			return { kind: 'too-large', lost }
		}
		return frame.more > 0 ? { kind: 'part', lost } : this.#message(this.#parts.joined, lost)
	}

	#message(payload: Uint8Array, lost: number): Arrival {
		this.#giveUp()
		return { kind: 'message', payload, lost }
	}

	/** How many are missing before it; `undefined` where it must not be taken. */
	#cast({ casts }: Frame): number | undefined {
		this.#casts ??= casts - 1
		if (casts <= this.#casts) return undefined
		const lost = casts - this.#casts - 1
		this.#casts = casts
		return lost
	}

	#direct({ stint, casts, directs }: Frame): number | undefined {
		this.#casts ??= casts
		if (stint < this.#stint || casts < this.#casts) return undefined
		if (stint > this.#stint) {
			// Of the first that we hear of, nobody knows what came before: we may have been deaf for a while.
			this.#directs = this.#stint === 0 ? directs - 1 : 0
			this.#stint = stint
		}
		if (directs <= this.#directs) return undefined
		const lost = directs - this.#directs - 1 + (casts - this.#casts)
		this.#directs = directs
		this.#casts = casts
		return lost
	}

	#giveUp(): void {
		this.#parts.clear()
		this.#missing = -1
	}
}
