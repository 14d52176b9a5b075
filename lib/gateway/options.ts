import type { ConfigDb, ConfigItem } from '../config/config-db.ts'
import type { ItemPolicy } from '../config/receive/push-check.ts'
import type { ServiceConfig } from '../config/push-config.ts'
import type { Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { invalid, notNegativeInteger, onlyKnownOptions, positive, positiveInteger } from '../core/options.ts'
import type { Schema } from '../core/standard-schema.ts'
import type { Anonymity } from './admission.ts'
import type { Audit } from './audit.ts'
import type { ServerLimits } from './node-server.ts'
import type { PullOptions } from './pulls.ts'
import type { RateLimitOptions } from './rate-limit.ts'
import type { JsonSchema, Route } from './route.ts'
import type { Source } from './source-watch.ts'
import type { StreamingOptions } from './stream/streaming.ts'
import type { TokenSpec } from './tokens.ts'

/** Tokens, or where to ask for them. Asked at the start, every few seconds, and by `reloadTokens`. */
export type TokenSource = Source<readonly TokenSpec[]>

/** Sizes in bytes. */
export interface GatewayLimits {
	/** Of a request's body, as it travels. Default: 8 MiB. */
	readonly maxBodyBytes: number
	/** The same after decompression. Default: 32 MiB. */
	readonly maxInflatedBytes: number
	/** Of all bodies that are being read. Beyond it is 503. Default: 256 MiB. */
	readonly maxBytesInFlight: number
	/** Levels of arrays and objects. Default: 64. */
	readonly maxDepth: number
	/** Elements of arrays and members of objects, in the whole body of a request. Default: 500 000. */
	readonly maxValues: number
	/** Of one service. Default: 10 000. */
	readonly maxItems: number
	/** Of all services together. Default: 1 000 000. */
	readonly maxItemsInAll: number
	/** Of one item. Default: 256 KiB. */
	readonly maxItemBytes: number
	/** At once; further ones are closed at once. Default: 1 000. `listen` only. */
	readonly maxConnections: number
	/** Of all headers of a request. Default: 16 KiB. `listen` only. */
	readonly maxHeaderBytes: number
}

/** In milliseconds. */
export interface GatewayTimeouts {
	/** Until all headers of a request are there. Default: 10 s. `listen` only. */
	readonly headers: number
	/** Until its body is. Default: 30 s. */
	readonly body: number
	/** Until the next request of a connection. Default: 5 s. `listen` only. */
	readonly keepAlive: number
	/** How long `close` waits for what is under way. Default: 10 s. */
	readonly drain: number
	/** How often a `tokens` function is asked, and a `tls` one. Default: 5 s. */
	readonly tokens: number
}

export interface GatewayOptions<Item extends ConfigItem> {
	/** Where everything is kept. The gateway opens it at the start, and closes it at its end. */
	readonly db: ConfigDb<Item, ServiceConfig>
	/** Who may ask for what. Default: nobody, which needs `allowAnonymous`. */
	readonly tokens?: TokenSource | undefined
	/**
	 * Who may do everything without a token. Default: `false`, nobody. `'loopback'`: whoever connects from this machine,
	 * by a loopback name; `listen` then refuses any other address. `'anywhere'`: everybody.
	 */
	readonly allowAnonymous?: Anonymity | undefined
	/** Of one item. Default: that of `FunConfig`. */
	readonly schema?: Schema<Item> | undefined
	/** The same as JSON Schema, for the OpenAPI document. Default: that of `FunConfig`, or anything. */
	readonly itemSchema?: JsonSchema | undefined
	/** The operator's word on each item: `true`, or why it is refused. */
	readonly policy?: ItemPolicy<Item> | undefined
	/** From where services may be pulled. Default: from nowhere, and a push that asks for it is refused. */
	readonly pull?: PullOptions | undefined
	readonly limits?: Partial<GatewayLimits> | undefined
	readonly timeouts?: Partial<GatewayTimeouts> | undefined
	/** Requests per token's name. Default: 200 a second, 400 at once. `false`: no limit. */
	readonly rateLimit?: RateLimitOptions | false | undefined
	/** Wrong tokens per address. Default: one in five seconds, 20 at once. `false`: no limit. */
	readonly failedAuthentications?: RateLimitOptions | false | undefined
	/** How many proxies of ours stand in front, whose `X-Forwarded-For` counts. Default: 0. */
	readonly trustedProxies?: number | undefined
	/** What stands before every path, for instance `/config`. Default: nothing. */
	readonly basePath?: string | undefined
	/** Routes beside our own, behind the same tokens and limits. */
	readonly routes?: readonly Route[] | undefined
	/** How `/relay_auto_config` is served. `false`: it is not. */
	readonly stream?: StreamingOptions | false | undefined
	/** Told of every write. Default: a line of the logger's. */
	readonly audit?: Audit | undefined
	readonly clock?: Clock | undefined
	/** Between 0 and 1, as `Math.random`. */
	readonly random?: (() => number) | undefined
	readonly logger?: Logger | undefined
}

const LIMITS: GatewayLimits = Object.freeze({
	maxBodyBytes: 8 * 2 ** 20,
	maxInflatedBytes: 32 * 2 ** 20,
	maxBytesInFlight: 256 * 2 ** 20,
	maxDepth: 64,
	maxValues: 500_000,
	maxItems: 10_000,
	maxItemsInAll: 1_000_000,
	maxItemBytes: 256 * 2 ** 10,
	maxConnections: 1_000,
	maxHeaderBytes: 16 * 2 ** 10,
})

const TIMEOUTS: GatewayTimeouts = Object.freeze({
	headers: 10_000,
	body: 30_000,
	keepAlive: 5_000,
	drain: 10_000,
	tokens: 5_000,
})

export interface CheckedOptions {
	readonly limits: GatewayLimits
	readonly timeouts: GatewayTimeouts
	readonly rateLimit: RateLimitOptions | false
	readonly failedAuthentications: RateLimitOptions | false
	readonly anonymity: Anonymity
	readonly trustedProxies: number
	readonly basePath: string
	readonly tokens: TokenSource
}

/** @throws `INVALID_OPTION` */
export const checkOptions = <Item extends ConfigItem>(options: GatewayOptions<Item>): CheckedOptions => {
	if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
	onlyKnownOptions('createGateway', options, [
		...['db', 'tokens', 'allowAnonymous', 'schema', 'itemSchema', 'policy', 'pull', 'limits', 'timeouts'],
		...['rateLimit', 'failedAuthentications', 'trustedProxies', 'basePath', 'routes', 'stream', 'audit'],
		...['clock', 'random', 'logger'],
	])
	const { db, tokens = [], allowAnonymous = false, limits = {}, timeouts = {} } = options
	const { trustedProxies = 0, basePath = '' } = options
	if (typeof db?.open !== 'function') throw invalid('db', 'a ConfigDb', db)
	onlyKnownOptions('limits', limits, Object.keys(LIMITS))
	for (const [name, value] of Object.entries(limits)) positiveInteger(`limits.${name}`, value)
	onlyKnownOptions('timeouts', timeouts, Object.keys(TIMEOUTS))
	for (const [name, value] of Object.entries(timeouts)) positive(`timeouts.${name}`, value)
	if (allowAnonymous !== false && allowAnonymous !== 'loopback' && allowAnonymous !== 'anywhere')
		throw invalid('allowAnonymous', "false, 'loopback' or 'anywhere'", allowAnonymous)
	if (typeof tokens !== 'function' && !Array.isArray(tokens))
		throw invalid('tokens', 'an array of tokens, or a function that returns one', tokens)
	if (typeof tokens !== 'function' && tokens.length === 0 && allowAnonymous === false)
		throw new RemoteTermError(
			'INVALID_OPTION',
			"A gateway without tokens lets nobody in: give it `tokens`, or `allowAnonymous: 'loopback'` for this machine only",
		)
	if (!/^(?:\/[\w.~-]+)*$/.test(basePath))
		throw invalid('basePath', 'empty, or a path such as `/config` without a slash at its end', basePath)
	return {
		limits: { ...LIMITS, ...limits },
		timeouts: { ...TIMEOUTS, ...timeouts },
		rateLimit: options.rateLimit ?? { perSecond: 200, burst: 400 },
		failedAuthentications: options.failedAuthentications ?? { perSecond: 0.2, burst: 20 },
		anonymity: allowAnonymous,
		trustedProxies: notNegativeInteger('trustedProxies', trustedProxies),
		...{ basePath, tokens },
	}
}

export const serverLimitsOf = ({
	limits,
	timeouts,
}: Pick<CheckedOptions, 'limits' | 'timeouts'>): ServerLimits => ({
	maxBodyBytes: limits.maxBodyBytes,
	maxConnections: limits.maxConnections,
	maxHeaderSize: limits.maxHeaderBytes,
	headersTimeout: timeouts.headers,
	requestTimeout: timeouts.headers + timeouts.body,
	keepAliveTimeout: timeouts.keepAlive,
})
