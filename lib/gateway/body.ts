import { inflate } from '#inflate'
import { json } from '../codecs/json.ts'
import { msgpackUpTo } from '../codecs/msgpack.ts'
import { collect } from '../core/bytes.ts'
import type { Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import type { Encoding } from '../core/fetcher.ts'
import { jsonShape } from './json-shape.ts'
import { Refusal } from './problem.ts'

export interface BodyLimits {
	/** As it travels. */
	readonly maxBytes: number
	/** After decompression. */
	readonly maxInflatedBytes: number
	/** Levels of arrays and objects in JSON; in MessagePack there may be 512, which costs a decoder nothing. */
	readonly maxDepth: number
	/** Elements of arrays and members of objects, all of a body together. */
	readonly maxValues: number
	/** How long it may take to arrive, in milliseconds. */
	readonly timeout: number
	/** What all bodies that are being read may take together, inflated. */
	readonly maxBytesInFlight: number
}

type Codec = 'json' | 'msgpack'

const CODEC_OF: Readonly<Record<string, Codec>> = {
	'application/json': 'json',
	'application/msgpack': 'msgpack',
	// What IANA calls it since 2024, and what it was called before either.
	'application/vnd.msgpack': 'msgpack',
	'application/x-msgpack': 'msgpack',
}

const ENCODING_OF: Readonly<Record<string, Encoding | 'identity'>> = {
	identity: 'identity',
	gzip: 'gzip',
	'x-gzip': 'gzip',
	deflate: 'deflate',
}

/** What a body may come as, for the OpenAPI document and for whoever guessed wrong. */
export const BODY_TYPES = ['application/json', 'application/msgpack', 'application/vnd.msgpack'] as const
const ENCODINGS = 'gzip, deflate'

/** After these the rest of the body is not read, so the connection cannot be used again (RFC 9112 §9.6). */
const CLOSE = { connection: 'close' }

/** Reads what requests carry, within limits, and refuses what exceeds them as soon as that can be known. */
export class BodyReader {
	readonly #limits: BodyLimits
	readonly #clock: Clock
	#inFlight = 0

	constructor(limits: BodyLimits, clock: Clock) {
		this.#limits = limits
		this.#clock = clock
	}

	/** Bytes of bodies that are being read now. */
	get inFlight(): number {
		return this.#inFlight
	}

	/**
	 * The decoded body.
	 *
	 * @throws `Refusal`: 400 for what cannot be inflated or decoded, 408 for one that does not arrive in time, 413 for
	 *   one that is too large, 415 for one of another kind, 503 where other bodies have all the memory.
	 */
	async read(request: Request): Promise<unknown> {
		const codec = codecOf(request.headers.get('content-type'))
		const encoding = encodingOf(request.headers.get('content-encoding'))
		this.#refuseLength(request.headers.get('content-length'))
		if (request.bodyUsed) throw consumed()
		if (request.body === null) throw new Refusal(400, 'EMPTY_BODY', 'The request has no body')
		const account = { held: 0 }
		try {
			const bytes = await this.#receive(request.body, encoding, account)
			if (bytes.length === 0) {
				// A server would have waited for what is announced.
				if (Number(request.headers.get('content-length')) > 0) throw consumed()
				throw new Refusal(400, 'EMPTY_BODY', 'The body is empty')
			}
			return this.#decode(bytes, codec)
		} finally {
			this.#inFlight -= account.held
		}
	}

	#refuseLength(header: string | null): void {
		const length = header === null ? 0 : Number(header)
		if (length > this.#limits.maxBytes) throw this.#tooLarge(`, and this one announces ${length}`)
	}

	async #receive(
		body: ReadableStream<Uint8Array>,
		encoding: Encoding | 'identity',
		account: { held: number },
	): Promise<Uint8Array> {
		const { maxInflatedBytes, timeout } = this.#limits
		const reader = body.getReader()
		let expired = false
		const abandon = (): void => void reader.cancel().catch(() => {})
		const deadline = this.#clock.timer(
			timeout,
			() => {
				expired = true
				abandon()
			},
			{ background: true },
		)
		const late = (): Refusal =>
			new Refusal(408, 'REQUEST_TIMEOUT', `The body did not arrive within ${timeout} ms`, { headers: CLOSE })
		try {
			const travelled = this.#counted(reader, () => expired)
			const chunks = encoding === 'identity' ? travelled : inflate(travelled, encoding, { maxInflatedBytes })
			const bytes = await collect(this.#held(chunks, account))
			if (expired) throw late()
			return bytes
		} catch (error) {
			abandon()
			if (expired) throw late()
			if (error instanceof Refusal) throw error
			if (error instanceof RemoteTermError) throw bodyRefusal(error)
			throw new Refusal(400, 'BAD_REQUEST', 'The body ended before it was complete', {
				cause: error,
				headers: CLOSE,
			})
		} finally {
			deadline[Symbol.dispose]()
		}
	}

	/** The body as it travels. Ends early where time has run out: `cancel` looks like an end to whoever reads. */
	async *#counted(
		reader: ReadableStreamDefaultReader<Uint8Array>,
		expired: () => boolean,
	): AsyncGenerator<Uint8Array, void, undefined> {
		let received = 0
		for (;;) {
			const { done, value } = await reader.read()
			if (done || expired()) return
			received += value.length
			if (received > this.#limits.maxBytes) throw this.#tooLarge('')
			yield value
		}
	}

	/** The same after decompression, entered into the account of all bodies. */
	async *#held(
		chunks: AsyncIterable<Uint8Array>,
		account: { held: number },
	): AsyncGenerator<Uint8Array, void, undefined> {
		for await (const chunk of chunks) {
			this.#inFlight += chunk.length
			account.held += chunk.length
			if (this.#inFlight > this.#limits.maxBytesInFlight)
				throw new Refusal(503, 'UNAVAILABLE', 'Too many large bodies at once; try again', {
					headers: { ...CLOSE, 'retry-after': '1' },
				})
			yield chunk
		}
	}

	#decode(bytes: Uint8Array, codec: Codec): unknown {
		const { maxDepth, maxValues } = this.#limits
		if (codec === 'msgpack') return msgpackUpTo(bytes, maxValues)
		const { depth, values } = jsonShape(bytes, this.#limits)
		if (depth > maxDepth)
			throw new Refusal(400, 'DESERIALIZE_FAILED', `The body nests deeper than ${maxDepth} levels`)
		if (values > maxValues)
			throw new Refusal(413, 'TOO_LARGE', `Expected a body of ${maxValues} elements and members at most`)
		return json(bytes)
	}

	#tooLarge(found: string): Refusal {
		const { maxBytes } = this.#limits
		return new Refusal(413, 'TOO_LARGE', `Expected a body of ${maxBytes} bytes at most${found}`, {
			headers: CLOSE,
		})
	}
}

