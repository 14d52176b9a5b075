import type { ResourceLimits } from 'node:worker_threads'
import { invalid, notNegativeInteger, onlyKnownOptions, positive, positiveInteger } from '../core/options.ts'
import type { RemoteTermOptions } from '../term/options.ts'
import type { OnDuplicate } from './key-table.ts'
import { parseKeyOption, type KeyOption } from './key.ts'
import { SEGMENT_BYTES } from './layout.ts'
import { parseReference, type ModuleReference } from './module-function.ts'
import type { OnBadRow, PackSpec, TableFormat } from './pack.ts'
import type { Table } from './table.ts'

export interface TableTermOptions<Row> extends RemoteTermOptions<Table<Row>> {
	/** `json`: an array of rows, or an object whose members are rows. `msgpack`: an array, or a sequence. Default: `json`. */
	readonly format?: TableFormat | undefined
	/**
	 * What a row is looked up by: the name of a property, a JSON pointer (`/meta/id`, RFC 6901), or a module that
	 * exports a function `(row, name?) => string | number`. May be left out for a JSON object: then it is the member's
	 * name. Strings and finite numbers are keys, and `1` and `'1'` are two.
	 */
	readonly key?: KeyOption | undefined
	/**
	 * A module that exports a Standard Schema for one row, or a function that returns the row to keep, or a promise of it,
	 * or throws. It runs where rows are parsed, which is why it is named and not given.
	 */
	readonly rowSchema?: ModuleReference | undefined
	/** A key that comes twice: refuse the whole table, or keep the first or the last of its rows. Default: `refuse`. */
	readonly onDuplicate?: OnDuplicate | undefined
	/**
	 * A row that is no object, has no key, does not fit `rowSchema`, or is over a limit: refuse the whole table, or leave
	 * the row out and count it in `table.report`. Default: `refuse`.
	 */
	readonly onBadRow?: OnBadRow | undefined
	/** A table with fewer rows is refused. Default: 0; a source that promises some should have 1 at least. */
	readonly minRows?: number | undefined
	/** A table with more rows is refused. Default: 50 million. */
	readonly maxRows?: number | undefined
	/** A packed row of more bytes is a bad row. Its source may have eight times as many. Default and limit: 1 and 16 MiB. */
	readonly maxRowBytes?: number | undefined
	/** For the thread that parses: see `ResourceLimits` of `node:worker_threads`. Default: the runtime's. */
	readonly resourceLimits?: ResourceLimits | undefined
}

export interface TableSettings {
	readonly spec: Omit<PackSpec, 'subject'>
	readonly resourceLimits: ResourceLimits | undefined
}

const MiB = 2 ** 20

/** Splits a table's own options from those of every term. */
export const parseTableOptions = <Row>(
	options: TableTermOptions<Row>,
): { settings: TableSettings; rest: RemoteTermOptions<Table<Row>> } => {
	if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
	const {
		format = 'json',
		key,
		rowSchema,
		onDuplicate = 'refuse',
		onBadRow = 'refuse',
		minRows = 0,
		maxRows = 50_000_000,
		maxRowBytes = MiB,
		resourceLimits,
		...rest
	} = options
	oneOf('format', format, ['json', 'ndjson', 'msgpack'])
	oneOf('onDuplicate', onDuplicate, ['refuse', 'first', 'last'])
	oneOf('onBadRow', onBadRow, ['refuse', 'drop'])
	if (key === undefined && format !== 'json')
		throw invalid('key', `given, since rows of format '${format}' have no names`, key)
	if (
		rowSchema !== undefined &&
		(typeof rowSchema !== 'object' || rowSchema === null || '~standard' in rowSchema)
	)
		throw invalid('rowSchema', '{ module, export? }, since it runs in another thread', rowSchema)
	if (positiveInteger('maxRowBytes', maxRowBytes) >= SEGMENT_BYTES)
		throw invalid('maxRowBytes', `less than ${SEGMENT_BYTES}`, maxRowBytes)
	const spec = {
		format,
		key: parseKeyOption(key),
		rowSchema: rowSchema && parseReference('rowSchema', rowSchema),
		onDuplicate,
		onBadRow,
		minRows: notNegativeInteger('minRows', minRows),
		maxRows: positiveInteger('maxRows', maxRows),
		maxRowBytes,
	}
	return { settings: { spec, resourceLimits: parseResourceLimits(resourceLimits) }, rest }
}

const RESOURCE_LIMITS = [
	'maxOldGenerationSizeMb',
	'maxYoungGenerationSizeMb',
	'codeRangeSizeMb',
	'stackSizeMb',
] as const

/** `node:worker_threads` takes what it does not understand for nothing. */
const parseResourceLimits = (given: ResourceLimits | undefined): ResourceLimits | undefined => {
	if (given === undefined) return undefined
	if (typeof given !== 'object' || given === null) throw invalid('resourceLimits', 'an object', given)
	onlyKnownOptions('resourceLimits', given, RESOURCE_LIMITS)
	for (const name of RESOURCE_LIMITS) {
		const limit = given[name]
		if (limit !== undefined) positive(`resourceLimits.${name}`, limit)
	}
	return { ...given }
}

const oneOf = (option: string, value: string, allowed: readonly string[]): void => {
	if (!allowed.includes(value)) throw invalid(option, allowed.map(one => `'${one}'`).join(' or '), value)
}
