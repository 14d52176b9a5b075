import { inflate } from '#inflate'
import type { InflateOptions } from './inflate.ts'
import { isSkippableMagic, isZstdMagic } from './zstd-frames.ts'

/** How many bytes `detectEncoding` may need to see. */
const LONGEST_MAGIC = 4

/** By magic bytes: gzip (RFC 1952 §2.3.1), zstd and its skippable frames (RFC 8878 §3.1). Other codings have none. */
export const detectEncoding = (head: Uint8Array): 'gzip' | 'zstd' | undefined => {
	if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip'
	return isZstdMagic(head) || isSkippableMagic(head) ? 'zstd' : undefined
}

/** False as soon as `head` is known for something, or can become nothing that is known whatever follows. */
const isUndecided = (head: Uint8Array): boolean => {
	const like = (...magic: readonly number[]): boolean => head.every((byte, at) => byte === magic[at])
	const skippable = ((head[0] ?? 0) & 0x0f) | 0x50
	return (
		head.length < LONGEST_MAGIC &&
		detectEncoding(head) === undefined &&
		(like(0x1f, 0x8b) || like(0x28, 0xb5, 0x2f, 0xfd) || like(skippable, 0x2a, 0x4d, 0x18))
	)
}

/**
 * Inflates a body that begins like gzip or zstd; any other passes as it is, chunk by chunk, and `maxInflatedBytes`
 * does not apply to it. Reads no more than four bytes ahead to tell (and the rest of the chunk that these are in).
 *
 * Errors: `INFLATE_FAILED`, also for a zstd body where the runtime has no zstd; `INFLATED_TOO_LARGE`.
 */
export async function* inflateDetected(
	body: AsyncIterable<Uint8Array>,
	options: InflateOptions,
): AsyncGenerator<Uint8Array, void> {
	const peeked = new PeekedBody(body)
	try {
		const encoding = detectEncoding(await peeked.head(isUndecided))
		yield* encoding === undefined ? peeked : inflate(peeked, encoding, options)
	} finally {
		await peeked.return()
	}
}

/** A body whose first chunks have been looked at, and are still to be had from it. */
class PeekedBody implements AsyncIterableIterator<Uint8Array> {
	readonly #source: AsyncIterator<Uint8Array>
	readonly #chunks: Uint8Array[] = []
	#open = true

	constructor(body: AsyncIterable<Uint8Array>) {
		this.#source = body[Symbol.asyncIterator]()
	}

	/** Reads on for as long as `more` says so of the bytes at hand, or until the body ends. */
	async head(more: (head: Uint8Array) => boolean): Promise<Uint8Array> {
		let head = new Uint8Array()
		while (more(head)) {
			const { done, value } = await this.#read()
			if (done) break
			this.#chunks.push(value)
			head = Uint8Array.from([...head, ...value.subarray(0, LONGEST_MAGIC - head.length)])
		}
		return head
	}

	[Symbol.asyncIterator](): this {
		return this
	}

	async next(): Promise<IteratorResult<Uint8Array, undefined>> {
		const chunk = this.#chunks.shift()
		return chunk === undefined ? this.#read() : { done: false, value: chunk }
	}

	async return(): Promise<IteratorResult<Uint8Array, undefined>> {
		if (this.#open) {
			this.#open = false
			await this.#source.return?.()
		}
		return { done: true, value: undefined }
	}

	async #read(): Promise<IteratorResult<Uint8Array, undefined>> {
		if (!this.#open) return { done: true, value: undefined }
		let failed = true
		try {
			const result = await this.#source.next()
			failed = false
			// A source that has ended or thrown is not to be ended once more.
			if (result.done) this.#open = false
			return result.done ? { done: true, value: undefined } : result
		} finally {
			if (failed) this.#open = false
		}
	}
}
