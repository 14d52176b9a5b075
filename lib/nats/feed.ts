import type { ConsumerConfig, JetStreamManager } from '@nats-io/jetstream'
import type { Msg, Subscription } from '@nats-io/transport-node'
import type { Clock, Timer } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { NatsLink } from './link.ts'
import type { JetStream, Transport } from './packages.ts'

/** One message of a stream, which in a key-value bucket is one state of one key. */
export interface FeedEntry {
	readonly subject: string
	/** Its place in the stream: what a key-value bucket calls the revision. */
	readonly sequence: number
	readonly data: Uint8Array
	/** `KV-Operation`: `PUT`, save for the marks that a deletion leaves. */
	readonly operation: string
	/** When the server stored it, by its own clock, in milliseconds since the Unix epoch. */
	readonly storedAt: number
}

export interface FeedOptions {
	readonly link: NatsLink
	readonly manager: JetStreamManager
	readonly packages: { readonly transport: Transport; readonly jetstream: JetStream }
	readonly stream: string
	/** The subjects to follow; wildcards are allowed. */
	readonly filter: string
	/** Where to begin: with the last message of each subject, or with those that are yet to come. */
	readonly from: 'last' | 'new'
	readonly clock: Clock
	readonly logger: Logger
	/** Leaves out what the messages say, for those who only want to know that there is one. Default: false. */
	readonly headersOnly?: boolean | undefined
	/** One at a time, in order. Where it rejects, the same entry comes again. */
	readonly onEntry: (entry: FeedEntry) => Promise<void> | void
	/**
	 * Before the feed goes on after an interruption. Says whether it may go on where it was (`continue`), or has to begin
	 * anew, because the stream is not what it was (`last`). Where it rejects, it is asked again.
	 */
	readonly onResume?: ((lastSequence: number) => Promise<'continue' | 'last'>) | undefined
}

/** How often the server says that there is nothing to say, and how long it may say nothing at all. */
const HEARTBEAT = 1000
const SILENCE = 3 * HEARTBEAT
const RETRY = { base: 50, cap: 5000 }

/**
 * Follows a stream without a gap: an ordered consumer of our own. It begins again after the last message that was
 * taken in whenever the order is broken, the server is silent, or the connection was away. The client's own would
 * wait ten seconds and more, as its heartbeat cannot be chosen.
 */
export class NatsFeed {
	readonly #options: FeedOptions
	#subscription: Subscription | undefined
	#consumer: string | undefined
	/** Counts the beginnings: what an earlier one brings is not ours any more. */
	#run = 0
	#last = 0
	#begun = false
	#failures = 0
	#closed = false
	#timer: Timer | undefined
	#tail: Promise<void> = Promise.resolve()
	#caughtUp: { resolve(): void; reject(error: unknown): void } | undefined
	readonly #onReconnect: Disposable

	constructor(options: FeedOptions) {
		this.#options = options
		this.#onReconnect = options.link.on('reconnected', () => this.#restart())
	}

	/** The last message that was taken in. */
	get lastSequence(): number {
		return this.#last
	}

