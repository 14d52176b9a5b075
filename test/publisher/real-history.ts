import { isDeepStrictEqual } from 'node:util'
import { silentLogger } from '../../lib/core/logger.ts'
import { seededRandom, type Random } from '../../lib/core/random.ts'
import type { Transport } from '../../lib/core/transport.ts'
import { DataPublisher } from '../../lib/publisher/index.ts'
import { waitFor } from '../support/wait.ts'
import type { SetPublisher } from './cluster.ts'
import { Follower, NumberSets, snapshotOf, update, type SetSnapshot, type SetUpdate } from './number-sets.ts'

/** Where the nodes of a history live, and what can happen to them there. */
export interface World {
	/** A node in this thread, whose view can be looked at. Its name is free again after `crash`. */
	join(name: string): Promise<Transport>
	/** Ends it so that nobody hears a goodbye. */
	crash(name: string, transport: Transport): Promise<void>
	/** A node elsewhere, that can only be told what to do, and killed. Undefined where there are none. */
	readonly startElsewhere?: (name: string) => Elsewhere
	/** What can happen to the way between a node and the others, each undone by `mend`. */
	readonly mishaps: ReadonlyArray<(name: string) => void>
	mend(name: string): void
}

export interface Elsewhere {
	update(one: SetUpdate): void
	kill(): Promise<void>
}

interface Member {
	readonly own: Set<number>
	readonly transport: Transport
	readonly publisher: SetPublisher
	readonly followers: Follower[]
}

/** For numbers that make full data travel in parts. */
const BULK = 1_000

/**
 * One life of a small cluster over a real network, in real time: the same things happen for the same seed, though not at
 * the same moments. As in a simulated one, each subscriber must know what its node's view is at every step; and when all is
 * mended, everybody must see what all who live have, and nothing else.
 */
export class RealHistory {
	readonly log: string[] = []
	readonly #random: Random
	readonly #world: World
	readonly #names = ['n0', 'n1', 'n2', 'n3']
	readonly #members = new Map<string, Member>()
	readonly #elsewhere = new Map<string, Elsewhere & { readonly own: Set<number> }>()

	constructor(seed: number, world: World) {
		this.#random = seededRandom(seed)
		this.#world = world
	}

	/** @throws what is wrong. */
	async run(steps: number): Promise<void> {
		try {
			for (const name of this.#names) await this.#start(name)
			for (let step = 0; step < steps; step++) {
				await this.#step()
				this.#checkEverybody()
			}
			for (const name of this.#names) this.#world.mend(name)
			await this.#settle()
		} finally {
			for (const { publisher, transport } of this.#members.values()) {
				await publisher.stop()
				await transport.close()
			}
			for (const one of this.#elsewhere.values()) await one.kill()
		}
	}

	async #step(): Promise<void> {
		const kind = this.#random()
		const name = this.#pick(this.#names)
		const member = this.#members.get(name)
		if (kind < 0.15) await this.#pass(this.#int(1, 30))
		else if (kind < 0.2) await this.#pass(this.#int(100, 400))
		else if (member === undefined) await this.#start(name)
		else if (kind < 0.55) this.#update(name, member)
		else if (kind < 0.6) this.#updateMuch(name, member)
		else if (kind < 0.65) this.#subscribe(name, member)
		else if (kind < 0.77) this.#disturb(name)
		else if (kind < 0.87) {
			this.#note(`mend ${name}`)
			this.#world.mend(name)
		} else if (kind < 0.91) {
			this.#note(`crash ${name}`)
			this.#members.delete(name)
			await this.#world.crash(name, member.transport)
			await member.publisher.stop()
		} else if (kind < 0.94) {
			this.#note(`close ${name}`)
			this.#members.delete(name)
			await member.publisher.stop()
			await member.transport.close()
		} else if (kind < 0.97) {
			this.#note(`reopen ${name}`)
			await member.publisher.stop()
			this.#begin(name, member.transport)
		} else this.#goElsewhere()
	}

	async #start(name: string): Promise<void> {
		this.#note(`start ${name}`)
		this.#world.mend(name)
		this.#begin(name, await this.#world.join(name))
	}

	#begin(name: string, transport: Transport): void {
		const publisher = DataPublisher.start('sets', new NumberSets(), {
			transport,
			logger: silentLogger,
			interval: 50,
			maxInterval: 200,
			maxLogUpdates: 20,
			partBytes: 256,
		})
		const member: Member = { transport, publisher, own: new Set(), followers: [] }
		this.#members.set(name, member)
		this.#subscribe(name, member)
	}

	#update(name: string, { publisher, own }: Member): void {
		for (let count = this.#int(1, 4); count > 0; count--) {
			const [add, remove] = [this.#int(0, 9), this.#int(0, 9)]
			this.#note(`${name} +${add} -${remove}`)
			publisher.update(update([add], [remove]), { timeout: 100 }).catch(() => {})
			own.delete(remove)
			own.add(add)
		}
	}

