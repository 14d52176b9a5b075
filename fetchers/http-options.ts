import { supportedEncodings } from '#inflate'
import type { Dispatcher } from 'undici'
import { RemoteTermError } from '../lib/core/errors.ts'
import type { Encoding } from '../lib/core/fetcher.ts'
import { parseHttpUrl, refusedUrl } from '../lib/core/http-url.ts'
import {
	bool,
	invalid,
	nonEmptyString,
	notNegative,
	notNegativeInteger,
	onlyKnownOptions,
	positive,
} from '../lib/core/options.ts'
import type { FetchLike } from './http-request/fetch.ts'

/** Called once for each request, so that credentials can rotate. What it waits for ends with `signal`. */
export type PerRequest<T> = (call: { readonly signal: AbortSignal }) => T | Promise<T>

export interface HttpFetcherOptions {
	/**
	 * `http:` or `https:`. A user and password in it become Basic authorization (RFC 7617) and are taken out of it.
	 * A fragment is ignored.
	 */
	readonly url: string | URL
	/**
	 * Sent to the origin of `url` only; a redirect to another origin leaves them behind. `accept-encoding` has an
	 * option of its own, and what makes a request conditional or partial is not yours to set.
	 */
	readonly headers?: Readonly<Record<string, string>> | PerRequest<Readonly<Record<string, string>>>
	/**
	 * Sent as `Authorization: Bearer …`, under the same rule as `headers`. After a 401 a function is asked once more,
	 * and if it then gives another token the request is made once more.
	 */
	readonly bearerToken?: string | PerRequest<string>
	/**
	 * An undici dispatcher to go through, for example a `ProxyAgent` or an `Agent` with certificates. It stays yours:
	 * `close()` leaves it open. Default: an `Agent` of the fetcher's own. Node only.
	 */
	readonly dispatcher?: Dispatcher
	/** A `fetch` to use in place of undici, with the limitations that a runtime without Node has. */
	readonly fetch?: FetchLike
	/** Milliseconds from the beginning of a request until its headers are complete, on `context.clock`. Default 10 s. */
	readonly headersTimeout?: number
	/** Milliseconds of silence within a body, on `context.clock`. Default 10 s. */
	readonly bodyTimeout?: number
	/** Milliseconds for a new connection. Default 5 s. Without effect on a given `dispatcher` or on `fetch`. */
	readonly connectTimeout?: number
	/** How many redirects are followed. Default 3; 0 follows none. */
	readonly maxRedirects?: number
	/** Asked before each redirect is followed; only `true` allows it. Default: all that go to `http:` or `https:`. */
	readonly allowRedirectTo?: (url: URL) => boolean
	/** What the source says about freshness is raised to this many milliseconds. Default 0. */
	readonly minRefreshInterval?: number
	/** What the source says about freshness is cut to this many milliseconds. Default 24 h. */
	readonly maxRefreshInterval?: number
	/**
	 * The content codings to ask for, best first; none asks for plain bytes. Default: `zstd` where this runtime can undo
	 * it (Node 22.15, 23.8 and later) and it is not left to a `fetch`, and `gzip`.
	 */
	readonly acceptEncoding?: readonly Encoding[]
	/**
	 * Asks the server for a digest with each answer (`Want-Repr-Digest`, RFC 9530 §4), for those that send one only when
	 * asked. Default: false, since most ignore it, and caches that vary by it keep one more copy.
	 */
	readonly wantDigest?: boolean
}

/** Options as they are after the door: complete, checked, and without secrets in the URL. */
export interface HttpSettings {
	readonly url: URL
	readonly headers: Readonly<Record<string, string>> | PerRequest<Readonly<Record<string, string>>>
	/** The whole `Authorization`, or what gives the token for it. */
	readonly authorization: string | PerRequest<string> | undefined
	readonly dispatcher: Dispatcher | undefined
	readonly fetch: FetchLike | undefined
	readonly headersTimeout: number
	readonly bodyTimeout: number
	readonly connectTimeout: number
	readonly maxRedirects: number
	readonly allowRedirectTo: (url: URL) => boolean
	readonly minRefreshInterval: number
	readonly maxRefreshInterval: number
	readonly acceptEncoding: string
	readonly wantDigest: boolean
}

const KNOWN: ReadonlyArray<keyof HttpFetcherOptions> = [
	'url',
	'headers',
	'bearerToken',
	'dispatcher',
	'fetch',
	'headersTimeout',
	'bodyTimeout',
	'connectTimeout',
	'maxRedirects',
	'allowRedirectTo',
	'minRefreshInterval',
	'maxRefreshInterval',
	'acceptEncoding',
	'wantDigest',
]
const ENCODINGS: readonly unknown[] = ['gzip', 'deflate', 'br', 'zstd'] satisfies Encoding[]
/** Not those that need a reason: `br` is slow to undo, and what `deflate` means has never been agreed upon. */
const DEFAULT_ENCODINGS = (['zstd', 'gzip'] as const).filter(one => supportedEncodings.includes(one))

