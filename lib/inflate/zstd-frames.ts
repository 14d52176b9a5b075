import { inflateFailed } from './failure.ts'

/**
 * Where zstd frames end (RFC 8878 §3.1), told from their headers and block sizes without decoding anything.
 *
 * Node's decompressor stops at the end of a first frame if more bytes follow it in the same write, in silence; and
 * before Node 24 it takes a truncated frame for a whole one. So each write given to it ends where a frame ends, and
 * whether all frames were whole is known here.
 */
export class ZstdFrames {
	#stage: Stage = 'magic'
	/** How many bytes `#stage` takes in all, and those that it has so far. Skipped bytes are counted, not kept. */
	#wanted = 4
	#field: number[] = []
	#blockIsLast = false
	#hasChecksum = false
	#frames = 0

	/** True between two frames, once there was one. */
	get complete(): boolean {
		return this.#frames > 0 && this.#stage === 'magic' && this.#field.length === 0
	}

	/** The same bytes, cut where frames end. */
	*cut(chunk: Uint8Array): Generator<Uint8Array, void> {
		let from = 0
		let at = 0
		while (at < chunk.length) {
			if (this.#stage === 'skip' || this.#stage === 'block') {
				const skipped = Math.min(this.#wanted, chunk.length - at)
				at += skipped
				this.#wanted -= skipped
				if (this.#wanted > 0) break
			} else {
				this.#field.push(chunk[at++]!)
				if (this.#field.length < this.#wanted) continue
			}
			const before = this.#frames
			do this.#advance()
			while (this.#wanted === 0)
			if (this.#frames > before) {
				yield chunk.subarray(from, at)
				from = at
			}
		}
		if (from < chunk.length) yield chunk.subarray(from)
	}

	#enter(stage: Stage, wanted: number): void {
		this.#stage = stage
		this.#wanted = wanted
		this.#field = []
	}

	#advance(): void {
		const field = this.#field
		switch (this.#stage) {
			case 'magic':
				if (isZstdMagic(field)) this.#enter('descriptor', 1)
				else if (isSkippableMagic(field)) this.#enter('skip-size', 4)
				else throw inflateFailed('zstd', 'no zstd frame begins where one must')
				return
			case 'skip-size':
				return this.#enter('skip', (field[0]! | (field[1]! << 8) | (field[2]! << 16)) + field[3]! * 2 ** 24)
			case 'descriptor': {
				const descriptor = field[0]!
				const single = (descriptor & 0x20) !== 0
				this.#hasChecksum = (descriptor & 0x04) !== 0
				const window = single ? 0 : 1
				const dictionary = [0, 1, 2, 4][descriptor & 0x03]!
				const contentSize = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!
				return this.#enter('header', window + dictionary + contentSize)
			}
			case 'header':
				return this.#enter('block-header', 3)
			case 'block-header': {
				const header = field[0]! | (field[1]! << 8) | (field[2]! << 16)
				this.#blockIsLast = (header & 1) === 1
				const isRunLength = ((header >> 1) & 3) === 1
				return this.#enter('block', isRunLength ? 1 : header >> 3)
			}
			case 'block':
				if (!this.#blockIsLast) return this.#enter('block-header', 3)
				if (this.#hasChecksum) return this.#enter('checksum', 4)
				return this.#end()
			case 'checksum':
			case 'skip':
				return this.#end()
		}
	}

	#end(): void {
		this.#frames++
		this.#enter('magic', 4)
	}
}

type Stage = 'magic' | 'descriptor' | 'header' | 'block-header' | 'block' | 'checksum' | 'skip-size' | 'skip'

/** RFC 8878 §3.1.1: 0xFD2FB528, little-endian. */
export const isZstdMagic = (bytes: ArrayLike<number>): boolean =>
	bytes[0] === 0x28 && bytes[1] === 0xb5 && bytes[2] === 0x2f && bytes[3] === 0xfd

/** RFC 8878 §3.1.2: 0x184D2A50 to 0x184D2A5F, little-endian. A user's metadata; carries no content. */
export const isSkippableMagic = (bytes: ArrayLike<number>): boolean =>
	(bytes[0]! & 0xf0) === 0x50 && bytes[1] === 0x2a && bytes[2] === 0x4d && bytes[3] === 0x18
