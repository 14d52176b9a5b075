import { RemoteTermError } from '../core/errors.ts'

/** Deeper than any document that people make, and far from what a stack can take. */
export const MAX_DEPTH = 512

/** 8.64e15 ms, the largest `Date`, in seconds. */
const LATEST_DATE = 8_640_000_000_000n

const TIMESTAMP = 0xff

export interface Scanned {
	/** Some map has a key `__proto__`. */
	readonly namesProto: boolean
}

/**
 * Walks over one MessagePack value without building it, and refuses with `DESERIALIZE_FAILED` all that must not reach
 * a decoder: counts that claim more than there are bytes, too deep nesting, extension types other than the timestamp,
 * map keys that are neither strings nor integers, invalid UTF-8, and bytes behind the value. `TOO_LARGE` is more than
 * `maxValues` elements and members, an empty array or map counting as one.
 */
export const scanMsgpack = (data: Uint8Array, maxValues = Infinity): Scanned => {
	const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
	const size = data.length
	let at = 0
	let namesProto = false
	/** How many values the container at hand still lacks, a map's keys counted too, and the same of those around it. */
	let left = 1
	let isMap = false
	const outerLeft: number[] = []
	const outerIsMap: boolean[] = []
	/** How many values all of them lack. Each takes a byte at least. */
	let owed = 1
	/** Elements and members, claimed so far. */
	let values = 0

	const need = (bytes: number): void => {
		if (bytes > size - at) throw refuse('the document ends too early', at)
	}
	const number = (bytes: 1 | 2 | 4): number => {
		need(bytes)
		const value = bytes === 1 ? data[at]! : bytes === 2 ? view.getUint16(at) : view.getUint32(at)
		at += bytes
		return value
	}
	const skip = (bytes: number): void => {
		need(bytes)
		at += bytes
	}
	const enter = (length: number, map: boolean): void => {
		const parts = map ? 2 * length : length
		owed += parts
		if (owed > size - at) throw refuse('it claims more elements than it has bytes', at)
		values += Math.max(1, length)
		if (values > maxValues)
			throw new RemoteTermError(
				'TOO_LARGE',
				`Expected a document of ${maxValues} elements and members at most`,
			)
		if (outerLeft.length >= MAX_DEPTH) throw refuse(`nesting is deeper than ${MAX_DEPTH} levels`, at)
		outerLeft.push(left)
		outerIsMap.push(isMap)
		left = parts
		isMap = map
	}
	const string = (length: number, isKey: boolean): void => {
		need(length)
		const end = at + length
		if (isKey && length === PROTO.length && PROTO.every((byte, index) => data[at + index] === byte))
			namesProto = true
		while (at < end && data[at]! < 0x80) at++
		if (at < end && !isUtf8(data, at, end)) throw refuse('a string is not valid UTF-8', at)
		at = end
	}
	const extension = (length: number): void => {
		const type = number(1)
		need(length)
		if (type !== TIMESTAMP)
			throw refuse(`extension type ${type > 127 ? type - 256 : type} is not supported`, at)
		if (!isTimestamp(view, at, length)) throw refuse('a timestamp is out of range', at)
		at += length
	}

	for (;;) {
		while (left === 0) {
			if (outerLeft.length === 0) {
				if (at < size) throw refuse(`${size - at} bytes follow the value`, at)
				return { namesProto }
			}
			left = outerLeft.pop()!
			isMap = outerIsMap.pop()!
		}
		const isKey = isMap && left % 2 === 0
		left--
		owed--
		if (at >= size) throw refuse('the document ends too early', at)
		const token = data[at++]!
		if (isKey && !mayBeKey(token)) throw refuse('a map key is neither a string nor an integer', at - 1)
		if (token < 0x80 || token >= 0xe0) continue
		if (token < 0x90) enter(token & 0x0f, true)
		else if (token < 0xa0) enter(token & 0x0f, false)
		else if (token < 0xc0) string(token & 0x1f, isKey)
		else {
			switch (token) {
				case 0xc0:
				case 0xc2:
				case 0xc3:
					break
				case 0xc4:
					skip(number(1))
					break
				case 0xc5:
					skip(number(2))
					break
				case 0xc6:
					skip(number(4))
					break
				case 0xc7:
					extension(number(1))
					break
				case 0xc8:
					extension(number(2))
					break
				case 0xc9:
					extension(number(4))
					break
				case 0xcc:
				case 0xd0:
					skip(1)
					break
				case 0xcd:
				case 0xd1:
					skip(2)
					break
				case 0xca:
				case 0xce:
				case 0xd2:
					skip(4)
					break
				case 0xcb:
				case 0xcf:
				case 0xd3:
					skip(8)
					break
				case 0xd4:
				case 0xd5:
				case 0xd6:
				case 0xd7:
				case 0xd8:
					extension(1 << (token - 0xd4))
					break
				case 0xd9:
					string(number(1), isKey)
					break
				case 0xda:
					string(number(2), isKey)
					break
				case 0xdb:
					string(number(4), isKey)
					break
				case 0xdc:
					enter(number(2), false)
					break
				case 0xdd:
					enter(number(4), false)
					break
				case 0xde:
					enter(number(2), true)
					break
				case 0xdf:
					enter(number(4), true)
					break
				default:
					throw refuse('byte 0xC1 means nothing', at - 1)
			}
		}
	}
}

const PROTO = Array.from('__proto__', character => character.charCodeAt(0))

const refuse = (reason: string, at: number): RemoteTermError =>
	new RemoteTermError(
		'DESERIALIZE_FAILED',
		`The document is not MessagePack that can be decoded: ${reason} (at byte ${at})`,
	)

const mayBeKey = (token: number): boolean =>
	token < 0x80 ||
	token >= 0xe0 ||
	(token >= 0xa0 && token < 0xc0) ||
	(token >= 0xcc && token <= 0xd3) ||
	(token >= 0xd9 && token <= 0xdb)

/** The three forms of the specification's timestamp, as far as a `Date` goes. */
const isTimestamp = (view: DataView, at: number, length: number): boolean => {
	if (length === 4) return true
	if (length === 8) return view.getUint32(at) >>> 2 < 1e9
	if (length !== 12 || view.getUint32(at) >= 1e9) return false
	const seconds = view.getBigInt64(at + 4)
	return seconds >= -LATEST_DATE && seconds < LATEST_DATE
}

/** Well-formed UTF-8 as in Unicode's table 3-7: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
const isUtf8 = (data: Uint8Array, from: number, end: number): boolean => {
	for (let at = from; at < end;) {
		const lead = data[at++]!
		if (lead < 0x80) continue
		const more = lead < 0xc2 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : lead < 0xf5 ? 3 : 0
		if (more === 0 || more > end - at) return false
		const second = data[at]!
		const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80
		const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf
		if (second < lowest || second > highest) return false
		for (let index = 1; index < more; index++) if ((data[at + index]! & 0xc0) !== 0x80) return false
		at += more
	}
	return true
}
