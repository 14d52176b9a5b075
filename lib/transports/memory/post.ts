import type { Conditions } from './conditions.ts'
import type { Letter } from './letter.ts'
import type { Member, Pair } from './member.ts'
import type { Timetable } from './timetable.ts'
import type { Topology } from './topology.ts'
import type { NetworkCounts } from './traffic.ts'

/** What all scopes of a network share. */
export interface World {
	readonly timetable: Timetable
	readonly topology: Topology
	readonly conditions: Conditions
	readonly counts: NetworkCounts
}

/** The wire: late, lossy, given to repeating itself; and what makes it an orderly queue for each pair again. */
export class Post {
	readonly #world: World

	constructor(world: World) {
		this.#world = world
	}

	reaches(from: Member, to: Member): boolean {
		return this.#world.topology.reaches(from.peer.name, to.peer.name)
	}

	/** When what is sent now arrives, where that is the same for all and nothing is left to chance; else `undefined`. */
	get certainDue(): number | undefined {
		const { timetable, topology, conditions } = this.#world
		const { fixed, jitter, loss } = conditions.wire
		return fixed === undefined || jitter > 0 || loss > 0 || !topology.isWhole
			? undefined
			: timetable.dueIn(fixed)
	}

	/** Whether the wire loses the next thing that is put on it. */
	loses(): boolean {
		const { random, wire } = this.#world.conditions
		return wire.loss > 0 && random() < wire.loss
	}

	/** Puts a message on the wire. False where the queue is full. */
	send(from: Member, to: Member, letter: Letter): boolean {
		const { conditions, counts } = this.#world
		if ((from.pairs.get(to)?.underWay ?? 0) >= conditions.maxQueue) return false
		counts.sentMessages += 1
		counts.sentBytes += letter.bytes
		from.traffic.sentMessages += 1
		from.traffic.sentBytes += letter.bytes
		if (!this.reaches(from, to) || this.loses()) {
			this.#lose(to)
			return true
		}
		const pair = pairOf(from, to)
		pair.sent += 1
		const { sent } = pair
		const deliver = (): void => this.#deliver(from, to, sent, letter)
		this.carry(from, to, deliver)
		const { duplication } = conditions.wire
		if (duplication > 0 && conditions.random() < duplication) this.carry(from, to, deliver)
		return true
	}

	/** Has something happen at the other end, behind everything that goes there already. */
	carry(from: Member, to: Member, arrive: () => void, delay = 0): void {
		const { timetable, conditions } = this.#world
		const pair = pairOf(from, to)
		const transit = conditions.wire.latency(from.peer.name, to.peer.name) + this.#jitter()
		pair.due = Math.max(pair.due, from.floor, timetable.dueIn(delay + transit))
		pair.underWay += 1
		const happen = (): void => {
			arrive()
			pair.underWay -= 1
			if (pair.underWay === 0) from.pairs.delete(to)
		}
		timetable.plan(pair.due, { happen })
	}

	/**
	 * The same for many pairs at once, in one step where they take the same time. `pairs` is from, to, from, to, …
	 * Ten thousand peers that meet exchange a hundred million hellos: too many for an object each.
	 */
	carryAll(pairs: readonly Member[], arrive: (pairs: readonly Member[]) => void): void {
		const { timetable, conditions } = this.#world
		const { latency, jitter } = conditions.wire
		const together = new Map<number, Member[]>()
		for (let index = 0; index + 1 < pairs.length; index += 2) {
			const from = pairs[index]!
			const to = pairs[index + 1]!
			if (jitter > 0 || from.pairs.has(to)) {
				this.carry(from, to, () => arrive([from, to]))
				continue
			}
			const due = Math.max(from.floor, timetable.dueIn(latency(from.peer.name, to.peer.name)))
			const group = together.get(due)
			if (group === undefined) together.set(due, [from, to])
			else group.push(from, to)
		}
		for (const [due, group] of together) {
			for (let index = 0; index < group.length; index += 2)
				group[index]!.floor = Math.max(group[index]!.floor, due)
			timetable.plan(due, { happen: () => arrive(group) })
		}
	}

	/** Who hears nothing more notices after a while. */
	afterSilence(happen: () => void): void {
		const { timetable, conditions } = this.#world
		timetable.plan(timetable.dueIn(conditions.detection + this.#jitter()), { happen })
	}

	/** A hello that is lost is said again, until it is not. */
	delayOfHello(): number {
		let delay = 0
		while (this.loses()) delay += this.#world.conditions.detection / 3
		return delay
	}

	#jitter(): number {
		const { random, wire } = this.#world.conditions
		return wire.jitter === 0 ? 0 : random() * wire.jitter
	}

	#deliver(from: Member, to: Member, number: number, letter: Letter): void {
		const { counts } = this.#world
		const pair = pairOf(from, to)
		if (number <= pair.arrived) {
			counts.duplicates += 1
			return
		}
		pair.arrived = number
		if (to.state !== 'open' || !this.reaches(from, to)) this.#lose(to)
		else if (!to.up.has(from.index)) to.tally.refused += 1
		else {
			counts.receivedMessages += 1
			counts.receivedBytes += letter.bytes
			to.traffic.receivedMessages += 1
			to.traffic.receivedBytes += letter.bytes
			to.tally.received += 1
			to.listener.message(from.peer, letter.read())
		}
	}

	#lose(to: Member): void {
		this.#world.counts.lostMessages += 1
		to.tally.lost += 1
	}
}

const pairOf = (from: Member, to: Member): Pair => {
	let pair = from.pairs.get(to)
	if (pair === undefined) {
		pair = { due: 0, sent: 0, arrived: 0, underWay: 0 }
		from.pairs.set(to, pair)
	}
	return pair
}
