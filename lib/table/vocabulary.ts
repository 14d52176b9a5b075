import { MAX_FIELDS, MAX_SHAPES, MAX_WORD_LENGTH, MAX_WORDS } from './layout.ts'

/** The field names of records, and the strings that occur often, each once per table. */
export interface Vocabulary {
	readonly shapes: ReadonlyArray<readonly string[]>
	readonly words: readonly string[]
}

export const EMPTY_VOCABULARY: Vocabulary = Object.freeze({
	shapes: Object.freeze([]),
	words: Object.freeze([]),
})

/** A shape as it is written to. `tries` and `hits` tell by field whether looking for words pays. */
export interface Shape {
	readonly id: number
	readonly names: readonly string[]
	readonly tries: Uint32Array
	readonly hits: Uint32Array
}

interface Branch {
	shape: Shape | undefined
	readonly next: Map<string, Branch>
}

const CANDIDATES = 65_536
const FAIR_TRIAL = 512

/**
 * Grows while rows are packed. Begins with the vocabulary of the table before, so that an unchanged row is packed into
 * the same bytes as before, and comparing two generations is comparing bytes.
 */
export class GrowingVocabulary implements Vocabulary {
	readonly shapes: string[][] = []
	readonly words: string[] = []
	readonly #root: Branch = { shape: undefined, next: new Map() }
	/** The number of a word; −1: seen once. */
	readonly #seen = new Map<string, number>()

	constructor(inherited: Vocabulary = EMPTY_VOCABULARY) {
		for (const names of inherited.shapes) this.shapeOf(names)
		for (const word of inherited.words) {
			this.#seen.set(word, this.words.length)
			this.words.push(word)
		}
	}

	/** `undefined` for what is better written name by name: very wide objects, or when there are too many shapes already. */
	shapeOf(names: readonly string[]): Shape | undefined {
		if (names.length > MAX_FIELDS) return undefined
		let branch = this.#root
		for (const name of names) {
			let next = branch.next.get(name)
			if (next === undefined) {
				if (this.shapes.length === MAX_SHAPES) return undefined
				next = { shape: undefined, next: new Map() }
				branch.next.set(name, next)
			}
			branch = next
		}
		if (branch.shape === undefined) {
			if (this.shapes.length === MAX_SHAPES) return undefined
			const { length } = names
			branch.shape = {
				id: this.shapes.length,
				names: [...names],
				tries: new Uint32Array(length),
				hits: new Uint32Array(length),
			}
			this.shapes.push([...names])
		}
		return branch.shape
	}

	/** The number of a string that has been seen before, −1 for others. A field whose values never recur is soon let be. */
	wordOf(text: string, shape: Shape, field: number): number {
		const { length } = text
		if (length < 2 || length > MAX_WORD_LENGTH) return -1
		const tries = shape.tries[field]!
		if (tries > FAIR_TRIAL && shape.hits[field]! * 4 < tries) return -1
		shape.tries[field] = tries + 1
		let id = this.#seen.get(text)
		if (id === undefined) {
			if (this.#seen.size < CANDIDATES) this.#seen.set(text, -1)
			return -1
		}
		if (id === -1) {
			if (this.words.length === MAX_WORDS) return -1
			id = this.words.length
			this.#seen.set(text, id)
			this.words.push(text)
		}
		shape.hits[field] = shape.hits[field]! + 1
		return id
	}
}
