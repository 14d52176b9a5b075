import { isDeepStrictEqual } from 'node:util'
import { seededRandom, type Random } from '../../lib/core/random.ts'
import { Cluster, LONG, type Node } from './cluster.ts'
import { Follower, NumberSets, snapshotOf, update, type SetSnapshot } from './number-sets.ts'

const FAULTY = new Set(['updateGlobalViewAndNotify', 'updateLocalData', 'dataDiff', 'stopGlobalView'])

interface Member extends Node {
	/** What its own data must be. */
	readonly own: Set<number>
	readonly followers: Map<string, Follower>
	/** Subscriptions that ended otherwise than by ourselves. */
	lost: number
}

export interface HistoryOptions {
	readonly steps?: number | undefined
	/** Callbacks throw now and then, until the network is whole again. */
	readonly faults?: boolean | undefined
}

/**
 * One life of a small cluster, the same for the same seed: updates, subscriptions, partitions, one-way cuts, crashes,
 * restarts, delays, loss. At every step each subscriber must know what its node's view is, and each view must have what
 * its node did. In the end the network is made whole, and everybody must see what all who live have, and nothing else.
 */
export class History {
	readonly #random: Random
	readonly #cluster: Cluster
	readonly #names: readonly string[]
	readonly #members = new Map<string, Member>()
	readonly #faults: boolean
	/** What has been done, for whoever has to find out why it went wrong. */
	readonly log: string[] = []
	#faulty = false

	constructor(seed: number, { faults = false }: HistoryOptions = {}) {
		this.#random = seededRandom(seed)
		this.#faults = faults
		this.#names = Array.from({ length: this.#int(2, 5) }, (_, index) => `n${index}`)
		this.#cluster = new Cluster(
			{
				seed,
				detection: this.#int(100, 600),
				latency: this.#int(1, 20),
				jitter: this.#chance(0.5) ? this.#int(0, 60) : 0,
				loss: this.#chance(0.6) ? this.#random() * 0.3 : 0,
				duplication: this.#chance(0.3) ? this.#random() * 0.2 : 0,
			},
			{
				random: this.#random,
				...(this.#chance(0.4) && { maxLogUpdates: this.#int(1, 4) }),
				// Full data of a few numbers in many parts, several windows of them.
				...(this.#chance(0.4) && { partBytes: this.#int(1, 3) }),
				...(this.#chance(0.1) && { maxInbox: this.#int(1, 3) }),
			},
		)
	}

	/** @throws what is wrong. */
	async run(steps = 40): Promise<void> {
		for (const name of this.#names) if (this.#chance(0.8)) this.#start(name)
		this.#faulty = this.#faults
		for (let step = 0; step < steps; step++) {
			await this.#step()
			this.#checkEverybody()
		}
		this.#faulty = false
		this.#cluster.network.heal()
		this.#cluster.network.conditions({ loss: 0 })
		await this.#cluster.settle(LONG)
		this.#checkEverybody()
		this.#checkTheEnd()
		for (const { publisher } of this.#members.values()) await publisher.stop()
	}

	async #step(): Promise<void> {
		const { network } = this.#cluster
		const kind = this.#random()
		const name = this.#pick(this.#names)
		const member = this.#members.get(name)
		if (kind < 0.2) await this.#advance(this.#int(0, 40))
		else if (kind < 0.3) await this.#advance(this.#int(100, 900))
		else if (member === undefined) this.#start(name)
		else if (kind < 0.6) this.#update(name, member)
		else if (kind < 0.68) this.#subscribe(name, member)
		else if (kind < 0.72) this.#unsubscribe(name, member)
		else if (kind < 0.77) {
			const group = this.#names.filter(() => this.#chance(0.5))
			this.#note(`partition ${group.join(',')}`)
			network.partition(group)
		} else if (kind < 0.83) {
			const other = this.#pick(this.#names)
			this.#note(`cut ${name}→${other}`)
			if (other !== name) network.cut(name, other)
		} else if (kind < 0.88) {
			this.#note('heal')
			network.heal()
		} else if (kind < 0.91) {
			this.#note(`crash ${name}`)
			network.crash(name)
			void member.publisher.stop()
			this.#members.delete(name)
		} else if (kind < 0.95) {
			this.#note(`restart ${name}`)
			this.#members.delete(name)
			const transport = network.restart(name)
			void member.publisher.stop()
			this.#begin(name, this.#cluster.startOn(transport, this.#module()))
		} else if (kind < 0.97) {
			this.#note(`close ${name}`)
			this.#members.delete(name)
			await member.publisher.stop()
			await member.transport.close()
		} else {
			this.#note(`reopen ${name}`)
			this.#members.delete(name)
			await member.publisher.stop()
			this.#begin(name, this.#cluster.startOn(member.transport, this.#module()))
		}
	}

	#start(name: string): void {
		this.#note(`start ${name}`)
		this.#begin(name, this.#cluster.startOn(this.#cluster.network.join(name), this.#module()))
	}

	#begin(name: string, node: Node): void {
		this.#members.set(name, { ...node, own: new Set(), followers: new Map(), lost: 0 })
	}

	#module(): NumberSets {
		const module = new NumberSets()
		module.fault = callback => this.#faulty && FAULTY.has(callback) && this.#random() < 0.05
		return module
	}

