import { Agent, type Dispatcher } from 'undici'
import type { Clock } from '../core/clock.ts'
import { messageOf, RemoteTermError, type ErrorCode } from '../core/errors.ts'
import { redactUrl } from '../core/redact.ts'

export interface StreamRequest {
	readonly url: URL
	/** For the origin of `url` only: the key, and whatever the user adds. */
	readonly credentials: Readonly<Record<string, string>>
	/** For whatever origin a redirect leads to. */
	readonly headers: Readonly<Record<string, string>>
	readonly signal: AbortSignal
}

/** Opens streams. Not to be used after `destroy`. */
export interface StreamClient {
	/**
	 * Resolves to the body of a 200 with events in it.
	 *
	 * @throws `FETCH_*` with the status, if there was an answer; `DESERIALIZE_FAILED` where it is no event stream
	 */
	open(request: StreamRequest): Promise<AsyncIterable<Uint8Array>>
	destroy(): Promise<void>
}

const MAX_REDIRECTS = 5
const REDIRECTS = new Set([301, 302, 303, 307, 308])

/** @param connectTimeout Of a single connection, in milliseconds; only a backstop, as the caller keeps the time. */
export const createStreamClient = (
	connectTimeout: number,
	clock: Clock,
	dispatcher: Dispatcher | undefined,
): StreamClient => {
	const own = dispatcher === undefined ? new Agent({ connect: { timeout: connectTimeout } }) : undefined
	const through = dispatcher ?? own!
	return {
		async open({ url, credentials, headers, signal }) {
			for (let at = url, redirects = 0; ; redirects++) {
				const isHome = at.origin === url.origin
				const answer = await send(through, at, isHome ? { ...headers, ...credentials } : headers, signal)
				if (!REDIRECTS.has(answer.statusCode)) return bodyOf(answer, at, clock)
				abandon(answer)
				if (redirects === MAX_REDIRECTS)
					throw new RemoteTermError(
						'FETCH_REDIRECT',
						`Expected at most ${MAX_REDIRECTS} redirects from ${redactUrl(url)}`,
						{ status: answer.statusCode },
					)
				at = redirectOf(answer, at)
			}
		},
		async destroy() {
			await own?.destroy()
		},
	}
}

const send = async (
	through: Dispatcher,
	url: URL,
	headers: Readonly<Record<string, string>>,
	signal: AbortSignal,
): Promise<Dispatcher.ResponseData> => {
	try {
		return await through.request({
			origin: url.origin,
			path: `${url.pathname}${url.search}`,
			method: 'GET',
			headers: { ...headers },
			signal,
			headersTimeout: 0,
			bodyTimeout: 0,
		})
	} catch (error) {
		throw networkFailure(error, `Cannot connect to ${redactUrl(url)}`)
	}
}

const redirectOf = ({ statusCode, headers }: Dispatcher.ResponseData, from: URL): URL => {
	const location = singleHeader(headers['location'])
	const to = location !== '' && URL.canParse(location, from.href) ? new URL(location, from) : undefined
	const isSafe = to?.protocol === 'https:' || (to?.protocol === 'http:' && from.protocol === 'http:')
	if (to !== undefined && isSafe) return to
	const where = to === undefined ? 'nowhere' : `to ${redactUrl(to)}`
	throw new RemoteTermError('FETCH_REDIRECT', `${redactUrl(from)} redirects ${where}`, { status: statusCode })
}

const bodyOf = (answer: Dispatcher.ResponseData, url: URL, clock: Clock): AsyncIterable<Uint8Array> => {
	const { statusCode, headers, body } = answer
	if (statusCode !== 200) {
		abandon(answer)
		throw new RemoteTermError(
			codeOfStatus(statusCode),
			`Expected status 200 from ${redactUrl(url)}, got ${statusCode}`,
			{ status: statusCode, retryAfter: retryAfterOf(singleHeader(headers['retry-after']), clock) },
		)
	}
	const type = singleHeader(headers['content-type']).split(';', 1)[0]!.trim().toLowerCase()
	const coding = singleHeader(headers['content-encoding']).trim().toLowerCase()
	const isPlain = coding === '' || coding === 'identity'
	if (type !== 'text/event-stream' || !isPlain) {
		abandon(answer)
		const found = isPlain ? `content type ${JSON.stringify(type.slice(0, 60))}` : 'a content encoding'
		throw new RemoteTermError(
			'DESERIALIZE_FAILED',
			`Expected a plain text/event-stream from ${redactUrl(url)}, got ${found}`,
			{ status: statusCode },
		)
	}
	return body as AsyncIterable<Uint8Array>
}

/** Nobody reads it; the connection is not worth keeping for the delay that follows. */
const abandon = ({ body }: Dispatcher.ResponseData): void => {
	body.on('error', () => {})
	body.destroy()
}

const codeOfStatus = (status: number): ErrorCode =>
	status === 401 || status === 403
		? 'FETCH_DENIED'
		: status === 404 || status === 410
			? 'FETCH_NOT_FOUND'
			: status === 429
				? 'FETCH_THROTTLED'
				: 'FETCH_STATUS'

/** Seconds, or a date (RFC 9110 §10.2.3). */
const retryAfterOf = (value: string, clock: Clock): number | undefined => {
	if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
	const date = Date.parse(value)
	return Number.isNaN(date) ? undefined : Math.max(0, date - clock.now())
}

const singleHeader = (value: string | string[] | undefined): string =>
	(Array.isArray(value) ? value[0] : value) ?? ''

/** What broke below HTTP. Some of undici's errors carry what was on the wire, and with it secrets: those go unnamed. */
export const networkFailure = (error: unknown, what: string): RemoteTermError => {
	if (error instanceof RemoteTermError) return error
	const message =
		error instanceof AggregateError && error.message === ''
			? error.errors.map(messageOf).join('; ')
			: messageOf(error)
	const holdsContents =
		error instanceof Error && ['data', 'headers', 'body'].some(name => Object.hasOwn(error, name))
	return new RemoteTermError('FETCH_FAILED', `${what}: ${message}`, holdsContents ? {} : { cause: error })
}
