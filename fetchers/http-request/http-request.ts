/**
 * What `HttpFetcher` needs from an HTTP client: one request, one answer, no cleverness. The client behind
 * `#http-request` is `undici.ts` in Node and `fetch.ts` elsewhere; what they differ in is data (`HttpAbilities`).
 *
 * A client does not follow redirects, retry, cache, decompress (where it has the choice), or keep time:
 * all of that is done above it, once. The only thing it times is the connecting, if it can.
 */
export interface HttpClient {
	readonly abilities: HttpAbilities
	/**
	 * Resolves as soon as the headers are there. Aborting `signal`, before that or at any time before the end of the
	 * body, closes the connection, and what waits rejects.
	 */
	request(request: HttpRequest): Promise<HttpResponse>
	close(): Promise<void>
}

export interface HttpAbilities {
	/** Connections go through the undici `Dispatcher` that was given; otherwise giving one is an error. */
	readonly dispatcher: boolean
	/** `connectTimeout` has an effect. Otherwise connecting counts towards `headersTimeout` only. */
	readonly connectTimeout: boolean
	/**
	 * Bodies come as they travelled. Otherwise the runtime undoes `Content-Encoding` by itself, and there is no
	 * telling whether a compressed body was complete.
	 */
	readonly rawBody: boolean
	/**
	 * Bytes beyond `Content-Length` are noticed, if they come along with the body and the connection stays open; and
	 * so is a reset within a body that only the end of the connection delimits. Otherwise such a body passes for whole.
	 */
	readonly strictFraming: boolean
}

export interface HttpClientOptions {
	/** Milliseconds for name lookup, connection and TLS together. */
	readonly connectTimeout: number
	readonly dispatcher?: unknown
}

export type CreateHttpClient = (options: HttpClientOptions) => HttpClient

/** Names are in lower case. A field that came in several lines is an array, or one string joined by `, `. */
export type HttpHeaders = Readonly<Record<string, string | string[] | undefined>>

export interface HttpRequest {
	readonly method: 'GET' | 'HEAD'
	readonly url: URL
	readonly headers: Readonly<Record<string, string>>
	readonly signal: StopSignal
}

/** As much of an `AbortSignal` as undici wants. A real one for each request would be a tenth of its cost. */
export interface StopSignal {
	readonly aborted: boolean
	readonly reason: unknown
	addEventListener(type: 'abort', listener: () => void): void
	removeEventListener(type: 'abort', listener: () => void): void
}

export interface HttpResponse {
	/** 0 where the runtime hides redirects from scripts, as browsers do. */
	readonly status: number
	readonly headers: HttpHeaders
	/** The runtime has undone `Content-Encoding`: neither that nor `Content-Length` describes `body` any more. */
	readonly decoded: boolean
	readonly body: AsyncIterable<Uint8Array>
	/** Called after the end of `body`: rejects if it was not as whole as it seemed. */
	confirm?(): Promise<void>
	/**
	 * Instead of reading `body`: reads what is left, so that the connection can serve again, if that is no more than
	 * `limit` bytes; otherwise closes the connection. Never rejects.
	 */
	discard(limit: number): Promise<void>
}

/** The lines of a field joined as RFC 9110 §5.3 allows; `undefined` where it is absent. */
export const fieldOf = (headers: HttpHeaders, name: string): string | undefined => {
	const value = headers[name]
	return Array.isArray(value) ? value.join(', ') : value
}

/** A field that is defined to occur once: `undefined` where it is absent or came in several lines. */
export const onlyFieldOf = (headers: HttpHeaders, name: string): string | undefined => {
	const value = headers[name]
	return Array.isArray(value) ? (value.length === 1 ? value[0] : undefined) : value
}
