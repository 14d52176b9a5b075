import { ballastOf } from './ballast.ts'
import type { TableChange } from './diff.ts'
import type { Image } from './image.ts'
import type { PackReport } from './pack.ts'
import { aligned, KEY_DEAD, SEGMENT_SHIFT, UNIT_MASK } from './layout.ts'
import { find } from './probe.ts'
import { readKey, readRow } from './row-reader.ts'
import type { Key } from './row-writer.ts'

export type { Key } from './row-writer.ts'

export interface TableFacts {
	readonly generation: number
	readonly change: TableChange
	readonly report?: PackReport | undefined
}

/**
 * One generation of a table: immutable, Map-like, and consistent for as long as it is held. Rows lie packed in memory
 * that all threads share, and are decoded when they are read.
 *
 * - Keys are strings and numbers, and as in a `Map` `1` and `'1'` are different keys. `-0` is `0`.
 * - Every read makes a new object, which is its receiver's own to change or keep; a row costs no memory before that.
 * - The order is that of the source.
 */
export class Table<Row = unknown> {
	readonly #image: Image
	#facts: TableFacts & { readonly ballast: object }

	/** Tables are made by terms, `attachTable` and `tableFromImage`. */
	constructor(image: Image, facts: TableFacts) {
		this.#image = image
		this.#facts = { ...facts, ballast: ballastOf(image.byteLength) }
	}

	/** Grows by one with each table that a term puts in place; 0 for a table that has not been. */
	get generation(): number {
		return this.#facts.generation
	}

	/** How many rows came, changed and went since the table before. Not known to attached threads: all 0. */
	get change(): TableChange {
		return this.#facts.change
	}

	/** What of the source was not kept as it came. */
	get report(): PackReport | undefined {
		return this.#facts.report
	}

	get size(): number {
		return this.#image.rowCount
	}

	/** In bytes of shared memory: rows, index and vocabulary. */
	get byteLength(): number {
		return this.#image.byteLength
	}

	/** A new object each time; `undefined` for a key that is not there, of whatever type. */
	get(key: Key): Row | undefined {
		const image = this.#image
		const address = find(image, key)
		if (address < 0) return undefined
		// What is looked up by −0 has 0 for its key.
		const own = key === 0 ? 0 : key
		return readRow(image.segments[address >>> SEGMENT_SHIFT]!, (address & UNIT_MASK) * 8, image, own) as Row
	}

	has(key: Key): boolean {
		return find(this.#image, key) >= 0
	}

	/** One row per key, in their order; `undefined` where there is none. All of this generation. */
	getMany(keys: Iterable<Key>): Array<Row | undefined> {
		return Array.from(keys, key => this.get(key))
	}

	*keys(): MapIterator<Key> {
		const { segments } = this.#image
		for (const [segment, offset] of this.#records()) yield readKey(segments[segment]!, offset)
	}

	*values(): MapIterator<Row> {
		const image = this.#image
		for (const [segment, offset] of this.#records())
			yield readRow(image.segments[segment]!, offset, image) as Row
	}

	*entries(): MapIterator<[Key, Row]> {
		const image = this.#image
		for (const [segment, offset] of this.#records()) {
			const key = readKey(image.segments[segment]!, offset)
			yield [key, readRow(image.segments[segment]!, offset, image, key) as Row]
		}
	}

	[Symbol.iterator](): MapIterator<[Key, Row]> {
		return this.entries()
	}

	forEach(visit: (row: Row, key: Key, table: this) => void, thisArg?: unknown): void {
		for (const [key, row] of this.entries()) visit.call(thisArg, row, key, this)
	}

	get [Symbol.toStringTag](): string {
		return 'Table'
	}

	*#records(): Generator<readonly [number, number], undefined> {
		const { segments } = this.#image
		for (let i = 0; i < segments.length; i++) {
			const { bytes, view } = segments[i]!
			for (let at = 0; at < bytes.length; at += aligned(view.getUint32(at, true)))
				if ((view.getUint32(at + 4, true) & KEY_DEAD) === 0) yield [i, at]
		}
	}

	/**
	 * The image behind a table.
	 *
	 * @internal
	 */
	static imageOf(table: Table): Image {
		return table.#image
	}

	/**
	 * Gives a table its number, once, when it is put in place.
	 *
	 * @internal
	 */
	static number(table: Table, generation: number): void {
		table.#facts = { ...table.#facts, generation }
	}
}
