import { compareDirectives, directiveKey, type Directive, type DirectiveStamp } from './directive.ts'

/**
 * The registers of directives. They merge in any order, any grouping, and however often, to the same (SPEC §3.5): a
 * directive is adopted as it is, or not at all.
 */
export class Directives {
	readonly #registers = new Map<string, Directive>()
	readonly #max: number
	readonly #toggle: (fact: string) => void

	constructor(max: number, toggle: (fact: string) => void) {
		this.#max = max
		this.#toggle = toggle
	}

	get(key: string): Directive | undefined {
		return this.#registers.get(key)
	}

	get size(): number {
		return this.#registers.size
	}

	values(): IterableIterator<Directive> {
		return this.#registers.values()
	}

	/** The epoch of the next one for this register. */
	nextEpoch(key: string): number {
		return (this.#registers.get(key)?.epoch ?? 0) + 1
	}

	hasRoomFor(key: string): boolean {
		return this.#registers.has(key) || this.#registers.size < this.#max
	}

	/** Whether it has replaced what was there. */
	adopt(directive: Directive): boolean {
		const key = directiveKey(directive)
		const held = this.#registers.get(key)
		if (held === undefined ? !this.hasRoomFor(key) : compareDirectives(directive, held) <= 0) return false
		if (held !== undefined) this.#toggle(factOf(key, held))
		this.#registers.set(key, directive)
		this.#toggle(factOf(key, directive))
		return true
	}

	/** Whether this stamp is of something later than what is here. */
	isBehind(key: string, stamp: DirectiveStamp): boolean {
		const held = this.#registers.get(key)
		return held === undefined ? this.hasRoomFor(key) : compareDirectives(stamp, held) > 0
	}
}

const factOf = (key: string, { epoch, author }: DirectiveStamp): string => `${key} ${epoch} ${author}`
