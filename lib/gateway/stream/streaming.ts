import {
	AutoConfigPublisher,
	relayStream,
	type AutoConfigPublisherOptions,
	type CommonStreamOptions,
	type PublisherStatus,
	type RelayedItem,
	type StreamManager,
	type StreamView,
} from '../../autoconfig/index.ts'
import type { ConfigDb, ConfigItem } from '../../config/config-db.ts'
import { MemoryConfigDb } from '../../config/memory.ts'
import type { ServiceConfig } from '../../config/push-config.ts'
import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import { invalid, onlyKnownOptions } from '../../core/options.ts'
import type { StreamAnswer } from '../answers.ts'
import { isFor, type Identity } from '../tokens.ts'
import { publishConfigDb, type StreamedItem } from './config-db-source.ts'

/** Where the stream of another gateway is, or of LaunchDarkly, which this one passes on. */
export type UpstreamOptions = Pick<
	CommonStreamOptions<RelayedItem>,
	'url' | 'path' | 'token' | 'headers' | 'lastGood' | 'readTimeout' | 'retry' | 'dispatcher'
>

/** Durations are milliseconds, sizes bytes. */
export interface StreamingOptions extends Pick<
	AutoConfigPublisherOptions,
	| 'collection'
	| 'heartbeatInterval'
	| 'lifetime'
	| 'maxClientBytes'
	| 'maxLogBytes'
	| 'maxLogEvents'
	| 'maxViews'
	| 'stallTimeout'
> {
	/** At once. Default: four fifths of `limits.maxConnections`, so that streams leave room for all else. */
	readonly maxClients?: number | undefined
	/** Pass this stream on, in place of what the database holds. */
	readonly upstream?: UpstreamOptions | undefined
}

export interface StreamingParts<Item extends ConfigItem> {
	readonly db: ConfigDb<Item, ServiceConfig>
	readonly maxConnections: number
	readonly clock: Clock
	readonly random: () => number
	readonly logger: Logger
}

/** The stream that a gateway serves: out of its database, or out of another stream. */
export class Streaming<Item extends ConfigItem> {
	readonly publisher: AutoConfigPublisher<RelayedItem>
	readonly #db: ConfigDb<Item, ServiceConfig>
	readonly #clock: Clock
	readonly #manager: StreamManager<RelayedItem> | undefined
	#source: Disposable | undefined

	/** @throws `INVALID_OPTION` */
	constructor(
		options: StreamingOptions,
		{ db, maxConnections, clock, random, logger }: StreamingParts<Item>,
	) {
		if (typeof options !== 'object' || options === null)
			throw invalid('stream', 'an object, or false', options)
		onlyKnownOptions('stream', options, [
			...['collection', 'heartbeatInterval', 'lifetime', 'maxClientBytes', 'maxLogBytes', 'maxLogEvents'],
			...['maxViews', 'stallTimeout', 'maxClients', 'upstream'],
		])
		const { upstream, maxClients = Math.max(1, Math.floor(maxConnections * 0.8)), ...rest } = options
		this.#db = db
		this.#clock = clock
		this.publisher = new AutoConfigPublisher<RelayedItem>({ ...rest, maxClients, clock, random, logger })
		this.#manager =
			upstream && relayStream(this.publisher, { ...upstream, startTimeout: null, clock, random, logger })
	}

	/** The database must be open. */
	start(): void {
		if (this.#manager !== undefined) {
			// It connects until it is closed, and then it says so by resolving.
			void this.#manager.start()
			return
		}
		this.#source = publishConfigDb(
			this.#db,
			this.publisher as unknown as AutoConfigPublisher<StreamedItem<Item>>,
			// Revisions of a database in memory begin at 1 with each process; time goes on.
			this.#db instanceof MemoryConfigDb ? { versionsFrom: this.#clock.now() * 1_000 } : {},
		)
	}

	/** What a token gets to see. Its services are what makes two of them the same. */
	viewOf(identity: Identity | undefined): StreamView<RelayedItem> {
		const services = identity?.services
		if (identity === undefined || services === undefined) return { key: '*' }
		return {
			key: JSON.stringify([...services].sort()),
			includes: item => {
				const service = serviceOf(item)
				return service !== undefined && isFor(identity, service)
			},
		}
	}

	get readings(): PublisherStatus {
		return this.publisher.status()
	}

	get status(): StreamAnswer {
		const { state, stateSince, items, clients, connected, refused, ended, lastChangeAt } =
			this.publisher.status()
		const upstream = this.#manager?.status
		return {
			...{ state, stateSince, items, clients },
			connected: connected.put + connected.resumed,
			refused: refused.starting + refused.full + refused.closed,
			dropped: ended.slow + ended.stalled + ended.failed,
			...(lastChangeAt !== undefined && { lastChangeAt }),
			...(upstream !== undefined && {
				upstream: {
					state: upstream.state,
					stateSince: upstream.stateSince,
					...(upstream.lastEventAt !== undefined && { lastEventAt: upstream.lastEventAt }),
					...(upstream.lastError !== undefined && {
						lastError: { code: upstream.lastError.code, message: upstream.lastError.message },
					}),
				},
			}),
		}
	}

	/** Ends all streams, those that are served and the one that is followed. */
	async close(): Promise<void> {
		this.#source?.[Symbol.dispose]()
		const followed = this.#manager?.close()
		await this.publisher.close()
		await followed
	}
}

/** Where an item says whose it is, as those of a gateway do. What says nothing is for tokens without limits. */
const serviceOf = ({ item }: RelayedItem): string | undefined => {
	if (typeof item !== 'object' || item === null || !Object.hasOwn(item, 'service')) return undefined
	const { service } = item as { readonly service: unknown }
	return typeof service === 'string' ? service : undefined
}
