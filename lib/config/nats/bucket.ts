import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream'
import { sleep, untilAborted, type Clock } from '../../core/clock.ts'
import { messageOf, RemoteTermError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { asDatabaseError, faultOf, isAmbiguous, isPassing } from '../../nats/errors.ts'
import type { NatsLink } from '../../nats/link.ts'
import { loadJetStream, loadKv, loadTransport, type JetStream, type Transport } from '../../nats/packages.ts'
import { encodeHead, FORMAT, newer, type Ancestor, type Head } from './entry.ts'
import { headKey, META } from './keys.ts'
import { headOf, outcomeOf, type StoredHead, type StoredMessage, type WriteOutcome } from './outcome.ts'

const OWNER = 'NatsConfigDb'
/** How long one question may wait for its answer, before it is asked again. */
const ANSWER = 2000
const RETRY = { base: 20, cap: 500 }
/** What one message may hold at most, so that it fits into an answer of the server too, as Base64 in JSON. */
const MAX_PART = 512 * 2 ** 10

export interface BucketSettings {
	readonly bucket: string
	readonly replicas: number
}

/** The key-value bucket: what goes in and out of it, and what became of a write whose answer was lost. */
export class NatsBucket {
	readonly stream: string
	readonly manager: JetStreamManager
	readonly packages: { readonly transport: Transport; readonly jetstream: JetStream }
	readonly #link: NatsLink
	readonly #client: JetStreamClient
	readonly #prefix: string
	readonly #clock: Clock
	/** Random, made once: whoever deletes the bucket and makes it anew has another one. */
	#identity = ''

	/** Makes the bucket where there is none. @throws `DATABASE_FAILED` for one that is not ours. */
	static async open(
		link: NatsLink,
		{ bucket, replicas }: BucketSettings,
		{ clock, logger, signal }: { clock: Clock; logger: Logger; signal: AbortSignal },
	): Promise<NatsBucket> {
		const [transport, jetstream, { Kvm }] = await Promise.all([
			loadTransport(OWNER),
			loadJetStream(OWNER),
			loadKv(OWNER),
		])
		const client = jetstream.jetstream(link.connection, { timeout: ANSWER })
		const manager = await client.jetstreamManager(false)
		const opened = new NatsBucket(link, client, manager, { transport, jetstream }, bucket, clock)
		await opened.persist(signal, async () => {
			await new Kvm(client).create(bucket, { replicas, history: 1, allow_direct: false })
		})
		const { config } = await opened.persist(signal, () => manager.streams.info(opened.stream))
		if (config.max_age > 0)
			throw new RemoteTermError(
				'DATABASE_FAILED',
				`The NATS bucket ${bucket} has a time to live: it would forget configurations`,
			)
		if (config.num_replicas !== replicas)
			logger.warn(`The NATS bucket ${bucket} has ${config.num_replicas} replicas, not ${replicas}`)
		opened.#identity = await opened.#claim(signal)
		return opened
	}

	private constructor(
		link: NatsLink,
		client: JetStreamClient,
		manager: JetStreamManager,
		packages: NatsBucket['packages'],
		bucket: string,
		clock: Clock,
	) {
		this.#link = link
		this.#client = client
		this.manager = manager
		this.packages = packages
		this.stream = `KV_${bucket}`
		this.#prefix = `$KV.${bucket}.`
		this.#clock = clock
	}

	/** The most that one message may hold. */
	get maxPart(): number {
		const { max_payload = 2 ** 20 } = this.#link.connection.info ?? {}
		return Math.min(MAX_PART, Math.floor(max_payload * 0.7) - 4096)
	}

	subjectOf(key: string): string {
		return this.#prefix + key
	}

	keyOf(subject: string): string {
		return subject.slice(this.#prefix.length)
	}

	/**
	 * Asks until there is an answer, through disconnections and elections. Only for what may be done twice.
	 *
	 * @throws what came last, when `signal` is aborted; at once what no waiting can mend
	 */
	async persist<Answer>(signal: AbortSignal, ask: () => Promise<Answer>): Promise<Answer> {
		let last: unknown
		for (let attempt = 0; ; attempt++) {
			try {
				await this.#link.whenConnected(signal)
				return await untilAborted(this.#link.untilDisconnected(ask()), signal)
			} catch (error) {
				if (signal.aborted) throw last ?? error
				if (!isPassing(error)) throw error
				last = error
			}
			await this.#pause(attempt, signal, last)
		}
	}

	/** Whether this is still the bucket that was opened. @throws `DATABASE_FAILED` where it is not. */
	async verify(signal: AbortSignal): Promise<void> {
		const meta = await this.#readMeta(signal)
		if (meta === this.#identity) return
		throw new RemoteTermError(
			'DATABASE_FAILED',
			`${this.stream} is another bucket than the one that was opened: it was deleted, or restored from elsewhere`,
		)
	}

	/** The last message under a key, or under all that match, as the leader has it; `undefined` where there is none any more. */
	async read(key: string, signal: AbortSignal): Promise<StoredMessage | undefined> {
		const message = await this.persist(signal, () =>
			this.manager.streams.getMessage(this.stream, { last_by_subj: this.subjectOf(key) }),
		)
		if (message === null) return undefined
		const operation = message.header.get('KV-Operation') || 'PUT'
		return { sequence: message.seq, operation, data: message.data }
	}

	async readHead(service: string, signal: AbortSignal): Promise<StoredHead | undefined> {
		const message = await this.read(headKey(service), signal)
		return message && headOf(service, message)
	}

	/** What nobody else writes, and may therefore be written again. */
	async write(key: string, data: Uint8Array, signal: AbortSignal): Promise<void> {
		await this.persist(signal, () => this.#client.publish(this.subjectOf(key), data, { timeout: ANSWER }))
	}

	/**
	 * Replaces a head if its revision is still `replaces` (0: if there is none). An answer that is lost is not guessed at:
	 * the same write is sent again under the same id, which JetStream stores once at most; and if another head is found,
	 * its lineage says whether ours came before it.
	 *
	 * @throws `DATABASE_FAILED`, whose message says so where it remains unknown whether the write stands
	 */
	async replaceHead(
		service: string,
		head: Omit<Head, 'lineage'>,
		lineage: readonly Ancestor[],
		signal: AbortSignal,
	): Promise<WriteOutcome> {
		const [[id, replaces]] = lineage as [Ancestor]
		const { transport } = this.packages
		const subject = this.subjectOf(headKey(service))
		const data = encodeHead({ ...head, lineage })
		const failed = (error: unknown, isOpen: boolean): RemoteTermError =>
			isOpen
				? new RemoteTermError(
						'DATABASE_FAILED',
						`It is unknown whether service ${service} was written: the answer to ${id} is lost, and nobody can be asked (${messageOf(error)})`,
						{ cause: error },
					)
				: asDatabaseError(error, `Cannot write service ${service} to NATS`)
		/** Whether it may have been written without our knowing. */
		let open = false
		let last: unknown
		for (let attempt = 0; ; attempt++) {
			let sent = false
			try {
				await this.#link.whenConnected(signal)
				sent = true
				const headers = transport.headers()
				headers.set('KV-Operation', head.kind === 'deleted' ? 'DEL' : 'PUT')
				const sending = this.#client.publish(subject, data, {
					msgID: id,
					expect: { lastSubjectSequence: replaces },
					timeout: ANSWER,
					headers,
				})
				const ack = await untilAborted(this.#link.untilDisconnected(sending), signal)
				if (!ack.duplicate) return { status: 'stored', revision: ack.seq }
				open = true
			} catch (error) {
				last = error
				const fault = faultOf(error)
				if (signal.aborted) throw failed(error, open || sent)
				if (fault === 'conflict' && !open) return { status: 'conflict' }
				if (isAmbiguous(error)) open ||= sent
				else if (!open && fault !== 'no_responders') throw failed(error, false)
			}
			if (open) {
				try {
					const outcome = outcomeOf(await this.readHead(service, signal), id, replaces)
					if (outcome !== undefined) return outcome
				} catch (error) {
					throw failed(last ?? error, true)
				}
			}
			try {
				await this.#pause(attempt, signal, last)
			} catch (error) {
				throw failed(error, open)
			}
		}
	}

	/** How many messages there are under each key that matches. */
	async keys(filter: string, signal: AbortSignal) {
		const { state, created } = await this.persist(signal, () =>
			this.manager.streams.info(this.stream, { subjects_filter: this.subjectOf(filter) }),
		)
		const keys = Object.keys(state.subjects ?? {}).map(subject => this.keyOf(subject))
		return { keys, lastSequence: state.last_seq, lastTime: Date.parse(String(state.last_ts)), created }
	}

	/** Removes every message under the keys that match, without a mark. */
	async purge(filter: string, signal: AbortSignal): Promise<void> {
		await this.persist(signal, () =>
			this.manager.streams.purge(this.stream, { filter: this.subjectOf(filter) }),
		)
	}

	async #pause(attempt: number, signal: AbortSignal, last: unknown): Promise<void> {
		try {
			await sleep(this.#clock, Math.min(RETRY.cap, RETRY.base * 2 ** attempt), { signal })
		} catch (error) {
			throw last ?? error
		}
	}

	async #claim(signal: AbortSignal): Promise<string> {
		for (let attempt = 0; ; attempt++) {
			const identity = await this.#readMeta(signal)
			if (identity !== undefined) return identity
			const { state } = await this.persist(signal, () => this.manager.streams.info(this.stream))
			// Another gateway may just have claimed it, so one look more.
			if (state.messages > 0 && attempt > 0)
				throw new RemoteTermError(
					'DATABASE_FAILED',
					`${this.stream} holds ${state.messages} messages and no mark of ours: it is somebody else's`,
				)
			if (state.messages > 0) continue
			const meta = { remoteTermConfig: FORMAT, identity: this.packages.transport.nuid.next() }
			try {
				await this.#client.publish(this.subjectOf(META), JSON.stringify(meta), {
					expect: { lastSubjectSequence: 0 },
					timeout: ANSWER,
				})
			} catch (error) {
				if (faultOf(error) !== 'conflict' && !isPassing(error)) throw error
			}
		}
	}

	async #readMeta(signal: AbortSignal): Promise<string | undefined> {
		const message = await this.read(META, signal)
		if (message === undefined) return undefined
		let meta: { remoteTermConfig?: unknown; identity?: unknown } = {}
		try {
			meta = (JSON.parse(new TextDecoder().decode(message.data)) as typeof meta | null) ?? {}
		} catch {
			// As foreign as other JSON.
		}
		const { remoteTermConfig: format, identity } = meta
		if (typeof format !== 'number' || typeof identity !== 'string')
			throw new RemoteTermError('DATABASE_FAILED', `${this.stream} is no bucket of ours: its mark is foreign`)
		if (format > FORMAT) throw newer(`The NATS bucket ${this.stream}`, format)
		return identity
	}
}