	/** Resolves when what was there at the beginning has been taken in. Rejects where it cannot begin at all. */
	async start(): Promise<void> {
		const caughtUp = new Promise<void>((resolve, reject) => (this.#caughtUp = { resolve, reject }))
		caughtUp.catch(() => {})
		await this.#begin(++this.#run)
		await caughtUp
	}

	/** Begins as soon as that is possible, and goes on trying where it is not yet. */
	follow(): void {
		this.#restart()
	}

	async close(): Promise<void> {
		if (this.#closed) return
		this.#closed = true
		this.#run++
		this.#onReconnect[Symbol.dispose]()
		this.#caughtUp?.reject(new Error('The feed was closed'))
		this.#leave()
		await this.#tail
	}

	async #begin(run: number): Promise<void> {
		const { link, manager, packages, stream, filter, from, headersOnly = false, onResume } = this.#options
		let start: Partial<ConsumerConfig> = {
			deliver_policy: from === 'last' ? 'last_per_subject' : 'new',
		}
		if (this.#begun) {
			const how = (await onResume?.(this.#last)) ?? 'continue'
			if (run !== this.#run) return
			if (how === 'last') this.#last = 0
			if (this.#last > 0) start = { deliver_policy: 'by_start_sequence', opt_start_seq: this.#last + 1 }
			else if (how === 'last') start = { deliver_policy: 'last_per_subject' }
		}
		const subject = packages.transport.createInbox(link.inboxPrefix)
		const state = { expected: 1, waiting: 0 }
		const subscription = link.connection.subscribe(subject, {
			callback: (error, message) => {
				if (run !== this.#run) return
				if (error !== null) this.#restart()
				else this.#receive(run, message, state)
			},
		})
		this.#subscription = subscription
		const { nanos } = packages.transport
		const info = await manager.consumers.add(stream, {
			...start,
			deliver_subject: subject,
			filter_subject: filter,
			ack_policy: 'none',
			max_deliver: 1,
			flow_control: true,
			idle_heartbeat: nanos(HEARTBEAT),
			inactive_threshold: nanos(30 * HEARTBEAT),
			headers_only: headersOnly,
			mem_storage: true,
			num_replicas: 1,
		})
		if (run !== this.#run) {
			void manager.consumers.delete(stream, info.name).catch(() => {})
			return
		}
		this.#consumer = info.name
		this.#begun = true
		this.#failures = 0
		this.#listen()
		state.waiting = info.num_pending + info.delivered.consumer_seq
		if (state.waiting === 0) this.#enqueue(run, () => this.#caughtUp?.resolve())
	}

	#receive(run: number, message: Msg, state: { expected: number; waiting: number }): void {
		this.#listen()
		const { headers } = message
		if (headers?.code === 100) {
			const stalled = headers.get('Nats-Consumer-Stalled')
			if (stalled !== '') this.#options.link.connection.publish(stalled)
			// Flow control: the server waits until we have taken in what it has sent, so its answer takes its turn.
			else if (message.reply) this.#enqueue(run, () => void message.respond())
			else if (Number(headers.get('Nats-Last-Consumer')) >= state.expected) this.#restart()
			return
		}
		// The server has given the consumer up.
		if (headers !== undefined && headers.code >= 400) {
			this.#restart()
			return
		}
		const delivery = deliveryOf(message.reply ?? '')
		if (delivery === undefined) return
		if (delivery.place !== state.expected) {
			this.#restart()
			return
		}
		state.expected++
		const entry: FeedEntry = {
			subject: message.subject,
			sequence: delivery.sequence,
			data: message.data,
			operation: headers?.get('KV-Operation') || 'PUT',
			storedAt: Math.floor(delivery.time / 1e6),
		}
		this.#enqueue(run, async () => {
			await this.#options.onEntry(entry)
			if (run !== this.#run) return
			this.#last = Math.max(this.#last, entry.sequence)
			if (delivery.pending === 0) this.#caughtUp?.resolve()
		})
	}

	#enqueue(run: number, work: () => Promise<void> | void): void {
		this.#tail = this.#tail.then(async () => {
			if (run !== this.#run) return
			try {
				await work()
			} catch (error) {
				if (run === this.#run) this.#retry(error)
			}
		})
	}

	/** A server that is there says something each second. */
	#listen(): void {
		this.#timer?.[Symbol.dispose]()
		this.#timer = this.#options.clock.timer(SILENCE, () => this.#restart(), { background: true })
	}

	#restart(): void {
		if (this.#closed) return
		const run = ++this.#run
		this.#leave()
		// While the connection is away nothing can be begun; its return starts this anew.
		if (!this.#options.link.connected) return
		this.#begin(run).catch((error: unknown) => {
			if (run === this.#run) this.#retry(error)
		})
	}

	#retry(error: unknown): void {
		const { clock, logger, stream } = this.#options
		const delay = Math.min(RETRY.cap, RETRY.base * 2 ** Math.min(this.#failures++, 20))
		const say = this.#failures === 5 ? 'warn' : 'debug'
		logger[say](`Cannot follow ${stream}: ${messageOf(error)}; trying again`, { failures: this.#failures })
		if (!this.#begun && this.#caughtUp !== undefined) {
			this.#caughtUp.reject(error)
			return
		}
		this.#run++
		this.#leave()
		this.#timer = clock.timer(delay, () => this.#restart(), { background: true })
	}

	#leave(): void {
		const { manager, stream, link } = this.#options
		this.#timer?.[Symbol.dispose]()
		this.#subscription?.unsubscribe()
		this.#subscription = undefined
		const consumer = this.#consumer
		this.#consumer = undefined
		// Otherwise the server forgets it by itself, as nobody listens.
		if (consumer !== undefined && link.connected && !link.connection.isClosed())
			void manager.consumers.delete(stream, consumer).catch(() => {})
	}
}

/** `$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<sequence>.<place>.<time>.<pending>[.<random>]` */
const deliveryOf = (
	reply: string,
): { sequence: number; place: number; time: number; pending: number } | undefined => {
	const tokens = reply.split('.')
	if (tokens[0] !== '$JS' || tokens[1] !== 'ACK' || tokens.length < 9) return undefined
	const first = tokens.length === 9 ? 5 : 7
	const [sequence, place, time, pending] = tokens.slice(first, first + 4).map(Number)
	return { sequence: sequence!, place: place!, time: time!, pending: pending! }
}
