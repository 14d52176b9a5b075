import test from 'ava'
import fc from 'fast-check'
import { crc32 } from 'node:zlib'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { imageBytes, tableFromImage } from '../../lib/table/image-bytes.ts'
import { imageV1 } from './fixtures/image-v1.ts'
import { entriesOf, reseal, sectionsOf } from './forged-image.ts'
import { rowsTable } from './support.ts'

const rows = Array.from({ length: 200 }, (_, i) => ({
	id: i % 3 === 0 ? i : `key-${i}${i % 5 === 0 ? '\u4e16' : ''}`,
	name: `Name ${i}`,
	kind: `kind-${i % 4}`,
	nested: { list: [i, null, 'x'.repeat(i)] },
}))

/** One key that its entry holds no more, one that it just holds, and the same in two bytes per character. */
const farRows = [
	{ id: 'k'.repeat(49) },
	{ id: 'k'.repeat(48) },
	{ id: '\u4e16'.repeat(25) },
	{ id: '\u4e16'.repeat(24) },
	{ id: '' },
	{ id: -0.5 },
]

const file = async (given: ReadonlyArray<{ id: unknown }> = rows): Promise<Buffer> =>
	Buffer.concat([...imageBytes(await rowsTable(given))])

/** A table whose rows are all read, one after the other and by their keys. Any error must be one of ours. */
const readAll = (bytes: Uint8Array): void => {
	const table = tableFromImage(bytes)
	for (const [key] of table) {
		table.has(key)
		table.get(key)
	}
	for (const { id } of [...rows, ...farRows]) table.get(id)
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

test('keys that stand in their entry, and those too long for it, come back', async t => {
	const table = tableFromImage<(typeof farRows)[0]>(await file(farRows))
	for (const row of farRows) t.deepEqual(table.get(row.id), row)
	for (const other of ['k'.repeat(50), `${'k'.repeat(48)}j`, '\u4e16'.repeat(23), '\0', 0.5])
		t.false(table.has(other))
})

test('any byte that is not what it was is found, in whatever section', async t => {
	const bytes = await file([...rows, ...farRows])
	const { index, keys, segments } = sectionsOf(bytes)
	t.true(64 < index && index < keys && keys < segments && segments < bytes.length)
	t.notThrows(() => {
		for (const [from, to] of [
			[0, index],
			[index, keys],
			[keys, segments],
			[segments, bytes.length],
		] as const) {
			fc.assert(
				fc.property(fc.integer({ min: from, max: to - 1 }), fc.integer({ min: 1, max: 255 }), (at, mask) => {
					// What is reserved is checked too: it is part of the head.
					const damaged = Buffer.from(bytes)
					damaged[at]! ^= mask
					refuses(damaged)
				}),
				{ numRuns: 300 },
			)
		}
	})
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
	t.throws(() => tableFromImage(imageV1), { code: 'DESERIALIZE_FAILED', message: /format version 1, not 2/ })
})

test('a forged entry of a key that does not lead to a row, or not to one of its own, is refused', async t => {
	const bytes = await file()
	const { buckets, index, keys } = sectionsOf(bytes)
	const entries = entriesOf(bytes)
	t.is(entries.length, rows.length)
	const [first, second] = entries as [(typeof entries)[0], (typeof entries)[0]]
	const forge = (change: (forged: Buffer) => void): Buffer => {
		const forged = Buffer.from(bytes)
		change(forged)
		return reseal(forged)
	}
	const expectRefused = (forged: Buffer, message: RegExp): void => {
		t.throws(() => tableFromImage(forged), { code: 'DESERIALIZE_FAILED', message })
	}
	t.notThrows(() => tableFromImage(forge(() => {})))

	const address = bytes.readUInt32LE(first.at + 2)
	const noRow = /leads to no row/
	for (const other of [address + 1, 1 << 21, 0xffff_ffff, bytes.readUInt32LE(second.at + 2)])
		expectRefused(
			forge(forged => forged.writeUInt32LE(other, first.at + 2)),
			noRow,
		)

	const last = entries.findLast(({ bucket }) => bucket === first.bucket)!
	expectRefused(
		forge(forged => (forged[last.at] = (forged[last.at]! & 0xc0) | (last.length + 1))),
		/outside its bucket/,
	)
	const keyBytes = bytes.readUInt32LE(index + buckets * 4)
	const atBoundary = index + (first.bucket + 1) * 4
	for (const boundary of [keyBytes + 1, 0xffff_ffff, bytes.readUInt32LE(atBoundary) - 1])
		expectRefused(
			forge(forged => forged.writeUInt32LE(boundary, atBoundary)),
			/outside the keys|outside its bucket/,
		)
	expectRefused(
		forge(forged => forged.writeUInt32LE(1, index)),
		/an index that is none/,
	)
	expectRefused(
		forge(forged => forged.writeUInt32LE(keyBytes - 1, index + buckets * 4)),
		/an index that is none/,
	)
	for (const bits of [0, 29, 32, 0xffff_ffff])
		expectRefused(
			forge(forged => forged.writeUInt32LE(bits, 5 * 4)),
			/impossible number of buckets|damaged head/,
		)
	// A row that no entry leads to: the last entry becomes a part of the key before it.
	const pair = entries.findIndex((entry, i) => entry.bucket === entries[i + 1]?.bucket)
	const [kept, swallowed] = entries.slice(pair, pair + 2) as [(typeof entries)[0], (typeof entries)[0]]
	const length = kept.length + 6 + swallowed.length
	t.true(length < 64)
	expectRefused(
		forge(forged => (forged[kept.at] = (forged[kept.at]! & 0xc0) | length)),
		/a row without its key entry/,
	)
	t.true(keys < first.at + 1)
})

test('a section that claims to be as long as no file can be is refused', async t => {
	const bytes = await file()
	const { index, keys, segments, vocabulary } = sectionsOf(bytes)
	for (const [claimed, without, word] of [
		// Rounded up, either is nothing at all in 32 bits.
		[0xffff_ffff, bytes.subarray(keys, segments), 12],
		[2 ** 32 - vocabulary, bytes.subarray(vocabulary, index), 8],
		[0x8000_0000, Buffer.alloc(0), 12],
		[0x8000_0000, Buffer.alloc(0), 8],
	] as const) {
		const at = without.length === 0 ? bytes.length : without.byteOffset - bytes.byteOffset
		const forged = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + without.length)])
		forged.writeUInt32LE(claimed, word * 4)
		forged.writeUInt32LE(0, (word === 12 ? 13 : 11) * 4)
		forged.writeUInt32LE(crc32(forged.subarray(64, vocabulary), crc32(forged.subarray(0, 60))), 60)
		t.throws(() => tableFromImage(forged), {
			code: 'DESERIALIZE_FAILED',
			message: /fewer than its head says/,
		})
	}
})

