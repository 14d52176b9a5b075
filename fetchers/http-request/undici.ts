import { Agent, buildConnector, errors, type Dispatcher } from 'undici'
import type { CreateHttpClient, HttpResponse } from './http-request.ts'

/**
 * The client for Node: undici's `request`, which neither follows redirects nor decompresses. Its `fetch` would do
 * both, and takes a truncated gzip body for a complete one.
 */
export const createHttpClient: CreateHttpClient = ({ connectTimeout, dispatcher }) => {
	const own = dispatcher === undefined ? createAgent(connectTimeout) : undefined
	const through = own?.agent ?? (dispatcher as Dispatcher)
	// Nearly always the same URL again, and taking it apart costs more than one would think.
	let last = { href: '', origin: '', path: '' }
	const partsOf = (url: URL): typeof last => {
		if (last.href !== url.href)
			last = { href: url.href, origin: url.origin, path: `${url.pathname}${url.search}` }
		return last
	}
	return {
		abilities: {
			dispatcher: true,
			connectTimeout: own !== undefined,
			rawBody: true,
			strictFraming: own !== undefined,
		},
		async request({ method, url, headers, signal }): Promise<HttpResponse> {
			const { origin, path } = partsOf(url)
			const excessBefore = own?.excess()
			const {
				statusCode,
				headers: answered,
				body,
			} = await through.request({
				origin,
				path,
				method,
				headers: headers as Record<string, string>,
				signal: signal,
				// The caller keeps the time, on its own clock; two owners of one limit would race.
				headersTimeout: 0,
				bodyTimeout: 0,
			})
			return {
				status: statusCode,
				headers: answered,
				decoded: false,
				body,
				async confirm() {
					await nextTurn()
					if (own?.excess() !== excessBefore)
						throw new errors.ResponseContentLengthMismatchError('More bytes came than its Content-Length')
				},
				async discard(limit) {
					// A limit of 0 means "the default" to undici.
					await body.dump({ limit: Math.max(1, limit) }).catch(() => {})
					await nextTurn()
				},
			}
		},
		async close() {
			// Not `close()`, which would wait for bodies that nobody reads any more.
			await own?.agent.destroy()
		},
	}
}

/**
 * An agent that looks at its sockets' errors before undici does, since undici hides two of them:
 *
 * - A reset counts as the regular end of a body that has neither a length nor chunks, because macOS reports one where
 *   there was an end. We rather fetch once more than take half a body. Undici goes by the code, so that is changed.
 * - Bytes beyond the announced length are the beginning of a response that nobody has asked for. Undici drops the
 *   connection (`bad response`), but by then has delivered the body as complete. Which body it was cannot be told,
 *   so all that are under way are doubted.
 */
const createAgent = (connectTimeout: number): { agent: Agent; excess: () => number } => {
	let excess = 0
	const onError = (error: Error & { code?: string }): void => {
		if (error.code === 'ECONNRESET') error.code = 'UND_ERR_RESET'
		else if (error.message === 'bad response') excess++
	}
	const connect = buildConnector({ timeout: connectTimeout })
	const agent = new Agent({
		connect(options, callback) {
			connect(options, (...result) => {
				result[1]?.on('error', onError)
				callback(...result)
			})
		},
	})
	return { agent, excess: () => excess }
}

/** Before that undici does not use a connection again, and would open another for a request that comes at once. */
const nextTurn = (): Promise<void> =>
	new Promise(resolve => {
		setImmediate(resolve)
	})
