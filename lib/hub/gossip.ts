import type { Timer } from '../core/clock.ts'
import { bool, invalid, onlyKnownOptions, positive, positiveInteger } from '../core/options.ts'
import type { Peer } from '../core/transport.ts'
import { directiveKey } from './directive.ts'
import { readMessage, type HubMessage, type News, type Said } from './messages.ts'
import { Pacer } from './pacer.ts'
import { Recent } from './recent.ts'
import { Rumors } from './rumors.ts'
import type { HubPort, JoinTargets, SynchronizationStrategy } from './strategy.ts'

export interface GossipOptions {
	/** How many messages a node sends in one `roundInterval`, of whatever kind. Default: 3. */
	readonly recipients?: number | undefined
	/** How long a round of rumours is, in milliseconds. Default: 200. */
	readonly roundInterval?: number | undefined
	/** From one comparison of digests to the next, in milliseconds. Default: 15,000. */
	readonly syncInterval?: number | undefined
	/**
	 * Only the node whose name sorts first begins comparisons, which then go through the fleet; whoever has not been
	 * reached for one and a half intervals begins one itself. `false`: each node begins its own. Default: `true`.
	 */
	readonly restrictedInit?: boolean | undefined
}

/** Answers that wait at one node. */
const MAX_WAITING = 1_000
const MAX_ROUNDS = 10_000
/** After many have come up: so many comparisons, about so many rounds apart. */
const CHECKS = 3
const CHECK_ROUNDS = 8

/**
 * Each tells a few: a change is told on by everybody to whom it was news, to others each round, for about as many rounds
 * as the logarithm of how many there are. What that misses is found by comparing digests: once when rumours have died
 * down, and then at each interval.
 *
 * Against SPEC §3.7: a rumour carries its owner's number, so it is never applied twice or out of order, however late it
 * is; it is repeated to others until it is old, so no single loss ends it; a node never sends more than `recipients`
 * messages in a round, in any phase; a round of comparisons needs neither a certain node nor the same view of who is
 * there; nobody keeps what somebody says who is not up.
 */
export class Gossip implements SynchronizationStrategy {
	readonly name = 'gossip'
	readonly syncInterval: number
	readonly #recipients: number
	readonly #roundInterval: number
	readonly #restrictedInit: boolean
	readonly #rumors = new Rumors()
	/** Comparisons that have gone through here. Twice as long as one can be under way. */
	readonly #rounds: Recent
	#pacer: Pacer | undefined
	#refs = 0
	#comparedAt = -Infinity
	/** Rumours have died down since the last comparison: one is due. */
	#mustVerify = false
	#checksLeft = 0
	#checking: Timer | undefined

	/** @throws `INVALID_OPTION` */
	constructor(options: GossipOptions = {}) {
		onlyKnownOptions('Gossip', options, ['recipients', 'roundInterval', 'syncInterval', 'restrictedInit'])
		const { recipients = 3, roundInterval = 200, syncInterval = 15_000, restrictedInit = true } = options
		this.syncInterval = positive('syncInterval', syncInterval)
		this.#recipients = positiveInteger('recipients', recipients)
		this.#roundInterval = positive('roundInterval', roundInterval)
		this.#restrictedInit = bool('restrictedInit', restrictedInit)
		this.#rounds = new Recent(2 * this.syncInterval, MAX_ROUNDS)
	}

	init(hub: HubPort): this {
		if (this.#pacer !== undefined) throw invalid('strategy', 'one that no other hub has', this)
		this.#comparedAt = hub.clock.monotonic()
		this.#pacer = new Pacer(hub, {
			limit: this.#recipients,
			interval: this.#roundInterval,
			maxWaiting: MAX_WAITING,
			fill: places => this.#fill(hub, places),
			wantsMore: () => hub.members.size > 0 && (this.#rumors.size > 0 || this.#mustVerify),
		})
		return this
	}

	propagate(hub: HubPort, news: News): void {
		this.#spread(hub, news)
	}

