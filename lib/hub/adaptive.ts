import { invalid, onlyKnownOptions, positiveInteger } from '../core/options.ts'
import type { Peer } from '../core/transport.ts'
import { Gossip, type GossipOptions } from './gossip.ts'
import type { News } from './messages.ts'
import { PubSub, type PubSubOptions } from './pubsub.ts'
import type { HubPort, JoinTargets, SynchronizationStrategy } from './strategy.ts'

export interface AdaptiveOptions {
	/** Above so many nodes, ourselves included, `Gossip`. Default: 32. */
	readonly above?: number | undefined
	/** Below so many, `PubSub` again: less than `above`, so that one node that comes and goes changes nothing. Default: three quarters of it. */
	readonly below?: number | undefined
	readonly pubsub?: PubSubOptions | undefined
	readonly gossip?: GossipOptions | undefined
}

/**
 * `PubSub` while the fleet is small, `Gossip` once it is not. Each node decides by what it sees itself. Both are there
 * all the time and understand each other's messages, so nothing is lost over a change, nor while some have changed and
 * others have not: what one began, it finishes.
 */
export class Adaptive implements SynchronizationStrategy {
	readonly name = 'adaptive'
	readonly #above: number
	readonly #below: number
	readonly #pubsub: PubSub
	readonly #gossip: Gossip
	#current: PubSub | Gossip

	/** @throws `INVALID_OPTION` */
	constructor(options: AdaptiveOptions = {}) {
		onlyKnownOptions('Adaptive', options, ['above', 'below', 'pubsub', 'gossip'])
		const { above = 32, pubsub, gossip } = options
		this.#above = positiveInteger('above', above)
		const { below = Math.max(1, Math.floor(0.75 * this.#above)) } = options
		this.#below = positiveInteger('below', below)
		if (this.#below > this.#above) throw invalid('below', `at most \`above\`, ${above}`, below)
		this.#pubsub = new PubSub(pubsub)
		this.#gossip = new Gossip(gossip)
		this.#current = this.#pubsub
	}

	get syncInterval(): number {
		return this.#current.syncInterval
	}

	/** What it is at the moment. */
	get current(): 'pubsub' | 'gossip' {
		return this.#current.name
	}

	init(hub: HubPort): this {
		this.#pubsub.init(hub)
		this.#gossip.init(hub)
		return this
	}

	propagate(hub: HubPort, news: News): void {
		this.#choose(hub).propagate(hub, news)
	}

	initSync(hub: HubPort, members: ReadonlyMap<string, Peer>): void {
		this.#choose(hub).initSync(hub, members)
	}

	handleSynchronization(hub: HubPort, data: unknown, from: Peer): void {
		// By what was said, not by what we are: a rumour is told on here, too, while others change over.
		const kind = (data as { kind?: unknown } | null | undefined)?.kind
		const isOf =
			kind === 'news' || kind === 'ack' ? this.#pubsub : kind === 'rumor' ? this.#gossip : undefined
		const strategy = isOf ?? this.#choose(hub)
		strategy.handleSynchronization(hub, data, from)
	}

	broadcastLocalData(hub: HubPort, local: News | 'suppress', targets: JoinTargets): void {
		this.#choose(hub).broadcastLocalData(hub, local, targets)
	}

	handleNodeJoinData(hub: HubPort, data: unknown, from: Peer): void {
		this.#choose(hub).handleNodeJoinData(hub, data, from)
	}

	close(): void {
		this.#pubsub.close()
		this.#gossip.close()
	}

	#choose(hub: HubPort): PubSub | Gossip {
		const nodes = hub.members.size + 1
		if (nodes > this.#above) this.#current = this.#gossip
		else if (nodes < this.#below) this.#current = this.#pubsub
		return this.#current
	}
}
