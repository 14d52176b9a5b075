import { DIRECTIVE_KINDS } from './rows.ts'
import { MAX_DIRECTIVES, MAX_ROWS } from './messages.ts'

interface Rumor {
	/** How many more are told. */
	left: number
	/** For changes of a node: after which one it begins. */
	from: number
}

const MAX_RUMORS = 2_048

/**
 * What goes around: a key (of a node, or of a directive), and how many are still to be told. It is made of what is known
 * when it leaves, so it never carries anything that is old. Where more goes around than a message holds, what the
 * fewest have been told goes first.
 */
export class Rumors {
	readonly #rumors = new Map<string, Rumor>()

	get size(): number {
		return this.#rumors.size
	}

	clear(): void {
		this.#rumors.clear()
	}

	add(key: string, left: number, from = 0): void {
		const rumor = this.#rumors.get(key)
		if (rumor !== undefined) {
			rumor.left = left
			rumor.from = Math.min(rumor.from, from)
			return
		}
		this.#rumors.set(key, { left, from })
		if (this.#rumors.size <= MAX_RUMORS) return
		// The one that most have been told; a round of comparisons brings it to the others.
		let [oldest] = this.#rumors.keys()
		for (const [other, { left: remaining }] of this.#rumors)
			if (remaining < this.#rumors.get(oldest!)!.left) oldest = other
		this.#rumors.delete(oldest!)
	}

	/** Somebody told us what we know: it need not be told as often any more. */
	heardAgain(key: string): void {
		const rumor = this.#rumors.get(key)
		if (rumor === undefined) return
		rumor.left -= 1
		if (rumor.left <= 0) this.#rumors.delete(key)
	}

	/** What so many are to be told now. */
	next(recipients: number): { since: Array<[id: string, from: number]>; directives: string[] } {
		const since: Array<[string, number]> = []
		const directives: string[] = []
		for (const [key, rumor] of this.#inTurn()) {
			const isDirective = DIRECTIVE_KINDS.some(kind => key.startsWith(`${kind}/`))
			if (isDirective ? directives.length >= MAX_DIRECTIVES : since.length >= MAX_ROWS) continue
			if (isDirective) directives.push(key)
			else since.push([key, rumor.from])
			rumor.left -= recipients
			if (rumor.left <= 0) this.#rumors.delete(key)
		}
		return { since, directives }
	}

	#inTurn(): Array<[string, Rumor]> {
		const all = [...this.#rumors]
		return all.length <= MAX_DIRECTIVES ? all : all.sort(([, a], [, b]) => b.left - a.left)
	}
}
