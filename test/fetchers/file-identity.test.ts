import fs, { writeFileSync } from 'node:fs'
import promises, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { FileFetcher } from '../../fetchers/file.ts'
import { IdentityMemory } from '../../fetchers/file/identity.ts'
import { FakeClock } from '../../lib/testing/index.ts'
import { context } from '../support/context.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const LARGE = 5 * 2 ** 20

/** What the process does with files, seen from below: how many are opened, and what happens before a read. */
const below = { opened: 0, beforeRead: (): void => {} }
const { open } = promises
promises.open = async (...args) => {
	below.opened += 1
	const handle = await open(...args)
	const read = handle.read.bind(handle) as (...all: unknown[]) => unknown
	handle.read = ((...all: unknown[]) => {
		below.beforeRead()
		return read(...all)
	}) as FileHandle['read']
	return handle
}
syncBuiltinESMExports()

test.beforeEach(() => {
	below.opened = 0
	below.beforeRead = () => {}
})

const file = async (t: ExecutionContext, content: Uint8Array | string): Promise<string> => {
	const { path, remove } = await temporaryDirectory()
	t.teardown(remove)
	writeFileSync(join(path, 'term'), content)
	return join(path, 'term')
}

/** Runs once, before the read that comes after so many others. */
const beforeRead = (skipped: number, run: () => void): void => {
	let left = skipped
	below.beforeRead = () => {
		if (left-- === 0) run()
	}
}

test.serial(
	'a file unchanged for two seconds is read twice, and then only asked for its identity',
	async t => {
		const clock = new FakeClock()
		const path = await file(t, 'abc')
		const publishedAt = 1_700_000_000_000
		fs.utimesSync(path, 0, publishedAt / 1_000)
		const fetcher = new FileFetcher({ path })
		const { version } = await fetcher.download(context({ clock }))
		t.is(below.opened, 1)
		await clock.advance(1_999)
		t.like(await fetcher.downloadIfChanged(version, context({ clock })), { notModified: true, publishedAt })
		t.is(below.opened, 2)
		await clock.advance(1)
		t.like(await fetcher.downloadIfChanged(version, context({ clock })), { notModified: true, publishedAt })
		t.is(below.opened, 3)
		t.like(await fetcher.downloadIfChanged(version, context({ clock })), { notModified: true, publishedAt })
		t.is(await fetcher.currentVersion(context({ clock })), version!)
		t.is(below.opened, 3)
	},
)

test.serial('a trusted file is read again once it is written to, whoever puts its date back', async t => {
	const clock = new FakeClock()
	const path = await file(t, 'abc')
	const fetcher = new FileFetcher({ path })
	const { version } = await fetcher.download(context({ clock }))
	await clock.advance(2_000)
	await fetcher.downloadIfChanged(version, context({ clock }))
	const { atime, mtime } = fs.statSync(path)
	writeFileSync(path, 'abd')
	fs.utimesSync(path, atime, mtime)
	const answer = await fetcher.downloadIfChanged(version, context({ clock }))
	t.like(answer, { body: new TextEncoder().encode('abd') })
})

test.serial('two writes at once are two versions, however coarse the dates are', async t => {
	const path = await file(t, '0')
	const fetcher = new FileFetcher({ path })
	let { version } = await fetcher.download(context())
	for (let round = 1; round <= 50; round++) {
		const content = String(round % 10)
		writeFileSync(path, content)
		const answer = await fetcher.downloadIfChanged(version, context())
		t.like(answer, { body: new TextEncoder().encode(content) })
		version = 'version' in answer ? answer.version : undefined
	}
})

test.serial('a large file whose identity is trusted is read once for a download, not twice', async t => {
	const clock = new FakeClock()
	const fetcher = new FileFetcher({ path: await file(t, new Uint8Array(LARGE)) })
	await fetcher.currentVersion(context({ clock }))
	await clock.advance(2_000)
	let reads = 0
	below.beforeRead = () => (reads += 1)
	await fetcher.currentVersion(context({ clock }))
	const once = reads
	t.true(once > 1)
	const download = await fetcher.download(context({ clock }))
	t.is(reads, once)
	await ('cancel' in download && download.cancel?.())
})

for (const [size, name] of [
	[1024, 'small'],
	[LARGE, 'large'],
] as const) {
	test.serial(`a ${name} file written to between its stat and its read is FETCH_INCOMPLETE`, async t => {
		const path = await file(t, new Uint8Array(size))
		const fetcher = new FileFetcher({ path })
		beforeRead(0, () => {
			writeFileSync(path, new Uint8Array(size).fill(1))
			fs.utimesSync(path, 1, 1)
		})
		await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_INCOMPLETE' })
		await t.notThrowsAsync(fetcher.currentVersion(context()))
	})
}

test.serial('a small file that grows beyond all measure while it is read is FETCH_INCOMPLETE', async t => {
	const path = await file(t, 'small')
	beforeRead(0, () => writeFileSync(path, new Uint8Array(LARGE)))
	await t.throwsAsync(new FileFetcher({ path }).download(context()), { code: 'FETCH_INCOMPLETE' })
})

test.serial(
	'a file overwritten between the read for its version and that for its body is FETCH_INCOMPLETE',
	async t => {
		const path = await file(t, new Uint8Array(LARGE))
		const fetcher = new FileFetcher({ path })
		const download = await fetcher.download(context())
		fs.writeSync(fs.openSync(path, 'r+'), Uint8Array.of(1), 0, 1, LARGE - 1)
		const received: number[] = []
		const reading = async (): Promise<void> => {
			for await (const chunk of (download as { body: AsyncIterable<Uint8Array> }).body)
				received.push(chunk.length)
		}
		await t.throwsAsync(reading, { code: 'FETCH_INCOMPLETE' })
		// The last chunk is held back until all of them are known to be right.
		t.true(received.reduce((total, length) => total + length, 0) < LARGE)
	},
)

test('an identity is never trusted for a content other than the last that was read under it', t => {
	const reads = fc.array(
		fc.record({
			identity: fc.constantFrom('a', 'b'),
			version: fc.constantFrom('1', '2'),
			pause: fc.nat({ max: 3_000 }),
			duration: fc.nat({ max: 3_000 }),
		}),
		{ maxLength: 12 },
	)
	t.notThrows(() =>
		fc.assert(
			fc.property(reads, steps => {
				const memory = new IdentityMemory()
				let now = 0
				/** When the present content was first known to be there under the present identity. */
				let since = 0
				let last: { identity: string; version: string } | undefined
				for (const { identity, version, pause, duration } of steps) {
					const began = now + pause
					now = began + duration
					const same = last?.identity === identity && last.version === version
					const trusted = same && (memory.recall(identity) !== undefined || began - since >= 2_000)
					if (!same) since = now
					memory.record(identity, version, began, now)
					last = { identity, version }
					if (memory.recall(identity) !== (trusted ? version : undefined)) return false
					if (memory.recall(identity === 'a' ? 'b' : 'a') !== undefined) return false
				}
				return true
			}),
		),
	)
})
