import { peerOf, type Peer } from '../../core/transport.ts'
import type { Fellow } from './fellow.ts'
import { splitId } from './frame.ts'

const REMEMBERED_DEPARTED = 10_000

/** Everybody else in the scope of whom we know, one of each name. */
export class Company {
	/** Those who are up. */
	readonly peers = new Map<string, Peer>()
	readonly #fellows = new Map<string, Fellow>()
	readonly #byName = new Map<string, Fellow>()
	/** Of whom nothing is to be heard any more, with the last opening that is over. Bounded: the oldest are forgotten. */
	readonly #departed = new Map<string, number>()

	get size(): number {
		return this.#fellows.size
	}

	/** As they are now. */
	all(): readonly Fellow[] {
		return [...this.#fellows.values()]
	}

	get(id: string): Fellow | undefined {
		return this.#fellows.get(id)
	}

	named(name: string): Fellow | undefined {
		return this.#byName.get(name)
	}

	/** The peer of an id that comes from outside, `undefined` where it is none. */
	peer(id: string): Peer | undefined {
		const known = this.#fellows.get(id)
		if (known !== undefined) return known.peer
		const parts = splitId(id)
		return parts && peerOf(...parts)
	}

	add(fellow: Fellow): void {
		this.#fellows.set(fellow.peer.id, fellow)
		this.#byName.set(fellow.peer.name, fellow)
	}

	/** Returns whether it was there. */
	delete(fellow: Fellow): boolean {
		const { id, name } = fellow.peer
		if (this.#fellows.get(id) !== fellow) return false
		this.#fellows.delete(id)
		if (this.#byName.get(name) === fellow) this.#byName.delete(name)
		return true
	}

	/** What comes late of this opening, or one before it, is not listened to. */
	depart(id: string, opening: number): void {
		this.#departed.delete(id)
		this.#departed.set(id, opening)
		if (this.#departed.size <= REMEMBERED_DEPARTED) return
		const [oldest] = this.#departed.keys()
		if (oldest !== undefined) this.#departed.delete(oldest)
	}

	hasDeparted(id: string, opening: number): boolean {
		return opening <= (this.#departed.get(id) ?? -1)
	}

	clear(): void {
		this.peers.clear()
		this.#fellows.clear()
		this.#byName.clear()
	}
}
