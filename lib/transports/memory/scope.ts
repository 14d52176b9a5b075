import type { Peer, PeerDownReason } from '../../core/transport.ts'
import type { GuardedListener } from '../listener.ts'
import { encodePayload } from '../payload.ts'
import type { Bits } from './bits.ts'
import { Entrance } from './entrance.ts'
import { Letter } from './letter.ts'
import { Member } from './member.ts'
import { Post, type World } from './post.ts'
import { Register } from './register.ts'
import type { TransportCounts } from './traffic.ts'

/**
 * The members of one scope, and how they come to know each other:
 *
 *     a opens    a → everybody: hello.   b: a is up, and b → a: hello, unless it has greeted a.   a: b is up.
 *     a leaves   a → everybody: goodbye.   b: a is down.
 *     silence    b hears nothing of a for the time of detection.   b: a is down, and a may greet again.
 *     links      whoever can reach somebody whom it has not greeted does so within a third of that time.
 *
 * Hellos, messages and goodbyes of a pair are one queue: nothing overtakes. A hello that the wire loses is said again
 * after a while, a goodbye is not.
 */
export class Scope {
	readonly name: string
	readonly #world: World
	readonly #post: Post
	readonly #members = new Register()
	readonly #entrance: Entrance
	#orders = 0

	constructor(name: string, world: World) {
		this.name = name
		this.#world = world
		this.#post = new Post(world)
		this.#entrance = new Entrance(this.#members, this.#post, world.timetable, {
			hellos: this.#hellos,
			greet: pairs => this.#greet(pairs),
		})
	}

	get isEmpty(): boolean {
		return this.#members.isEmpty
	}

	at(index: number): Member {
		return this.#members.at(index)!
	}

	/** The member of this id that is in the set, where one is. */
	find(among: Bits, id: string): Member | undefined {
		return this.#members.find(among, id)
	}

	/** @throws `INVALID_OPTION` */
	seal(message: unknown): Letter {
		const { maxMessageBytes, shared } = this.#world.conditions
		return new Letter(encodePayload(message, maxMessageBytes), shared)
	}

	/** False where the queue is full. */
	send(from: Member, to: Member, letter: Letter): boolean {
		return this.#post.send(from, to, letter)
	}

	open(peer: Peer, listener: GuardedListener, traffic: TransportCounts, leave: () => void): Member {
		const index = this.#members.reserve()
		this.#orders += 1
		const member = new Member(this, { peer, index, order: this.#orders, listener, traffic }, leave)
		this.#members.add(member)
		const due = this.#post.certainDue
		if (due !== undefined) {
			this.#entrance.enter(member, due)
			return member
		}
		this.#greetAll(member)
		for (const other of this.#members) {
			if (other.state !== 'open' || other === member || member.greeted.has(other.index)) continue
			// Who cannot be reached cannot answer either; its heartbeat is what tells us of it.
			if (this.#post.reaches(other, member)) this.#announce(other)
		}
		return member
	}

	/** With a goodbye to everybody who knows it, or will. */
	leave(member: Member): void {
		this.#end(member, 'left')
		for (const other of this.#members) {
			if (!member.greeted.has(other.index)) continue
			if (!this.#post.reaches(member, other) || this.#post.loses()) this.#missLater(other, member)
			else this.#post.carry(member, other, () => this.#goodbye(member, other))
		}
		this.#release(member)
	}

	/** Without a word. */
	crash(member: Member): void {
		this.#end(member, 'crashed')
		for (const other of this.#members) if (member.greeted.has(other.index)) this.#missLater(other, member)
		this.#release(member)
	}

	/** Somebody can no longer reach somebody, or can again. */
	linksChanged(): void {
		const since = this.#world.timetable.now
		for (const member of this.#members) {
			if (member.state !== 'open') continue
			this.#post.afterSilence(() => this.#missThoseCutOff(member, since))
			this.#announce(member)
		}
	}

	/** Says hello to everybody whom it can reach and has not greeted yet. */
	#greetAll(from: Member): void {
		const pairs: Member[] = []
		for (const to of this.#members) {
			if (to.state !== 'open' || from === to || from.greeted.has(to.index)) continue
			if (this.#post.reaches(from, to)) pairs.push(from, to)
		}
		this.#greet(pairs)
	}

	/** @param pairs From, to, from, to, … */
	#greet(pairs: readonly Member[]): void {
		const now: Member[] = []
		for (let index = 0; index + 1 < pairs.length; index += 2) {
			const from = pairs[index]!
			const to = pairs[index + 1]!
			from.greeted.add(to.index)
			const delay = this.#post.delayOfHello()
			if (delay === 0) now.push(from, to)
			else this.#post.carry(from, to, () => this.#hellos([from, to]), delay)
		}
		this.#post.carryAll(now, pairs => this.#hellos(pairs))
	}

	readonly #hellos = (
		pairs: readonly Member[],
		answer: (pairs: readonly Member[]) => void = answers => this.#greet(answers),
	): void => {
		const ups: Member[] = []
		const answers: Member[] = []
		for (let index = 0; index + 1 < pairs.length; index += 2) {
			const from = pairs[index]!
			const to = pairs[index + 1]!
			if (!this.#hello(from, to)) continue
			ups.push(from, to)
			if (from.state === 'open' && !to.greeted.has(from.index) && this.#post.reaches(to, from))
				answers.push(to, from)
		}
		// Before anybody is told, since who is told may send something, which must not come before the hello.
		answer(answers)
		for (let index = 0; index < ups.length; index += 2) ups[index + 1]!.listener.peerUp(ups[index]!.peer)
	}

	/** Whether it is up by that, and was not before. */
	#hello(from: Member, to: Member): boolean {
		// So slow that both ends have forgotten that it was ever said.
		if (!this.#members.has(from)) return false
		if (to.state !== 'open' || !this.#post.reaches(from, to)) {
			this.#ungreet(from, to)
			if (to.state === 'open' && from.state === 'open') this.#announce(from)
			return false
		}
		const named = this.#members.named(from.peer.name)
		if (named.length > 1 && !this.#replaces(from, [...named], to)) {
			this.#ungreet(from, to)
			return false
		}
		if (!to.up.add(from.index)) return false
		from.seenBy += 1
		if (from.state === 'crashed') this.#missLater(to, from)
		return true
	}

	/** Whether it is the last of its name that the other has heard of; those before it are down then. */
	#replaces(from: Member, named: readonly Member[], at: Member): boolean {
		for (const other of named) {
			if (other === from || !at.up.has(other.index)) continue
			// Its successor's hello was faster.
			if (other.order > from.order) return false
			this.#down(at, other, 'replaced')
		}
		return at.state === 'open'
	}

	#goodbye(from: Member, to: Member): void {
		if (to.state === 'open' && !this.#post.reaches(from, to)) this.#missLater(to, from)
		else {
			this.#down(to, from, 'goodbye')
			this.#ungreet(from, to)
		}
	}

	#down(at: Member, gone: Member, reason: PeerDownReason): void {
		// Its place may have been given to another one meanwhile, while its goodbye was still under way.
		if (!this.#members.has(gone) || at.state !== 'open' || !at.up.delete(gone.index)) return
		gone.seenBy -= 1
		this.#ungreet(gone, at)
		at.listener.peerDown(gone.peer, reason)
	}

	/** The other does not know it, and will not come to know it by what is under way. */
	#ungreet(from: Member, to: Member): void {
		if (this.#members.has(to)) from.greeted.delete(to.index)
		this.#release(from)
	}

	#missLater(at: Member, gone: Member): void {
		this.#post.afterSilence(() => {
			if (!this.#members.has(gone)) return
			this.#down(at, gone, 'silent')
			this.#ungreet(gone, at)
		})
	}

	#missThoseCutOff(at: Member, since: number): void {
		if (at.state !== 'open') return
		const { topology } = this.#world
		for (const index of at.up.toArray()) {
			const other = this.#members.at(index)
			if (other === undefined || !at.up.has(index)) continue
			if (topology.wasCutOff(other.peer.name, at.peer.name, since)) this.#down(at, other, 'silent')
		}
	}

	#announce(from: Member): void {
		if (from.announces) return
		from.announces = true
		const { timetable, conditions } = this.#world
		const happen = (): void => {
			from.announces = false
			if (from.state === 'open') this.#greetAll(from)
		}
		timetable.plan(timetable.dueIn(conditions.random() * (conditions.detection / 3)), { happen })
	}

	/** It says and hears nothing more; others may not know yet. */
	#end(member: Member, state: 'left' | 'crashed'): void {
		member.state = state
		member.listener.close()
		for (const index of member.up.toArray()) {
			member.up.delete(index)
			const other = this.at(index)
			other.seenBy -= 1
			this.#ungreet(other, member)
		}
	}

	/** Forgets a member that is gone and that nobody knows, or will come to know, any more. */
	#release(member: Member): void {
		if (member.state === 'open' || member.seenBy > 0 || member.greeted.size > 0) return
		if (!this.#members.has(member)) return
		this.#members.delete(member)
		for (const other of this.#members) other.greeted.delete(member.index)
	}
}
