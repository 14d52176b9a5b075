import type { Peer } from '../../core/transport.ts'
import type { Fellow } from './fellow.ts'
import { encodeFrame, overheadOf, type Kind } from './frame.ts'

/** What we say, cut to what the wire can carry, and numbered. */
export class Outgoing {
	#casts = 0
	readonly #self: Peer
	readonly #opening: number
	readonly #maxFrameBytes: () => number

	constructor(self: Peer, opening: number, maxFrameBytes: () => number) {
		this.#self = self
		this.#opening = opening
		this.#maxFrameBytes = maxFrameBytes
	}

	/** @param pause How long others may wait for our next word, in milliseconds. */
	greeting(kind: Kind, pause: number, to?: Fellow): Uint8Array {
		return this.#frame(kind, pause, to)
	}

	/** A message as frames, to one or, left out, to everybody. */
	*message(payload: Uint8Array, to?: Fellow): Generator<Uint8Array, void, undefined> {
		const size = Math.max(1, this.#maxFrameBytes() - overheadOf(this.#self))
		const count = Math.max(1, Math.ceil(payload.length / size))
		for (let part = 0; part < count; part++) {
			if (to === undefined) this.#casts += 1
			else to.directs += 1
			const body = count === 1 ? payload : payload.subarray(part * size, (part + 1) * size)
			yield this.#frame(part === 0 ? 'first' : 'next', count - part - 1, to, body)
		}
	}

	#frame(kind: Kind, more: number, to: Fellow | undefined, body?: Uint8Array): Uint8Array {
		const { stint = 0, directs = 0 } = to ?? {}
		const opening = this.#opening
		return encodeFrame({ kind, from: this.#self, opening, stint, casts: this.#casts, directs, more }, body)
	}
}