export const parseHttpOptions = (options: HttpFetcherOptions): HttpSettings => {
	if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
	onlyKnownOptions('HttpFetcher', options, KNOWN)
	const {
		headers = {},
		bearerToken,
		dispatcher,
		fetch,
		headersTimeout = 10_000,
		bodyTimeout = 10_000,
		connectTimeout = 5_000,
		maxRedirects = 3,
		allowRedirectTo = () => true,
		minRefreshInterval = 0,
		maxRefreshInterval = 24 * 3_600_000,
		acceptEncoding = fetch === undefined ? DEFAULT_ENCODINGS : ['gzip'],
		wantDigest = false,
	} = options
	const { url, basic } = parseUrl(options.url)
	const ownHeaders = typeof headers === 'function' ? headers : checkedHeaders(headers)
	const authorization =
		typeof bearerToken === 'function'
			? bearerToken
			: bearerToken === undefined
				? basic
				: bearerAuthorization(bearerToken)
	const credentials = [
		...(basic === undefined ? [] : ['the user in `url`']),
		...(bearerToken === undefined ? [] : ['`bearerToken`']),
		...('authorization' in ownHeaders ? ['`headers.authorization`'] : []),
	]
	if (credentials.length > 1) throw contradiction(credentials)
	if (dispatcher !== undefined && typeof dispatcher?.request !== 'function')
		throw invalid('dispatcher', 'an undici Dispatcher', dispatcher)
	if (fetch !== undefined && typeof fetch !== 'function') throw invalid('fetch', 'a function', fetch)
	if (fetch !== undefined && dispatcher !== undefined) throw contradiction(['`fetch`', '`dispatcher`'])
	if (typeof allowRedirectTo !== 'function') throw invalid('allowRedirectTo', 'a function', allowRedirectTo)
	if (!Array.isArray(acceptEncoding) || !acceptEncoding.every(one => ENCODINGS.includes(one)))
		throw invalid('acceptEncoding', `an array of ${ENCODINGS.join(', ')}`, acceptEncoding)
	notNegative('minRefreshInterval', minRefreshInterval)
	positive('maxRefreshInterval', maxRefreshInterval)
	if (minRefreshInterval > maxRefreshInterval)
		throw invalid(
			'minRefreshInterval',
			`at most maxRefreshInterval, ${maxRefreshInterval}`,
			minRefreshInterval,
		)
	return Object.freeze({
		url,
		headers: ownHeaders,
		authorization,
		dispatcher,
		fetch,
		headersTimeout: positive('headersTimeout', headersTimeout),
		bodyTimeout: positive('bodyTimeout', bodyTimeout),
		connectTimeout: positive('connectTimeout', connectTimeout),
		maxRedirects: notNegativeInteger('maxRedirects', maxRedirects),
		allowRedirectTo,
		minRefreshInterval,
		maxRefreshInterval,
		acceptEncoding: acceptEncoding.length > 0 ? acceptEncoding.join(', ') : 'identity',
		wantDigest: bool('wantDigest', wantDigest),
	})
}

/** The same options for what lies beside. The suffix belongs to the path, whatever characters are in it. */
export const besideOptions = (options: HttpFetcherOptions, suffix: string): HttpFetcherOptions => {
	const url = new URL(options.url)
	url.pathname += encodeURIComponent(nonEmptyString('suffix', suffix))
	return { ...options, url }
}

export const contradiction = (sources: readonly string[]): RemoteTermError =>
	new RemoteTermError(
		'INVALID_OPTION',
		`Expected only one of ${sources.join(' and ')}, got ${sources.length}`,
	)

const parseUrl = (given: unknown): { url: URL; basic: string | undefined } => {
	const url = parseHttpUrl(given)
	let basic: string | undefined
	if (url.username !== '' || url.password !== '') {
		let pair: string
		try {
			pair = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
		} catch {
			throw refusedUrl('one whose user or password is not percent-encoded UTF-8')
		}
		basic = `Basic ${btoa(String.fromCharCode(...new TextEncoder().encode(pair)))}`
	}
	url.username = url.password = url.hash = ''
	return { url, basic }
}

/** RFC 9110 §5.6.2 */
const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/
/** RFC 9110 §5.5 */
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const RESERVED = new Set([
	...['host', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'te', 'trailer', 'upgrade'],
	...['expect', 'accept-encoding', 'range', 'if-range', 'if-match', 'if-none-match'],
	...['if-modified-since', 'if-unmodified-since'],
])

/** With lower-case names. The error names the header, never its value. */
export const checkedHeaders = (given: unknown): Readonly<Record<string, string>> => {
	if (typeof given !== 'object' || given === null || Array.isArray(given))
		throw invalid('headers', 'an object of strings, or a function returning one', given)
	const checked: Record<string, string> = {}
	for (const [key, value] of Object.entries(given)) {
		const name = key.toLowerCase()
		if (!TOKEN.test(name)) throw invalid('headers', 'an object whose keys are header names', key)
		if (RESERVED.has(name))
			throw new RemoteTermError(
				'INVALID_OPTION',
				`\`headers\` cannot hold ${name}, which HttpFetcher sets itself`,
			)
		if (typeof value !== 'string') throw invalid(`headers.${name}`, 'a string', value)
		if (!FIELD_VALUE.test(value))
			throw new RemoteTermError(
				'INVALID_OPTION',
				`\`headers.${name}\` holds a character that no header can hold, such as a line break`,
			)
		checked[name] = value
	}
	return checked
}

export const bearerAuthorization = (token: unknown): string => {
	if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return `Bearer ${token}`
	// Not `describe`, which quotes short strings.
	throw new RemoteTermError(
		'INVALID_OPTION',
		`Expected \`bearerToken\` to be a string of visible ASCII characters, got ${
			typeof token !== 'string' ? typeof token : token === '' ? 'an empty one' : 'one with others in it'
		}`,
	)
}
