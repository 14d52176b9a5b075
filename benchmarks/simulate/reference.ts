import { silentLogger } from '../../lib/core/logger.ts'
import { seededRandom, type Random } from '../../lib/core/random.ts'
import type { Channel, Peer } from '../../lib/core/transport.ts'
import { FakeClock, MemoryNetwork } from '../../lib/testing/index.ts'
import { Bits } from '../../lib/transports/memory/bits.ts'
import { encodePayload } from '../../lib/transports/payload.ts'
import { RECIPIENTS, ROUND, SYNC_INTERVAL } from './contestants.ts'
import { measureSpread, type Spread, type SpreadLimits } from './spread.ts'
import type { WorldOptions } from './world.ts'

/** More than that in one spread, and we have seen enough. */
const MOST_MESSAGES = 1_000_000

/** A version, or that there is none to tell: `suppressed`. */
type Data = string
type Message =
	| {
			readonly kind: 'propagate'
			readonly ref: string
			/**
			 * By their places in `names`: hundreds of thousands of messages are under way, each with up to a thousand. What a
			 * message weighs is counted with the names.
			 */
			readonly acks: Bits
			readonly version: string
	  }
	| {
			readonly kind: 'round'
			readonly ref: string
			readonly acks: readonly string[]
			readonly nodesData: ReadonlyArray<readonly [node: string, data: Data, at: number]>
	  }

interface CachedRound {
	readonly nodesData: Map<string, readonly [Data, number]>
	acks: Set<string>
}

/**
 * ProcessHub's gossip as it is specified, defects included (SPEC §3.7): what we are compared with. One node has one row;
 * the others have nothing, and say that they have nothing.
 */
class ReferenceNode {
	readonly name: string
	readonly versions = new Map<string, { version: string; at: number }>()
	version: string | undefined
	readonly #world: ReferenceWorld
	/** Its place in the names. */
	readonly #index: number
	readonly #channel: Channel<number>
	readonly #random: Random
	readonly #acks = new Map<string, Bits | 'invalidated'>()
	readonly #rounds = new Map<string, CachedRound | 'invalidated'>()
	#refs = 0

