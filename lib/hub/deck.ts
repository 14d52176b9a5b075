import type { Random } from '../core/random.ts'
import type { Peer } from '../core/transport.ts'

/** How many are drawn at a time: one walk over all members is enough for so many picks. */
const SIZE = 64

/**
 * Members at random, as from a deck that is shuffled anew when it is used up: in a small fleet everybody has had a turn
 * before anybody has a second one.
 */
export class Deck {
	readonly #members: () => ReadonlyMap<string, Peer>
	readonly #random: Random
	#cards: Peer[] = []

	constructor(members: () => ReadonlyMap<string, Peer>, random: Random) {
		this.#members = members
		this.#random = random
	}

	/** Up to `count`, none twice, all of them up. */
	draw(count: number): Peer[] {
		const members = this.#members()
		const drawn = new Map<string, Peer>()
		const wanted = Math.min(count, members.size)
		for (let shuffles = 0; drawn.size < wanted && shuffles < 3;) {
			const card = this.#cards.pop()
			if (card === undefined) {
				this.#shuffle(members)
				shuffles += 1
			} else if (members.has(card.id)) drawn.set(card.id, card)
		}
		return [...drawn.values()]
	}

	/** Each has the same chance to be among the cards (Vitter's algorithm R), and at each place of them. */
	#shuffle(members: ReadonlyMap<string, Peer>): void {
		const cards: Peer[] = []
		let seen = 0
		for (const peer of members.values()) {
			seen += 1
			if (cards.length < SIZE) cards.push(peer)
			else {
				const at = Math.floor(this.#random() * seen)
				if (at < SIZE) cards[at] = peer
			}
		}
		for (let index = cards.length - 1; index > 0; index--) {
			const other = Math.floor(this.#random() * (index + 1))
			const card = cards[index]!
			cards[index] = cards[other]!
			cards[other] = card
		}
		this.#cards = cards
	}
}
