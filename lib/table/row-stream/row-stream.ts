import { RemoteTermError } from '../../core/errors.ts'

/** Told of each row, in order. What it returns is awaited, if it is a promise. */
export type OnRow = (value: unknown, name: string | undefined) => void | Promise<void>

/** Bytes in, rows out. No more than one row and one chunk is held at a time. */
export interface RowStream {
	/** The chunk is not kept, and not changed. */
	push(chunk: Uint8Array): Promise<void>
	/** No more bytes come: what is not complete now never will be. */
	end(): Promise<void>
}

export interface RowStreamLimits {
	/** The longest source text of one row, in bytes. */
	readonly maxSourceBytes: number
}

/** Rows are counted from 1, bytes from 0. Nothing of the document is quoted. */
export const malformed = (what: string, row: number, byte: number): RemoteTermError =>
	new RemoteTermError('DESERIALIZE_FAILED', `The table cannot be parsed: ${what} (row ${row}, byte ${byte})`)

export const tooLong = (row: number, { maxSourceBytes }: RowStreamLimits): RemoteTermError =>
	new RemoteTermError(
		'DESERIALIZE_FAILED',
		`Expected the source of a row to have at most ${maxSourceBytes} bytes (8 × maxRowBytes), row ${row} has more`,
	)

/** Bytes that wait to be complete, in one buffer that is used again and again. */
export class Backlog {
	bytes: Buffer<ArrayBuffer> = Buffer.allocUnsafeSlow(256 * 1024)
	length = 0
	/** How many bytes of the document lie before the first one here. */
	before = 0

	push(chunk: Uint8Array): void {
		const needed = this.length + chunk.length
		if (needed > this.bytes.length) {
			const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2))
			grown.set(this.bytes.subarray(0, this.length))
			this.bytes = grown
		}
		this.bytes.set(chunk, this.length)
		this.length = needed
	}

	drop(count: number): void {
		this.bytes.copyWithin(0, count, this.length)
		this.length -= count
		this.before += count
	}
}
