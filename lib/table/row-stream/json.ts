import { parseJson } from '../../codecs/json.ts'
import {
	Backlog,
	malformed,
	tooLong,
	type OnRow,
	type RowStream,
	type RowStreamLimits,
} from './row-stream.ts'
import { parseRow, textOf } from './text.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** What a byte outside strings may mean to the structure; 0 for nothing. */
const IS_STRUCTURE = new Uint8Array(256)
for (const byte of [QUOTE, COMMA, COLON, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT])
	IS_STRUCTURE[byte] = 1

const isSpace = (byte: number): boolean => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09

/**
 * A JSON array of rows, or a JSON object whose members are rows (RFC 8259).
 *
 * One pass over the bytes knows strings, escapes and depth, and so finds the commas between rows. All rows that a chunk
 * completes are then parsed at once, as an array, by `JSON.parse`, which is as strict within rows as ever; between
 * them, there must be one row more than there are commas. An object's members become a flat array of names and values,
 * by writing a comma over each colon between them, so that members called `__proto__` or `1`, or the same twice, come
 * through as they stand.
 */
export class JsonRows implements RowStream {
	readonly #onRow: OnRow
	readonly #limits: RowStreamLimits
	readonly #backlog = new Backlog()
	#state: 'before' | 'array' | 'object' | 'after' = 'before'
	/** Up to where the backlog has been looked at. */
	#scanned = 0
	#depth = 0
	#inString = false
	#escaped = false
	/** In an object: a name has had its colon. */
	#afterColon = false
	/** Within the backlog: the commas between rows. */
	#commas: number[] = []
	#closed = -1
	/** Rows that have been told of. */
	#rows = 0
	#sawComma = false

	constructor(onRow: OnRow, limits: RowStreamLimits) {
		this.#onRow = onRow
		this.#limits = limits
	}

