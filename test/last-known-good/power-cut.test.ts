import test from 'ava'
import fc from 'fast-check'
import type { SnapshotFileSystem } from '../../lib/last-known-good/file-system.ts'
import { interposed } from '../support/interposed-file-system.ts'
import { MemoryDisk, type PowerCut } from '../support/memory-disk.ts'
import { isWhole, open, snapshotOf } from '../support/snapshots.ts'

const VERSIONS = ['v1', 'v2', 'v3', 'v4', 'v5']

/** What the disk looked like after each step of the saves, and which version was promised to be kept by then. */
const history = async (): Promise<{ readonly disk: MemoryDisk; readonly promised: number }[]> => {
	const disk = new MemoryDisk()
	const moments: { disk: MemoryDisk; promised: number }[] = [{ disk: disk.clone(), promised: -1 }]
	let promised = -1
	const fileSystem: SnapshotFileSystem = interposed(
		async (_, perform) => {
			const result = await perform()
			moments.push({ disk: disk.clone(), promised })
			return result
		},
		{ longestWrite: 150, on: disk },
	)
	const store = open('/disk', { keep: 2, fileSystem })
	for (const version of VERSIONS) {
		await store.save(snapshotOf(version))
		promised++
		moments.push({ disk: disk.clone(), promised })
	}
	return moments
}

test('after a power cut at any moment, the newest intact snapshot is the one promised or the one being saved', async t => {
	const moments = await history()
	t.true(moments.length > 100)
	const survives = async (disk: MemoryDisk, promised: number, cut: PowerCut): Promise<string | undefined> => {
		const after = disk.clone()
		after.cutPower(cut)
		const store = open('/disk', { keep: 2, fileSystem: after })
		const { snapshot } = await store.load()
		const found = snapshot === undefined ? -1 : VERSIONS.indexOf(snapshot.version)
		if (snapshot !== undefined && !isWhole(snapshot)) return `${snapshot.version} is not whole`
		if (found !== promised && found !== promised + 1)
			return `expected ${VERSIONS[promised]} or the next, found ${snapshot?.version}`
		await store.save(snapshotOf('next'))
		if ((await store.load()).snapshot?.version !== 'next') return 'the next save is lost'
		return undefined
	}
	for (const { disk, promised } of moments) {
		for (const keeps of [true, false])
			for (const content of ['lost', 'there', 'zeroes'] as const)
				t.is(await survives(disk, promised, { keepsName: () => keeps, content: () => content }), undefined)
	}
	await fc.assert(
		fc.asyncProperty(
			fc.nat({ max: moments.length - 1 }),
			fc.infiniteStream(fc.boolean()),
			fc.infiniteStream(fc.constantFrom('lost', 'there', 'zeroes')),
			async (at, names, contents) => {
				const { disk, promised } = moments[at]!
				return (
					(await survives(disk, promised, {
						keepsName: () => names.next().value as boolean,
						content: () => contents.next().value as 'lost',
					})) === undefined
				)
			},
		),
		{ numRuns: 1000 },
	)
})

test('the disk of these tests does forget what it was not told to keep', async t => {
	const disk = new MemoryDisk()
	const forgetful = interposed(
		async (step, perform) => (step === 'sync' ? (undefined as never) : perform()),
		{
			on: disk,
		},
	)
	await open('/disk', { fileSystem: forgetful }).save(snapshotOf('v1'))
	const store = open('/disk', { fileSystem: disk })
	t.is((await store.load()).snapshot?.version, 'v1')
	disk.cutPower({ keepsName: () => true, content: () => 'zeroes' })
	t.like(await store.load(), { snapshot: undefined, skipped: [{ reason: 'damaged' }] })
})
