import { createSha256 } from '#digest'
import { inflate } from '#inflate'
import { collect } from '../core/bytes.ts'
import { RemoteTermError } from '../core/errors.ts'
import type { DownloadedBody, Encoding, FetchContext } from '../core/fetcher.ts'
import { inflateDetected } from '../inflate/detect.ts'
import type { DigestCheck } from '../integrity/digest-check.ts'

export interface ReceiveLimits {
	readonly maxBytes: number
	readonly maxInflatedBytes: number
	readonly autoDecompress: boolean
	/** Keeps the bytes as they travelled too, so that they can be put on disk, or back in place later. */
	readonly keepSent: boolean
	/** Digests the bytes after the content coding too, since a server that recodes sends other bytes than were published. */
	readonly digestDecoded: boolean
}

/** A body that came through whole, and what was made of it on the way. */
export interface Received<Result> {
	readonly result: Result
	/** As it travelled, before any decompression. */
	readonly bytes: number
	/** SHA-256 of the same, in hexadecimal. */
	readonly digest: string
	/** `digest` and, where it was wanted and differs, that of the bytes without their content coding. */
	readonly digests: readonly string[]
	/** The same bytes, where they are kept. */
	readonly sent: readonly Uint8Array[] | undefined
}

/** Where `read` puts the digest of the bytes without their content coding. */
export interface DecodedDigest {
	hex?: string
}

/**
 * The byte half of the gate: size budget → digest, while the body arrives and `read` makes of it what it makes of it, so
 * that nothing too large is ever held. The value half (deserialize → validate → put → commit) is `Placement`'s.
 */
export const receive = async <Result>(
	download: DownloadedBody,
	limits: Pick<ReceiveLimits, 'maxBytes' | 'keepSent'>,
	context: FetchContext,
	subject: string,
	read: (body: AsyncIterable<Uint8Array>, decoded: DecodedDigest) => Promise<Result>,
): Promise<Received<Result>> => {
	const meter = new Meter(download, limits, context, subject, await promisedBy(download))
	const decoded: DecodedDigest = {}
	try {
		const result = await read(meter.read(), decoded)
		const digest = await meter.digest()
		const digests = decoded.hex === undefined ? [digest] : [digest, decoded.hex]
		return { result, bytes: meter.received, digest, digests, sent: meter.sent }
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

/** Decompresses while the body arrives, so that nothing stalls, and collects what comes of it. */
export const inflateAll = async (
	body: AsyncIterable<Uint8Array>,
	encoding: Encoding | undefined,
	limits: ReceiveLimits,
	subject: string,
	decoded: DecodedDigest,
): Promise<Uint8Array> => {
	let stream = encoding === undefined ? body : decode(body, encoding, limits, decoded)
	if (limits.autoDecompress) stream = inflateDetected(stream, limits)
	const data = await collect(stream)
	if (data.length === 0)
		throw new RemoteTermError('EMPTY_BODY', `Expected ${subject} to have content, got none`)
	return data
}

/** Undoes the content coding, and digests what comes of it where that is wanted. */
export async function* decode(
	body: AsyncIterable<Uint8Array>,
	encoding: Encoding,
	limits: Pick<ReceiveLimits, 'maxInflatedBytes' | 'digestDecoded'>,
	decoded: DecodedDigest,
): AsyncGenerator<Uint8Array, void, undefined> {
	const digest = limits.digestDecoded ? createSha256() : undefined
	for await (const chunk of inflate(body, encoding, limits)) {
		digest?.update(chunk)
		yield chunk
	}
	if (digest !== undefined) decoded.hex = await digest.hex()
}

/** Nobody waits for it: a refresh that has failed need not fail later. */
const giveUp = (download: DownloadedBody): void => {
	void (async () => download.cancel?.())().catch(() => {})
}

/** Loaded only where a source promises anything, as few do. */
const promisedBy = async ({ digests = [] }: DownloadedBody): Promise<DigestCheck | undefined> => {
	if (digests.length === 0) return undefined
	const { createDigestCheck } = await import('../integrity/digest-check.ts')
	return createDigestCheck(digests)
}

/** Counts and digests what passes, and ends it where it exceeds its budget or its announced size. */
class Meter {
	received = 0
	readonly sent: Uint8Array[] | undefined
	#complete = false
	readonly #digest = createSha256()
	readonly #promised: DigestCheck | undefined
	readonly #download: DownloadedBody
	readonly #maxBytes: number
	readonly #context: FetchContext
	readonly #subject: string

	constructor(
		download: DownloadedBody,
		{ maxBytes, keepSent }: Pick<ReceiveLimits, 'maxBytes' | 'keepSent'>,
		context: FetchContext,
		subject: string,
		promised: DigestCheck | undefined,
	) {
		this.#download = download
		this.#maxBytes = maxBytes
		this.sent = keepSent ? [] : undefined
		this.#promised = promised
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
			this.#promised?.update(chunk)
			this.sent?.push(chunk)
			this.#context.onProgress?.(this.received, size)
			yield chunk
		}
		if (size !== undefined && this.received < size) throw this.#incomplete(size, `only ${this.received}`)
		await this.#promised?.verify(this.#subject)
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
