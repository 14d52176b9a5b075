import { Agent, type Dispatcher } from 'undici'
import type { CreateHttpClient, HttpResponse } from './http-request.ts'

/**
 * The client for Node: undici's `request`, which neither follows redirects nor decompresses. Its `fetch` would do
 * both, and takes a truncated gzip body for a complete one.
 */
export const createHttpClient: CreateHttpClient = ({ connectTimeout, dispatcher }) => {
	const own = dispatcher === undefined ? new Agent({ connect: { timeout: connectTimeout } }) : undefined
	const through = own ?? (dispatcher as Dispatcher)
	return {
		abilities: { dispatcher: true, connectTimeout: own !== undefined, rawBody: true },
		async request({ method, url, headers, signal }): Promise<HttpResponse> {
			const {
				statusCode,
				headers: answered,
				body,
			} = await through.request({
				origin: url.origin,
				path: `${url.pathname}${url.search}`,
				method,
				headers: headers as Record<string, string>,
				signal,
				// The caller keeps the time, on its own clock; two owners of one limit would race.
				headersTimeout: 0,
				bodyTimeout: 0,
			})
			return {
				status: statusCode,
				headers: answered,
				decoded: false,
				body,
				// A limit of 0 means "the default" to undici.
				discard: limit =>
					body.dump({ limit: Math.max(1, limit) }).then(
						() => {},
						() => {},
					),
			}
		},
		async close() {
			// Not `close()`, which would wait for bodies that nobody reads any more.
			await own?.destroy()
		},
	}
}
