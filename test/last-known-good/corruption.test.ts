import { readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import type { SnapshotFileSystem } from '../../lib/last-known-good/file-system.ts'
import { nodeFileSystem } from '../../lib/last-known-good/file-system.ts'
import { folder, isWhole, open, snapshotOf } from '../support/snapshots.ts'

/** A directory with two snapshots, of which the newer one can be replaced by any bytes without touching the disk. */
const twoSnapshots = async (
	t: Parameters<typeof folder>[0],
): Promise<{ readonly bytes: Buffer; readonly holding: (bytes: Uint8Array) => SnapshotFileSystem }> => {
	const directory = await folder(t)
	const store = open(directory)
	await store.save(snapshotOf('old', 40))
	await store.save(snapshotOf('new', 40))
	const files = (await readdir(directory)).sort()
	const contents = new Map<string, Uint8Array>()
	for (const file of files) contents.set(file, await readFile(join(directory, file)))
	const newer = files[1]!
	return {
		bytes: contents.get(newer) as Buffer,
		holding: bytes => ({
			...nodeFileSystem,
			list: async () => files,
			open: async path => {
				const content = basename(path) === newer ? bytes : contents.get(basename(path))!
				return {
					stat: async () => ({ size: content.length, mtimeMs: 0, isFile: () => true }),
					read: async (buffer, offset, length, position) => {
						const part = content.subarray(position, position + length)
						buffer.set(part, offset)
						return { bytesRead: part.length }
					},
					write: () => Promise.reject(new Error('read only')),
					sync: async () => {},
					close: async () => {},
				}
			},
		}),
	}
}

test('a snapshot that ends at any place but its end is not used, and the one before is', async t => {
	const { bytes, holding } = await twoSnapshots(t)
	for (let length = 0; length < bytes.length; length++) {
		const { snapshot, skipped } = await open('/held', {
			fileSystem: holding(bytes.subarray(0, length)),
		}).load()
		t.is(snapshot?.version, 'old')
		t.deepEqual(
			skipped.map(({ reason }) => reason),
			['truncated'],
		)
	}
	const { snapshot } = await open('/held', { fileSystem: holding(bytes) }).load()
	t.is(snapshot?.version, 'new')
})

test('a snapshot with any one bit wrong is not used, and the one before is', async t => {
	const { bytes, holding } = await twoSnapshots(t)
	for (let bit = 0; bit < bytes.length * 8; bit++) {
		const wrong = Buffer.from(bytes)
		wrong[bit >> 3]! ^= 1 << (bit & 7)
		const { snapshot, skipped } = await open('/held', { fileSystem: holding(wrong) }).load()
		t.is(snapshot?.version, 'old')
		t.is(skipped.length, 1)
	}
})

test('whatever happens to the bytes of a snapshot, what is loaded is whole', async t => {
	const { bytes, holding } = await twoSnapshots(t)
	const at = fc.nat({ max: bytes.length })
	const change = fc.oneof(
		fc.record({
			kind: fc.constant('set' as const),
			at,
			with: fc.uint8Array({ minLength: 1, maxLength: 40 }),
		}),
		fc.record({
			kind: fc.constant('insert' as const),
			at,
			with: fc.uint8Array({ minLength: 1, maxLength: 40 }),
		}),
		fc.record({ kind: fc.constant('cut' as const), at, length: fc.integer({ min: 1, max: 80 }) }),
		fc.record({ kind: fc.constant('zero' as const), at, length: fc.integer({ min: 1, max: 600 }) }),
		fc.record({ kind: fc.constant('swap' as const), at, length: fc.integer({ min: 1, max: 80 }) }),
	)
	await fc.assert(
		fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async changes => {
			let held = Buffer.from(bytes)
			for (const one of changes) {
				const [before, after] = [held.subarray(0, one.at), held.subarray(one.at)]
				if (one.kind === 'insert') held = Buffer.concat([before, one.with, after])
				else if (one.kind === 'set') held = Buffer.concat([before, one.with, after.subarray(one.with.length)])
				else if (one.kind === 'cut') held = Buffer.concat([before, after.subarray(one.length)])
				else if (one.kind === 'zero')
					held = Buffer.concat([
						before,
						Buffer.alloc(Math.min(one.length, after.length)),
						after.subarray(one.length),
					])
				else held = Buffer.concat([before, after.subarray(one.length), after.subarray(0, one.length)])
			}
			const { snapshot, skipped } = await open('/held', { fileSystem: holding(held) }).load()
			if (held.equals(bytes)) return snapshot?.version === 'new'
			return snapshot?.version === 'old' && isWhole(snapshot) && skipped.length === 1
		}),
		{ numRuns: 1000 },
	)
	t.pass()
})

test('whatever bytes a file has, they are skipped and do no harm', async t => {
	const { bytes, holding } = await twoSnapshots(t)
	const arbitrary = fc.oneof(
		fc.uint8Array({ maxLength: 300 }),
		// Past the magic and the format, and past the length of the header.
		fc.uint8Array({ maxLength: 300 }).map(rest => Buffer.concat([bytes.subarray(0, 10), rest])),
		fc.json({ maxDepth: 3 }).map(text => {
			const header = Buffer.from(text)
			const preamble = Buffer.from(bytes.subarray(0, 14))
			preamble.writeUInt32BE(header.length, 10)
			return Buffer.concat([preamble, header, Buffer.alloc(32)])
		}),
	)
	await fc.assert(
		fc.asyncProperty(arbitrary, async held => {
			const { snapshot, skipped } = await open('/held', { fileSystem: holding(held) }).load()
			return snapshot?.version === 'old' && skipped.length === 1
		}),
		{ numRuns: 1000 },
	)
	t.pass()
})

test('a header that announces more than there is allocates nothing', async t => {
	const directory = await folder(t)
	await open(directory).save(snapshotOf('v1'))
	const [file] = await readdir(directory)
	const path = join(directory, file!)
	const text = (await readFile(path)).toString('latin1')
	await writeFile(path, text.replace('"size":200', '"size":9e14'), 'latin1')
	const { snapshot, skipped } = await open(directory, { maxBytes: Number.MAX_SAFE_INTEGER }).load()
	t.is(snapshot, undefined)
	t.is(skipped.length, 1)
	t.true(['truncated', 'damaged'].includes(skipped[0]!.reason))
})
