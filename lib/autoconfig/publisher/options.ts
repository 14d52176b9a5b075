import { systemClock, type Clock } from '../../core/clock.ts'
import { consoleLogger, safeLogger, type Logger } from '../../core/logger.ts'
import { fraction, invalid, onlyKnownOptions, positive, positiveInteger } from '../../core/options.ts'
import type { StreamRefusal } from './refusals.ts'
import type { StreamEnd } from './subscriber.ts'
import type { StreamView } from './view.ts'

/** Durations are milliseconds, sizes bytes. */
export interface AutoConfigPublisherOptions<Item = unknown> {
	/** The name in messages: `rules` for paths such as `/rules/<id>`. Default `items`; LaunchDarkly's is `environments`. */
	readonly collection?: string | undefined
	/**
	 * What goes over the wire for an item: plain data with its version in the field `version`, which is where clients look
	 * for it. Must depend on its arguments only. Default: the item as it is.
	 */
	readonly represent?: ((item: Item, id: string) => unknown) | undefined
	/** How often a stream without news shows that it lives; default 30 s. */
	readonly heartbeatInterval?: number | undefined
	/**
	 * After this, less a part left to chance, a client is asked to connect anew, so that clients spread over servers again
	 * after one was away. `null`: never. Default 30 min.
	 */
	readonly lifetime?: number | null | undefined
	/** How large a part of `lifetime` is left to chance, from 0 up to 1; default 0.5. */
	readonly lifetimeJitter?: number | undefined
	/** At once; those beyond are answered with 503. Default 1,000. */
	readonly maxClients?: number | undefined
	/**
	 * What may wait for one client beyond its `put`. One for which more waits, and which took nothing for a second, is
	 * dropped. Default 8 MiB.
	 */
	readonly maxClientBytes?: number | undefined
	/** How long a client may take nothing of what there is before it is dropped; default 60 s. */
	readonly stallTimeout?: number | undefined
	/** Of each view: events from which a client resumes that was away. Default 10,000. */
	readonly maxLogEvents?: number | undefined
	/** The same in bytes; default 16 MiB. */
	readonly maxLogBytes?: number | undefined
	/** How many views there may be; default 64. Those that nobody has used for 10 minutes are forgotten. */
	readonly maxViews?: number | undefined
	/** Default 1,000,000. */
	readonly maxItems?: number | undefined
	/** How many deletions are remembered; default 10,000. See `Ordering`. */
	readonly maxTombstones?: number | undefined
	readonly clock?: Clock | undefined
	/** From 0 up to 1. Default `Math.random`. */
	readonly random?: (() => number) | undefined
	readonly logger?: Logger | undefined
}

export interface StreamRequestOptions<Item = unknown> {
	/** What this client gets to see. Default: everything. */
	readonly view?: StreamView<Item> | undefined
	/** Whether this client may go on; asked by `recheck`. Default: it may. */
	readonly isAllowed?: (() => boolean) | undefined
	/**
	 * Breaks the client's connection at once. A stream that its client does not read cannot be ended from within; without
	 * this it is made to fail, and what becomes of the connection is up to whoever reads it.
	 */
	readonly abort?: (() => void) | undefined
}

export type ReadPublisherOptions<Item> = {
	readonly [Name in keyof AutoConfigPublisherOptions<Item>]-?: Exclude<
		AutoConfigPublisherOptions<Item>[Name],
		undefined
	>
}

/** Times are milliseconds since the Unix epoch. */
export interface PublisherStatus {
	/** `starting`: there is no complete configuration yet, and clients are told to come back. */
	readonly state: 'starting' | 'serving' | 'closed'
	readonly stateSince: number
	/** Whether what there is may be old: see `markStale`. */
	readonly isStale: boolean
	readonly items: number
	readonly clients: number
	readonly views: number
	/** Events in the logs of all views, and their bytes. */
	readonly logEvents: number
	readonly logBytes: number
	/** Everything below is a count since the beginning. */
	readonly connected: { readonly put: number; readonly resumed: number }
	readonly refused: Readonly<Record<StreamRefusal, number>>
	readonly ended: Readonly<Record<StreamEnd, number>>
	/** Per view: what two views are told counts twice. */
	readonly events: { readonly put: number; readonly patch: number; readonly delete: number }
	/** Handed over to connections. */
	readonly bytes: number
	readonly lastChangeAt?: number | undefined
}

const KNOWN = [
	...['collection', 'represent', 'heartbeatInterval', 'lifetime', 'lifetimeJitter', 'maxClients'],
	...['maxClientBytes', 'stallTimeout', 'maxLogEvents', 'maxLogBytes', 'maxViews', 'maxItems'],
	...['maxTombstones', 'clock', 'random', 'logger'],
]

/** @throws `INVALID_OPTION` */
export const readPublisherOptions = <Item>(
	options: AutoConfigPublisherOptions<Item>,
): ReadPublisherOptions<Item> => {
	onlyKnownOptions('AutoConfigPublisher', options, KNOWN)
	const { collection = 'items', represent = (item: Item): unknown => item, lifetime = 30 * 60_000 } = options
	if (
		typeof collection !== 'string' ||
		!/^[A-Za-z0-9_.-]{1,128}$/.test(collection) ||
		collection === '__proto__'
	)
		throw invalid('collection', 'a name of letters, digits, _, . and -', collection)
	if (typeof represent !== 'function') throw invalid('represent', 'a function', represent)
	return {
		...{ collection, represent },
		heartbeatInterval: positive('heartbeatInterval', options.heartbeatInterval ?? 30_000),
		lifetime: lifetime === null ? null : positive('lifetime', lifetime),
		lifetimeJitter: fraction('lifetimeJitter', options.lifetimeJitter ?? 0.5),
		maxClients: positiveInteger('maxClients', options.maxClients ?? 1_000),
		maxClientBytes: positiveInteger('maxClientBytes', options.maxClientBytes ?? 8 * 2 ** 20),
		stallTimeout: positive('stallTimeout', options.stallTimeout ?? 60_000),
		maxLogEvents: positiveInteger('maxLogEvents', options.maxLogEvents ?? 10_000),
		maxLogBytes: positiveInteger('maxLogBytes', options.maxLogBytes ?? 16 * 2 ** 20),
		maxViews: positiveInteger('maxViews', options.maxViews ?? 64),
		maxItems: positiveInteger('maxItems', options.maxItems ?? 1_000_000),
		maxTombstones: positiveInteger('maxTombstones', options.maxTombstones ?? 10_000),
		clock: options.clock ?? systemClock,
		random: options.random ?? Math.random,
		logger: safeLogger(options.logger ?? consoleLogger),
	}
}
