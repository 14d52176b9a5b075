import type { Clock, Timer } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Random } from '../core/random.ts'
import type { Peer } from '../core/transport.ts'
import type { Exchange, Reply } from './exchange.ts'
import type { HubMessage, News } from './messages.ts'
import type { Applied, Registry } from './registry.ts'

/** What a strategy may read of what is known, and how news get there. */
export type FleetRegistry = Pick<
	Registry,
	'apply' | 'newsOf' | 'localNews' | 'get' | 'records' | 'size' | 'directives'
> & {
	readonly own: { readonly id: string; readonly stamp: Registry['own']['stamp'] }
}

/** What a hub is to its strategy. Everything else is none of the strategy's business. */
export interface HubPort {
	readonly self: Peer
	readonly clock: Clock
	readonly random: Random
	readonly logger: Logger
	/** Who else is up, by `Peer.id`. */
	readonly members: ReadonlyMap<string, Peer>
	readonly registry: FleetRegistry
	/** How differences are found and settled: for strategies that do not bring a way of their own. */
	readonly exchange: Pick<Exchange, 'digest' | 'answer' | 'summary' | 'want' | 'weigh'>
	/**
	 * Does with a message of this library's what anybody has to: takes in what is news, acknowledges, answers comparisons.
	 * Anything else it leaves. Untrusted data may be handed to it as it came.
	 */
	handle(data: unknown, from: Peer): void
	/** Up to `count` others, at random, none twice. */
	sample(count: number): Peer[]
	/** Arrives at the other's `handleSynchronization`, or does not arrive. Any plain data. */
	send(to: Peer, data: unknown): boolean
	broadcast(data: unknown): number
	/** Arrives at the other's `handleNodeJoinData`. */
	sendJoin(to: Peer, data: unknown): boolean
	broadcastJoin(data: unknown): number
	/** A timer that ends with the hub. */
	timer(delay: number, fire: () => void): Timer
}

/**
 * How the nodes of a fleet come to know the same: the six operations of ProcessHub's protocol (SPEC §3.2), over plain
 * data. Each node handles what it is sent with its own strategy, never with the sender's, so whatever is sent must say
 * by itself what it is. `PubSub`, `Gossip` and `Adaptive` understand each other, and may be mixed in one fleet; yours
 * joins them by handing what it does not know to `hub.handle`, as the one in docs/fleet.md does.
 *
 * All of them are called one at a time and must not wait: what takes time goes on by `hub.timer`. What they throw is
 * logged and harms nobody. `strategyConformance` from `remote-term/testing` is this contract as a test suite.
 */
export interface SynchronizationStrategy {
	readonly name: string
	/** How long it is from one `initSync` to the next, in milliseconds; the hub takes up to a tenth of that off or on. */
	readonly syncInterval: number
	/** Once, before all else. What it returns takes its place. */
	init(hub: HubPort): SynchronizationStrategy
	/** These changes of ours are to be known everywhere, soon. */
	propagate(hub: HubPort, news: News): void
	/** A periodic round begins. `members` are the others that are up. */
	initSync(hub: HubPort, members: ReadonlyMap<string, Peer>): void
	/** What the other side's `propagate` or `initSync`, or an answer to ours, has sent. Untrusted. */
	handleSynchronization(hub: HubPort, data: unknown, from: Peer): void
	/**
	 * These have come up. `suppress`: we have nothing to say, and must not seem to say that we have nothing (SPEC §3.4).
	 * `targets` are those that came up since the last call, or some of them where `isPartial`.
	 */
	broadcastLocalData(hub: HubPort, local: News | 'suppress', targets: JoinTargets): void
	/** What the other side's `broadcastLocalData` has sent. Untrusted. */
	handleNodeJoinData(hub: HubPort, data: unknown, from: Peer): void
	/** The hub stops. Its timers have ended. */
	close?(): void
}

export interface JoinTargets {
	readonly peers: readonly Peer[]
	/** How many there are in all, `peers` being as many as are remembered. */
	readonly count: number
}

export type { Applied, HubMessage, News, Reply }
