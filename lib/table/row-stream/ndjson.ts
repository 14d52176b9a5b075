import { Backlog, tooLong, type OnRow, type RowStream, type RowStreamLimits } from './row-stream.ts'
import { parseRow, textOf } from './text.ts'
import { parseJson } from '../../codecs/json.ts'

const LF = 0x0a

/**
 * One JSON value per line, each a row. Lines end with `\n` or `\r\n`, the last one with either or neither; blank lines
 * are skipped, a byte order mark at the very beginning too.
 */
export class NdjsonRows implements RowStream {
	readonly #onRow: OnRow
	readonly #limits: RowStreamLimits
	readonly #backlog = new Backlog()
	#rows = 0

	constructor(onRow: OnRow, limits: RowStreamLimits) {
		this.#onRow = onRow
		this.#limits = limits
	}

	async push(chunk: Uint8Array): Promise<void> {
		const backlog = this.#backlog
		const searchFrom = backlog.length
		backlog.push(chunk)
		const last = backlog.bytes.subarray(searchFrom, backlog.length).lastIndexOf(LF)
		if (last >= 0) await this.#tell(searchFrom + last)
		if (backlog.length > this.#limits.maxSourceBytes + chunk.length)
			throw tooLong(this.#rows + 1, this.#limits)
	}

	async end(): Promise<void> {
		await this.#tell(this.#backlog.length)
	}

	/** All lines up to `end`, where a line ends. */
	async #tell(end: number): Promise<void> {
		const { bytes, before } = this.#backlog
		const start = before === 0 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0
		const text = textOf(bytes, Math.min(start, end), end)
		if (text === undefined) throw this.#fault(start, end)
		for (let from = 0; from < text.length;) {
			const newline = text.indexOf('\n', from)
			const to = newline < 0 ? text.length : newline
			const line = text.slice(from, to)
			from = to + 1
			if (isBlank(line)) continue
			let row: unknown
			try {
				row = parseJson(line)
			} catch (error) {
				if (!(error instanceof SyntaxError)) throw error
				throw this.#fault(start + Buffer.byteLength(text.slice(0, to - line.length)), end)
			}
			this.#rows++
			const pending = this.#onRow(row, undefined)
			if (pending !== undefined) await pending
		}
		this.#backlog.drop(Math.min(end + 1, this.#backlog.length))
	}

	/** Parses line by line what begins with, or has in it, the line at fault. */
	#fault(start: number, end: number): Error {
		const { bytes, before } = this.#backlog
		let row = this.#rows
		for (let from = start; from < end;) {
			const newline = bytes.indexOf(LF, from)
			const to = newline < 0 || newline > end ? end : newline
			const isRow = bytes.subarray(from, to).some(byte => byte !== 0x20 && byte !== 0x09 && byte !== 0x0d)
			if (isRow) {
				row++
				try {
					parseRow(bytes, from, to, row, before)
				} catch (error) {
					return error as Error
				}
			}
			from = to + 1
		}
		throw new Error('Expected a line at fault')
	}
}

const isBlank = (line: string): boolean => line === '' || /^[ \t\r]*$/.test(line)
