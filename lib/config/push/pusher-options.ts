import type { Dispatcher } from 'undici'
import { systemClock, type Clock } from '../../core/clock.ts'
import { RemoteTermError } from '../../core/errors.ts'
import { parseHttpUrl, refusedUrl } from '../../core/http-url.ts'
import { consoleLogger, safeLogger, silentLogger, type Logger } from '../../core/logger.ts'
import {
	fraction,
	invalid,
	notNegativeInteger,
	onlyKnownOptions,
	positive,
	positiveInteger,
} from '../../core/options.ts'
import type { Backoff } from '../../term/backoff.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const KiB = 2 ** 10

/** Asked before each request, so that tokens can rotate. What it waits for ends with `signal`. */
export type TokenSource = (call: { readonly signal: AbortSignal }) => string | Promise<string>

/** All durations in milliseconds, all sizes in bytes. What is left out has the default that is named with it. */
export interface ConfigPusherOptions {
	/** Where the gateway is: `https://gateway.example.com`, or with a path in front of its own. No user, no query. */
	readonly url: string | URL
	/**
	 * Sent as `Authorization: Bearer …`, to `url` only: redirects are not followed. After a 401 a function is asked once more,
	 * and if it then gives another token the request is made once more. Never logged, and no part of any error.
	 */
	readonly token?: string | TokenSource | undefined
	/** The limit on one request, the token and the whole answer included. Default: 5 s. */
	readonly timeout?: number | undefined
	/** How configurations travel. Default: `json`. */
	readonly format?: 'json' | 'msgpack' | undefined
	/** Bodies of so many bytes or more are compressed. `null`: none. Default: 8 KiB. */
	readonly gzipAbove?: number | null | undefined
	/** The largest answer. Default: 1 MiB. */
	readonly maxResponseBytes?: number | undefined
	/** An undici dispatcher to go through, for proxies and certificates. It stays yours. Default: one of our own. */
	readonly dispatcher?: Dispatcher | undefined
	/** `pushOnStartup`: between attempts while the gateway cannot be reached, half of it at random. Default: 1 s to 60 s. */
	readonly backoff?: Partial<Backoff> | undefined
	/**
	 * `pushOnStartup`: the same after a refusal that trying again will hardly change, such as a bad token or a bad item.
	 * Default: 60 s to 15 min.
	 */
	readonly refusedBackoff?: Partial<Backoff> | undefined
	/** `pushOnStartup`: how often the gateway is asked whether it still has it. `null`: never. Default: 60 s. */
	readonly verifyInterval?: number | null | undefined
	/** The share of `verifyInterval` by which each look is moved at random. Default: 0.1. */
	readonly jitter?: number | undefined
	/** Default: warnings and errors to the console. `false`: silent. */
	readonly logger?: Logger | false | undefined
	readonly clock?: Clock | undefined
	/** A number from 0 up to 1, for jitter. Default: `Math.random`. */
	readonly random?: (() => number) | undefined
}

export interface PusherSettings {
	/** Ends with a slash. */
	readonly url: URL
	readonly token: string | TokenSource | undefined
	readonly timeout: number
	readonly format: 'json' | 'msgpack'
	readonly gzipAbove: number
	readonly maxResponseBytes: number
	readonly dispatcher: Dispatcher | undefined
	readonly backoff: Backoff
	readonly refusedBackoff: Backoff
	readonly verifyInterval: number | null
	readonly jitter: number
	readonly logger: Logger
	readonly clock: Clock
	readonly random: () => number
}

const KNOWN: ReadonlyArray<keyof ConfigPusherOptions> = [
	...(['url', 'token', 'timeout', 'format', 'gzipAbove', 'maxResponseBytes', 'dispatcher'] as const),
	...(['backoff', 'refusedBackoff', 'verifyInterval', 'jitter', 'logger', 'clock', 'random'] as const),
]

/** @throws `INVALID_OPTION` */
export const parsePusherOptions = (options: ConfigPusherOptions): PusherSettings => {
	if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
	onlyKnownOptions('ConfigPusher', options, KNOWN)
	const {
		token,
		timeout = 5 * SECOND,
		format = 'json',
		gzipAbove = 8 * KiB,
		maxResponseBytes = KiB * KiB,
		dispatcher,
		backoff = {},
		refusedBackoff = {},
		verifyInterval = MINUTE,
		jitter = 0.1,
		logger = consoleLogger,
		clock = systemClock,
		random = Math.random,
	} = options
	if (format !== 'json' && format !== 'msgpack') throw invalid('format', "'json' or 'msgpack'", format)
	if (dispatcher !== undefined && typeof dispatcher?.request !== 'function')
		throw invalid('dispatcher', 'an undici Dispatcher', dispatcher)
	if (typeof random !== 'function') throw invalid('random', 'a function', random)
	return Object.freeze({
		url: parseUrl(options.url),
		token: typeof token === 'function' || token === undefined ? token : checkedToken(token),
		timeout: positive('timeout', timeout),
		format,
		gzipAbove: gzipAbove === null ? Infinity : notNegativeInteger('gzipAbove', gzipAbove),
		maxResponseBytes: positiveInteger('maxResponseBytes', maxResponseBytes),
		dispatcher,
		backoff: parseBackoff('backoff', backoff, { base: SECOND, cap: MINUTE }),
		refusedBackoff: parseBackoff('refusedBackoff', refusedBackoff, { base: MINUTE, cap: 15 * MINUTE }),
		verifyInterval: verifyInterval === null ? null : positive('verifyInterval', verifyInterval),
		jitter: fraction('jitter', jitter),
		logger: logger === false ? silentLogger : safeLogger(logger),
		clock,
		random,
	})
}

/** Never quotes what it was given. */
export const checkedToken = (token: unknown): string => {
	if (typeof token === 'string' && /^[\x21-\x7e]+$/.test(token)) return token
	const found =
		typeof token !== 'string' ? typeof token : token === '' ? 'an empty one' : 'one with others in it'
	throw new RemoteTermError(
		'INVALID_OPTION',
		`Expected \`token\` to be a string of visible ASCII characters, got ${found}`,
	)
}

const parseBackoff = (option: string, given: Partial<Backoff>, usual: Backoff): Backoff => {
	if (typeof given !== 'object' || given === null) throw invalid(option, 'an object', given)
	onlyKnownOptions(option, given, ['base', 'cap'])
	const { cap = Math.max(usual.cap, given.base ?? 0), base = Math.min(usual.base, cap) } = given
	if (base > cap) throw invalid(`${option}.base`, `at most \`${option}.cap\` (${cap})`, base)
	return Object.freeze({ base: positive(`${option}.base`, base), cap: positive(`${option}.cap`, cap) })
}

const parseUrl = (given: unknown): URL => {
	const url = parseHttpUrl(given)
	if (url.username !== '' || url.password !== '') throw refusedUrl('one with a user in it; there is `token`')
	if (url.search !== '') throw refusedUrl('one with a query')
	url.hash = ''
	if (!url.pathname.endsWith('/')) url.pathname += '/'
	return url
}
