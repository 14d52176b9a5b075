import { RemoteTermError } from '../core/errors.ts'
import type { Packing } from '../term/packed.ts'
import type { TableChange } from './diff.ts'
import { imageChunks, openImage, type ImageParts } from './image.ts'
import { FORMAT_VERSION } from './layout.ts'
import type { ResolvedReference } from './module-function.ts'
import type { PackSpec } from './pack.ts'
import { Table } from './table.ts'

type Spec = Omit<PackSpec, 'subject'>

interface PackingSettings {
	readonly spec: Spec
	readonly signal: AbortSignal
	/** With the table in place. */
	readonly compare: (image: ImageParts) => Promise<TableChange>
}

/**
 * How `lastKnownGood` keeps a table: its image, which need not be parsed again. What decided how rows became that image
 * is kept beside it, so that a table is not looked up by a key that it was not packed by.
 */
export const tablePacking = <Row>(settings: () => PackingSettings): Packing<Table<Row>> => ({
	kind: 'table-image',
	pack: table => ({
		kind: 'table-image',
		pieces: imageChunks(Table.imageOf(table).parts),
		facts: fingerprint(settings().spec),
	}),
	unpack: async ({ facts, pieces }) => {
		const { compare, signal, spec } = settings()
		if (facts !== fingerprint(spec)) {
			throw new RemoteTermError(
				'DESERIALIZE_FAILED',
				`Expected a table that was packed in format version ${FORMAT_VERSION} with the options of today, found another (key, rowSchema, onDuplicate, onBadRow)`,
			)
		}
		const image = await openImage(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces), signal)
		if (image.rowCount < spec.minRows || image.rowCount > spec.maxRows) {
			throw new RemoteTermError(
				'VALIDATION_FAILED',
				`Expected ${spec.minRows} to ${spec.maxRows} rows (minRows, maxRows), found ${image.rowCount}`,
			)
		}
		return new Table<Row>(image, { generation: 0, change: await compare(image.parts) })
	},
})

/**
 * A module goes by its file's name: where it lies may be another place after each deployment. The format is in it so that
 * an image of an older one is saved anew, though the source has nothing new.
 */
const fingerprint = ({ key, onBadRow, onDuplicate, rowSchema }: Spec): string =>
	JSON.stringify({
		format: FORMAT_VERSION,
		key: key.kind === 'module' ? { ...key, reference: short(key.reference) } : key,
		rowSchema: rowSchema === undefined ? null : short(rowSchema),
		onDuplicate,
		onBadRow,
	})

const short = (reference: ResolvedReference): ResolvedReference => ({
	...reference,
	module: reference.module.slice(reference.module.lastIndexOf('/') + 1),
})
