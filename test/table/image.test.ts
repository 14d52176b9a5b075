import test from 'ava'
import fc from 'fast-check'
import { crc32 } from 'node:zlib'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { imageBytes, tableFromImage } from '../../lib/table/image-bytes.ts'
import { rowsTable } from './support.ts'

const rows = Array.from({ length: 200 }, (_, i) => ({
	id: i % 3 === 0 ? i : `key-${i}${i % 5 === 0 ? '\u4e16' : ''}`,
	name: `Name ${i}`,
	kind: `kind-${i % 4}`,
	nested: { list: [i, null, 'x'.repeat(i)] },
}))

const file = async (): Promise<Buffer> => Buffer.concat([...imageBytes(await rowsTable(rows))])

/** A table whose rows are all read. Any error must be one of ours. */
const readAll = (bytes: Uint8Array): number => {
	let read = 0
	for (const [key, row] of tableFromImage(bytes)) if (row !== undefined && key !== undefined) read++
	return read
}

test('a table comes back from its bytes, in place or copied', async t => {
	const bytes = await file()
	const table = tableFromImage<(typeof rows)[0]>(bytes)
	t.deepEqual([...table.values()], rows)
	for (const row of rows) t.deepEqual(table.get(row.id), row)
	t.deepEqual(table.change, { added: 200, changed: 0, removed: 0 })

	const shared = new Uint8Array(new SharedArrayBuffer(bytes.length + 8), 8)
	shared.set(bytes)
	const inPlace = tableFromImage(shared)
	t.is(imageBytes(inPlace)[0]?.buffer, shared.buffer)
	t.deepEqual([...inPlace.values()], rows)
	t.deepEqual(Buffer.concat([...imageBytes(inPlace)]), bytes)
})

test('an empty table comes back too', async t => {
	t.is(tableFromImage(Buffer.concat([...imageBytes(await rowsTable([]))])).size, 0)
})

test('any byte that is not what it was is found', async t => {
	const bytes = await file()
	t.notThrows(() =>
		fc.assert(
			fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, mask) => {
				// What is reserved is checked too: it is part of the head.
				const damaged = Buffer.from(bytes)
				damaged[at]! ^= mask
				refuses(damaged)
			}),
			{ numRuns: 500 },
		),
	)
})

test('a file that is too short, too long, or something else, is refused', async t => {
	const bytes = await file()
	t.notThrows(() => {
		for (let length = 0; length < bytes.length; length += 97) refuses(bytes.subarray(0, length))
		refuses(Buffer.concat([bytes, Buffer.alloc(8)]))
		refuses(Buffer.from('[{"id":1}]'.repeat(100)))
	})
	const other = Buffer.from(bytes)
	other.writeUInt32LE(3, 8)
	t.throws(() => tableFromImage(other), { message: /format version 3, not 2/ })
})

test('a forged image, with checksums that fit, harms nobody', async t => {
	const bytes = await file()
	let accepted = 0
	fc.assert(
		fc.property(
			fc.array(fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 })), {
				minLength: 1,
				maxLength: 20,
			}),
			changes => {
				const forged = Buffer.from(bytes)
				for (const [at, byte] of changes) forged[at] = byte
				reseal(forged)
				try {
					readAll(forged)
					accepted++
				} catch (error) {
					if (!(error instanceof RemoteTermError)) throw error
				}
			},
		),
		{ numRuns: 2000 },
	)
	t.true(accepted >= 0)
})

const refuses = (bytes: Uint8Array): void => {
	try {
		tableFromImage(bytes)
	} catch (error) {
		if (error instanceof RemoteTermError && error.code === 'DESERIALIZE_FAILED') return
		throw error
	}
	throw new Error('Expected a refusal')
}

/** All checksums anew, as somebody would who can write to the file. */
const reseal = (bytes: Buffer): void => {
	const segments = bytes.readUInt32LE(9 * 4)
	const vocabularyAt = 64 + segments * 8
	if (vocabularyAt > bytes.length) return
	const head = (vocabularyAt + bytes.readUInt32LE(8 * 4) + 7) & ~7
	const indexEnd = head + (((2 ** bytes.readUInt32LE(5 * 4) + 1) * 4 + 7) & ~7)
	const keysEnd = indexEnd + ((bytes.readUInt32LE(12 * 4) + 7) & ~7)
	bytes.writeUInt32LE(crc32(bytes.subarray(vocabularyAt, head)), 11 * 4)
	bytes.writeUInt32LE(crc32(bytes.subarray(head, indexEnd)), 10 * 4)
	bytes.writeUInt32LE(crc32(bytes.subarray(indexEnd, keysEnd)), 13 * 4)
	let at = keysEnd
	for (let i = 0; i < segments; i++) {
		const length = bytes.readUInt32LE(64 + i * 8)
		bytes.writeUInt32LE(crc32(bytes.subarray(at, at + length)), 64 + i * 8 + 4)
		at += length
	}
	bytes.writeUInt32LE(crc32(bytes.subarray(64, vocabularyAt), crc32(bytes.subarray(0, 60))), 60)
}
