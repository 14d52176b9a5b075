import { systemClock, type Clock } from '../core/clock.ts'
import type { Fetcher } from '../core/fetcher.ts'
import { consoleLogger, safeLogger, silentLogger, type Logger } from '../core/logger.ts'
import {
	bool,
	fraction,
	invalid,
	nonEmptyString,
	onlyKnownOptions,
	positive,
	notNegativeInteger,
	positiveInteger,
} from '../core/options.ts'
import type { PublicKeyOption } from '../integrity/keys.ts'
import type { Schema } from '../core/standard-schema.ts'
import type { Backoff } from './backoff.ts'
import type { DriftGuard } from './drift.ts'
import type { ScheduleSettings } from './schedule.ts'

const MiB = 2 ** 20
const SECOND = 1000
const HOUR = 3_600 * SECOND

export interface LastKnownGood {
	readonly directory: string
	readonly keep?: number | undefined
	readonly maxBytes?: number | undefined
}

export interface Integrity {
	/** The SHA-256 that the bytes must have, in hexadecimal: for content that must not change. */
	readonly digest?: string | undefined
	/** Refuses bytes whose source promises no digest (`Repr-Digest`, `Content-Digest`, S3 checksums). */
	readonly requireDigest?: boolean | undefined
	/** Reads the checksum file (`.sha256`) that lies beside the content, there or where this fetcher finds it. */
	readonly checksum?: boolean | Fetcher | undefined
	/** Ed25519 keys, any one of which must have signed the bytes under this term's name. See `remote-term keygen`. */
	readonly publicKeys?: readonly PublicKeyOption[] | undefined
	/** Finds the signature, where it does not lie beside the content under the same name with `.sig`. */
	readonly signature?: Fetcher | undefined
}

/** All durations in milliseconds, all sizes in bytes. What is left out has the default that is named with it. */
export interface RemoteTermOptions<T> {
	/** Where the term comes from. A fetcher belongs to one term, which initialises and closes it. */
	readonly fetcher: Fetcher
	/** For logs, errors and metrics. Default: the name of the class. */
	readonly name?: string | undefined
	/**
	 * How often the source is asked. `null`: only as often as the source's own freshness says, or never. Default: as
	 * the source says, or every 60 s where it says nothing.
	 */
	readonly refreshInterval?: number | null | undefined
	/** `start()` returns at once, and the first refresh runs behind it. Default: false. */
	readonly lazyInit?: boolean | undefined
	/** Inflates bodies that begin with the magic bytes of gzip or, where the runtime has it, zstd. Default: true. */
	readonly autoDecompress?: boolean | undefined
	/** The limit on one refresh, from the request to `put`. Default: 30 s. */
	readonly timeout?: number | undefined
	/** The limit on `start()` as a whole, `setup` and the fetcher's `init` included. Default: 60 s. */
	readonly startTimeout?: number | undefined
	/** The largest body, as it travels. Default: 64 MiB. */
	readonly maxBytes?: number | undefined
	/** The largest body after decompression. Default: 512 MiB. */
	readonly maxInflatedBytes?: number | undefined
	/** No source, and no `watch`, makes the term refresh more often than this. Default: 1 s. */
	readonly minRefreshInterval?: number | undefined
	/** No source makes the term wait longer than this. Default: 24 h. */
	readonly maxRefreshInterval?: number | undefined
	/** The share of the interval by which each refresh is moved at random, so that a fleet spreads. Default: 0.1. */
	readonly jitter?: number | undefined
	/** After failures: exponential from `base` to `cap`, half of it at random. Default: 1 s to 60 s. */
	readonly backoff?: Partial<Backoff> | undefined
	/**
	 * How long the value may go unconfirmed before `health()` calls it stale; it is served all the same. `null`: never.
	 * Default: what the source says (`must-revalidate`, `stale-if-error`), else three refresh intervals.
	 */
	readonly staleAfter?: number | null | undefined
	/**
	 * A directory in which accepted bytes are kept, for the start at which the source does not answer. Several processes
	 * may share it. Alone or with `keep` (how many; default 3) and `maxBytes`.
	 */
	readonly lastKnownGood?: string | LastKnownGood | undefined
	/**
	 * `disk-first`: `start()` resolves with the newest intact snapshot, if there is one, and asks the source behind it.
	 * Default: `source-first`, the snapshot only counts if the source does not answer.
	 */
	readonly startFrom?: 'source-first' | 'disk-first' | undefined
	/** How many earlier values `rollback` can return to, kept in memory as the bytes they came as. Default: 1. */
	readonly history?: number | undefined
	/** Refuses a value that is this many times larger or smaller than the last one. Default: no such guard. */
	readonly driftGuard?: DriftGuard | undefined
	/** What bytes must prove about where they come from. Default: only what the source itself promises. */
	readonly integrity?: Integrity | undefined
	/** Any Standard Schema. Its output becomes the value; what it refuses is refused. */
	readonly schema?: Schema<T> | undefined
	/** A bundled value, in place from the beginning and until the source has given a better one. */
	readonly initial?: T | undefined
	/** Default: warnings and errors to the console. `false`: silent. */
	readonly logger?: Logger | false | undefined
	readonly clock?: Clock | undefined
	/** A number from 0 up to 1, for jitter. Default: `Math.random`. */
	readonly random?: (() => number) | undefined
	/** Stops the term when aborted. */
	readonly signal?: AbortSignal | undefined
}

