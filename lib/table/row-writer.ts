import {
	aligned,
	KEY_LENGTH,
	KEY_NUMBER,
	KEY_UTF16,
	MAX_DEPTH,
	RECORD_HEADER,
	SEGMENT_BYTES,
	Tag,
} from './layout.ts'
import type { GrowingVocabulary, Shape } from './vocabulary.ts'

export type Key = string | number

/** Why a row cannot be kept. Names the fault, never the contents. */
export class RowFault extends Error {
	override readonly name = 'RowFault'
}

const FIRST_BYTES = 64 * 1024

/**
 * Writes row records into one buffer, which the builder empties whenever it is as long as a segment.
 *
 * An own `__proto__` member is left out wherever it stands, as the codecs do: nobody who merges or copies a row later
 * shall find one.
 */
export class RowWriter {
	bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES)
	/** The end of what is written. */
	at = 0
	/** The record that is being written must end before this. */
	#limit = SEGMENT_BYTES
	#view: DataView
	#key: Key = ''
	readonly #vocabulary: GrowingVocabulary
	/** The shape that was written last at each depth, which the next row most likely has too. */
	readonly #guesses: Array<Shape | undefined> = []

	constructor(vocabulary: GrowingVocabulary) {
		this.#vocabulary = vocabulary
		this.#view = new DataView(this.bytes.buffer)
	}

	/**
	 * Writes one record at `at`, which is a multiple of 8, and moves there. Returns the word that tells the key. Throws
	 * `RowFault`, and then has written nothing.
	 */
	write(key: Key, row: object, maxBytes: number): number {
		const start = this.at
		this.#limit = Math.min(start + maxBytes, start + SEGMENT_BYTES - 8)
		try {
			this.#key = key
			this.at = start + RECORD_HEADER
			const info = typeof key === 'string' ? this.#keyString(key) : this.#keyNumber(key)
			this.#value(row, 0, undefined, 0)
			this.#room(8)
			const end = this.at
			this.#view.setUint32(start, end - start, true)
			this.#view.setUint32(start + 4, info, true)
			this.at = aligned(end)
			this.bytes.fill(0, end, this.at)
			return info
		} catch (error) {
			this.at = start
			throw error
		}
	}

	/** Writes one value that is no row: the vocabulary. */
	writePlain(value: unknown): void {
		this.#limit = SEGMENT_BYTES - 8
		this.#value(value, 0, undefined, 0)
	}

	#keyString(key: string): number {
		const { length } = key
		this.#room(length * 2)
		if (this.#latin1(key)) return length
		this.bytes.write(key, this.at, 'utf16le')
		this.at += length * 2
		return KEY_UTF16 | ((length * 2) & KEY_LENGTH)
	}

	#keyNumber(key: number): number {
		this.#room(8)
		this.#view.setFloat64(this.at, key, true)
		this.at += 8
		return KEY_NUMBER | 8
	}

	#value(value: unknown, depth: number, shape: Shape | undefined, field: number): void {
		this.#room(16)
		switch (typeof value) {
			case 'string':
				return this.#string(value, depth, shape, field)
			case 'number':
				return this.#number(value, depth)
			case 'boolean':
				this.bytes[this.at++] = value ? Tag.true : Tag.false
				return undefined
			case 'object':
				if (value === null) {
					this.bytes[this.at++] = Tag.null
					return undefined
				}
				if (depth >= MAX_DEPTH) throw new RowFault(`is nested deeper than ${MAX_DEPTH} levels`)
				if (Array.isArray(value)) return this.#array(value, depth, shape, field)
				return this.#object(value, depth)
			case 'bigint': {
				const digits = String(value)
				this.#tagged(Tag.bigint, digits.length)
				this.#room(digits.length)
				this.#latin1(digits)
				return undefined
			}
			case 'undefined':
				this.bytes[this.at++] = Tag.undefined
				return undefined
			default:
				throw new RowFault(`holds a ${typeof value}, which is no data`)
		}
	}

	#string(text: string, depth: number, shape: Shape | undefined, field: number): void {
		const { bytes } = this
		if (depth === 1 && text === this.#key) {
			bytes[this.at++] = Tag.key
			return
		}
		if (shape !== undefined) {
			const id = this.#vocabulary.wordOf(text, shape, field)
			if (id >= 0) {
				if (id < 256) {
					bytes[this.at++] = Tag.word8
				} else {
					bytes[this.at++] = Tag.word16
					bytes[this.at++] = id >>> 8
				}
				bytes[this.at++] = id
				return
			}
		}
		this.#freeString(text)
	}

	#freeString(text: string): void {
		const { length } = text
		this.#room(length * 2 + 8)
		const start = this.at
		const { bytes } = this
		if (length < 32) bytes[this.at++] = Tag.latin1 | length
		else if (length < 256) {
			bytes[this.at++] = Tag.latin1Short
			bytes[this.at++] = length
		} else this.#tagged(Tag.latin1Long, length)
		if (this.#latin1(text)) return
		this.at = start
		const size = length * 2
		if (size < 256) {
			bytes[this.at++] = Tag.utf16Short
			bytes[this.at++] = size
		} else this.#tagged(Tag.utf16, size)
		bytes.write(text, this.at, 'utf16le')
		this.at += size
	}

	/** Room is made already. Writes nothing, and says so, where a character needs two bytes. */
	#latin1(text: string): boolean {
		const { bytes, at } = this
		const { length } = text
		for (let i = 0; i < length; i++) {
			const unit = text.charCodeAt(i)
			if (unit > 0xff) return false
			bytes[at + i] = unit
		}
		this.at = at + length
		return true
	}

	#number(value: number, depth: number): void {
		const { bytes } = this
		if (depth === 1 && value === this.#key && !Object.is(value, -0)) {
			bytes[this.at++] = Tag.key
			return
		}
		if (value === (value | 0) && !Object.is(value, -0)) {
			if (value >= -32 && value < 128) bytes[this.at++] = value & 0xff
			else if (value >= 0 && value < 0x100) {
				bytes[this.at++] = Tag.uint8
				bytes[this.at++] = value
			} else if (value >= 0 && value < 0x1_0000) {
				bytes[this.at] = Tag.uint16
				this.#view.setUint16(this.at + 1, value, true)
				this.at += 3
			} else {
				bytes[this.at] = Tag.int32
				this.#view.setInt32(this.at + 1, value, true)
				this.at += 5
			}
		} else if (value === value >>> 0 && !Object.is(value, -0)) {
			bytes[this.at] = Tag.uint32
			this.#view.setUint32(this.at + 1, value, true)
			this.at += 5
		} else if (Math.fround(value) === value) {
			bytes[this.at] = Tag.float32
			this.#view.setFloat32(this.at + 1, value, true)
			this.at += 5
		} else {
			bytes[this.at] = Tag.float64
			this.#view.setFloat64(this.at + 1, value, true)
			this.at += 9
		}
	}

	#array(items: readonly unknown[], depth: number, shape: Shape | undefined, field: number): void {
		if (items.length < 16) this.bytes[this.at++] = Tag.array | items.length
		else this.#tagged(Tag.arrayLong, items.length)
		for (const item of items) this.#value(item, depth + 1, shape, field)
	}

	#object(value: object, depth: number): void {
		if (value instanceof Date) {
			this.bytes[this.at] = Tag.date
			this.#view.setFloat64(this.at + 1, value.getTime(), true)
			this.at += 9
			return
		}
		if (value instanceof Uint8Array) {
			this.#tagged(Tag.binary, value.length)
			this.#room(value.length)
			this.bytes.set(value, this.at)
			this.at += value.length
			return
		}
		const prototype: unknown = Object.getPrototypeOf(value)
		if (prototype !== Object.prototype && prototype !== null)
			throw new RowFault('holds an object that is neither plain nor a Date nor bytes')
		this.#fields(value as Record<string, unknown>, depth)
	}

	#fields(value: Record<string, unknown>, depth: number): void {
		let names = Object.keys(value)
		let shape = this.#guesses[depth]
		if (shape === undefined || !sameNames(names, shape.names)) {
			if (names.includes('__proto__')) names = names.filter(name => name !== '__proto__')
			shape = this.#vocabulary.shapeOf(names)
			this.#guesses[depth] = shape
		}
		if (shape === undefined) {
			this.#tagged(Tag.map, names.length)
			for (const name of names) {
				this.#freeString(name)
				this.#value(value[name], depth + 1, undefined, 0)
			}
			return
		}
		const { bytes } = this
		if (shape.id < 16) bytes[this.at++] = Tag.shape | shape.id
		else {
			bytes[this.at] = Tag.shape16
			this.#view.setUint16(this.at + 1, shape.id, true)
			this.at += 3
		}
		for (let i = 0; i < names.length; i++) this.#value(value[names[i]!], depth + 1, shape, i)
	}

	#tagged(tag: number, count: number): void {
		this.bytes[this.at] = tag
		this.#view.setUint32(this.at + 1, count, true)
		this.at += 5
	}

	#room(bytes: number): void {
		const needed = this.at + bytes
		if (needed <= this.bytes.length) {
			if (this.at > this.#limit) throw new RowFault('is too large')
			return
		}
		// A string asks for twice its length before it is known to need only once.
		if (this.at > this.#limit || bytes > 2 * SEGMENT_BYTES) throw new RowFault('is too large')
		const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
		grown.set(this.bytes.subarray(0, this.at))
		this.bytes = grown
		this.#view = new DataView(grown.buffer)
	}
}

const sameNames = (a: readonly string[], b: readonly string[]): boolean => {
	if (a.length !== b.length) return false
	for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
	return true
}
