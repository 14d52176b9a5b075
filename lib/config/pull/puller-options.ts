import type { LookupFunction } from 'node:net'
import { systemClock, type Clock } from '../../core/clock.ts'
import type { Fetcher } from '../../core/fetcher.ts'
import { consoleLogger, safeLogger, silentLogger, type Logger } from '../../core/logger.ts'
import { fraction, invalid, onlyKnownOptions, positive, positiveInteger } from '../../core/options.ts'
import type { Backoff } from '../../term/backoff.ts'
import { createOriginPolicy, type OriginPolicy } from './origin-policy.ts'
import type { ConfigDb, ConfigItem } from '../config-db.ts'
import type { ServiceConfig } from '../push-config.ts'
import type { ReceivedConfig } from '../receive/receiver-contract.ts'

const SECOND = 1000
const MiB = 2 ** 20

/** As much of a `ConfigReceiver` as the puller needs. All of it is stored, or it rejects and nothing has changed. */
export interface PullReceiver {
	receive(received: ReceivedConfig): Promise<unknown>
}

/** As much of a `ConfigDb` as the puller needs. */
export type PullDb = Pick<ConfigDb<ConfigItem, ServiceConfig>, 'service' | 'services' | 'items' | 'watch'>

/** A fetcher for one service, made when it is first pulled and closed when it is pulled no more. */
export type NamedFetcher = (service: ServiceConfig) => Fetcher | Promise<Fetcher>

/** All durations in milliseconds, all sizes in bytes. What is left out has the default that is named with it. */
export interface ConfigPullerOptions {
	/** What is pulled passes its gate: validated as a whole, stored as a whole or not at all. */
	readonly receiver: PullReceiver
	/** Holds the registrations that pushes have brought, and the version of what is stored. It is open. */
	readonly db: PullDb
	/** Pulled besides those that are registered by pushes. Default: none. */
	readonly services?: readonly ServiceConfig[] | undefined
	/** What nodes may name besides allowed origins. What such a fetcher connects to is its author's business. */
	readonly fetchers?: Readonly<Record<string, NamedFetcher>> | undefined
	/** See `OriginPolicyOptions`. Default: none. */
	readonly allowedOrigins?: readonly string[] | undefined
	/** See `OriginPolicyOptions`. Default: none beyond the public ones. */
	readonly allowedAddresses?: readonly string[] | undefined
	/** In place of the two, where the receiver goes by it, too. It has to know the names of `fetchers`. */
	readonly policy?: OriginPolicy | undefined
	/** How often a service is asked that does not say so itself. Default: 30 s. */
	readonly refreshInterval?: number | undefined
	/** No service is asked more often, whatever it says. Default: 1 s. */
	readonly minRefreshInterval?: number | undefined
	/** The limit on one pull, from its turn on, for a service that does not say so itself. Default: 5 s. */
	readonly timeout?: number | undefined
	/** No service is given more time, whatever it says. Default: 60 s. */
	readonly maxTimeout?: number | undefined
	/** After failures, for each service by itself: from `base` to `cap`, half of it at random. Default: 1 s to 300 s. */
	readonly backoff?: Partial<Backoff> | undefined
	/** The share of the interval by which each pull is moved at random. Default: 0.1. */
	readonly jitter?: number | undefined
	/** How long a node that has failed is asked after the others. Default: 60 s. */
	readonly recoverAfter?: number | undefined
	/** Pulls under way at a time, of all services together. Default: 8. */
	readonly maxParallel?: number | undefined
	/** Services that are pulled. Registrations beyond that wait for a free place, which is logged. Default: 10,000. */
	readonly maxServices?: number | undefined
	/** The largest document, as it travels. Default: 64 MiB. */
	readonly maxBytes?: number | undefined
	/** The largest document after decompression. Default: 256 MiB. */
	readonly maxInflatedBytes?: number | undefined
	/** How names are resolved. Default: as the operating system does. */
	readonly lookup?: LookupFunction | undefined
	/** Default: warnings and errors to the console. `false`: silent. */
	readonly logger?: Logger | false | undefined
	readonly clock?: Clock | undefined
	/** A number from 0 up to 1, for jitter. Default: `Math.random`. */
	readonly random?: (() => number) | undefined
}

export interface PullerSettings {
	readonly receiver: PullReceiver
	readonly db: PullDb
	readonly services: readonly ServiceConfig[]
	readonly fetchers: ReadonlyMap<string, NamedFetcher>
	readonly policy: OriginPolicy
	readonly refreshInterval: number
	readonly minRefreshInterval: number
	readonly timeout: number
	readonly maxTimeout: number
	readonly backoff: Backoff
	readonly jitter: number
	readonly recoverAfter: number
	readonly maxParallel: number
	readonly maxServices: number
	readonly maxBytes: number
	readonly maxInflatedBytes: number
	readonly lookup: LookupFunction | undefined
	readonly logger: Logger
	readonly clock: Clock
	readonly random: () => number
}

