import { RemoteTermError } from '../../lib/core/errors.ts'
import { onlyFieldOf, type CreateHttpClient, type HttpClient, type HttpResponse } from './http-request.ts'

/** What is used of `fetch`, so that anything that behaves like it can stand in. */
export type FetchLike = (url: string, init: FetchInit) => Promise<Response>

export interface FetchInit {
	readonly method: string
	readonly headers: Record<string, string>
	readonly redirect: 'manual'
	readonly signal: AbortSignal
	readonly cache?: 'no-store'
}

/** What a `fetch` may undo without asking (Fetch standard, "handle content codings"). */
const UNDONE_BY_FETCH = new Set(['gzip', 'x-gzip', 'deflate', 'br', 'zstd'])

/**
 * The client for runtimes without a Node API: the global `fetch`. What it cannot do:
 *
 * - Leave bodies alone. The runtime undoes `Content-Encoding`, so `Content-Length` cannot be checked for such a
 *   body, and whether a truncated one is noticed is up to the runtime (Node's `fetch` does not notice).
 * - Notice a reset within a body that has neither a length nor chunks, or bytes beyond the announced length.
 * - Time the connecting, or go through a `dispatcher`.
 * - See redirects, in browsers: there a redirect is `FETCH_REDIRECT`.
 * - Send every header: some runtimes set `accept-encoding` or `user-agent` themselves.
 */
export const createFetchClient = (fetch: FetchLike): HttpClient => ({
	abilities: { dispatcher: false, connectTimeout: false, rawBody: false, strictFraming: false },
	async request({ method, url, headers, signal: stop }): Promise<HttpResponse> {
		const controller = new AbortController()
		stop.addEventListener('abort', () => controller.abort(stop.reason))
		const { signal } = controller
		const response = await fetch(url.href, {
			method,
			headers: { ...headers },
			redirect: 'manual',
			signal,
			// A cache of the runtime's own must not answer in the source's stead.
			...(hasCacheModes() && { cache: 'no-store' }),
		})
		const answered = Object.fromEntries(response.headers)
		const coding = onlyFieldOf(answered, 'content-encoding')?.trim().toLowerCase()
		return {
			status: response.type === 'opaqueredirect' ? 0 : response.status,
			headers: answered,
			decoded: coding !== undefined && UNDONE_BY_FETCH.has(coding),
			body: chunksOf(response, signal),
			discard: limit => discard(response, limit),
		}
	},
	async close() {},
})

export const createHttpClient: CreateHttpClient = ({ dispatcher }) => {
	if (dispatcher !== undefined)
		throw new RemoteTermError('INVALID_OPTION', '`dispatcher` needs Node: this runtime only has `fetch`')
	return createFetchClient((url, init) => globalThis.fetch(url, init))
}

async function* chunksOf(response: Response, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
	const reader = response.body?.getReader()
	if (reader === undefined) return
	// Also for a `fetch` whose bodies do not listen to the signal that it was given.
	const onAbort = (): void => void reader.cancel(signal.reason).catch(() => {})
	signal.addEventListener('abort', onAbort, { once: true })
	let ended = false
	try {
		for (;;) {
			const chunk = await reader.read()
			if (chunk.done) break
			yield chunk.value as Uint8Array
		}
		ended = true
	} finally {
		signal.removeEventListener('abort', onAbort)
		if (!ended) await reader.cancel().catch(() => {})
	}
}

const discard = async (response: Response, limit: number): Promise<void> => {
	if (response.body === null) return
	try {
		const reader = response.body.getReader()
		let left = limit - Number(response.headers.get('content-length') ?? 0)
		if (left >= 0) {
			left = limit
			for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
				left -= (chunk.value as Uint8Array).length
				if (left < 0) break
			}
		}
		await reader.cancel()
	} catch {
		// It has failed, or been discarded before: it is gone.
	}
}

/** Some runtimes throw on `cache`; they have no cache to keep out either. */
let cacheModes: boolean | undefined
const hasCacheModes = (): boolean => {
	if (cacheModes === undefined) {
		try {
			new Request('http://localhost/', { cache: 'no-store' } as RequestInit)
			cacheModes = true
		} catch {
			cacheModes = false
		}
	}
	return cacheModes
}
