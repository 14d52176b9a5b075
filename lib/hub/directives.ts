import { invalid } from '../core/options.ts'
import {
	compareDirectives,
	directiveKey,
	endOf,
	isLive,
	type Directive,
	type DirectiveStamp,
} from './directive.ts'

/**
 * The registers of directives. They merge in any order, any grouping, and however often, to the same (SPEC §3.5): a
 * directive is adopted as it is, or not at all.
 *
 * They are bounded. Where one too many comes, the one that has not been obeyed for the longest time is forgotten, be it
 * the one that comes: on each node the same, whoever learns of them in which order. What is still to be obeyed, or takes
 * back a pin, is never forgotten for that.
 */
export class Directives {
	readonly #registers = new Map<string, Directive>()
	/** The first to be over; `undefined` where that is to be found out. Asked for each stamp, so not looked for each time. */
	#first: Directive | undefined
	readonly #max: number
	readonly #now: () => number
	readonly #toggle: (key: string, fact: string) => void

	constructor(max: number, now: () => number, toggle: (key: string, fact: string) => void) {
		this.#max = max
		this.#now = now
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
		return Math.max((this.#registers.get(key)?.epoch ?? 0) + 1, Math.floor(this.#now()))
	}

	/** @throws `INVALID_OPTION` where there is no place for one that is to be obeyed. */
	expectRoomFor(key: string): void {
		if (this.#hasRoomFor(key)) return
		const expected = `one with a directive already: all ${this.#max} (maxDirectives) are still to be obeyed`
		throw invalid('term', expected, key.slice(key.indexOf('/') + 1))
	}

	/** Whether it has replaced what was there. */
	adopt(directive: Directive): boolean {
		const key = directiveKey(directive)
		const held = this.#registers.get(key)
		if (held === undefined ? !this.#makeRoomFor(directive) : compareDirectives(directive, held) <= 0)
			return false
		if (held !== undefined) this.#takeOut(key, held)
		this.#registers.set(key, directive)
		this.#toggle(key, factOf(key, directive))
		if (this.#first !== undefined && endsBefore(directive, this.#first)) this.#first = directive
		return true
	}

	/** Whether this stamp is of something later than what is here. */
	isBehind(key: string, stamp: DirectiveStamp): boolean {
		const held = this.#registers.get(key)
		return held === undefined ? this.#hasRoomFor(key) : compareDirectives(stamp, held) > 0
	}

	#hasRoomFor(key: string): boolean {
		return this.#registers.has(key) || this.#registers.size < this.#max || this.#longestOver() !== undefined
	}

	#makeRoomFor(directive: Directive): boolean {
		if (this.#registers.size < this.#max) return true
		const over = this.#longestOver()
		if (over === undefined || endsBefore(directive, over)) return false
		const key = directiveKey(over)
		this.#registers.delete(key)
		this.#takeOut(key, over)
		return true
	}

	#takeOut(key: string, held: Directive): void {
		this.#toggle(key, factOf(key, held))
		if (held === this.#first) this.#first = undefined
	}

	#longestOver(): Directive | undefined {
		if (this.#first === undefined)
			for (const directive of this.#registers.values())
				if (this.#first === undefined || endsBefore(directive, this.#first)) this.#first = directive
		return this.#first !== undefined && isLive(this.#first, this.#now()) ? undefined : this.#first
	}
}

/** Total, so that it is the same one everywhere. */
const endsBefore = (one: Directive, other: Directive): boolean =>
	endOf(one) === endOf(other) ? directiveKey(one) < directiveKey(other) : endOf(one) < endOf(other)

const factOf = (key: string, { epoch, author }: DirectiveStamp): string => `${key} ${epoch} ${author}`
