import { crc32 } from './checksums.ts'
import { inflateFailed } from './failure.ts'

const FHCRC = 0x02
const FEXTRA = 0x04
const FNAME = 0x08
const FCOMMENT = 0x10
const RESERVED = 0xe0

/** A gzip member's header (RFC 1952 §2.3) as it arrives. Nothing of it is kept but its checksum. */
export class GzipHeader {
	#stage: Stage = 'fixed'
	/** How many bytes of this stage are still to come, and the number that its last two make (little-endian). */
	#left = 10
	#number = 0
	#flags = 0
	#crc = 0

	get complete(): boolean {
		return this.#stage === 'complete'
	}

	/** Takes as much of `bytes` as belongs to the header, and returns how much that was. */
	push(bytes: Uint8Array): number {
		let at = 0
		while (at < bytes.length && this.#stage !== 'complete') {
			const byte = bytes[at]!
			// The header's own CRC-16 covers all before it.
			if (this.#stage !== 'crc') this.#crc = crc32(bytes.subarray(at, at + 1), this.#crc)
			at++
			this.#take(byte)
		}
		return at
	}

	#take(byte: number): void {
		this.#left--
		this.#number = (this.#number >> 8) | (byte << 8)
		switch (this.#stage) {
			case 'fixed':
				this.#checkFixed(9 - this.#left, byte)
				if (this.#left === 0) this.#enter('extra-length')
				return
			case 'extra-length':
				if (this.#left === 0) this.#enter('extra')
				return
			case 'extra':
				if (this.#left === 0) this.#enter('name')
				return
			case 'name':
				if (byte === 0) this.#enter('comment')
				return
			case 'comment':
				if (byte === 0) this.#enter('crc')
				return
			case 'crc':
				if (this.#left > 0) return
				if (this.#number !== (this.#crc & 0xffff))
					throw inflateFailed('gzip', 'the checksum of a header is wrong')
				this.#stage = 'complete'
				return
			case 'complete':
				return
		}
	}

	#checkFixed(position: number, byte: number): void {
		if ((position === 0 && byte !== 0x1f) || (position === 1 && byte !== 0x8b))
			throw inflateFailed('gzip', 'no gzip member begins where one must')
		if (position === 2 && byte !== 8) throw inflateFailed('gzip', `unknown compression method ${byte}`)
		if (position !== 3) return
		if ((byte & RESERVED) !== 0) throw inflateFailed('gzip', 'reserved header flags are set')
		this.#flags = byte
	}

	/** Goes on to `stage`, or to the next one after it that this header has. */
	#enter(stage: Exclude<Stage, 'fixed' | 'complete'>): void {
		this.#stage = stage
		switch (stage) {
			case 'extra-length':
				if ((this.#flags & FEXTRA) === 0) return this.#enter('name')
				this.#left = 2
				return
			case 'extra':
				this.#left = this.#number
				if (this.#left === 0) this.#enter('name')
				return
			case 'name':
				if ((this.#flags & FNAME) === 0) this.#enter('comment')
				return
			case 'comment':
				if ((this.#flags & FCOMMENT) === 0) this.#enter('crc')
				return
			case 'crc':
				if ((this.#flags & FHCRC) === 0) this.#stage = 'complete'
				this.#left = 2
		}
	}
}

type Stage = 'fixed' | 'extra-length' | 'extra' | 'name' | 'comment' | 'crc' | 'complete'
