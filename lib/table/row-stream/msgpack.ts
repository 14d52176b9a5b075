import { messageOf } from '../../core/errors.ts'
import { msgpack } from '../../codecs/msgpack.ts'
import {
	Backlog,
	malformed,
	tooLong,
	type OnRow,
	type RowStream,
	type RowStreamLimits,
} from './row-stream.ts'

/**
 * MessagePack: one array of rows, or rows one after the other. A row is no array, so the first byte tells which.
 * What is said of the codec `msgpack` holds for each row.
 */
export class MsgpackRows implements RowStream {
	readonly #onRow: OnRow
	readonly #limits: RowStreamLimits
	readonly #backlog = new Backlog()
	readonly #end = new ValueEnd()
	#begun = false
	/** How many rows the array still lacks; a sequence never says. */
	#left = Infinity
	#rows = 0

	constructor(onRow: OnRow, limits: RowStreamLimits) {
		this.#onRow = onRow
		this.#limits = limits
	}

	async push(chunk: Uint8Array): Promise<void> {
		const backlog = this.#backlog
		backlog.push(chunk)
		let at = 0
		if (!this.#begun) {
			const head = arrayHead(backlog.bytes, backlog.length)
			if (head === undefined) return
			this.#begun = true
			this.#left = head.count
			at = head.bytes
		}
		const { bytes, length, before } = backlog
		while (at < length) {
			if (this.#left === 0) throw malformed('something follows the end of the array', this.#rows, before + at)
			const end = this.#end.find(bytes, at, length)
			if (end < 0) break
			if (end === at) throw malformed('a byte that means nothing', this.#rows + 1, before + at)
			let row: unknown
			try {
				row = msgpack(bytes.subarray(at, end))
			} catch (error) {
				throw malformed(messageOf(error), this.#rows + 1, before + at)
			}
			this.#rows++
			this.#left--
			at = end
			const pending = this.#onRow(row, undefined)
			if (pending !== undefined) await pending
		}
		backlog.drop(at)
		if (backlog.length > this.#limits.maxSourceBytes) throw tooLong(this.#rows + 1, this.#limits)
	}

	async end(): Promise<void> {
		const isShort = this.#left !== Infinity && this.#left > 0
		if (this.#backlog.length > 0 || !this.#begun || isShort)
			throw malformed(
				'the document ends too early',
				this.#rows + 1,
				this.#backlog.before + this.#backlog.length,
			)
	}
}

/** `undefined`: more bytes are needed to tell. */
const arrayHead = (bytes: Buffer, length: number): { count: number; bytes: number } | undefined => {
	const first = bytes[0]!
	if (length === 0) return undefined
	if (first >= 0x90 && first < 0xa0) return { count: first & 0x0f, bytes: 1 }
	if (first === 0xdc) return length < 3 ? undefined : { count: bytes.readUInt16BE(1), bytes: 3 }
	if (first === 0xdd) return length < 5 ? undefined : { count: bytes.readUInt32BE(1), bytes: 5 }
	return { count: Infinity, bytes: 0 }
}

/** Finds where values end, and looks at each byte once, in however many pieces they come. */
class ValueEnd {
	/** How far the value at hand has been looked at, from its beginning. */
	#seen = 0
	/** How many values it still lacks, itself the first. */
	#owed = 1

	/**
	 * Where the value that begins at `from` ends; −1 if it does not end yet, and then the same value is asked about again;
	 * `from` itself if a byte is in it that begins no value.
	 */
	find(bytes: Buffer, from: number, to: number): number {
		let at = from + this.#seen
		let owed = this.#owed
		while (owed > 0 && at < to) {
			const token = bytes[at]!
			if (token < 0x80 || token >= 0xe0) at++
			else if (token < 0x90) {
				at++
				owed += 2 * (token & 0x0f)
			} else if (token < 0xa0) {
				at++
				owed += token & 0x0f
			} else if (token < 0xc0) at += 1 + (token & 0x1f)
			else {
				const width = LENGTH_WIDTH[token - 0xc0]!
				const extra = EXTRA[token - 0xc0]!
				if (extra < 0) return from
				// The token is looked at again when its length is there.
				if (at + 1 + width > to) break
				const count = width === 0 ? 0 : bytes.readUIntBE(at + 1, width)
				at += 1 + width
				if (token >= 0xdc) owed += token >= 0xde ? 2 * count : count
				else at += extra + count
			}
			owed--
		}
		const isWhole = owed === 0 && at <= to
		this.#seen = isWhole ? 0 : at - from
		this.#owed = isWhole ? 1 : owed
		return isWhole ? at : -1
	}
}

/** For 0xc0 to 0xdf: how many bytes tell the length, and how many more follow in any case (−1: no such token). */
const LENGTH_WIDTH = [
	0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4,
]
const EXTRA = [
	0, -1, 0, 0, 0, 0, 0, 1, 1, 1, 4, 8, 1, 2, 4, 8, 1, 2, 4, 8, 2, 3, 5, 9, 17, 0, 0, 0, 0, 0, 0, 0,
]
