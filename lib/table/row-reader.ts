import { RemoteTermError } from '../core/errors.ts'
import { KEY_LENGTH, KEY_NUMBER, KEY_UTF16, MAX_DEPTH, RECORD_HEADER, Tag } from './layout.ts'
import { latin1 } from './latin1.ts'
import type { Key } from './row-writer.ts'
import type { Segment } from './image.ts'

/** What a reader needs of an image: its vocabulary. Words are decoded when they are first met, by each thread for itself. */
export interface Words {
	readonly shapes: ReadonlyArray<readonly string[]>
	word(id: number): string
}

/**
 * Row records back to rows. Nothing is generated from data: no `eval`, no `new Function`, only property writes, and
 * `__proto__` never is among the names. Every row is a new object, which its receiver may keep or change.
 *
 * The state of a read is in module variables since a read is synchronous and never reentrant, and this is the hottest
 * code of the house.
 */
let bytes: Buffer
let view: DataView
let words: Words
let at = 0
let end = 0
let rowKey: Key | undefined
let depth = 0

/** The row behind a record. `key`, where the caller has it at hand, need not be decoded. */
export const readRow = (segment: Segment, offset: number, vocabulary: Words, key?: Key): unknown => {
	bytes = segment.bytes
	view = segment.view
	words = vocabulary
	const start = offset + RECORD_HEADER
	const length = view.getUint32(offset, true)
	const info = view.getUint32(offset + 4, true)
	at = start + (info & KEY_LENGTH)
	end = offset + length
	depth = 0
	rowKey = key ?? readKeyAt(start, info)
	return readWhole()
}

/** One packed value that is no row. */
export const readPlain = (segment: Segment, from: number, to: number, vocabulary: Words): unknown => {
	bytes = segment.bytes
	view = segment.view
	words = vocabulary
	at = from
	end = to
	depth = 0
	rowKey = undefined
	return readWhole()
}

const readWhole = (): unknown => {
	let value: unknown
	try {
		value = read()
	} catch (error) {
		// Reading outside the section, or digits that are none.
		throw error instanceof RemoteTermError ? error : damaged(error)
	}
	if (at > end) throw damaged()
	return value
}

export const readKey = (segment: Segment, offset: number): Key => {
	bytes = segment.bytes
	view = segment.view
	return readKeyAt(offset + RECORD_HEADER, view.getUint32(offset + 4, true))
}

const readKeyAt = (start: number, info: number): Key => {
	const length = info & KEY_LENGTH
	if ((info & KEY_NUMBER) !== 0) return view.getFloat64(start, true)
	if ((info & KEY_UTF16) !== 0) return bytes.toString('utf16le', start, start + length)
	return latin1(bytes, start, length)
}

const damaged = (cause?: unknown): RemoteTermError =>
	new RemoteTermError(
		'DESERIALIZE_FAILED',
		'Expected a packed row, found something damaged',
		cause === undefined ? {} : { cause },
	)

const read = (): unknown => {
	const tag = bytes[at++]!
	if (tag < 0x80) return tag
	if (tag < 0x90) return record(tag & 0x0f)
	if (tag < 0xa0) return array(tag & 0x0f)
	if (tag < 0xc0) return string(tag & 0x1f)
	if (tag >= 0xe0) return tag - 0x100
	switch (tag) {
		case Tag.null:
			return null
		case Tag.key:
			return rowKey
		case Tag.false:
			return false
		case Tag.true:
			return true
		case Tag.word8:
			return words.word(bytes[at++]!)
		case Tag.word16:
			at += 2
			return words.word((bytes[at - 2]! << 8) | bytes[at - 1]!)
		case Tag.latin1Short:
			return string(bytes[at++]!)
		case Tag.float64:
			at += 8
			return view.getFloat64(at - 8, true)
		case Tag.float32:
			at += 4
			return view.getFloat32(at - 4, true)
		case Tag.uint8:
			return bytes[at++]!
		case Tag.uint16:
			at += 2
			return view.getUint16(at - 2, true)
		case Tag.int32:
			at += 4
			return view.getInt32(at - 4, true)
		case Tag.uint32:
			return uint32()
		case Tag.latin1Long:
			return string(uint32())
		case Tag.utf16Short:
			return utf16(bytes[at++]!)
		case Tag.utf16:
			return utf16(uint32())
		case Tag.shape16:
			at += 2
			return record(view.getUint16(at - 2, true))
		case Tag.arrayLong:
			return array(uint32())
		case Tag.map:
			return map(uint32())
		case Tag.binary: {
			const length = taken(uint32())
			return new Uint8Array(bytes.subarray(at - length, at))
		}
		case Tag.bigint:
			return BigInt(string(uint32()))
		case Tag.date:
			at += 8
			return new Date(view.getFloat64(at - 8, true))
		case Tag.undefined:
			return undefined
		default:
			throw damaged()
	}
}

const uint32 = (): number => {
	at += 4
	return view.getUint32(at - 4, true)
}

/** Moves past `length` bytes, which must be there. */
const taken = (length: number): number => {
	at += length
	if (at > end) throw damaged()
	return length
}

const record = (id: number): unknown => {
	const names = words.shapes[id]
	if (names === undefined || ++depth > MAX_DEPTH) throw damaged()
	const object: Record<string, unknown> = {}
	for (let i = 0; i < names.length; i++) object[names[i]!] = read()
	depth--
	return object
}

const map = (count: number): unknown => {
	if (count > end - at || ++depth > MAX_DEPTH) throw damaged()
	const object: Record<string, unknown> = {}
	for (let i = 0; i < count; i++) {
		const name = read()
		if (typeof name !== 'string' || name === '__proto__') throw damaged()
		object[name] = read()
	}
	depth--
	return object
}

const array = (count: number): unknown => {
	// An item takes a byte at least, so that a damaged count cannot ask for more memory than there are bytes.
	if (count > end - at || ++depth > MAX_DEPTH) throw damaged()
	const items: unknown[] = []
	for (let i = 0; i < count; i++) items.push(read())
	depth--
	return items
}

const utf16 = (length: number): string => {
	taken(length)
	return bytes.toString('utf16le', at - length, at)
}

const string = (length: number): string => {
	taken(length)
	return latin1(bytes, at - length, length)
}
