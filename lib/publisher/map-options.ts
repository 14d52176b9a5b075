import { systemClock, type Clock } from '../core/clock.ts'
import { consoleLogger, safeLogger, type Logger } from '../core/logger.ts'
import { notNegative, onlyKnownOptions, positive, positiveInteger } from '../core/options.ts'
import { invalid } from '../core/options.ts'
import { PEER_NAME, type Peer, type Transport } from '../core/transport.ts'

export interface SharedMapOptions {
	/** How peers are reached. It stays open when the map stops. */
	readonly transport: Transport
	readonly logger?: Logger | undefined
	readonly clock?: Clock | undefined
	/** Returns numbers from 0 up to, but not including, 1. For jitter. Default: `Math.random`. */
	readonly random?: (() => number) | undefined
	/** How soon after a change copies are compared, in milliseconds. Default: 1,000; ever more rarely while nothing changes. */
	readonly interval?: number | undefined
	/** Default: 30,000. */
	readonly maxInterval?: number | undefined
	/**
	 * How far ahead of our wall clock something may have been written, in milliseconds. Default: 60,000. What is further
	 * ahead is refused until our clock is there, and its sender is told; see `status().ahead` and `refusedBy`.
	 */
	readonly maxAhead?: number | undefined
	/** Default: 10,000. */
	readonly maxEntries?: number | undefined
	/** One value, in bytes of MessagePack. Default: 64 KiB. */
	readonly maxValueBytes?: number | undefined
	/** All values together. Default: 16 MiB. */
	readonly maxBytes?: number | undefined
	/** How many deletions are remembered. Default: 10,000. */
	readonly maxTombstones?: number | undefined
	/**
	 * How long deletions are remembered, in milliseconds. Default: 24 hours. A node that was cut off for longer than that
	 * brings back what was deleted meanwhile.
	 */
	readonly tombstoneTtl?: number | undefined
}

export interface SharedMapStatus {
	readonly scope: string
	readonly self: Peer
	readonly peers: readonly Peer[]
	readonly entries: number
	readonly bytes: number
	readonly tombstones: number
	/** Peers that have sent what was written too far ahead of our clock, and by how many milliseconds too far. */
	readonly ahead: ReadonlyMap<string, number>
	/** Peers that refuse what we write for that reason: our own clock is ahead, or theirs is behind. */
	readonly refusedBy: ReadonlyMap<string, number>
	/** Changes of others that did not fit into our limits. While this grows, copies differ. */
	readonly refused: number
	readonly malformed: number
	readonly stopped: boolean
}

export type MapSettings = {
	readonly [Name in keyof Required<SharedMapOptions>]: NonNullable<SharedMapOptions[Name]>
}

const KNOWN: ReadonlyArray<keyof SharedMapOptions> = [
	'transport',
	'logger',
	'clock',
	'random',
	'interval',
	'maxInterval',
	'maxAhead',
	'maxEntries',
	'maxValueBytes',
	'maxBytes',
	'maxTombstones',
	'tombstoneTtl',
]

export const mapSettings = (scope: string, options: SharedMapOptions): MapSettings => {
	if (typeof scope !== 'string' || !PEER_NAME.test(scope))
		throw invalid('scope', `a name like 'settings' (${String(PEER_NAME)})`, scope)
	onlyKnownOptions('SharedMap', options, KNOWN)
	if (typeof options.transport?.open !== 'function')
		throw invalid('transport', 'a transport', options.transport)
	const interval = positive('interval', options.interval ?? 1_000)
	return {
		transport: options.transport,
		logger: safeLogger(options.logger ?? consoleLogger),
		clock: options.clock ?? systemClock,
		random: options.random ?? Math.random,
		interval,
		maxInterval: Math.max(interval, positive('maxInterval', options.maxInterval ?? 30_000)),
		maxAhead: notNegative('maxAhead', options.maxAhead ?? 60_000),
		maxEntries: positiveInteger('maxEntries', options.maxEntries ?? 10_000),
		maxValueBytes: positiveInteger('maxValueBytes', options.maxValueBytes ?? 64 * 1024),
		maxBytes: positiveInteger('maxBytes', options.maxBytes ?? 16 * 1024 * 1024),
		maxTombstones: positiveInteger('maxTombstones', options.maxTombstones ?? 10_000),
		tombstoneTtl: positive('tombstoneTtl', options.tombstoneTtl ?? 24 * 60 * 60 * 1_000),
	}
}
