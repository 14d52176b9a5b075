import type { Dispatcher } from 'undici'
import { systemClock, type Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { consoleLogger, safeLogger, type Logger } from '../core/logger.ts'
import { describe, invalid, onlyKnownOptions, positive, positiveInteger } from '../core/options.ts'
import type { Token } from './connection.ts'
import type { EnvironmentParams } from './environment.ts'
import type { EnvironmentHandler, ItemHandler } from './handler.ts'
import type { ItemKind } from './item-kind.ts'
import type { LastGoodOptions } from './last-good.ts'
import { RETRY_DEFAULTS, type RetryCurves } from './retry-policy.ts'

/** Durations are milliseconds, sizes bytes. */
export interface CommonStreamOptions<Item> {
	/** Of the service; `path` is appended to it. */
	readonly url: string | URL
	/** Default `/relay_auto_config`. */
	readonly path?: string | undefined
	/**
	 * What is sent as `Authorization`, as it is: LaunchDarkly's is the bare key, a gateway's `Bearer <token>`. A function,
	 * which may be asynchronous, is asked before each connection, so that credentials rotate; one that fails is a failure
	 * like any other. It goes to the origin of `url` only.
	 */
	readonly token?: Token | undefined
	/** Sent with each request to the origin of `url`. */
	readonly headers?: Readonly<Record<string, string>> | undefined
	/** Sent as `rpacProtocolVersion` where it is more than 1; default 2, which is the one with filters. */
	readonly protocolVersion?: number | undefined
	/** In addition to the kind's own: anything but `true` (the reason, best) refuses the item, whose last good value stays. */
	readonly validate?: ((item: Item, id: string) => true | string) | undefined
	/** Keeps the last good configuration on disk, so that a start works without the service. */
	readonly lastGood?: LastGoodOptions | undefined
	/** How long `start` waits at most; `null` for as long as it takes. Default 60 s. The stream goes on trying after that. */
	readonly startTimeout?: number | null | undefined
	/** Until the answer's headers are there, the token function included; default 30 s. */
	readonly connectTimeout?: number | undefined
	/** How long the stream may be silent, comments included, before it counts as dead; default 5 min. */
	readonly readTimeout?: number | undefined
	/** How long a promise that the handler returned is waited for; default 30 s. */
	readonly handlerTimeout?: number | undefined
	/** Default 128 MiB. */
	readonly maxEventBytes?: number | undefined
	/** Of each collection; more are refused, one by one. Default 1,000,000. */
	readonly maxItems?: number | undefined
	/** How many deletions are remembered, of each collection; default 10,000. See `Ordering`. */
	readonly maxTombstones?: number | undefined
	readonly retry?: Partial<RetryCurves> | undefined
	/** An undici dispatcher, for proxies and certificates. It is not closed with the manager. */
	readonly dispatcher?: Dispatcher | undefined
	readonly clock?: Clock | undefined
	/** From 0 up to 1. Default `Math.random`. */
	readonly random?: (() => number) | undefined
	readonly logger?: Logger | undefined
}

export interface ItemStreamOptions<Item> extends CommonStreamOptions<Item> {
	readonly kind: ItemKind<Item>
	readonly handler: ItemHandler<Item>
}

export interface EnvironmentStreamOptions<Item> extends CommonStreamOptions<Item> {
	readonly kind?: undefined
	readonly handler: EnvironmentHandler
}

/** Without a `kind`, the items are LaunchDarkly's environments. */
export type StreamManagerOptions<Item = EnvironmentParams> =
	ItemStreamOptions<Item> | EnvironmentStreamOptions<Item>

export interface ReadStreamOptions {
	readonly url: URL
	readonly token: Token | undefined
	readonly headers: Readonly<Record<string, string>>
	readonly startTimeout: number | null
	readonly connectTimeout: number
	readonly readTimeout: number
	readonly handlerTimeout: number
	readonly maxEventBytes: number
	readonly maxItems: number
	readonly maxTombstones: number
	readonly retry: RetryCurves
	readonly dispatcher: Dispatcher | undefined
	readonly clock: Clock
	readonly random: () => number
	readonly logger: Logger
}

const KNOWN = [
	...['url', 'path', 'token', 'headers', 'protocolVersion', 'kind', 'handler', 'validate', 'lastGood'],
	...['startTimeout', 'connectTimeout', 'readTimeout', 'handlerTimeout', 'maxEventBytes', 'maxItems'],
	...['maxTombstones', 'retry', 'dispatcher', 'clock', 'random', 'logger'],
]

/** @throws `INVALID_OPTION` */
export const readStreamOptions = <Item>(options: StreamManagerOptions<Item>): ReadStreamOptions => {
	onlyKnownOptions('StreamManager', options, KNOWN)
	checkHandler(options)
	const { token, headers = {}, startTimeout = 60_000, clock = systemClock } = options
	if (token !== undefined && typeof token !== 'function' && !isHeaderValue(token))
		throw secretOption('token', 'printable ASCII, not empty, or a function')
	for (const [name, value] of Object.entries(headers)) {
		if (
			!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) ||
			typeof value !== 'string' ||
			/[^\t\x20-\x7e]/.test(value)
		)
			throw secretOption('headers', 'names and values that HTTP allows')
	}
	return {
		url: streamUrl(options),
		token,
		headers: lowerCased(headers),
		startTimeout: startTimeout === null ? null : positive('startTimeout', startTimeout),
		connectTimeout: positive('connectTimeout', options.connectTimeout ?? 30_000),
		readTimeout: positive('readTimeout', options.readTimeout ?? 5 * 60_000),
		handlerTimeout: positive('handlerTimeout', options.handlerTimeout ?? 30_000),
		maxEventBytes: positiveInteger('maxEventBytes', options.maxEventBytes ?? 128 * 1024 * 1024),
		maxItems: positiveInteger('maxItems', options.maxItems ?? 1_000_000),
		maxTombstones: positiveInteger('maxTombstones', options.maxTombstones ?? 10_000),
		retry: readCurves(options.retry ?? {}),
		dispatcher: options.dispatcher,
		clock,
		random: options.random ?? Math.random,
		logger: safeLogger(options.logger ?? consoleLogger),
	}
}

