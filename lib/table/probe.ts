import { hashLatin1, hashNumber, hashString, hashUtf16, type Seed } from './hash.ts'
import type { Image, Segment } from './image.ts'
import {
	ENTRY_FAR,
	ENTRY_HEADER,
	ENTRY_KIND,
	ENTRY_LENGTH,
	ENTRY_NUMBER,
	ENTRY_UTF16,
	KEY_DEAD,
	KEY_LENGTH,
	KEY_NUMBER,
	KEY_UTF16,
	MAX_NEAR_KEY,
	RECORD_HEADER,
	SEGMENT_SHIFT,
	UNIT_MASK,
} from './layout.ts'
import type { Key } from './row-writer.ts'

const tagOf = (hash: number): number => (hash & 0xff) << 8

/** The first two bytes of the entry of a record, by the word that tells the record's key. */
export const entryInfo = (hash: number, recordInfo: number): number => {
	const length = recordInfo & KEY_LENGTH
	const tag = tagOf(hash)
	if (length > MAX_NEAR_KEY) return tag | ENTRY_FAR
	if ((recordInfo & KEY_NUMBER) !== 0) return tag | ENTRY_NUMBER | length
	return (recordInfo & KEY_UTF16) === 0 ? tag | length : tag | ENTRY_UTF16 | length
}

/** In bytes. */
export const entrySize = (info: number): number => ENTRY_HEADER + (info & ENTRY_LENGTH)

/** The address of the row with this key; −1 if there is none, as for a key of any other type. */
export const find = (image: Image, key: Key): number =>
	typeof key === 'string' ? findString(image, key) : typeof key === 'number' ? findNumber(image, key) : -1

const findString = (image: Image, key: string): number => {
	const { bucketShift, index, keys } = image
	const { length } = key
	const hash = hashString(key, image)
	const tag = tagOf(hash)
	const narrow = length <= MAX_NEAR_KEY ? tag | length : tag | ENTRY_FAR
	const wide = length * 2 <= MAX_NEAR_KEY ? tag | ENTRY_UTF16 | (length * 2) : tag | ENTRY_FAR
	const bucket = hash >>> bucketShift
	const end = index[bucket + 1]!
	for (let at = index[bucket]!; at < end;) {
		const info = keys.getUint16(at, true)
		if (info === narrow || info === wide) {
			if ((info & ENTRY_KIND) === 0 ? isLatin1(keys, at + ENTRY_HEADER, key) : isOther(image, at, info, key))
				return keys.getUint32(at + 2, true)
		}
		at += ENTRY_HEADER + (info & ENTRY_LENGTH)
	}
	return -1
}

/** The length is the same already. */
const isLatin1 = (keys: DataView, at: number, key: string): boolean => {
	const { length } = key
	let i = 0
	for (; i + 4 <= length; i += 4) {
		const a = key.charCodeAt(i)
		const b = key.charCodeAt(i + 1)
		const c = key.charCodeAt(i + 2)
		const d = key.charCodeAt(i + 3)
		if ((a | b | c | d) > 0xff || keys.getInt32(at + i, true) !== (a | (b << 8) | (c << 16) | (d << 24)))
			return false
	}
	for (; i < length; i++) if (keys.getUint8(at + i) !== key.charCodeAt(i)) return false
	return true
}

const isOther = ({ keys, segments }: Image, entry: number, info: number, key: string): boolean => {
	if ((info & ENTRY_KIND) === ENTRY_FAR) {
		const address = keys.getUint32(entry + 2, true)
		return recordHasString(segments[address >>> SEGMENT_SHIFT]!, (address & UNIT_MASK) * 8, key)
	}
	for (let i = 0; i < key.length; i++)
		if (keys.getUint16(entry + ENTRY_HEADER + i * 2, true) !== key.charCodeAt(i)) return false
	return true
}

const recordHasString = ({ bytes, view }: Segment, offset: number, key: string): boolean => {
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
	for (let i = 0; i < length; i++) if (bytes[at + i] !== key.charCodeAt(i)) return false
	return true
}

const findNumber = (image: Image, given: number): number => {
	// As in a Map, −0 is 0. NaN is no key.
	const key = given + 0
	if (key !== key) return -1
	const { bucketShift, index, keys } = image
	const hash = hashNumber(key, image)
	const wanted = tagOf(hash) | ENTRY_NUMBER | 8
	const bucket = hash >>> bucketShift
	const end = index[bucket + 1]!
	for (let at = index[bucket]!; at < end;) {
		const info = keys.getUint16(at, true)
		if (info === wanted && keys.getFloat64(at + ENTRY_HEADER, true) === key)
			return keys.getUint32(at + 2, true)
		at += ENTRY_HEADER + (info & ENTRY_LENGTH)
	}
	return -1
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
	const info = a.view.getUint32(aOffset + 4, true) & ~KEY_DEAD
	if (info !== (b.view.getUint32(bOffset + 4, true) & ~KEY_DEAD)) return false
	const length = info & KEY_LENGTH
	const [x, y] = [a.bytes, b.bytes]
	for (let i = RECORD_HEADER; i < RECORD_HEADER + length; i++)
		if (x[aOffset + i] !== y[bOffset + i]) return false
	return true
}

/** The entry between two offsets in the keys that has the key of a record elsewhere; −1 if there is none. */
export const findEntry = (
	keys: DataView,
	segments: readonly Segment[],
	from: number,
	to: number,
	info: number,
	segment: Segment,
	offset: number,
): number => {
	for (let at = from; at < to;) {
		const there = keys.getUint16(at, true)
		if (there === info) {
			const address = keys.getUint32(at + 2, true)
			const isSame =
				(info & ENTRY_KIND) === ENTRY_FAR
					? sameKey(segments[address >>> SEGMENT_SHIFT]!, (address & UNIT_MASK) * 8, segment, offset)
					: entryHasKey(keys, at, segment, offset)
			if (isSame) return at
		}
		at += entrySize(there)
	}
	return -1
}

/** Kind and length are the same already. */
const entryHasKey = (keys: DataView, entry: number, { view }: Segment, offset: number): boolean => {
	const length = keys.getUint8(entry) & ENTRY_LENGTH
	const [here, there] = [entry + ENTRY_HEADER, offset + RECORD_HEADER]
	let i = 0
	for (; i + 4 <= length; i += 4)
		if (keys.getInt32(here + i, true) !== view.getInt32(there + i, true)) return false
	for (; i < length; i++) if (keys.getUint8(here + i) !== view.getUint8(there + i)) return false
	return true
}

/** The address of the row that has the key of a record in another image; −1 if there is none. */
export const findRecord = (image: Image, segment: Segment, offset: number, hash: number): number => {
	const { bucketShift, index, keys, segments } = image
	const bucket = hash >>> bucketShift
	const info = entryInfo(hash, segment.view.getUint32(offset + 4, true))
	const entry = findEntry(keys, segments, index[bucket]!, index[bucket + 1]!, info, segment, offset)
	return entry < 0 ? -1 : keys.getUint32(entry + 2, true)
}