export interface Settings<T> extends ScheduleSettings {
	readonly fetcher: Fetcher
	readonly name: string
	readonly lazyInit: boolean
	readonly autoDecompress: boolean
	readonly timeout: number
	readonly startTimeout: number
	readonly maxBytes: number
	readonly maxInflatedBytes: number
	readonly staleAfter: number | null | undefined
	readonly schema: Schema<T> | undefined
	readonly initial: T | undefined
	readonly lastKnownGood: LastKnownGood | undefined
	readonly startFrom: 'source-first' | 'disk-first'
	readonly history: number
	readonly driftGuard: DriftGuard | undefined
	readonly integrity: Integrity | undefined
	/** Whether the bytes of accepted values are kept. */
	readonly keepSent: boolean
	readonly digestDecoded: boolean
	readonly logger: Logger
	readonly clock: Clock
	readonly random: () => number
	readonly signal: AbortSignal | undefined
}

export const KNOWN_OPTIONS = [
	'fetcher',
	'name',
	'refreshInterval',
	'lazyInit',
	'autoDecompress',
	'timeout',
	'startTimeout',
	'maxBytes',
	'maxInflatedBytes',
	'minRefreshInterval',
	'maxRefreshInterval',
	'jitter',
	'backoff',
	'staleAfter',
	'lastKnownGood',
	'startFrom',
	'history',
	'driftGuard',
	'integrity',
	'schema',
	'initial',
	'logger',
	'clock',
	'random',
	'signal',
] as const satisfies ReadonlyArray<keyof RemoteTermOptions<unknown>>

