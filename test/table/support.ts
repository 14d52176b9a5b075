import { diff } from '../../lib/table/diff.ts'
import { Image, type ImageParts } from '../../lib/table/image.ts'
import { parseKeyOption, type KeyOption } from '../../lib/table/key.ts'
import { pack, type PackSpec, type Packed } from '../../lib/table/pack.ts'
import { Table } from '../../lib/table/table.ts'

export const spec = ({
	key,
	...overrides
}: Partial<Omit<PackSpec, 'key'>> & { key?: KeyOption | undefined } = {}): PackSpec => ({
	format: 'json',
	key: parseKeyOption(key),
	rowSchema: undefined,
	onDuplicate: 'refuse',
	onBadRow: 'refuse',
	minRows: 0,
	maxRows: 1_000_000,
	maxRowBytes: 1024 * 1024,
	subject: 'cities@1',
	...overrides,
})

export const bodySpec = { encoding: undefined, autoDecompress: true, maxInflatedBytes: 2 ** 30 } as const

export async function* each(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
	await Promise.resolve()
	yield* chunks
}

/** The bytes cut at the given places. */
export const cut = (bytes: Uint8Array, places: readonly number[]): Uint8Array[] => {
	const sorted = [...new Set(places.map(place => place % (bytes.length + 1)))].sort((a, b) => a - b)
	return [0, ...sorted].map((from, i) => bytes.subarray(from, sorted[i] ?? bytes.length))
}

export const packText = (
	text: string | Uint8Array,
	options?: Parameters<typeof spec>[0],
	previous?: ImageParts,
): Promise<Packed> =>
	pack(each([typeof text === 'string' ? Buffer.from(text) : text]), bodySpec, spec(options), previous)

export const tableOf = ({ parts, change, report }: Packed): Table =>
	new Table(new Image(parts), { generation: 0, change, report })

export const rowsTable = async (
	rows: readonly object[],
	options?: Parameters<typeof spec>[0],
): Promise<Table> => tableOf(await packText(JSON.stringify(rows), { key: 'id', ...options }))

export { diff }