	constructor(world: ReferenceWorld, index: number, seed: number) {
		this.#world = world
		this.#index = index
		const name = world.names[index]!
		this.name = name
		this.#random = seededRandom(seed)
		this.#channel = world.network.join(name).open<number>('reference', {
			peerUp: () => {},
			peerDown: () => {},
			message: (_, ticket) => {
				const message = world.mail.take(ticket)
				if (message.kind === 'propagate') this.#propagated(message)
				else this.#gossiped(message)
			},
		})
	}

	/** Handles it locally, and sends it to three. */
	propagate(version: string): void {
		this.version = version
		this.versions.set(this.name, { version, at: this.#world.clock.now() })
		const ref = `${this.name}/${++this.#refs}`
		const acks = new Bits()
		acks.add(this.#index)
		this.#send(this.#pick(this.#others(), RECIPIENTS), { kind: 'propagate', ref, acks, version })
	}

	/** Only the first by name begins. */
	initSync(): void {
		if (this.#world.names[0] !== this.name) return
		const ref = `round ${this.name}/${++this.#refs}`
		const nodesData = new Map([[this.name, this.#own()] as const])
		this.#cache(this.#rounds, ref, { nodesData, acks: new Set<string>() })
		this.#send(this.#pick(this.#others(), RECIPIENTS), this.#round(ref, nodesData, new Set()))
	}

	#propagated({ acks: given, ref, version }: Extract<Message, { kind: 'propagate' }>): void {
		const cached = this.#acks.get(ref)
		if (cached === 'invalidated') return
		const acks = union(given, cached)
		const unacked = this.#world.names.filter((_, index) => !acks.has(index))
		if (unacked.length === 0) this.#cache(this.#acks, ref, 'invalidated')
		if (acks.add(this.#index)) this.versions.set(this.#world.owner, { version, at: this.#world.clock.now() })
		// The defect: this overwrites the mark that was just set.
		this.#cache(this.#acks, ref, acks)
		this.#send(this.#pick(unacked, RECIPIENTS), { kind: 'propagate', ref, acks, version })
	}

	#gossiped({ acks: given, nodesData: incoming, ref }: Extract<Message, { kind: 'round' }>): void {
		const cached = this.#rounds.get(ref)
		if (cached === 'invalidated') return
		const nodesData = new Map(cached?.nodesData)
		for (const [node, data, at] of incoming)
			if (at > (nodesData.get(node)?.[1] ?? -1)) nodesData.set(node, [data, at])
		nodesData.set(this.name, this.#own())
		// Another one: what came with the first message is thrown away.
		const acks = new Set<string>(cached === undefined ? [] : [...cached.acks, ...given])
		const missing = this.#world.names.filter(name => !nodesData.has(name))
		if (missing.length > 0) {
			this.#cache(this.#rounds, ref, { nodesData, acks })
			// To all of them.
			return this.#send(missing, this.#round(ref, nodesData, acks))
		}
		const unacked = this.#world.names.filter(name => !acks.has(name))
		if (!acks.has(this.name)) {
			for (const [node, [data, at]] of nodesData) {
				if (node === this.name || at <= (this.versions.get(node)?.at ?? -1)) continue
				if (data !== 'suppressed') this.versions.set(node, { version: data, at })
			}
			acks.add(this.name)
		}
		this.#cache(this.#rounds, ref, unacked.length === 0 ? 'invalidated' : { nodesData, acks })
		if (unacked.length > 0) this.#send(unacked, this.#round(ref, nodesData, acks))
	}

	#round(ref: string, nodesData: CachedRound['nodesData'], acks: ReadonlySet<string>): Message {
		return {
			...{ kind: 'round', ref, acks: [...acks] },
			nodesData: [...nodesData].map(([node, [data, at]]) => [node, data, at] as const),
		}
	}

	#own(): readonly [Data, number] {
		return [this.version ?? 'suppressed', this.#world.clock.now()]
	}

	#cache<Value>(cache: Map<string, Value>, ref: string, value: Value): void {
		if (!cache.has(ref)) this.#world.clock.timer(SYNC_INTERVAL, () => cache.delete(ref))
		cache.set(ref, value)
	}

	#others(): string[] {
		return this.#world.names.filter(name => name !== this.name)
	}

	#pick(names: readonly string[], count: number): string[] {
		const left = [...names]
		const picked: string[] = []
		while (picked.length < count && left.length > 0)
			picked.push(...left.splice(Math.floor(this.#random() * left.length), 1))
		return picked
	}

	#send(names: readonly string[], message: Message): void {
		const { mail } = this.#world
		const ticket = mail.post(message)
		for (const name of names) {
			const peer = this.#world.peers.get(name)
			// It may be itself: a wasted place, as specified.
			if (peer === undefined || name === this.name) continue
			if (this.#world.network.counts.sentMessages - this.#world.began > MOST_MESSAGES) {
				this.#world.isTooMuch = true
				return
			}
			if (this.#channel.send(peer, ticket)) mail.weigh(ticket)
		}
	}
}

interface Posted {
	readonly message: Message
	/** Of its encoding, once somebody was sent it. */
	bytes?: number
}

/** Carries messages as they are, while the network carries their tickets, and counts what they would weigh. */
class Mail {
	bytes = 0
	readonly #nameOf: (index: number) => string
	#tickets = 0
	/** What is under way arrives within a round, so what is older than two has arrived or was lost. */
	#recent = new Map<number, Posted>()
	#older = new Map<number, Posted>()

	constructor(nameOf: (index: number) => string) {
		this.#nameOf = nameOf
	}

	post(message: Message): number {
		this.#recent.set(++this.#tickets, { message })
		return this.#tickets
	}

	/** It was sent to one more. */
	weigh(ticket: number): void {
		const posted = this.#recent.get(ticket)!
		posted.bytes ??= this.#bytesOf(posted.message)
		this.bytes += posted.bytes
	}

	take(ticket: number): Message {
		return (this.#recent.get(ticket) ?? this.#older.get(ticket))!.message
	}

	/** A round is over. */
	turn(): void {
		this.#older = this.#recent
		this.#recent = new Map()
	}

	#bytesOf(message: Message): number {
		const whole =
			message.kind === 'round'
				? message
				: { ...message, acks: message.acks.toArray().map(index => this.#nameOf(index)) }
		return encodePayload(whole, 2 ** 24).length
	}
}

/** Another set. */
const union = (...sets: ReadonlyArray<Bits | undefined>): Bits => {
	const all = new Bits()
	for (const set of sets) for (const index of set?.toArray() ?? []) all.add(index)
	return all
}

export class ReferenceWorld {
	readonly clock = new FakeClock()
	readonly network: MemoryNetwork
	readonly names: string[] = []
	readonly peers = new Map<string, Peer>()
	readonly mail = new Mail(index => this.names[index]!)
	readonly owner: string
	began = 0
	isTooMuch = false
	readonly #nodes: ReferenceNode[] = []
	#versions = 0

	constructor({ loss = 0, nodes, seed }: Omit<WorldOptions, 'strategy'>) {
		this.network = new MemoryNetwork({
			...{ seed, clock: this.clock, latency: ROUND, payloads: 'shared', logger: silentLogger },
			detection: 30 * ROUND,
		})
		for (let index = 1; index <= nodes; index++) this.names.push(`n${String(index).padStart(5, '0')}`)
		for (const index of this.names.keys())
			this.#nodes.push(new ReferenceNode(this, index, seed * 1_000_003 + index))
		this.owner = this.names[nodes >> 1]!
		this.clock.run(10_000)
		// Peers as the transport knows them: those of the first, and itself by way of the second.
		const witness = this.network.join('witness')
		const channel = witness.open('reference', { peerUp() {}, peerDown() {}, message() {} })
		this.clock.run(10_000)
		for (const peer of channel.peers.values()) this.peers.set(peer.name, peer)
		void witness.close()
		this.clock.run(10_000)
		this.network.conditions({ loss })
		this.#syncLater()
		this.#turnLater()
	}

	spread(limits: SpreadLimits = {}): Spread {
		this.began = this.network.counts.sentMessages
		this.isTooMuch = false
		const { clock, mail, network } = this
		const { bytes } = mail
		const spread = measureSpread(
			{
				...{ clock, network },
				publish: () => {
					const version = `v${++this.#versions}`
					this.#nodes.find(({ name }) => name === this.owner)!.propagate(version)
					return version
				},
				isKnown: version => this.#nodes.every(node => node.versions.get(this.owner)?.version === version),
				isTooMuch: () => this.isTooMuch,
			},
			limits,
		)
		return { ...spread, bytes: mail.bytes - bytes, isTooMuch: this.isTooMuch }
	}

	#turnLater(): void {
		this.clock.timer(2 * ROUND, () => {
			this.mail.turn()
			this.#turnLater()
		})
	}

	#syncLater(): void {
		this.clock.timer(SYNC_INTERVAL, () => {
			for (const node of this.#nodes) node.initSync()
			this.#syncLater()
		})
	}
}