	/** More than the log holds, and than one message carries. */
	#updateMuch(name: string, { publisher, own }: Member): void {
		this.#note(`${name} has much`)
		const base = BULK * this.#int(1, 3)
		for (let count = 0; count < 30; count++) {
			const add = Array.from({ length: 20 }, (_, index) => base + count * 20 + index)
			publisher.update(update(add)).catch(() => {})
			for (const number of add) own.add(number)
		}
	}

	#subscribe(name: string, { publisher, followers }: Member): void {
		this.#note(`subscribe ${name}`)
		const mine: Follower[] = []
		const { result } = publisher.subscribe('all', { onNotification: one => mine[0]!.follow(one) })
		mine.push(new Follower(result))
		followers.push(...mine)
	}

	#disturb(name: string): void {
		const { mishaps } = this.#world
		if (mishaps.length === 0) return
		const which = this.#int(0, mishaps.length - 1)
		this.#note(`mishap ${which} to ${name}`)
		mishaps[which]!(name)
	}

	/** Somebody else comes, does something, or is killed. */
	#goElsewhere(): void {
		const { startElsewhere } = this.#world
		if (startElsewhere === undefined) return
		const there = this.#elsewhere.get('other')
		if (there === undefined) {
			this.#note('start other')
			this.#elsewhere.set('other', { ...startElsewhere('other'), own: new Set() })
		} else if (this.#random() < 0.4) {
			this.#note('kill other')
			this.#elsewhere.delete('other')
			void there.kill()
		}
		const number = this.#int(0, 9)
		this.#elsewhere.get('other')?.update(update([number]))
		this.#elsewhere.get('other')?.own.add(number)
	}

	#checkEverybody(): void {
		for (const [name, { publisher, own, followers }] of this.#members) {
			const view = snapshotOf(publisher.view)
			this.#same(`${name}'s own part of its view`, view.get(publisher.self.id) ?? [], sorted(own))
			for (const { snapshot } of followers) this.#same(`what a subscriber at ${name} knows`, snapshot, view)
		}
	}

	async #settle(): Promise<void> {
		await waitFor(
			() => this.#difference() === undefined,
			() => this.#difference() ?? 'It came true too late',
		)
		this.#checkEverybody()
	}

	/** What is not yet as it must be. */
	#difference(): string | undefined {
		const others = [...this.#elsewhere].map(([name, { own }]) => [name, sorted(own)] as const)
		const expected = [
			...[...this.#members].map(([name, { own }]) => [name, sorted(own)] as const),
			...others,
		].filter(([, numbers]) => numbers.length > 0)
		const union = new Map(expected.sort(([a], [b]) => (a < b ? -1 : 1)))
		const names = [...this.#members.keys(), ...this.#elsewhere.keys()]
		for (const [name, { publisher }] of this.#members) {
			const seen = byName(snapshotOf(publisher.view))
			if (!isDeepStrictEqual(seen, union)) return `${name} sees ${show(seen)} and not ${show(union)}`
			const { peers, malformed, rebuilt } = publisher.status()
			const known = peers.map(({ peer, state }) => `${peer.name} ${state}`).sort()
			const wanted = names.filter(one => one !== name).map(one => `${one} synced`)
			if (!isDeepStrictEqual(known, wanted.sort())) return `${name} has ${show(known)}`
			if (malformed + rebuilt > 0) return `${name}: ${malformed} malformed, ${rebuilt} rebuilt`
		}
		return undefined
	}

	#same(what: string, found: unknown, expected: unknown): void {
		if (isDeepStrictEqual(found, expected)) return
		throw new Error(`${what}: expected ${show(expected)}, found ${show(found)}`)
	}

	async #pass(ms: number): Promise<void> {
		this.#note(`${ms} ms`)
		await new Promise(resolve => setTimeout(resolve, ms))
	}

	#note(what: string): void {
		this.log.push(what)
	}

	#int(from: number, to: number): number {
		return from + Math.floor(this.#random() * (to - from + 1))
	}

	#pick<T>(from: readonly T[]): T {
		return from[this.#int(0, from.length - 1)]!
	}
}

const byName = (snapshot: SetSnapshot): ReadonlyMap<string, readonly number[]> =>
	new Map(
		[...snapshot]
			.map(([id, numbers]) => [id.split('#')[0]!, numbers] as const)
			.sort(([a], [b]) => (a < b ? -1 : 1)),
	)

const sorted = (numbers: Iterable<number>): readonly number[] => [...numbers].sort((a, b) => a - b)

const show = (value: unknown): string =>
	JSON.stringify(value instanceof Map ? [...(value as Iterable<unknown>)] : value).slice(0, 500)