	async push(chunk: Uint8Array): Promise<void> {
		const backlog = this.#backlog
		backlog.push(chunk)
		if (this.#state === 'before' && !this.#begin()) return
		if (this.#state === 'after') return this.#onlySpace()
		this.#scan()
		if (this.#closed >= 0) {
			await this.#finish()
			this.#onlySpace()
			return
		}
		if (this.#commas.length > 0) await this.#tell(this.#commas.pop()!)
		if (backlog.length > this.#limits.maxSourceBytes + chunk.length)
			throw tooLong(this.#rows + 1, this.#limits)
	}

	async end(): Promise<void> {
		if (this.#state === 'before')
			throw this.#malformed('expected an array or an object', this.#backlog.length)
		if (this.#state !== 'after') throw this.#malformed('the document ends too early', this.#backlog.length)
	}

	/** Finds the bracket that opens the table. */
	#begin(): boolean {
		const { bytes, before } = this.#backlog
		const { length } = this.#backlog
		let at = 0
		// A byte order mark is looked for only where there can be one.
		if (before === 0 && bytes[0] === 0xef && length > 0) {
			if (length < 3) return false
			if (bytes[1] === 0xbb && bytes[2] === 0xbf) at = 3
		}
		while (at < length && isSpace(bytes[at]!)) at++
		if (at === length) {
			this.#backlog.drop(at)
			return false
		}
		const byte = bytes[at]
		if (byte !== OPEN_ARRAY && byte !== OPEN_OBJECT)
			throw this.#malformed('expected an array or an object', at)
		this.#state = byte === OPEN_ARRAY ? 'array' : 'object'
		this.#backlog.drop(at + 1)
		this.#depth = 1
		return true
	}

	#scan(): void {
		const { bytes, length } = this.#backlog
		const isObject = this.#state === 'object'
		let at = this.#scanned
		let depth = this.#depth
		let inString = this.#inString
		if (this.#escaped && at < length) {
			at++
			this.#escaped = false
		}
		while (at < length) {
			if (inString) {
				let byte = bytes[at]!
				while (byte !== QUOTE && byte !== BACKSLASH && ++at < length) byte = bytes[at]!
				if (at >= length) break
				if (byte === QUOTE) inString = false
				else if (++at === length) {
					this.#escaped = true
					break
				}
				at++
				continue
			}
			const byte = bytes[at]!
			if (IS_STRUCTURE[byte] === 1) {
				if (byte === QUOTE) inString = true
				else if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) depth++
				else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) {
					if (--depth === 0) {
						if (byte !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY))
							throw this.#malformed('a closing bracket of the other kind', at)
						this.#closed = at
						break
					}
				} else if (depth === 1) {
					if (byte === COMMA) {
						if (isObject && !this.#afterColon) throw this.#malformed('a member without a value', at)
						this.#afterColon = false
						this.#commas.push(at)
					} else if (isObject) {
						if (this.#afterColon) throw this.#malformed('an unexpected colon', at)
						this.#afterColon = true
						bytes[at] = COMMA
					}
				}
			}
			at++
		}
		this.#scanned = at
		this.#depth = depth
		this.#inString = inString
	}

	async #finish(): Promise<void> {
		const closed = this.#closed
		const { bytes } = this.#backlog
		let at = 0
		if (this.#commas.length === 0) while (at < closed && isSpace(bytes[at]!)) at++
		if (at < closed || this.#commas.length > 0 || this.#sawComma) {
			if (this.#state === 'object' && !this.#afterColon)
				throw this.#malformed('expected a name and a value', closed)
			await this.#tell(closed)
		}
		this.#state = 'after'
		this.#backlog.drop(this.#closed + 1)
	}

	/** Parses and tells all rows up to `end`, which is a comma or the closing bracket, and forgets them. */
	async #tell(end: number): Promise<void> {
		const { bytes, before } = this.#backlog
		const step = this.#state === 'object' ? 2 : 1
		const text = textOf(bytes, 0, end)
		let values: unknown
		try {
			values = text === undefined ? undefined : parseJson(`[${text}]`)
		} catch (error) {
			if (!(error instanceof SyntaxError)) throw error
		}
		const count = this.#commas.length + 1
		if (!Array.isArray(values) || values.length !== count * step) throw this.#fault(end)
		for (let i = 0; i < values.length; i += step) {
			const name: unknown = step === 2 ? values[i] : undefined
			if (step === 2 && typeof name !== 'string')
				throw malformed('a name that is no string', this.#rows + 1, before)
			this.#rows++
			const pending = this.#onRow(values[i + step - 1], name as string | undefined)
			if (pending !== undefined) await pending
		}
		this.#commas = []
		if (this.#closed < 0) {
			this.#sawComma = true
			this.#backlog.drop(end + 1)
			this.#scanned -= end + 1
		}
	}

	/** Parses row by row what could not be parsed at once, to find the one at fault. */
	#fault(end: number): Error {
		const { bytes, before } = this.#backlog
		let from = 0
		let row = this.#rows
		for (const to of [...this.#commas, end]) {
			row++
			try {
				if (this.#state === 'object') {
					const values = parseRow(
						Buffer.concat([BRACKET, bytes.subarray(from, to), BRACKET_END]),
						0,
						to - from + 2,
						row,
						before + from - 1,
					)
					if (!Array.isArray(values) || values.length !== 2)
						return malformed('expected a name and a value', row, before + from)
				} else parseRow(bytes, from, to, row, before)
			} catch (error) {
				return error as Error
			}
			from = to + 1
		}
		return malformed('commas and rows do not match', row, before + end)
	}

	#onlySpace(): void {
		const { bytes, length } = this.#backlog
		for (let at = 0; at < length; at++)
			if (!isSpace(bytes[at]!)) throw this.#malformed('something follows the end of the document', at)
		this.#backlog.drop(length)
	}

	#malformed(what: string, at: number): Error {
		return malformed(what, this.#rows + this.#commas.length + 1, this.#backlog.before + at)
	}
}

const BRACKET = Buffer.from('[')
const BRACKET_END = Buffer.from(']')