	initSync(hub: HubPort, members: ReadonlyMap<string, Peer>): void {
		if (members.size === 0) return
		if (!this.#restrictedInit) return this.#compare(hub, hub.sample(1))
		const now = hub.clock.monotonic()
		if (isFirst(hub.self, members)) {
			const round = `${hub.self.id}/${++this.#refs}`
			this.#rounds.meet(round, now)
			this.#compare(hub, hub.sample(this.#recipients), round)
		} else if (now - this.#comparedAt > 1.5 * this.syncInterval) this.#compare(hub, hub.sample(1))
	}

	handleSynchronization(hub: HubPort, data: unknown, from: Peer): void {
		const message = readMessage(data)
		if (message !== undefined) this.#handle(hub, message, from)
	}

	/**
	 * A newcomer asks `recipients` others, and about as many ask it, however many there are. What it has itself goes around
	 * as a rumour.
	 */
	broadcastLocalData(hub: HubPort, local: News | 'suppress', { peers, count }: JoinTargets): void {
		const others = hub.members.size
		if (others === 0) return
		// Many at once: we are new here, or were cut off.
		const isNewcomer = 8 * count >= others
		const share = (this.#recipients * count) / others
		const asks = isNewcomer
			? this.#recipients
			: Math.floor(share) + (hub.random() < share - Math.floor(share) ? 1 : 0)
		if (isNewcomer) {
			if (local !== 'suppress') this.#spread(hub, local)
			this.#checksLeft = CHECKS
			this.#checkLater(hub)
		}
		const targets = pick(peers, Math.min(asks, this.#recipients), hub.random)
		const digest = (): HubMessage => hub.exchange.digest()
		for (const peer of targets) this.#pacer!.answer(peer, [digest])
	}

	handleNodeJoinData(hub: HubPort, data: unknown, from: Peer): void {
		this.handleSynchronization(hub, data, from)
	}

	/**
	 * While many come up, some are told of others that are not up for them yet, and must not keep what those say. So that
	 * this need not wait for the next interval, it is compared with others a few times more.
	 */
	#checkLater(hub: HubPort): void {
		this.#checking ??= hub.timer(CHECK_ROUNDS * this.#roundInterval * (0.5 + hub.random()), () => {
			this.#checking = undefined
			this.#checksLeft -= 1
			this.#compare(hub, hub.sample(1))
			if (this.#checksLeft > 0) this.#checkLater(hub)
		})
	}

	/** How many rumours go around here. */
	get rumors(): number {
		return this.#rumors.size
	}

	close(): void {
		this.#pacer?.close()
		this.#rumors.clear()
	}

	#handle(hub: HubPort, message: HubMessage, from: Peer): void {
		const pacer = this.#pacer!
		switch (message.kind) {
			case 'rumor': {
				const { fresh, known, gaps } = hub.registry.apply(message)
				this.#spread(hub, fresh)
				for (const key of known) this.#rumors.heardAgain(key)
				if (gaps.length > 0) pacer.answer(from, [() => hub.exchange.weigh(gapsOf(message, gaps))])
				return
			}
			case 'news': {
				const { gaps } = hub.registry.apply(message)
				pacer.answer(from, [() => ({ kind: 'ack', ref: message.ref })])
				if (gaps.length > 0) pacer.answer(from, [() => hub.exchange.want(gaps)])
				return
			}
			case 'ack':
				return
			case 'digest':
				this.#compareAlong(hub, message, from)
				break
			case 'parts':
			case 'summary':
			case 'transfer':
		}
		pacer.answer(from, hub.exchange.answer(message))
	}

	/** Whoever asks has seen us; and where that is part of a round, others shall be asked, too. */
	#compareAlong(hub: HubPort, { round }: Said<'digest'>, from: Peer): void {
		const now = hub.clock.monotonic()
		this.#comparedAt = now
		if (round === undefined || !this.#rounds.meet(round, now)) return
		const others = hub.sample(this.#recipients).filter(({ id }) => id !== from.id)
		this.#compare(hub, others, round)
	}

	#compare(hub: HubPort, peers: readonly Peer[], round?: string): void {
		for (const peer of peers) this.#pacer!.answer(peer, [() => hub.exchange.digest(round)])
	}

	#spread(hub: HubPort, { deltas, directives }: News): void {
		const transmissions = transmissionsFor(hub.members.size)
		for (const { id, from } of deltas) this.#rumors.add(id, transmissions, from)
		for (const directive of directives) this.#rumors.add(directiveKey(directive), transmissions)
		if (this.#rumors.size > 0) this.#pacer!.wake()
	}

	#fill(hub: HubPort, places: number): number {
		const peers = hub.sample(this.#rumors.size > 0 ? places : 1)
		if (this.#rumors.size === 0) {
			this.#mustVerify = false
			return peers.filter(peer => hub.send(peer, hub.exchange.digest())).length
		}
		const told = this.#rumors.next(peers.length)
		this.#mustVerify = this.#rumors.size === 0
		const { deltas, directives } = hub.registry.newsOf(told.since, told.directives)
		if (deltas.length + directives.length === 0) return 0
		const message: HubMessage = { kind: 'rumor', deltas: [...deltas], directives: [...directives] }
		return peers.filter(peer => hub.send(peer, message)).length
	}
}

/** How often each node tells a rumour, less one for each time it is told it: so that hardly anybody is left out, with a third of all messages lost (docs/fleet.md). */
const transmissionsFor = (others: number): number => 2 + Math.ceil(TELLING * Math.log2(others + 2))
const TELLING = 2.5

const isFirst = (self: Peer, members: ReadonlyMap<string, Peer>): boolean => {
	for (const { name } of members.values()) if (name < self.name) return false
	return true
}

const pick = (peers: readonly Peer[], count: number, random: () => number): Peer[] => {
	const left = [...peers]
	const picked: Peer[] = []
	while (picked.length < count && left.length > 0)
		picked.push(...left.splice(Math.floor(random() * left.length), 1))
	return picked
}

/** Up to where those are, of whom something is missing. */
const gapsOf = (
	{ deltas }: News,
	gaps: ReadonlyArray<readonly [string, number, number]>,
): Array<readonly [string, number, number]> =>
	deltas.flatMap(({ id, generation, to }) =>
		gaps.some(([gap]) => gap === id) ? [[id, generation, to] as const] : [],
	)
