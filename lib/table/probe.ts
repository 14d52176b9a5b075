import { hashLatin1, hashNumber, hashString, hashUtf16, type Seed } from './hash.ts'
import type { Image, Segment } from './image.ts'
import { KEY_LENGTH, KEY_NUMBER, KEY_UTF16, RECORD_HEADER, SEGMENT_SHIFT, UNIT_MASK } from './layout.ts'
import type { Key } from './row-writer.ts'

/** The slot at which the search for a hash begins: its share of 2^32, which needs no division and any slot count. */
export const firstSlot = (hash: number, slots: number): number => Math.floor((hash * slots) / 2 ** 32)

/** The address of the row with this key; −1 if there is none, as for a key of any other type. */
export const find = (image: Image, key: Key): number =>
	typeof key === 'string' ? findString(image, key) : typeof key === 'number' ? findNumber(image, key) : -1

const findString = (image: Image, key: string): number => {
	const { index, segments, slots } = image
	if (slots === 0) return -1
	const hash = hashString(key, image)
	let slot = firstSlot(hash, slots)
	for (;;) {
		const address = index[slot * 2 + 1]! - 1
		if (address < 0) return -1
		if (index[slot * 2] === hash) {
			const segment = segments[address >>> SEGMENT_SHIFT]!
			if (isString(segment, (address & UNIT_MASK) * 8, key)) return address
		}
		if (++slot === slots) slot = 0
	}
}

const isString = ({ bytes, view }: Segment, offset: number, key: string): boolean => {
	const info = view.getUint32(offset + 4, true)
	const at = offset + RECORD_HEADER
	const { length } = key
	if ((info & KEY_UTF16) !== 0) {
		if ((info & KEY_LENGTH) !== length * 2) return false
		for (let i = 0; i < length; i++)
			if ((bytes[at + i * 2]! | (bytes[at + i * 2 + 1]! << 8)) !== key.charCodeAt(i)) return false
		return true
	}
	if ((info & KEY_NUMBER) !== 0 || (info & KEY_LENGTH) !== length) return false
	let i = 0
	for (; i + 4 <= length; i += 4) {
		const [a, b, c, d] = [
			key.charCodeAt(i),
			key.charCodeAt(i + 1),
			key.charCodeAt(i + 2),
			key.charCodeAt(i + 3),
		]
		if ((a | b | c | d) > 0xff || view.getInt32(at + i, true) !== (a | (b << 8) | (c << 16) | (d << 24)))
			return false
	}
	for (; i < length; i++) if (bytes[at + i] !== key.charCodeAt(i)) return false
	return true
}

const findNumber = (image: Image, given: number): number => {
	const { index, segments, slots } = image
	// As in a Map, −0 is 0. NaN is no key.
	const key = given + 0
	if (slots === 0 || key !== key) return -1
	const hash = hashNumber(key, image)
	let slot = firstSlot(hash, slots)
	for (;;) {
		const address = index[slot * 2 + 1]! - 1
		if (address < 0) return -1
		if (index[slot * 2] === hash) {
			const { view } = segments[address >>> SEGMENT_SHIFT]!
			const offset = (address & UNIT_MASK) * 8
			if (
				(view.getUint32(offset + 4, true) & KEY_NUMBER) !== 0 &&
				view.getFloat64(offset + RECORD_HEADER, true) === key
			)
				return address
		}
		if (++slot === slots) slot = 0
	}
}

/** The hash of a key where it lies. */
export const hashOf = ({ bytes, view }: Segment, offset: number, seed: Seed): number => {
	const info = view.getUint32(offset + 4, true)
	const at = offset + RECORD_HEADER
	if ((info & KEY_NUMBER) !== 0) return hashNumber(view.getFloat64(at, true), seed)
	return (info & KEY_UTF16) === 0
		? hashLatin1(bytes, at, info & KEY_LENGTH, seed)
		: hashUtf16(bytes, at, info & KEY_LENGTH, seed)
}

/** Whether two records have the same key. A string has one packed form only, so bytes decide. */
export const sameKey = (a: Segment, aOffset: number, b: Segment, bOffset: number): boolean => {
	// The highest bit says only that a record is dead.
	const info = a.view.getUint32(aOffset + 4, true) & 0x7fff_ffff
	if (info !== (b.view.getUint32(bOffset + 4, true) & 0x7fff_ffff)) return false
	const length = info & KEY_LENGTH
	const [x, y] = [a.bytes, b.bytes]
	for (let i = RECORD_HEADER; i < RECORD_HEADER + length; i++)
		if (x[aOffset + i] !== y[bOffset + i]) return false
	return true
}

/** The address of the row that has the key of a record in another image, or in this one; −1 if there is none. */
export const findRecord = (image: Image, segment: Segment, offset: number, hash: number): number => {
	const { index, segments, slots } = image
	if (slots === 0) return -1
	let slot = firstSlot(hash, slots)
	for (;;) {
		const address = index[slot * 2 + 1]! - 1
		if (address < 0) return -1
		if (
			index[slot * 2] === hash &&
			sameKey(segments[address >>> SEGMENT_SHIFT]!, (address & UNIT_MASK) * 8, segment, offset)
		)
			return address
		if (++slot === slots) slot = 0
	}
}