const isHeaderValue = (value: unknown): boolean => typeof value === 'string' && /^[\x20-\x7e]+$/.test(value)

/** What was found is a secret. */
const secretOption = (option: string, expected: string): RemoteTermError =>
	new RemoteTermError('INVALID_OPTION', `Expected \`${option}\` to be ${expected}`)

const lowerCased = (headers: Readonly<Record<string, string>>): Record<string, string> =>
	Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))

const streamUrl = ({
	url,
	path = '/relay_auto_config',
	protocolVersion = 2,
}: CommonStreamOptions<never>): URL => {
	positiveInteger('protocolVersion', protocolVersion)
	if (typeof path !== 'string' || !path.startsWith('/'))
		throw invalid('path', 'a path that begins with /', path)
	const base = URL.canParse(String(url)) ? new URL(url) : undefined
	if (base === undefined || !/^https?:$/.test(base.protocol))
		throw invalid('url', 'an http or https URL', typeof url === 'string' ? url : describe(url))
	if (base.username !== '' || base.password !== '')
		throw new RemoteTermError('INVALID_OPTION', 'Expected `url` to have no user or password: use `token`')
	base.hash = ''
	base.pathname = base.pathname.replace(/\/+$/, '') + path
	if (protocolVersion > 1) base.searchParams.set('rpacProtocolVersion', String(protocolVersion))
	return base
}

const readCurves = (retry: Partial<RetryCurves>): RetryCurves => {
	onlyKnownOptions('retry', retry, Object.keys(RETRY_DEFAULTS))
	const read = (name: keyof RetryCurves): number =>
		positive(`retry.${name}`, retry[name] ?? RETRY_DEFAULTS[name])
	return {
		base: read('base'),
		cap: read('cap'),
		extendedBase: read('extendedBase'),
		extendedCap: read('extendedCap'),
		healthyAfter: read('healthyAfter'),
	}
}

const checkHandler = <Item>({ kind, handler }: StreamManagerOptions<Item>): void => {
	const expected =
		kind === undefined
			? ['addEnvironment', 'updateEnvironment', 'deleteEnvironment']
			: ['add', 'update', 'delete']
	for (const name of expected) {
		if (typeof (handler as unknown as Record<string, unknown> | undefined)?.[name] !== 'function')
			throw invalid('handler', `an object with ${expected.map(one => `\`${one}\``).join(', ')}`, handler)
	}
	if (kind === undefined) return
	if (typeof kind.parse !== 'function' || !/^[A-Za-z0-9_.-]{1,128}$/.test(kind.collection))
		throw invalid('kind', 'an object with `parse` and a `collection` of letters, digits, _, . and -', kind)
}
