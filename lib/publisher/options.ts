import { systemClock, type Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { consoleLogger, safeLogger, type Logger } from '../core/logger.ts'
import { bool, invalid, onlyKnownOptions, positive, positiveInteger } from '../core/options.ts'
import { PEER_NAME, type Transport } from '../core/transport.ts'
import { PART_BYTES } from './outgoing.ts'

export interface PublisherOptions {
	/** How peers are reached. It stays open when the publisher stops. Required, unless `standalone`. */
	readonly transport?: Transport | undefined
	/** No peers: neither discovers others nor answers them. Updates and subscriptions work as ever. Default: false. */
	readonly standalone?: boolean | undefined
	/** Stops the publisher when it is aborted. */
	readonly signal?: AbortSignal | undefined
	readonly logger?: Logger | undefined
	readonly clock?: Clock | undefined
	/** Returns numbers from 0 up to, but not including, 1. For jitter and the epoch. Default: `Math.random`. */
	readonly random?: (() => number) | undefined
	/**
	 * How soon after a change the number of the newest update is told again, so that whoever missed it notices;
	 * milliseconds, default 1,000. While nothing changes, each interval is twice the one before, up to `maxInterval`
	 * (default 30,000). Questions that were not answered are repeated in the same intervals.
	 */
	readonly interval?: number | undefined
	readonly maxInterval?: number | undefined
	/** The largest update in bytes of MessagePack. Default: 256 KiB. */
	readonly maxUpdateBytes?: number | undefined
	/** The largest full data of one peer in bytes of MessagePack that is taken in. Default: 256 MiB. */
	readonly maxDataBytes?: number | undefined
	/** How many bytes of data or updates go into one message; more travels in parts. Default: 64 KiB. */
	readonly partBytes?: number | undefined
	/** How many of our own updates are kept for those who miss some: 10,000, and at most 16 MiB (`maxLogBytes`). */
	readonly maxLogUpdates?: number | undefined
	readonly maxLogBytes?: number | undefined
	/** How many messages may wait to be dealt with. Default: 10,000. What is dropped is noticed and asked for. */
	readonly maxInbox?: number | undefined
	/** How many updates may wait for their replication at a time. Default: 10,000. */
	readonly maxWaiting?: number | undefined
	/** How many subscriptions may be open. Default: 100,000. */
	readonly maxSubscriptions?: number | undefined
}

export type Settings = Required<Omit<PublisherOptions, 'transport' | 'signal'>> &
	Pick<PublisherOptions, 'transport' | 'signal'>

const KNOWN: ReadonlyArray<keyof PublisherOptions> = [
	'transport',
	'standalone',
	'signal',
	'logger',
	'clock',
	'random',
	'interval',
	'maxInterval',
	'maxUpdateBytes',
	'maxDataBytes',
	'partBytes',
	'maxLogUpdates',
	'maxLogBytes',
	'maxInbox',
	'maxWaiting',
	'maxSubscriptions',
]

export const publisherSettings = (scope: string, options: PublisherOptions): Settings => {
	if (typeof scope !== 'string' || !PEER_NAME.test(scope))
		throw invalid('scope', `a name like 'prices' (${String(PEER_NAME)})`, scope)
	onlyKnownOptions('DataPublisher', options, KNOWN)
	const standalone = bool('standalone', options.standalone ?? false)
	if (!standalone && options.transport === undefined)
		throw new RemoteTermError(
			'INVALID_OPTION',
			'Expected `transport`, or `standalone: true` for a publisher without',
		)
	const interval = positive('interval', options.interval ?? 1_000)
	return {
		transport: standalone ? undefined : options.transport,
		standalone,
		signal: options.signal,
		logger: safeLogger(options.logger ?? consoleLogger),
		clock: options.clock ?? systemClock,
		random: options.random ?? Math.random,
		interval,
		maxInterval: Math.max(interval, positive('maxInterval', options.maxInterval ?? 30_000)),
		maxUpdateBytes: positiveInteger('maxUpdateBytes', options.maxUpdateBytes ?? 256 * 1024),
		maxDataBytes: positiveInteger('maxDataBytes', options.maxDataBytes ?? 256 * 1024 * 1024),
		partBytes: positiveInteger('partBytes', options.partBytes ?? PART_BYTES),
		maxLogUpdates: positiveInteger('maxLogUpdates', options.maxLogUpdates ?? 10_000),
		maxLogBytes: positiveInteger('maxLogBytes', options.maxLogBytes ?? 16 * 1024 * 1024),
		maxInbox: positiveInteger('maxInbox', options.maxInbox ?? 10_000),
		maxWaiting: positiveInteger('maxWaiting', options.maxWaiting ?? 10_000),
		maxSubscriptions: positiveInteger('maxSubscriptions', options.maxSubscriptions ?? 100_000),
	}
}