	#update(name: string, { publisher, own }: Member): void {
		for (let count = this.#chance(0.2) ? this.#int(2, 6) : 1; count > 0; count--) {
			const add = this.#chance(0.6) ? [this.#int(0, 9)] : []
			const remove = this.#chance(0.4) ? [this.#int(0, 9)] : []
			const { newest } = publisher.status()
			this.#note(`${name} +${add.join()} -${remove.join()}`)
			const replicatedTo = this.#chance(0.2) ? this.#int(1, 3) : 0
			publisher.update(update(add, remove), { replicatedTo, timeout: 300 }).catch(() => {})
			if (publisher.status().newest === newest) continue
			for (const number of remove) own.delete(number)
			for (const number of add) own.add(number)
		}
	}

	#subscribe(name: string, member: Member): void {
		const key = this.#chance(0.3) ? this.#int(0, 9) : 'all'
		this.#note(`subscribe ${name} ${key}`)
		const followers: Follower[] = []
		const { ref, result } = member.publisher.subscribe(key, {
			onNotification: notification => followers[0]!.follow(notification),
			onEnd: () => {
				member.followers.delete(ref)
				member.lost++
			},
		})
		const follower = new Follower(result, key)
		followers.push(follower)
		member.followers.set(ref, follower)
	}

	#unsubscribe(name: string, { publisher, followers }: Member): void {
		for (const ref of followers.keys()) {
			if (this.#chance(0.5)) continue
			this.#note(`unsubscribe ${name}`)
			publisher.unsubscribe(ref)
			followers.delete(ref)
		}
	}

	#checkEverybody(): void {
		for (const [name, { publisher, own, followers }] of this.#members) {
			if (publisher.status().incomplete) continue
			const view = snapshotOf(publisher.view)
			this.#same(`${name}'s own part of its view`, view.get(publisher.self.id) ?? [], sorted(own))
			for (const { key, snapshot } of followers.values())
				this.#same(`what a subscriber to ${key} at ${name} knows`, snapshot, snapshotOf(publisher.view, key))
		}
	}

	#checkTheEnd(): void {
		const union: SetSnapshot = new Map(
			[...this.#members.values()]
				.map(({ publisher, own }) => [publisher.self.id, sorted(own)] as const)
				.filter(([, numbers]) => numbers.length > 0)
				.sort(([a], [b]) => (a < b ? -1 : 1)),
		)
		for (const [name, { publisher, lost }] of this.#members) {
			this.#same(`the view of ${name}`, snapshotOf(publisher.view), union)
			const { peers, inbox, malformed, rebuilt, waiting, incomplete } = publisher.status()
			this.#same(
				`the peers of ${name}`,
				peers.map(({ peer }) => peer.name).sort(),
				[...this.#members.keys()].filter(one => one !== name).sort(),
			)
			this.#same(
				`${name}'s states`,
				new Set(peers.map(({ state }) => state)),
				new Set(peers.length === 0 ? [] : ['synced']),
			)
			this.#same(`what is left over at ${name}`, [inbox, malformed, waiting, incomplete], [0, 0, 0, false])
			if (!this.#faults) this.#same(`what failed at ${name}`, [rebuilt, lost], [0, 0])
		}
	}

	#same(what: string, found: unknown, expected: unknown): void {
		if (isDeepStrictEqual(found, expected)) return
		throw new Error(`${what}: expected ${show(expected)}, found ${show(found)}`)
	}

	async #advance(ms: number): Promise<void> {
		this.#note(`+${ms} ms`)
		await this.#cluster.settle(ms)
	}

	#note(what: string): void {
		this.log.push(what)
	}

	#chance(probability: number): boolean {
		return this.#random() < probability
	}

	#int(from: number, to: number): number {
		return from + Math.floor(this.#random() * (to - from + 1))
	}

	#pick<T>(from: readonly T[]): T {
		return from[this.#int(0, from.length - 1)]!
	}
}

const sorted = (numbers: Iterable<number>): readonly number[] => [...numbers].sort((a, b) => a - b)

const show = (value: unknown): string =>
	JSON.stringify(value instanceof Map || value instanceof Set ? [...(value as Iterable<unknown>)] : value)
