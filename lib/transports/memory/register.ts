import type { Bits } from './bits.ts'
import type { Member } from './member.ts'

/** The members of a scope, by their place in the sets of bits and by their names. Places are used again. */
export class Register {
	readonly #members: Array<Member | undefined> = []
	readonly #freed: number[] = []
	readonly #byName = new Map<string, Member[]>()

	get isEmpty(): boolean {
		return this.#byName.size === 0
	}

	/** A place for one more. */
	reserve(): number {
		return this.#freed.pop() ?? this.#members.length
	}

	add(member: Member): void {
		this.#members[member.index] = member
		const named = this.#byName.get(member.peer.name)
		if (named === undefined) this.#byName.set(member.peer.name, [member])
		else named.push(member)
	}

	delete(member: Member): void {
		this.#members[member.index] = undefined
		this.#freed.push(member.index)
		const left = this.named(member.peer.name).filter(one => one !== member)
		if (left.length > 0) this.#byName.set(member.peer.name, left)
		else this.#byName.delete(member.peer.name)
	}

	has(member: Member): boolean {
		return this.#members[member.index] === member
	}

	at(index: number): Member | undefined {
		return this.#members[index]
	}

	/** More than one while a predecessor is not forgotten by all. */
	named(name: string): readonly Member[] {
		return this.#byName.get(name) ?? []
	}

	/** The member of this id that is in the set, where one is. */
	find(among: Bits, id: string): Member | undefined {
		const named = this.#byName.get(id.slice(0, id.lastIndexOf('#')))
		return named?.find(({ peer, index }) => peer.id === id && among.has(index))
	}

	*[Symbol.iterator](): Generator<Member, void, undefined> {
		for (const member of this.#members) if (member !== undefined) yield member
	}
}