const KNOWN: ReadonlyArray<keyof ConfigPullerOptions> = [
	...(['receiver', 'db', 'services', 'fetchers', 'allowedOrigins', 'allowedAddresses', 'policy'] as const),
	...(['refreshInterval', 'minRefreshInterval', 'timeout', 'maxTimeout', 'backoff', 'jitter'] as const),
	...(['recoverAfter', 'maxParallel', 'maxServices', 'maxBytes', 'maxInflatedBytes', 'lookup'] as const),
	...(['logger', 'clock', 'random'] as const),
]

/** @throws `INVALID_OPTION` */
export const parsePullerOptions = (options: ConfigPullerOptions): PullerSettings => {
	if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
	onlyKnownOptions('ConfigPuller', options, KNOWN)
	const {
		receiver,
		db,
		services = [],
		fetchers = {},
		allowedOrigins,
		allowedAddresses,
		policy,
		refreshInterval = 30 * SECOND,
		minRefreshInterval = Math.min(SECOND, refreshInterval),
		timeout = 5 * SECOND,
		maxTimeout = Math.max(60 * SECOND, timeout),
		backoff = {},
		jitter = 0.1,
		recoverAfter = 60 * SECOND,
		maxParallel = 8,
		maxServices = 10_000,
		maxBytes = 64 * MiB,
		maxInflatedBytes = 256 * MiB,
		lookup,
		logger = consoleLogger,
		clock = systemClock,
		random = Math.random,
	} = options
	if (typeof receiver?.receive !== 'function') throw invalid('receiver', 'a ConfigReceiver', receiver)
	if (typeof db?.watch !== 'function' || typeof db.services !== 'function')
		throw invalid('db', 'a ConfigDb', db)
	if (!Array.isArray(services)) throw invalid('services', 'an array', services)
	if (typeof fetchers !== 'object' || fetchers === null || Array.isArray(fetchers))
		throw invalid('fetchers', 'an object of functions by name', fetchers)
	const named = new Map(Object.entries(fetchers))
	for (const [name, make] of named)
		if (typeof make !== 'function') throw invalid(`fetchers.${name}`, 'a function that makes a Fetcher', make)
	if (policy !== undefined && (allowedOrigins ?? allowedAddresses) !== undefined)
		throw invalid('policy', 'left out where `allowedOrigins` or `allowedAddresses` is given', policy)
	if (lookup !== undefined && typeof lookup !== 'function') throw invalid('lookup', 'a function', lookup)
	if (typeof random !== 'function') throw invalid('random', 'a function', random)
	if (typeof backoff !== 'object' || backoff === null) throw invalid('backoff', 'an object', backoff)
	onlyKnownOptions('backoff', backoff, ['base', 'cap'])
	const { cap = 300 * SECOND, base = Math.min(SECOND, cap) } = backoff
	if (base > cap) throw invalid('backoff.base', `at most \`backoff.cap\` (${cap})`, base)
	if (minRefreshInterval > refreshInterval)
		throw invalid(
			'minRefreshInterval',
			`at most \`refreshInterval\` (${refreshInterval})`,
			minRefreshInterval,
		)
	if (timeout > maxTimeout) throw invalid('timeout', `at most \`maxTimeout\` (${maxTimeout})`, timeout)
	return Object.freeze({
		receiver,
		db,
		services,
		fetchers: named,
		policy:
			policy ?? createOriginPolicy({ allowedOrigins, allowedAddresses, fetcherNames: [...named.keys()] }),
		refreshInterval: positive('refreshInterval', refreshInterval),
		minRefreshInterval: positive('minRefreshInterval', minRefreshInterval),
		timeout: positive('timeout', timeout),
		maxTimeout: positive('maxTimeout', maxTimeout),
		backoff: Object.freeze({ base: positive('backoff.base', base), cap: positive('backoff.cap', cap) }),
		jitter: fraction('jitter', jitter),
		recoverAfter: positive('recoverAfter', recoverAfter),
		maxParallel: positiveInteger('maxParallel', maxParallel),
		maxServices: positiveInteger('maxServices', maxServices),
		maxBytes: positiveInteger('maxBytes', maxBytes),
		maxInflatedBytes: positiveInteger('maxInflatedBytes', maxInflatedBytes),
		lookup,
		logger: logger === false ? silentLogger : safeLogger(logger),
		clock,
		random,
	})
}
