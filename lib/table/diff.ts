import type { Image, Segment } from './image.ts'
import { aligned, KEY_DEAD, KEY_LENGTH, RECORD_HEADER, SEGMENT_SHIFT, UNIT_MASK } from './layout.ts'
import { findRecord, hashOf, sameKey } from './probe.ts'
import { readRow } from './row-reader.ts'

export interface TableChange {
	readonly added: number
	readonly changed: number
	readonly removed: number
}

export const NO_CHANGE: TableChange = Object.freeze({ added: 0, changed: 0, removed: 0 })

/** Where the rows are that a change is about: `added` and `changed` in the new image, `removed` in the old one. */
export interface ChangedAddresses {
	readonly added: Uint32Array
	readonly changed: Uint32Array
	readonly removed: Uint32Array
}

export interface Diff {
	readonly counts: TableChange
	readonly addresses: ChangedAddresses | undefined
}

/**
 * Compares two images row by row, by their bytes. Only rows whose bytes differ are decoded and compared as values, since
 * the same row may have been packed differently (another order of its fields, another vocabulary).
 *
 * As a refresh mostly keeps the order of the rows, the row after the last match is tried before the index is asked.
 */
export const diff = (older: Image | undefined, newer: Image, { addresses = false } = {}): Diff => {
	const added = new Addresses(addresses)
	const changed = new Addresses(addresses)
	const removed = new Addresses(addresses)
	if (older === undefined) {
		for (const { address } of records(newer)) added.push(address)
		return result(added, changed, removed)
	}

	const sameVocabulary = extendsVocabulary(newer, older)
	const matched = older.segments.map(({ bytes }) => new Uint8Array((bytes.length >>> 6) + 1))
	let matches = 0
	let guess = older.segments.length > 0 ? 0 : -1
	for (const { segment, offset, address } of records(newer)) {
		let found = guess
		if (found < 0 || !isLiveWithKey(older, found, segment, offset))
			found = findRecord(older, segment, offset, hashOf(segment, offset, older))
		if (found < 0) {
			added.push(address)
			continue
		}
		const [i, unit] = [found >>> SEGMENT_SHIFT, found & UNIT_MASK]
		matched[i]![unit >>> 3]! |= 1 << (unit & 7)
		matches++
		const there = older.segments[i]!
		guess = addressAfter(older, found)
		if (
			!(sameVocabulary && sameBytes(segment, offset, there, unit * 8)) &&
			!deepEqual(readRow(segment, offset, newer), readRow(there, unit * 8, older))
		)
			changed.push(address)
	}
	if (matches < older.rowCount) {
		for (const { address } of records(older)) {
			const unit = address & UNIT_MASK
			if ((matched[address >>> SEGMENT_SHIFT]![unit >>> 3]! & (1 << (unit & 7))) === 0) removed.push(address)
		}
	}
	return result(added, changed, removed)
}

const result = (added: Addresses, changed: Addresses, removed: Addresses): Diff => ({
	counts: { added: added.count, changed: changed.count, removed: removed.count },
	addresses: added.wanted
		? { added: added.list(), changed: changed.list(), removed: removed.list() }
		: undefined,
})

class Addresses {
	count = 0
	readonly wanted: boolean
	#list = new Uint32Array(64)

	constructor(wanted: boolean) {
		this.wanted = wanted
	}

	push(address: number): void {
		if (this.wanted) {
			if (this.count === this.#list.length) {
				const grown = new Uint32Array(this.count * 2)
				grown.set(this.#list)
				this.#list = grown
			}
			this.#list[this.count] = address
		}
		this.count++
	}

	list(): Uint32Array {
		return this.#list.slice(0, this.count)
	}
}

interface Cursor {
	segment: Segment
	offset: number
	address: number
}

/** All live records, in order. The cursor is one object that moves on. */
function* records({ segments }: Image): Generator<Readonly<Cursor>, undefined> {
	if (segments.length === 0) return
	const cursor: Cursor = { segment: segments[0]!, offset: 0, address: 0 }
	for (let i = 0; i < segments.length; i++) {
		const segment = segments[i]!
		cursor.segment = segment
		const { bytes, view } = segment
		for (let at = 0; at < bytes.length; at += aligned(view.getUint32(at, true))) {
			if ((view.getUint32(at + 4, true) & KEY_DEAD) !== 0) continue
			cursor.offset = at
			cursor.address = ((i << SEGMENT_SHIFT) | (at >>> 3)) >>> 0
			yield cursor
		}
	}
}

const isLiveWithKey = (image: Image, address: number, segment: Segment, offset: number): boolean => {
	const there = image.segments[address >>> SEGMENT_SHIFT]!
	const at = (address & UNIT_MASK) * 8
	return (there.view.getUint32(at + 4, true) & KEY_DEAD) === 0 && sameKey(there, at, segment, offset)
}

const addressAfter = ({ segments }: Image, address: number): number => {
	const i = address >>> SEGMENT_SHIFT
	const { bytes, view } = segments[i]!
	const at = (address & UNIT_MASK) * 8
	const next = at + aligned(view.getUint32(at, true))
	if (next < bytes.length) return ((i << SEGMENT_SHIFT) | (next >>> 3)) >>> 0
	return i + 1 < segments.length ? ((i + 1) << SEGMENT_SHIFT) >>> 0 : -1
}

const sameBytes = (a: Segment, aOffset: number, b: Segment, bOffset: number): boolean => {
	const length = a.view.getUint32(aOffset, true)
	if (length !== b.view.getUint32(bOffset, true)) return false
	// The keys are the same already. Records are padded with zeros to whole words, so whole words compare.
	const from = RECORD_HEADER + (a.view.getUint32(aOffset + 4, true) & KEY_LENGTH & ~3)
	for (let i = from; i < length; i += 4)
		if (a.view.getInt32(aOffset + i, true) !== b.view.getInt32(bOffset + i, true)) return false
	return true
}

const extendsVocabulary = (newer: Image, older: Image): boolean => {
	if (newer.wordCount < older.wordCount || newer.shapes.length < older.shapes.length) return false
	for (let id = 0; id < older.wordCount; id++) if (newer.word(id) !== older.word(id)) return false
	return older.shapes.every((names, id) => {
		const others = newer.shapes[id]!
		return names.length === others.length && names.every((name, i) => name === others[i])
	})
}

/** Rows are plain data: what JSON and MessagePack have, and nothing else. */
export const deepEqual = (a: unknown, b: unknown): boolean => {
	if (Object.is(a, b)) return true
	if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
	if (Array.isArray(a))
		return Array.isArray(b) && a.length === b.length && a.every((item, i) => deepEqual(item, b[i]))
	if (Array.isArray(b)) return false
	if (a instanceof Date) return b instanceof Date && Object.is(a.getTime(), b.getTime())
	if (a instanceof Uint8Array)
		return b instanceof Uint8Array && a.length === b.length && a.every((byte, i) => byte === b[i])
	const names = Object.keys(a)
	return (
		names.length === Object.keys(b).length &&
		names.every(
			name =>
				Object.hasOwn(b, name) &&
				deepEqual((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name]),
		)
	)
}
