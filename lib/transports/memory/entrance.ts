import type { Member } from './member.ts'
import type { Post } from './post.ts'
import type { Register } from './register.ts'
import type { Timetable } from './timetable.ts'

/** How many names stand in one list of pairs. */
const PORTION = 1_024

/** From, to, from, to, … */
export type Pairs = readonly Member[]

/** How a scope says hello. */
export interface Greeting {
	/** These arrive now. `answer` gets those that are to be answered. */
	hellos(pairs: Pairs, answer?: (answers: Pairs) => void): void
	/** These are put on the wire. */
	greet(pairs: Pairs): void
}

/**
 * How those who open come to be known on a network that leaves nothing to chance. It comes to the same as saying hello
 * to each and being answered by each, but who greets whom is known by the bits, and needs no list: ten thousand who open
 * together have a hundred million hellos under way. What arrives at one moment is told to one after the other, all of
 * it: so what a peer needs for that is fetched from memory once, and not for each hello.
 */
export class Entrance {
	readonly #members: Register
	readonly #post: Post
	readonly #timetable: Timetable
	readonly #greeting: Greeting
	/** By the moment of their arrival: whose hellos, and to whom answers, are under way. */
	readonly #arriving = new Map<number, Member[]>()
	readonly #answered = new Map<number, Set<Member>>()

	constructor(members: Register, post: Post, timetable: Timetable, greeting: Greeting) {
		this.#members = members
		this.#post = post
		this.#timetable = timetable
		this.#greeting = greeting
	}

	/** @param due When its hellos arrive. */
	enter(member: Member, due: number): void {
		for (const other of this.#members)
			if (other.state === 'open' && other !== member) member.greeted.add(other.index)
		member.floor = due
		// Who replaces another one must not be heard of before that one's hello, or goodbye, has been.
		const isAlone = this.#members.named(member.peer.name).length === 1
		const together = isAlone ? this.#arriving.get(due) : undefined
		if (together !== undefined) {
			together.push(member)
			return
		}
		const newcomers = [member]
		if (isAlone) this.#arriving.set(due, newcomers)
		const happen = (): void => {
			if (isAlone) this.#arriving.delete(due)
			this.#arrive(newcomers)
		}
		this.#timetable.plan(due, { happen })
	}

	#arrive(newcomers: readonly Member[]): void {
		for (const other of this.#members) {
			this.#inPortions(
				newcomers,
				member => other.order < member.order && member.greeted.has(other.index),
				(pairs, member) => pairs.push(member, other),
				this.#answer,
			)
		}
	}

	readonly #answer = (answers: Pairs): void => {
		const due = this.#post.certainDue
		if (due === undefined) return this.#greeting.greet(answers)
		let together = this.#answered.get(due)
		if (together === undefined) {
			together = new Set()
			this.#answered.set(due, together)
			this.#timetable.plan(due, { happen: () => this.#hear(due) })
		}
		for (let index = 0; index + 1 < answers.length; index += 2) {
			const other = answers[index]!
			const member = answers[index + 1]!
			other.greeted.add(member.index)
			other.floor = Math.max(other.floor, due)
			together.add(member)
		}
	}

	#hear(due: number): void {
		const newcomers = this.#answered.get(due)!
		this.#answered.delete(due)
		for (const member of newcomers) {
			this.#inPortions(
				this.#members,
				other => other.order < member.order && other.greeted.has(member.index) && !member.up.has(other.index),
				(pairs, other) => pairs.push(other, member),
			)
		}
	}

	#inPortions(
		candidates: Iterable<Member>,
		concerns: (candidate: Member) => boolean,
		put: (pairs: Member[], candidate: Member) => void,
		answer?: (answers: Pairs) => void,
	): void {
		let pairs: Member[] = []
		for (const candidate of candidates) {
			if (!concerns(candidate)) continue
			put(pairs, candidate)
			if (pairs.length < PORTION) continue
			this.#greeting.hellos(pairs, answer)
			pairs = []
		}
		if (pairs.length > 0) this.#greeting.hellos(pairs, answer)
	}
}
