import { imageChunks, imageFromBytes } from './image.ts'
import { Table } from './table.ts'

/** A table as a file has it: its sections, to be written one after the other. Nothing is copied. */
export const imageBytes = (table: Table): ReadonlyArray<Uint8Array<SharedArrayBuffer>> =>
	imageChunks(Table.imageOf(table).parts)

/**
 * The table back from a file's bytes, without parsing. Checksums and structure are verified before anything is read.
 * Bytes that were read into a `SharedArrayBuffer` (at an offset that is a multiple of 8) are used where they are.
 *
 * @throws `DESERIALIZE_FAILED`
 */
export const tableFromImage = <Row = unknown>(bytes: Uint8Array): Table<Row> => {
	const image = imageFromBytes(bytes)
	return new Table<Row>(image, { generation: 0, change: { added: image.rowCount, changed: 0, removed: 0 } })
}
