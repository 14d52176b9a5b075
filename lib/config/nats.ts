import { RemoteTermError } from '../core/errors.ts'
import { TimeLimit } from '../core/time-limit.ts'
import { asDatabaseError, isAmbiguous } from '../nats/errors.ts'
import { NatsLink } from '../nats/link.ts'
import { serversOf } from '../nats/options.ts'
import type { ConfigChange, ConfigDb, ConfigItem, ItemRef, PullTarget, ServiceCommit } from './config-db.ts'
import { ConfigMirror } from './mirror.ts'
import { MirrorReads } from './mirror-reads.ts'
import { NatsBucket } from './nats/bucket.ts'
import { Generations } from './nats/generations.ts'
import {
	parseNatsConfigDbOptions,
	type NatsConfigDbOptions,
	type NatsConfigDbSettings,
} from './nats/options.ts'
import { NatsReplica } from './nats/replica.ts'
import { NatsWriter, type Decide } from './nats/writer.ts'
import { committed, flagged } from './service-state.ts'

export type { NatsConfigDbOptions } from './nats/options.ts'
export type { NatsOptions, NatsTlsOptions } from '../nats/options.ts'

/** How often a connection may be lost while the database is read for the first time. */
const OPEN_ATTEMPTS = 5

/** What there is while the database is open. */
interface Open<Item extends ConfigItem, Pull extends PullTarget> {
	readonly link: NatsLink
	readonly replica: NatsReplica<Item, Pull>
	readonly writer: NatsWriter<Item, Pull>
}

/**
 * A `ConfigDb` in a key-value bucket of NATS JetStream: several gateways, one truth. Needs the optional peers
 * `@nats-io/transport-node`, `@nats-io/jetstream` and `@nats-io/kv`, and nats-server 2.9 or newer.
 *
 * - One key per service holds its record, items and operator's flags, so a commit is one message: stored whole or not at
 *   all. What is too large for a message is written to keys of its own first, and the service's key refers to it.
 * - A revision is the message's place in the stream. Each write names the revision that it replaces, and JetStream
 *   refuses it where that is not the last one (`CONFLICT`): of two gateways that race, one wins.
 * - Reads answer from memory, which the bucket's changes reach in milliseconds. While the server is away they go on
 *   answering, and writes wait until `timeout`, then fail with `DATABASE_FAILED`. After an interruption nothing is
 *   missed, deletions included.
 * - Where the answer to a write is lost, it is found out whether the write stands. Where nobody can be asked within
 *   `timeout`, the error says that it is unknown; this is the only case in which a write that rejected may have changed
 *   something, and reads show it as soon as the server is back.
 * - Acknowledged is what a majority of `replicas` servers has. A server itself flushes to its disk every two minutes
 *   unless it is set up otherwise: with one replica a power failure may lose what a SIGKILL does not.
 */
