import { inflate } from '#inflate'
import { messageOf, RemoteTermError, type ErrorIssue } from '../core/errors.ts'
import type { Encoding } from '../core/fetcher.ts'
import { inflateDetected } from '../inflate/detect.ts'
import { TableBuilder } from './builder.ts'
import { diff, type ChangedAddresses, type TableChange } from './diff.ts'
import { Image, type ImageParts } from './image.ts'
import type { OnDuplicate } from './key-table.ts'
import { checkedKey, loadKeyOf, type KeyOf, type KeySpec } from './key.ts'
import type { ResolvedReference } from './module-function.ts'
import { loadRowSchema, type CheckRow } from './row-schema.ts'
import { JsonRows } from './row-stream/json.ts'
import { MsgpackRows } from './row-stream/msgpack.ts'
import { NdjsonRows } from './row-stream/ndjson.ts'
import type { OnRow, RowStream, RowStreamLimits } from './row-stream/row-stream.ts'
import { RowFault } from './row-writer.ts'

export type TableFormat = 'json' | 'ndjson' | 'msgpack'
export type OnBadRow = 'refuse' | 'drop'

/** Everything that making a table needs to be told; can be posted. */
export interface PackSpec {
	readonly format: TableFormat
	readonly key: KeySpec
	readonly rowSchema: ResolvedReference | undefined
	readonly onDuplicate: OnDuplicate
	readonly onBadRow: OnBadRow
	readonly minRows: number
	readonly maxRows: number
	readonly maxRowBytes: number
	/** For errors. */
	readonly subject: string
}

/** How the bytes come. */
export interface BodySpec {
	readonly encoding: Encoding | undefined
	readonly autoDecompress: boolean
	readonly maxInflatedBytes: number
}

/** What was not kept as it came. Rows are counted from 1. */
export interface PackReport {
	/** Bad rows that were left out, with `onBadRow: 'drop'`. */
	readonly dropped: number
	/** Rows whose key another row had already, with `onDuplicate: 'first'` or `'last'`. */
	readonly duplicates: number
	/** The first few reasons, by row; never the contents. */
	readonly reasons: readonly ErrorIssue[]
	/** After inflating. */
	readonly inflatedBytes: number
}

export interface Packed {
	readonly parts: ImageParts
	readonly report: PackReport
	readonly change: TableChange
	readonly addresses: ChangedAddresses | undefined
}

const REASONS_KEPT = 5

/** JSON may be this much longer than the row that it stands for (`\u0000` is six bytes for one). */
const SOURCE_FACTOR = 8

/**
 * Bytes to an image: inflate, find the rows, key them, check them, pack them, and compare with the table before. This
 * is the same code in a worker and in place; it holds one chunk, one row, and the image that is growing.
 *
 * @throws `INFLATE_FAILED`, `INFLATED_TOO_LARGE`, `EMPTY_BODY`, `DESERIALIZE_FAILED`, `VALIDATION_FAILED`, `INVALID_OPTION`
 */
export const pack = async (
	body: AsyncIterable<Uint8Array>,
	{ autoDecompress, encoding, maxInflatedBytes }: BodySpec,
	spec: PackSpec,
	previous?: ImageParts,
): Promise<Packed> => {
	let chunks = body
	if (encoding !== undefined) chunks = inflate(chunks, encoding, { maxInflatedBytes })
	if (autoDecompress) chunks = inflateDetected(chunks, { maxInflatedBytes })
	const older = previous && new Image(previous)
	const packing = new Packing(spec, await loadKeyOf(spec.key), await checkOf(spec), older)
	const stream = streamOf(spec.format, packing.onRow, { maxSourceBytes: spec.maxRowBytes * SOURCE_FACTOR })
	let inflatedBytes = 0
	for await (const chunk of chunks) {
		inflatedBytes += chunk.length
		if (inflatedBytes > maxInflatedBytes) {
			throw new RemoteTermError(
				'INFLATED_TOO_LARGE',
				`Expected ${spec.subject} to have at most ${maxInflatedBytes} bytes (maxInflatedBytes), got more`,
			)
		}
		await stream.push(chunk)
	}
	if (inflatedBytes === 0)
		throw new RemoteTermError('EMPTY_BODY', `Expected ${spec.subject} to have content, got none`)
	await stream.end()
	// In the other formats, no rows are something that was said; here they are nothing at all.
	if (spec.format === 'ndjson' && packing.rows === 0)
		throw new RemoteTermError('EMPTY_BODY', `Expected ${spec.subject} to have rows, got blank lines only`)
	const { parts, report } = packing.finish()
	const { counts, addresses } = diff(older, new Image(parts))
	return { parts, report: { ...report, inflatedBytes }, change: counts, addresses }
}