test('an entry that leads to a dead row is refused', async t => {
	const table = await rowsTable([{ id: 'a', n: 1 }, { id: 'b' }, { id: 'a', n: 2 }], { onDuplicate: 'last' })
	t.is(table.size, 2)
	t.deepEqual(table.get('a'), { id: 'a', n: 2 })
	const bytes = Buffer.concat([...imageBytes(table)])
	t.is(tableFromImage(bytes).size, 2)
	const entry = entriesOf(bytes).find(({ at }) => bytes.readUInt32LE(at + 2) !== 0 && bytes[at + 6] === 0x61)!
	bytes.writeUInt32LE(0, entry.at + 2)
	t.throws(() => tableFromImage(reseal(bytes)), { message: /leads to no row/ })
})

test('a forged image, with checksums that fit, harms nobody', async t => {
	const bytes = await file([...rows, ...farRows])
	const { index, segments } = sectionsOf(bytes)
	const outcomes = { accepted: 0, refused: 0 }
	const place = fc.oneof(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: index, max: segments - 1 }))
	fc.assert(
		fc.property(fc.array(fc.tuple(place, fc.nat({ max: 255 })), { minLength: 1, maxLength: 20 }), changes => {
			const forged = Buffer.from(bytes)
			for (const [at, byte] of changes) forged[at] = byte
			try {
				readAll(reseal(forged))
				outcomes.accepted++
			} catch (error) {
				if (!(error instanceof RemoteTermError)) throw error
				outcomes.refused++
			}
		}),
		{ numRuns: 3000 },
	)
	t.true(outcomes.accepted > 0)
	t.true(outcomes.refused > 0)
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
