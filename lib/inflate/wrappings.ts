import { adler32, crc32 } from './checksums.ts'
import { inflateFailed } from './failure.ts'
import { GzipHeader } from './gzip-header.ts'

/** What stands around deflated data, and the sums that its trailer holds of what was deflated. */
export interface Wrapping {
	readonly header: Header
	readonly trailerBytes: number
	update(output: Uint8Array): void
	/** Throws if the trailer does not fit what `update` was given. */
	check(trailer: DataView): void
}

interface Header {
	readonly complete: boolean
	/** Takes as much of `bytes` as belongs to the header, and returns how much that was. */
	push(bytes: Uint8Array): number
}

/** RFC 1952 §2.3.1: CRC-32 and length modulo 2^32, both little-endian. */
export const gzipMember = (): Wrapping => {
	let crc = 0
	let length = 0
	return {
		header: new GzipHeader(),
		trailerBytes: 8,
		update(output) {
			crc = crc32(output, crc)
			length = (length + output.length) % 2 ** 32
		},
		check(trailer) {
			if (trailer.getUint32(0, true) !== crc) throw inflateFailed('gzip', 'the checksum (CRC-32) is wrong')
			if (trailer.getUint32(4, true) !== length) throw inflateFailed('gzip', 'the length (ISIZE) is wrong')
		},
	}
}

/** RFC 1950 §2.2: Adler-32, big-endian. */
export const zlibStream = (): Wrapping => {
	let sum = 1
	return {
		header: new ZlibHeader(),
		trailerBytes: 4,
		update(output) {
			sum = adler32(output, sum)
		},
		check(trailer) {
			if (trailer.getUint32(0) !== sum) throw inflateFailed('deflate', 'the checksum (Adler-32) is wrong')
		},
	}
}

class ZlibHeader implements Header {
	#first: number | undefined
	complete = false

	push(bytes: Uint8Array): number {
		let at = 0
		while (at < bytes.length && !this.complete) this.#take(bytes[at++]!)
		return at
	}

	#take(byte: number): void {
		if (this.#first === undefined) {
			this.#first = byte
			return
		}
		const isDeflate = (this.#first & 0x0f) === 8 && this.#first >> 4 <= 7
		if (!isDeflate || (this.#first * 256 + byte) % 31 !== 0)
			throw inflateFailed('deflate', 'no zlib header begins where one must')
		if ((byte & 0x20) !== 0) throw inflateFailed('deflate', 'it needs a preset dictionary')
		this.complete = true
	}
}