export class NatsConfigDb<Item extends ConfigItem = ConfigItem, Pull extends PullTarget = PullTarget>
	extends MirrorReads<Item, Pull>
	implements ConfigDb<Item, Pull>
{
	readonly #settings: NatsConfigDbSettings
	readonly #mirror: ConfigMirror<Item, Pull>
	readonly #closing = new AbortController()
	#opening: Promise<void> | undefined
	#open: Open<Item, Pull> | undefined
	#closed: Promise<void> | undefined

	/** @throws `INVALID_OPTION` */
	constructor(options: NatsConfigDbOptions = {}) {
		const settings = parseNatsConfigDbOptions(options)
		const mirror = new ConfigMirror<Item, Pull>(settings.logger)
		super(mirror)
		this.#settings = settings
		this.#mirror = mirror
	}

	/**
	 * @throws `DATABASE_FAILED` where no server can be reached within `openTimeout`, or the bucket is foreign, damaged or of
	 * a newer format; `INVALID_OPTION` where a peer is not installed or the credentials are none
	 */
	open(): Promise<void> {
		this.#opening ??= this.#start()
		return this.#opening
	}

	/** Whether writes can succeed now, and changes of others arrive. */
	get connected(): boolean {
		return this.#open !== undefined && this.#open.link.connected && this.#open.replica.fault === undefined
	}

	commit(commit: ServiceCommit<Item, Pull>): Promise<ConfigChange<Pull>> {
		return this.#write(commit.service, current => {
			const { state } = committed(
				current,
				commit,
				(current?.record.revision ?? 0) + 1,
				this.#settings.clock.now(),
			)
			return { kind: 'committed', state, answerFor: change => change }
		})
	}

	delete(service: string): Promise<ConfigChange<Pull> | undefined> {
		return this.#write<ConfigChange<Pull> | undefined>(service, current =>
			current === undefined
				? { answer: undefined }
				: { kind: 'deleted', state: undefined, answerFor: change => change },
		)
	}

	setDisabled(
		service: string,
		item: ItemRef,
		disabled: boolean,
	): Promise<'changed' | 'unchanged' | 'not_found'> {
		return this.#write<'changed' | 'unchanged' | 'not_found'>(service, current => {
			const step = flagged(current, item, disabled)
			if (typeof step === 'string') return { answer: step }
			return { kind: disabled ? 'disabled' : 'enabled', state: step.state, answerFor: () => 'changed' }
		})
	}

	close(): Promise<void> {
		this.#closed ??= this.#close()
		return this.#closed
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close()
	}

	async #start(): Promise<void> {
		if (this.#closed !== undefined) throw stopped()
		const { nats, logger, random, openTimeout } = this.#settings
		const what = `Cannot open the database at ${serversOf(nats)}`
		const limit = this.#limit(openTimeout, what)
		let link: NatsLink | undefined
		try {
			const { signal } = limit
			link = await NatsLink.open(nats, { owner: 'NatsConfigDb', logger, signal, random })
			for (let attempt = 1; ; attempt++) {
				await link.whenConnected(signal)
				try {
					this.#open = await this.#read(link, signal)
					break
				} catch (error) {
					// A connection that is lost meanwhile comes back, and then the same may go well.
					const isOver = error instanceof RemoteTermError || !isAmbiguous(error) || signal.aborted
					if (isOver || attempt === OPEN_ATTEMPTS) throw error
				}
			}
			this.#open.writer.tidy()
		} catch (error) {
			await link?.close()
			throw asDatabaseError(error, what)
		} finally {
			limit[Symbol.dispose]()
		}
	}

	/** The bucket, and all that is in it. */
	async #read(link: NatsLink, signal: AbortSignal): Promise<Open<Item, Pull>> {
		const settings = this.#settings
		const { clock, logger } = settings
		const mirror = this.#mirror
		const bucket = await NatsBucket.open(link, settings, { clock, logger, signal })
		const generations = new Generations(bucket)
		const soon = (): AbortSignal => this.#limit(settings.timeout, 'NATS did not answer').signal
		const replica = new NatsReplica({ link, bucket, generations, mirror, clock, logger, limit: soon })
		try {
			await replica.open(signal)
			signal.throwIfAborted()
		} catch (error) {
			await replica.close()
			throw error
		}
		const limit = (delay: number, about: string): TimeLimit => this.#limit(delay, about)
		const writer = new NatsWriter({ bucket, generations, replica, mirror, settings, limit })
		return { link, replica, writer }
	}

	async #close(): Promise<void> {
		if (this.#open === undefined) {
			this.#closing.abort(stopped())
			await this.#opening?.catch(() => {})
		}
		// Each write has its limit, but those that wait for one another add up.
		using limit = this.#limit(this.#settings.timeout, 'The last writes were not done')
		limit.signal.addEventListener('abort', () => this.#closing.abort(stopped()))
		await this.#open?.writer.idle()
		this.#closing.abort(stopped())
		await this.#open?.writer.close()
		this.#mirror.silence()
		await this.#open?.replica.close()
		await this.#open?.link.close()
	}

	async #write<Answer>(service: string, decide: Decide<Item, Pull, Answer>): Promise<Answer> {
		if (this.#closed !== undefined) throw stopped()
		if (this.#open === undefined)
			throw new RemoteTermError('NOT_STARTED', 'The database is not open yet: call open() first')
		return this.#open.writer.write(service, decide)
	}

	/** Aborted after `delay` milliseconds, or when the database is closed. */
	#limit(delay: number, what: string): TimeLimit {
		return new TimeLimit(this.#settings.clock, delay, {
			error: () => new RemoteTermError('DATABASE_FAILED', `${what} within ${delay} ms`),
			outer: [this.#closing.signal],
			background: true,
		})
	}
}

const stopped = (): RemoteTermError => new RemoteTermError('STOPPED', 'The database has been closed')
