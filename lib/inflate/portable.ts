import type { Encoding } from '../core/fetcher.ts'
import type { Inflate } from './inflate.ts'
import { inflatedTooLarge, inflateFailed, isZeros, refuseEncoding, trailing, truncated } from './failure.ts'
import { RawInflater } from './raw-inflater.ts'
import { gzipMember, zlibStream, type Wrapping } from './wrappings.ts'

export const supportedEncodings: readonly Encoding[] = Object.freeze(['gzip', 'deflate'] as const)

/** Deflate makes at most 1032 bytes out of one, so that a step makes at most 8 MiB. */
const STEP = 8 * 1024

/** By fflate, which checks neither CRC-32 nor Adler-32 nor lengths: the formats around deflate are read here. */
export const inflate: Inflate = async function* (body, encoding, { maxInflatedBytes }) {
	if (encoding !== 'gzip' && encoding !== 'deflate') return refuseEncoding(body, encoding, supportedEncodings)
	const unwrapper = new Unwrapper(encoding)
	let inflatedBytes = 0
	for await (const chunk of body) {
		for (let from = 0; from < chunk.length; from += STEP) {
			for (const output of unwrapper.push(chunk.subarray(from, from + STEP))) {
				inflatedBytes += output.length
				if (inflatedBytes > maxInflatedBytes) throw inflatedTooLarge(encoding, maxInflatedBytes)
				yield output
			}
		}
	}
	if (!unwrapper.complete) throw truncated(encoding)
}

/** One zlib stream, or any number of gzip members, each of them deflated data between a header and a trailer. */
class Unwrapper {
	readonly #encoding: 'gzip' | 'deflate'
	#phase: 'start' | 'header' | 'deflated' | 'trailer' | 'after' | 'padding' = 'start'
	#wrapping: Wrapping = zlibStream()
	#inflater = new RawInflater()
	#trailer: number[] = []

	constructor(encoding: 'gzip' | 'deflate') {
		this.#encoding = encoding
	}

	/** The input may end here. */
	get complete(): boolean {
		return this.#phase === 'after' || this.#phase === 'padding'
	}

	*push(bytes: Uint8Array): Generator<Uint8Array, void> {
		let rest = bytes
		while (rest.length > 0) {
			switch (this.#phase) {
				case 'after':
					if (this.#encoding === 'deflate') throw trailing('deflate')
					this.#phase = rest[0] === 0 ? 'padding' : 'start'
					break
				case 'padding':
					// What tapes and block devices leave behind a gzip file; gzip(1) accepts it too.
					if (!isZeros(rest)) throw trailing('gzip')
					return
				case 'start':
					this.#wrapping = this.#encoding === 'gzip' ? gzipMember() : zlibStream()
					this.#phase = 'header'
					break
				case 'header':
					rest = rest.subarray(this.#wrapping.header.push(rest))
					if (!this.#wrapping.header.complete) break
					this.#inflater = new RawInflater()
					this.#phase = 'deflated'
					break
				case 'deflated': {
					const outputs = this.#inflate(rest)
					const { unusedBytes } = this.#inflater
					for (const output of outputs) {
						this.#wrapping.update(output)
						yield output
					}
					rest = rest.subarray(rest.length - (unusedBytes ?? 0))
					if (unusedBytes === undefined) break
					this.#trailer = []
					this.#phase = 'trailer'
					break
				}
				case 'trailer': {
					const taken = rest.subarray(0, this.#wrapping.trailerBytes - this.#trailer.length)
					this.#trailer.push(...taken)
					rest = rest.subarray(taken.length)
					if (this.#trailer.length < this.#wrapping.trailerBytes) break
					this.#wrapping.check(new DataView(Uint8Array.from(this.#trailer).buffer))
					this.#phase = 'after'
				}
			}
		}
	}

	#inflate(bytes: Uint8Array): Uint8Array[] {
		try {
			return this.#inflater.push(bytes)
		} catch (error) {
			const reason = error instanceof Error ? ` (${error.message})` : ''
			throw inflateFailed(this.#encoding, `the compressed data is corrupt${reason}`, error)
		}
	}
}
