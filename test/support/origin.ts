import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createHash } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import { serve } from './serve.ts'

/** An HTTP origin with one document, which behaves until it is told not to. */
export interface Origin {
	readonly url: URL
	/** Requests seen so far, newest last. */
	readonly requests: IncomingMessage[]
	/** From now on serves these bytes, with an ETag of their content. */
	publish(body: Uint8Array | string, headers?: Record<string, string>): void
	/** From now on answers like this, until the next `publish` or `misbehave`. */
	misbehave(listener: RequestListener): void
}

export const serveOrigin = async (t: ExecutionContext): Promise<Origin> => {
	const requests: IncomingMessage[] = []
	let answer: RequestListener = (_request, response) => response.writeHead(404).end()
	const { url } = await serve(t, (request, response) => {
		requests.push(request)
		answer(request, response)
	})
	return {
		url,
		requests,
		publish(body, headers = {}) {
			const bytes = Buffer.from(body as Uint8Array)
			answer = serveDocument(bytes, headers)
		},
		misbehave(listener) {
			answer = listener
		},
	}
}

export const etagOf = (bytes: Uint8Array): string =>
	`"${createHash('sha256').update(bytes).digest('hex').slice(0, 16)}"`

const serveDocument =
	(bytes: Buffer, headers: Record<string, string>) =>
	(request: IncomingMessage, response: ServerResponse): void => {
		const etag = headers['etag'] ?? etagOf(bytes)
		if (request.headers['if-none-match'] === etag) {
			response.writeHead(304, { etag, ...headers }).end()
			return
		}
		response
			.writeHead(200, { etag, 'content-length': bytes.length, ...headers })
			.end(request.method === 'HEAD' ? undefined : bytes)
	}