export const parseOptions = <T>(options: RemoteTermOptions<T>, className: string): Settings<T> => {
	if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
	onlyKnownOptions('RemoteTerm', options, KNOWN_OPTIONS)
	const {
		fetcher,
		name = className,
		refreshInterval,
		lazyInit = false,
		autoDecompress = true,
		timeout = 30 * SECOND,
		startTimeout = 60 * SECOND,
		maxBytes = 64 * MiB,
		maxInflatedBytes = 512 * MiB,
		maxRefreshInterval = 24 * HOUR,
		minRefreshInterval = Math.min(SECOND, maxRefreshInterval),
		jitter = 0.1,
		backoff = {},
		staleAfter,
		lastKnownGood,
		startFrom = 'source-first',
		history = 1,
		driftGuard,
		integrity,
		schema,
		initial,
		logger = consoleLogger,
		clock = systemClock,
		random = Math.random,
		signal,
	} = options

	for (const method of ['init', 'currentVersion', 'download'] as const) {
		if (typeof fetcher?.[method] !== 'function')
			throw invalid('fetcher', `a Fetcher with a method \`${method}\``, fetcher)
	}
	if (minRefreshInterval > maxRefreshInterval) {
		throw invalid(
			'minRefreshInterval',
			`at most \`maxRefreshInterval\` (${maxRefreshInterval})`,
			minRefreshInterval,
		)
	}
	if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
		throw invalid('schema', 'a Standard Schema (zod, valibot, arktype, …)', schema)
	}
	if (
		logger !== false &&
		!(['debug', 'info', 'warn', 'error'] as const).every(level => typeof logger?.[level] === 'function')
	) {
		throw invalid('logger', 'false, or an object with `debug`, `info`, `warn` and `error`', logger)
	}
	for (const method of ['now', 'monotonic', 'timer'] as const) {
		if (typeof clock?.[method] !== 'function')
			throw invalid('clock', `a Clock with a method \`${method}\``, clock)
	}
	if (typeof random !== 'function') throw invalid('random', 'a function', random)
	if (signal !== undefined && !(signal instanceof AbortSignal))
		throw invalid('signal', 'an AbortSignal', signal)
	if (typeof backoff !== 'object' || backoff === null) throw invalid('backoff', 'an object', backoff)
	onlyKnownOptions('backoff', backoff, ['base', 'cap'])
	const { cap = 60 * SECOND, base = Math.min(SECOND, cap) } = backoff
	if (base > cap) throw invalid('backoff.base', `at most \`backoff.cap\` (${cap})`, base)

	if (startFrom !== 'source-first' && startFrom !== 'disk-first')
		throw invalid('startFrom', "'source-first' or 'disk-first'", startFrom)
	if (startFrom === 'disk-first' && lastKnownGood === undefined)
		throw invalid('startFrom', "'source-first' where there is no `lastKnownGood`", startFrom)

	return Object.freeze({
		fetcher,
		name: nonEmptyString('name', name),
		refreshInterval:
			typeof refreshInterval === 'number' || (refreshInterval !== null && refreshInterval !== undefined)
				? positive('refreshInterval', refreshInterval)
				: refreshInterval,
		lazyInit: bool('lazyInit', lazyInit),
		autoDecompress: bool('autoDecompress', autoDecompress),
		timeout: positive('timeout', timeout),
		startTimeout: positive('startTimeout', startTimeout),
		maxBytes: positiveInteger('maxBytes', maxBytes),
		maxInflatedBytes: positiveInteger('maxInflatedBytes', maxInflatedBytes),
		minRefreshInterval: positive('minRefreshInterval', minRefreshInterval),
		maxRefreshInterval: positive('maxRefreshInterval', maxRefreshInterval),
		jitter: fraction('jitter', jitter),
		backoff: Object.freeze({ base: positive('backoff.base', base), cap: positive('backoff.cap', cap) }),
		staleAfter:
			staleAfter === null || staleAfter === undefined ? staleAfter : positive('staleAfter', staleAfter),
		lastKnownGood: parseLastKnownGood(lastKnownGood),
		startFrom,
		history: notNegativeInteger('history', history),
		driftGuard: driftGuard && parseDriftGuard(driftGuard),
		integrity: integrity && parseIntegrity(integrity),
		keepSent: history > 0 || lastKnownGood !== undefined,
		digestDecoded: integrity !== undefined,
		schema,
		initial,
		logger: logger === false ? silentLogger : safeLogger(logger),
		clock,
		random,
		signal,
	})
}

const parseLastKnownGood = (option: string | LastKnownGood | undefined): LastKnownGood | undefined => {
	if (option === undefined) return undefined
	if (typeof option === 'string') return { directory: nonEmptyString('lastKnownGood', option) }
	if (typeof option !== 'object' || option === null)
		throw invalid('lastKnownGood', 'a directory, or an object with one', option)
	onlyKnownOptions('lastKnownGood', option, ['directory', 'keep', 'maxBytes'])
	const { directory, keep, maxBytes } = option
	return {
		directory: nonEmptyString('lastKnownGood.directory', directory),
		...(keep !== undefined && { keep: positiveInteger('lastKnownGood.keep', keep) }),
		...(maxBytes !== undefined && { maxBytes: positiveInteger('lastKnownGood.maxBytes', maxBytes) }),
	}
}

const parseDriftGuard = (guard: DriftGuard): DriftGuard => {
	if (typeof guard !== 'object' || guard === null) throw invalid('driftGuard', 'an object', guard)
	onlyKnownOptions('driftGuard', guard, ['bytes', 'keys'])
	for (const measure of ['bytes', 'keys'] as const) {
		const factor = guard[measure]
		if (factor !== undefined && !(typeof factor === 'number' && factor > 1))
			throw invalid(`driftGuard.${measure}`, 'a factor above 1', factor)
	}
	return guard
}

const parseIntegrity = (integrity: Integrity): Integrity => {
	if (typeof integrity !== 'object' || integrity === null) throw invalid('integrity', 'an object', integrity)
	onlyKnownOptions('integrity', integrity, ['digest', 'requireDigest', 'checksum', 'publicKeys', 'signature'])
	const { digest, publicKeys } = integrity
	if (digest !== undefined && !/^[0-9a-f]{64}$/i.test(digest))
		throw invalid('integrity.digest', 'a SHA-256 in 64 hexadecimal digits', digest)
	if (publicKeys !== undefined && (!Array.isArray(publicKeys) || publicKeys.length === 0)) {
		throw invalid('integrity.publicKeys', 'an array of one key or more', publicKeys)
	}
	return { ...integrity, ...(digest !== undefined && { digest: digest.toLowerCase() }) }
}
