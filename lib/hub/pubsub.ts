import type { Timer } from '../core/clock.ts'
import { invalid, notNegativeInteger, onlyKnownOptions, positive } from '../core/options.ts'
import type { Peer } from '../core/transport.ts'
import { readMessage, type HubMessage, type News } from './messages.ts'
import { respond } from './respond.ts'
import type { HubPort, JoinTargets, SynchronizationStrategy } from './strategy.ts'

export interface PubSubOptions {
	/** From one round to the next, in milliseconds. Default: 30,000. */
	readonly syncInterval?: number | undefined
	/** After how many milliseconds those who have not acknowledged a change are sent it again; after twice that from then on. Default: 1,000. */
	readonly ackTimeout?: number | undefined
	/** How often they are; after that, the next round does it. Default: 8. */
	readonly retries?: number | undefined
}

interface Pending {
	readonly news: News
	readonly unacknowledged: Set<string>
	attempts: number
	timer: Timer
}

/** Changes that wait for acknowledgements at the same time. */
const MAX_PENDING = 256

/**
 * Everybody tells everybody: a change is one broadcast, acknowledged by each, and sent again to those who are silent. A
 * round is one small broadcast of each node, with the number of its latest change: whoever lacks something asks for it.
 * For small fleets, since a change costs two messages for each node.
 *
 * Against SPEC §3.6: every change carries its owner's number, so an old one never undoes a newer one; it is acknowledged
 * and repeated; a round sends numbers, not data.
 */
export class PubSub implements SynchronizationStrategy {
	readonly name = 'pubsub'
	readonly syncInterval: number
	readonly #ackTimeout: number
	readonly #retries: number
	readonly #pending = new Map<string, Pending>()
	#refs = 0
	#isTaken = false

	/** @throws `INVALID_OPTION` */
	constructor(options: PubSubOptions = {}) {
		onlyKnownOptions('PubSub', options, ['syncInterval', 'ackTimeout', 'retries'])
		const { syncInterval = 30_000, ackTimeout = 1_000, retries = 8 } = options
		this.syncInterval = positive('syncInterval', syncInterval)
		this.#ackTimeout = positive('ackTimeout', ackTimeout)
		this.#retries = notNegativeInteger('retries', retries)
	}

	init(_hub: HubPort): this {
		if (this.#isTaken) throw invalid('strategy', 'one that no other hub has', this)
		this.#isTaken = true
		return this
	}

	propagate(hub: HubPort, news: News): void {
		if (hub.members.size === 0) return
		const ref = `${hub.self.id}/${++this.#refs}`
		const unacknowledged = new Set(hub.members.keys())
		hub.broadcast(this.#message(ref, news))
		this.#pending.set(ref, { news, unacknowledged, attempts: 0, timer: this.#await(hub, ref, 0) })
		for (const [oldest, { timer }] of this.#pending) {
			if (this.#pending.size <= MAX_PENDING) break
			timer[Symbol.dispose]()
			this.#pending.delete(oldest)
		}
	}

	/** How many changes wait to be acknowledged. */
	get unacknowledged(): number {
		return this.#pending.size
	}

	initSync(hub: HubPort): void {
		const { exchange, registry } = hub
		const { stamp } = registry.own
		// Numbers say nothing that could be taken for "I have nothing": who never had anything has none to tell.
		const isPopulated = registry.get(hub.self.id) !== undefined
		const message = {
			...exchange.want([]),
			...(isPopulated && { offers: [stamp] }),
		}
		hub.broadcast(message)
		// What nobody owns, and what one has of others, is compared with somebody else each time.
		const [peer] = hub.sample(1)
		if (peer !== undefined) hub.send(peer, exchange.digest())
	}

	handleSynchronization(hub: HubPort, data: unknown, from: Peer): void {
		const message = readMessage(data)
		if (message?.kind === 'ack') this.#acknowledged(message.ref, from)
		else if (message !== undefined) respond(hub, message, from)
	}

	broadcastLocalData(hub: HubPort, local: News | 'suppress', { peers, count }: JoinTargets): void {
		const { exchange } = hub
		const data: HubMessage =
			local === 'suppress'
				? exchange.digest()
				: { ...exchange.want([]), deltas: [...local.deltas], directives: [...local.directives] }
		if (count > peers.length) hub.broadcastJoin(data)
		else for (const peer of peers) hub.sendJoin(peer, data)
	}

	handleNodeJoinData(hub: HubPort, data: unknown, from: Peer): void {
		this.handleSynchronization(hub, data, from)
	}

	close(): void {
		this.#pending.clear()
	}

	#message(ref: string, { deltas, directives }: News): HubMessage {
		return { kind: 'news', ref, deltas: [...deltas], directives: [...directives] }
	}

	#await(hub: HubPort, ref: string, attempts: number): Timer {
		return hub.timer(this.#ackTimeout * Math.min(attempts + 1, 2), () => this.#again(hub, ref))
	}

	#again(hub: HubPort, ref: string): void {
		const pending = this.#pending.get(ref)
		if (pending === undefined) return
		for (const id of pending.unacknowledged) {
			const peer = hub.members.get(id)
			if (peer === undefined) pending.unacknowledged.delete(id)
			else if (pending.attempts < this.#retries) hub.send(peer, this.#message(ref, pending.news))
		}
		pending.attempts += 1
		if (pending.unacknowledged.size === 0 || pending.attempts > this.#retries) this.#pending.delete(ref)
		else pending.timer = this.#await(hub, ref, pending.attempts)
	}

	#acknowledged(ref: string, from: Peer): void {
		const pending = this.#pending.get(ref)
		if (pending === undefined) return
		pending.unacknowledged.delete(from.id)
		if (pending.unacknowledged.size > 0) return
		pending.timer[Symbol.dispose]()
		this.#pending.delete(ref)
	}
}