/** A mistake of whoever has mounted the gateway, and not of the client. */
const consumed = (): Refusal =>
	new Refusal(
		500,
		'INTERNAL',
		'The body was read before it came to the gateway: no body parser may stand in front of it',
		{ headers: CLOSE },
	)

const bodyRefusal = (error: RemoteTermError): Refusal => {
	const status = error.code === 'INFLATED_TOO_LARGE' || error.code === 'TOO_LARGE' ? 413 : 400
	return new Refusal(status, error.code, error.message, { cause: error, headers: CLOSE })
}

/** A body that says nothing of its kind is not guessed at. */
const codecOf = (header: string | null): Codec => {
	const [type = '', ...parameters] = (header ?? '')
		.toLowerCase()
		.split(';')
		.map(part => part.trim())
	const codec = Object.hasOwn(CODEC_OF, type) ? CODEC_OF[type] : undefined
	const charset = parameters
		.find(one => one.startsWith('charset='))
		?.slice(8)
		.replaceAll('"', '')
	if (codec !== undefined && (charset === undefined || charset === 'utf-8' || charset === 'utf8'))
		return codec
	throw new Refusal(
		415,
		'UNSUPPORTED_MEDIA_TYPE',
		`Expected a Content-Type of ${BODY_TYPES.join(', ')}, in UTF-8`,
		// RFC 9110 §15.5.16: says what would have done.
		{ headers: { ...CLOSE, accept: BODY_TYPES.join(', ') } },
	)
}

const encodingOf = (header: string | null): Encoding | 'identity' => {
	const name = (header ?? 'identity').trim().toLowerCase()
	const encoding = Object.hasOwn(ENCODING_OF, name) ? ENCODING_OF[name] : undefined
	if (encoding !== undefined) return encoding
	throw new Refusal(
		415,
		'UNSUPPORTED_MEDIA_TYPE',
		`Expected a Content-Encoding of ${ENCODINGS}, one of them, or none`,
		{ headers: { ...CLOSE, 'accept-encoding': ENCODINGS } },
	)
}
