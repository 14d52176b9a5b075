import { constants, deflateRawSync, gzipSync } from 'node:zlib'
import { concat, collect } from '../../lib/core/bytes.ts'
import { RemoteTermError, type ErrorCode } from '../../lib/core/errors.ts'
import type { Encoding } from '../../lib/core/fetcher.ts'
import type { Inflate } from '../../lib/inflate/inflate.ts'
import { crc32 } from '../../lib/inflate/checksums.ts'

export interface Implementation {
	readonly inflate: Inflate
	readonly supportedEncodings: readonly Encoding[]
}

/** A body that tells what was done to it. */
export class Source implements AsyncIterable<Uint8Array> {
	bytesRead = 0
	/** `next` said that there is no more. */
	exhausted = false
	/** `return` was called: the reader wants no more. */
	returned = 0
	readonly #chunks: Iterable<Uint8Array>
	readonly #failure: Error | undefined

	constructor(chunks: Iterable<Uint8Array>, failure?: Error) {
		this.#chunks = chunks
		this.#failure = failure
	}

	[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
		const chunks = this.#chunks[Symbol.iterator]()
		return {
			next: async () => {
				const result = chunks.next()
				if (!result.done) {
					this.bytesRead += result.value.length
					return { done: false, value: result.value }
				}
				if (this.#failure !== undefined) throw this.#failure
				this.exhausted = true
				return { done: true, value: undefined }
			},
			return: async () => {
				this.returned++
				return { done: true, value: undefined }
			},
		}
	}
}

export const cut = (bytes: Uint8Array, size: number): Uint8Array[] =>
	Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
		bytes.subarray(index * size, (index + 1) * size),
	)

export const inflateAll = (
	inflate: Inflate,
	bytes: Uint8Array | readonly Uint8Array[],
	{ encoding = 'gzip', maxInflatedBytes = Infinity }: { encoding?: Encoding; maxInflatedBytes?: number } = {},
): Promise<Uint8Array> =>
	collect(inflate(new Source(bytes instanceof Uint8Array ? [bytes] : bytes), encoding, { maxInflatedBytes }))

/** The bytes, or the code of the error. */
export const outcome = async (work: Promise<Uint8Array>): Promise<Uint8Array | ErrorCode> => {
	try {
		return Uint8Array.from(await work)
	} catch (error) {
		if (error instanceof RemoteTermError) return error.code
		throw error
	}
}

export interface MemberOptions {
	readonly extra?: Uint8Array
	readonly name?: string
	readonly comment?: string
	readonly headerCrc?: boolean
}

/** A gzip member with the optional header fields, which node:zlib does not write. */
export const member = (
	content: Uint8Array,
	{ extra, name, comment, headerCrc = false }: MemberOptions = {},
): Uint8Array => {
	const plain = gzipSync(content)
	const flags =
		(headerCrc ? 2 : 0) | (extra ? 4 : 0) | (name === undefined ? 0 : 8) | (comment === undefined ? 0 : 16)
	const header = concat([
		Uint8Array.of(0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 3),
		...(extra ? [Uint8Array.of(extra.length & 0xff, extra.length >> 8), extra] : []),
		...(name === undefined ? [] : [Buffer.from(`${name}\0`, 'latin1')]),
		...(comment === undefined ? [] : [Buffer.from(`${comment}\0`, 'latin1')]),
	])
	const crc = crc32(header, 0)
	return concat([
		header,
		...(headerCrc ? [Uint8Array.of(crc & 0xff, (crc >> 8) & 0xff)] : []),
		plain.subarray(10),
	])
}

/** `megabytes` MiB of zeros in about a thousandth of that, without ever having them in memory. */
export const bomb = (megabytes: number): Uint8Array => {
	const one = deflateRawSync(new Uint8Array(2 ** 20), { finishFlush: constants.Z_FULL_FLUSH })
	const header = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255)
	const end = Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	return concat([header, ...Array.from({ length: megabytes }, () => one), end])
}

export const text = (words: number): Uint8Array =>
	Buffer.from(Array.from({ length: words }, (_, index) => `word ${(index * 7919) % 1000};`).join(''))