const checkOf = async ({ rowSchema }: PackSpec): Promise<CheckRow | undefined> =>
	rowSchema && (await loadRowSchema(rowSchema))

const streamOf = (format: TableFormat, onRow: OnRow, limits: RowStreamLimits): RowStream => {
	switch (format) {
		case 'json':
			return new JsonRows(onRow, limits)
		case 'ndjson':
			return new NdjsonRows(onRow, limits)
		case 'msgpack':
			return new MsgpackRows(onRow, limits)
	}
}

/** The policies: what becomes of each row. */
class Packing {
	readonly #spec: PackSpec
	readonly #keyOf: KeyOf
	readonly #check: CheckRow | undefined
	readonly #builder: TableBuilder
	readonly #reasons: ErrorIssue[] = []
	#rows = 0
	#dropped = 0

	constructor(spec: PackSpec, keyOf: KeyOf, check: CheckRow | undefined, previous: Image | undefined) {
		this.#spec = spec
		this.#keyOf = keyOf
		this.#check = check
		this.#builder = new TableBuilder({ ...spec, previous })
	}

	/** Those that were dropped counted too. */
	get rows(): number {
		return this.#rows
	}

	readonly onRow: OnRow = (value, name) => {
		const row = ++this.#rows
		try {
			if (this.#check === undefined) return this.#keep(value, name, row)
			const checked = this.#check(value)
			if (!(checked instanceof Promise)) return this.#keep(checked, name, row)
			return checked
				.then(late => this.#keep(late, name, row))
				.catch((error: unknown) => this.#bad(error, row))
		} catch (error) {
			return this.#bad(error, row)
		}
	}

	finish(): { parts: ImageParts; report: Omit<PackReport, 'inflatedBytes'> } {
		const { minRows, onDuplicate, subject } = this.#spec
		const { duplicates, firstDuplicates, parts } = this.#builder.finish()
		for (const { earlier, row } of firstDuplicates) this.#note(row, `has the same key as row ${earlier}`)
		if (duplicates > 0 && onDuplicate === 'refuse') {
			const [first] = firstDuplicates
			throw new RemoteTermError(
				'VALIDATION_FAILED',
				`${subject} has ${duplicates} rows whose key another row has too: row ${first!.row} has the same key as row ${first!.earlier} (onDuplicate)`,
				{ issues: this.#reasons },
			)
		}
		const kept = this.#builder.count - duplicates
		if (kept < minRows) {
			throw new RemoteTermError(
				'VALIDATION_FAILED',
				`Expected ${subject} to have at least ${minRows} rows (minRows), got ${kept}`,
			)
		}
		return { parts, report: { dropped: this.#dropped, duplicates, reasons: this.#reasons } }
	}

	#keep(value: unknown, name: string | undefined, row: number): void {
		if (typeof value !== 'object' || value === null || Array.isArray(value))
			throw new RowFault('is not an object')
		const { maxRows, subject } = this.#spec
		if (this.#builder.count >= maxRows) {
			throw new RemoteTermError(
				'VALIDATION_FAILED',
				`Expected ${subject} to have at most ${maxRows} rows (maxRows), got more`,
			)
		}
		this.#builder.add(checkedKey(this.#keyOfRow(value as Record<string, unknown>, name)), value, row)
	}

	#keyOfRow(row: Record<string, unknown>, name: string | undefined): unknown {
		try {
			return this.#keyOf(row, name)
		} catch (error) {
			if (error instanceof RowFault) throw error
			throw new RowFault(`has no key: the function threw: ${messageOf(error)}`)
		}
	}

	#bad(error: unknown, row: number): void {
		if (!(error instanceof RowFault)) throw error
		this.#note(row, error.message)
		if (this.#spec.onBadRow === 'refuse') {
			throw new RemoteTermError(
				'VALIDATION_FAILED',
				`${this.#spec.subject} has a bad row: row ${row} ${error.message} (onBadRow)`,
				{ issues: this.#reasons },
			)
		}
		this.#dropped++
	}

	#note(row: number, message: string): void {
		if (this.#reasons.length < REASONS_KEPT) this.#reasons.push({ path: [row], message })
	}
}
