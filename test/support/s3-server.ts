import { createHash } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { Lifetime } from './lifetime.ts'
import { checkSignature, type Credentials } from './s3-signature.ts'
import { serve } from './serve.ts'

export interface StoredObject {
	readonly body: Buffer
	/** With its quotes; `null`: the answer has none. */
	readonly etag: string | null
	/** Milliseconds; S3 keeps whole seconds. */
	readonly lastModified: number
	readonly versionId: string
	/** Sent back as they are: Content-Encoding, Content-Type, x-amz-checksum-…. */
	readonly headers: Readonly<Record<string, string>>
}

/**
 * - `error`: an S3 error, with its document
 * - `reset`: the connection breaks: before the answer, or after so many bytes of the body
 * - `stall`: silence, from the same places on
 * - `short`: the connection ends in good order, but before the announced length
 * - `not-modified`: a 304, asked for or not
 */
export type Fault =
	| {
			readonly kind: 'error'
			readonly status: number
			readonly code: string
			readonly message?: string
			readonly fields?: Readonly<Record<string, string>>
			readonly headers?: Readonly<Record<string, string>>
	  }
	| { readonly kind: 'reset' | 'stall'; readonly afterBytes?: number }
	| { readonly kind: 'short'; readonly afterBytes: number }
	| { readonly kind: 'not-modified' }

export interface SeenRequest {
	readonly method: string
	readonly path: string
	readonly query: URLSearchParams
	readonly headers: IncomingMessage['headers']
	/** 0 while it has not been answered. */
	status: number
}

const XML = '<?xml version="1.0" encoding="UTF-8"?>\n'
const KEPT = ['content-encoding', 'content-type', 'x-amz-checksum-crc32', 'x-amz-checksum-sha256']

/**
 * S3 in small, over real HTTP: path-style GET, HEAD, PUT and DELETE, conditional, ranged and versioned; signed requests only;
 * faults on command.
 */
export class S3Server {
	readonly url: string
	readonly credentials: Credentials
	readonly requests: SeenRequest[] = []
	readonly #buckets = new Map<string, Map<string, StoredObject[]>>()
	/** What every request meets for which `fail` has left nothing. */
	down: Fault | undefined
	readonly #faults: Fault[] = []
	readonly #sockets = new Set<Socket>()
	#versions = 0
	#openAnswers = 0

	constructor(url: URL, server: Server, credentials: Credentials) {
		this.url = url.origin
		this.credentials = credentials
		server.on('connection', socket => {
			this.#sockets.add(socket)
			socket.on('close', () => this.#sockets.delete(socket))
		})
	}

	get openSockets(): number {
		return this.#sockets.size
	}

	/** Answers that have neither ended nor been given up. */
	get openAnswers(): number {
		return this.#openAnswers
	}

	/** The statuses of all answers so far, in order. */
	get statuses(): number[] {
		return this.requests.map(({ status }) => status)
	}

	/** Stores a new latest version, as a PUT would; the ETag is the MD5 of the body unless another is given. */
	put(
		bucket: string,
		key: string,
		content: string | Uint8Array,
		{ etag, lastModified = Date.now(), headers = {} }: Partial<StoredObject> = {},
	): StoredObject {
		const body = Buffer.from(content as string)
		const object: StoredObject = {
			body,
			etag: etag === undefined ? `"${createHash('md5').update(body).digest('hex')}"` : etag,
			lastModified,
			versionId: `v${++this.#versions}`,
			headers,
		}
		const objects = this.#bucket(bucket)
		objects.set(key, [...(objects.get(key) ?? []), object])
		return object
	}

	/** The next requests fail, one fault each. */
	fail(...faults: readonly Fault[]): void {
		this.#faults.push(...faults)
	}

	#bucket(name: string): Map<string, StoredObject[]> {
		const bucket = this.#buckets.get(name) ?? new Map<string, StoredObject[]>()
		this.#buckets.set(name, bucket)
		return bucket
	}

	async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
		const { pathname, searchParams } = new URL(request.url!, this.url)
		const seen: SeenRequest = {
			method: request.method!,
			path: decodeURIComponent(pathname),
			query: searchParams,
			headers: request.headers,
			status: 0,
		}
		this.requests.push(seen)
		response.on('finish', () => (seen.status = response.statusCode))
		this.#openAnswers++
		response.on('close', () => this.#openAnswers--)
		const body = await buffer(request)
		const fault = this.#faults.shift() ?? this.down
		const refusal = checkSignature(request, this.credentials)
		if (fault?.kind === 'error') sendError(request, response, fault)
		else if (fault?.kind === 'not-modified') response.writeHead(304).end()
		else if (fault !== undefined && !('afterBytes' in fault)) {
			if (fault.kind === 'reset') request.socket.resetAndDestroy()
		} else if (refusal !== undefined)
			sendError(request, response, { kind: 'error', status: 403, code: refusal })
		else {
			const [, bucket = '', key = ''] = /^\/([^/]+)\/?(.*)$/.exec(seen.path) ?? []
			if (request.method === 'PUT') this.#store(request, response, { bucket, key, body })
			else if (request.method === 'DELETE') {
				this.#bucket(bucket).delete(key)
				response.writeHead(204).end()
			} else this.#retrieve(request, response, { bucket, key, version: searchParams.get('versionId'), fault })
		}
	}

