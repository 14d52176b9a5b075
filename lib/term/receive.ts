import { createSha256 } from '#digest'
import { inflate } from '#inflate'
import { collect } from '../core/bytes.ts'
import { RemoteTermError } from '../core/errors.ts'
import type { DownloadedBody, FetchContext } from '../core/fetcher.ts'
import { inflateDetected } from '../inflate/detect.ts'

export interface ReceiveLimits {
	readonly maxBytes: number
	readonly maxInflatedBytes: number
	readonly autoDecompress: boolean
}

/** A body that came through whole. */
export interface Received {
	readonly data: Uint8Array
	/** As it travelled, before any decompression. */
	readonly bytes: number
	/** SHA-256 of the same, in hexadecimal. */
	readonly digest: string
}

/** What a body was turned into while it came. */
export interface Consumed<Result> {
	readonly result: Result
	readonly bytes: number
	readonly digest: string
}

/**
 * The byte half of the gate: size budget → digest → decompress, all while the body arrives, so that nothing too large
 * is ever held and nothing stalls. The value half (deserialize → validate → put → commit) is the term's.
 */
export const receive = async (
	download: DownloadedBody,
	limits: ReceiveLimits,
	context: FetchContext,
	subject: string,
): Promise<Received> => {
	const { encoding } = download
	const { result, ...received } = await consume(download, limits, context, subject, async body => {
		let stream: AsyncIterable<Uint8Array> = body
		if (encoding !== undefined) stream = inflate(stream, encoding, limits)
		if (limits.autoDecompress) stream = inflateDetected(stream, limits)
		return collect(stream)
	})
	if (result.length === 0) {
		throw new RemoteTermError(
			'EMPTY_BODY',
			`Expected ${subject} to have content, got ${received.bytes === 0 ? 'no bytes' : `${received.bytes} bytes that inflate to none`}`,
		)
	}
	return { data: result, ...received }
}

/** The same for a term that makes more of its body than bytes: size budget → digest, and the rest is `read`'s. */
export const consume = async <Result>(
	download: DownloadedBody,
	{ maxBytes }: Pick<ReceiveLimits, 'maxBytes'>,
	context: FetchContext,
	subject: string,
	read: (body: AsyncIterable<Uint8Array>) => Promise<Result>,
): Promise<Consumed<Result>> => {
	const meter = new Meter(download, maxBytes, context, subject)
	try {
		const result = await read(meter.read())
		return { result, bytes: meter.received, digest: await meter.digest() }
	} catch (error) {
		// The iteration may not have begun, or may hang in a source that does not heed the signal.
		giveUp(download)
		// The decompressor does not know what it inflates.
		if (
			error instanceof RemoteTermError &&
			(error.code === 'INFLATE_FAILED' || error.code === 'INFLATED_TOO_LARGE') &&
			!error.message.includes(subject)
		) {
			throw new RemoteTermError(error.code, `${subject}: ${error.message}`, { cause: error.cause })
		}
		throw error
	}
}

/** Nobody waits for it: a refresh that has failed need not fail later. */
const giveUp = (download: DownloadedBody): void => {
	void (async () => download.cancel?.())().catch(() => {})
}

/** Counts and digests what passes, and ends it where it exceeds its budget or its announced size. */
class Meter {
	received = 0
	#complete = false
	readonly #digest = createSha256()
	readonly #download: DownloadedBody
	readonly #maxBytes: number
	readonly #context: FetchContext
	readonly #subject: string

	constructor(download: DownloadedBody, maxBytes: number, context: FetchContext, subject: string) {
		this.#download = download
		this.#maxBytes = maxBytes
		this.#context = context
		this.#subject = subject
	}

	async *read(): AsyncIterable<Uint8Array> {
		const { body, size } = this.#download
		if (size !== undefined && size > this.#maxBytes) {
			throw new RemoteTermError(
				'TOO_LARGE',
				`Expected ${this.#subject} to have at most ${this.#maxBytes} bytes (maxBytes), but ${size} are announced`,
			)
		}
		for await (const chunk of body instanceof Uint8Array ? [body] : body) {
			this.received += chunk.length
			if (this.received > this.#maxBytes) {
				throw new RemoteTermError(
					'TOO_LARGE',
					`Expected ${this.#subject} to have at most ${this.#maxBytes} bytes (maxBytes), got more`,
				)
			}
			if (size !== undefined && this.received > size) throw this.#incomplete(size, 'more')
			this.#digest.update(chunk)
			this.#context.onProgress?.(this.received, size)
			yield chunk
		}
		if (size !== undefined && this.received < size) throw this.#incomplete(size, `only ${this.received}`)
		this.#complete = true
	}

	/** Of the whole body, which is why a decompressor may not stop before its end. */
	async digest(): Promise<string> {
		if (!this.#complete) {
			throw new RemoteTermError(
				'INFLATE_FAILED',
				`Expected ${this.#subject} to be read to its end, but the decompressor stopped after ${this.received} bytes`,
			)
		}
		return this.#digest.hex()
	}

	#incomplete(size: number, found: string): RemoteTermError {
		return new RemoteTermError(
			'FETCH_INCOMPLETE',
			`Expected ${this.#subject} to have the announced ${size} bytes, got ${found}`,
		)
	}
}