	#store(
		request: IncomingMessage,
		response: ServerResponse,
		{ bucket, key, body }: { bucket: string; key: string; body: Buffer },
	): void {
		if (key === '') {
			this.#bucket(bucket)
			response.writeHead(200, { Location: `/${bucket}` }).end()
			return
		}
		const headers = Object.fromEntries(
			KEPT.flatMap(name => {
				const value = request.headers[name]
				return typeof value === 'string' ? [[name, value]] : []
			}),
		)
		const { etag, versionId } = this.put(bucket, key, body, { headers })
		response.writeHead(200, { ETag: etag!, 'x-amz-version-id': versionId }).end()
	}

	#retrieve(
		request: IncomingMessage,
		response: ServerResponse,
		asked: { bucket: string; key: string; version: string | null; fault: Fault | undefined },
	): void {
		const { bucket, key, version, fault } = asked
		const versions = this.#buckets.get(bucket)?.get(key)
		const object = version === null ? versions?.at(-1) : versions?.find(one => one.versionId === version)
		if (object === undefined) {
			const code = !this.#buckets.has(bucket)
				? 'NoSuchBucket'
				: versions === undefined
					? 'NoSuchKey'
					: 'NoSuchVersion'
			sendError(request, response, { kind: 'error', status: 404, code })
			return
		}
		const headers: Record<string, string> = {
			...(object.etag !== null && { ETag: object.etag }),
			'Last-Modified': new Date(object.lastModified).toUTCString(),
			'x-amz-version-id': object.versionId,
			'Accept-Ranges': 'bytes',
		}
		if (object.etag !== null && matches(request.headers['if-none-match'], object.etag)) {
			response.writeHead(304, headers).end()
			return
		}
		const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
		const [first, last] =
			range === null
				? [0, object.body.length - 1]
				: [Number(range[1]), range[2] === '' ? object.body.length - 1 : Number(range[2])]
		if (range !== null && first >= object.body.length) {
			sendError(request, response, { kind: 'error', status: 416, code: 'InvalidRange' })
			return
		}
		const body = object.body.subarray(first, last + 1)
		response.writeHead(range === null ? 200 : 206, {
			...headers,
			...object.headers,
			'Content-Length': String(body.length),
			...(range !== null && { 'Content-Range': `bytes ${first}-${last}/${object.body.length}` }),
		})
		if (request.method === 'HEAD') response.end()
		else sendBody(response, body, fault)
	}
}

const sendBody = (response: ServerResponse, body: Buffer, fault: Fault | undefined): void => {
	if (fault === undefined || !('afterBytes' in fault)) {
		response.end(body)
		return
	}
	const { socket } = response
	response.write(body.subarray(0, fault.afterBytes), () => {
		if (fault.kind === 'reset') socket?.resetAndDestroy()
		else if (fault.kind === 'short') socket?.end()
	})
}

/** RFC 9110 §13.1.2: a list of tags, or any; compared weakly. */
const matches = (ifNoneMatch: string | undefined, etag: string): boolean =>
	ifNoneMatch === '*' ||
	[...(ifNoneMatch ?? '').matchAll(/(?:W\/)?("[^"]*")/g)].some(([, tag]) => tag === etag.replace(/^W\//, ''))

const sendError = (
	request: IncomingMessage,
	response: ServerResponse,
	{
		status,
		code,
		message = `${code}, says the test`,
		fields = {},
		headers = {},
	}: Extract<Fault, { kind: 'error' }>,
): void => {
	const inner = Object.entries({ Code: code, Message: message, ...fields, RequestId: 'TESTREQUEST' })
		.map(([name, text]) => `<${name}>${text}</${name}>`)
		.join('')
	const document = `${XML}<Error>${inner}</Error>`
	response.writeHead(status, {
		...headers,
		'Content-Type': 'application/xml',
		'Content-Length': String(Buffer.byteLength(document)),
		'x-amz-request-id': 'TESTREQUEST',
	})
	response.end(request.method === 'HEAD' ? undefined : document)
}

/** Gone with the test. */
export const serveS3 = async (
	t: Lifetime,
	credentials: Credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'not-much-of-a-secret' },
): Promise<S3Server> => {
	const served = await serve(t, (request, response) => {
		server.answer(request, response).catch((error: unknown) => response.destroy(error as Error))
	})
	const server = new S3Server(served.url, served.server, credentials)
	return server
}
