import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import { openSnapshots } from '../../lib/last-known-good/store-fs.ts'
import { attachTable, TableTerm, type TableTermOptions } from '../../lib/table/index.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { imageV1 } from './fixtures/image-v1.ts'

interface Item {
	readonly id: number
	readonly text: string
}

/** Large enough not to be made in place, so that the bytes cross into the thread. */
const ROWS = 3000

const bodyOf = (version: string, rows = ROWS): string =>
	JSON.stringify(
		Array.from({ length: rows }, (_, id) => ({ id, text: `${version} of ${'x'.repeat(40)} ${id}` })),
	)

/** One process's life. */
const begin = (
	t: ExecutionContext,
	fetcher: FakeFetcher,
	options: Partial<TableTermOptions<Item>> = {},
): TableTerm<Item> => {
	const term = new TableTerm<Item>({
		fetcher,
		name: 'items',
		key: 'id',
		refreshInterval: null,
		logger: false,
		...options,
	})
	t.teardown(() => term.stop())
	return term
}

const leftBehind = async (
	t: ExecutionContext,
	versions: readonly string[],
	options: Partial<TableTermOptions<Item>> = {},
): Promise<string> => {
	const directory = await temporaryFolder(t)
	const fetcher = new FakeFetcher(bodyOf(versions[0]!))
	const term = begin(t, fetcher, { lastKnownGood: directory, ...options })
	await term.start()
	for (const version of versions.slice(1)) {
		fetcher.publish(bodyOf(version))
		t.is((await term.update()).status, 'updated')
	}
	await term.stop()
	return directory
}

const down = (): FakeFetcher => {
	const fetcher = new FakeFetcher(bodyOf('never seen'))
	fetcher.fail('FETCH_FAILED')
	return fetcher
}

/** Counts, since a body would have to be parsed by it. */
const unparsable = { format: 'msgpack' } as const

const kindsIn = async (directory: string): Promise<string[]> => {
	const store = openSnapshots({ directory, name: 'items', clock: new FakeClock(), logger: silentLogger })
	const kinds: string[] = []
	for await (const candidate of store.candidates())
		kinds.push(candidate.status === 'intact' ? candidate.snapshot.kind : candidate.reason)
	return kinds
}

const damageNewest = async (directory: string): Promise<void> => {
	const newest = (await readdir(directory))
		.filter(file => !file.startsWith('.'))
		.sort()
		.at(-1)!
	const bytes = await readFile(join(directory, newest))
	bytes[bytes.length >> 1]! ^= 0x40
	await writeFile(join(directory, newest), bytes)
}

test('a table rolls back to the bytes that it kept', async t => {
	const fetcher = new FakeFetcher(bodyOf('one'))
	const term = begin(t, fetcher, { history: 1 })
	await term.start()
	const first = term.version
	fetcher.publish(bodyOf('two', ROWS - 1))
	await term.update()
	t.regex(term.lookup(7)!.text, /^two/)
	const outcome = await term.rollback()
	t.is(outcome.status, 'updated')
	t.is(term.version, first)
	t.regex(term.lookup(7)!.text, /^one/)
	t.deepEqual(term.get()?.change, { added: 1, changed: ROWS - 1, removed: 0 })
	t.deepEqual(outcome.status === 'updated' && outcome.change, term.get()?.change)
	t.is(term.get()?.generation, 3)
})

test('a restart without its source has the image of the last table, without parsing, for all threads', async t => {
	const directory = await leftBehind(t, ['one', 'two'])
	t.deepEqual(await kindsIn(directory), ['table-image', 'table-image'])
	const term = begin(t, down(), { lastKnownGood: directory, ...unparsable })
	await term.start()
	t.is(term.health().source, 'last-known-good')
	t.is(term.get()?.size, ROWS)
	t.deepEqual(term.get()?.change, { added: ROWS, changed: 0, removed: 0 })
	t.deepEqual(term.lookup(7), { id: 7, text: `two of ${'x'.repeat(40)} 7` })
	t.regex(attachTable<Item>(term.handle).lookup(ROWS - 1)!.text, /^two/)
})

test('when the source is back and has the same, the image stays and is confirmed', async t => {
	const directory = await leftBehind(t, ['one'])
	const fetcher = new FakeFetcher(bodyOf('one'))
	const term = begin(t, fetcher, { lastKnownGood: directory, startFrom: 'disk-first' })
	await term.start()
	const table = term.get()
	t.is((await term.update()).status, 'unchanged')
	t.is(term.get(), table)
	t.is(term.health().source, 'remote')
	fetcher.publish(bodyOf('two'))
	t.is((await term.update()).status, 'updated')
	t.deepEqual(term.get()?.change, { added: 0, changed: ROWS, removed: 0 })
})

test('a damaged image is passed over for the one before', async t => {
	const directory = await leftBehind(t, ['one', 'two'])
	await damageNewest(directory)
	const term = begin(t, down(), { lastKnownGood: directory, ...unparsable })
	await term.start()
	t.regex(term.lookup(0)!.text, /^one/)
})

test('an image whose file is whole and whose contents are not is passed over too', async t => {
	const directory = await leftBehind(t, ['one'])
	const store = openSnapshots({
		directory,
		name: 'items',
		clock: new FakeClock(),
		logger: silentLogger,
		keep: 20,
	})
	const { snapshot } = await store.load()
	for (const at of [0, 20, 70, 5_000, snapshot!.body.length - 9]) {
		const body = new Uint8Array(snapshot!.body)
		body[at]! ^= 1
		await store.save({ ...snapshot!, version: `bad at ${at}`, body })
		const term = begin(t, down(), { lastKnownGood: directory })
		await term.start()
		t.is(term.version, snapshot!.version, `at ${at}`)
		await term.stop()
	}
})

test('an image that an earlier version of the library has stored is passed over, and the source is asked', async t => {
	const settings = { name: 'items', clock: new FakeClock(), logger: silentLogger }
	const { snapshot } = await openSnapshots({ ...settings, directory: await leftBehind(t, ['one']) }).load()
	const directory = await temporaryFolder(t)
	const store = openSnapshots({ ...settings, directory })
	const { format, ...options } = JSON.parse(snapshot!.meta!['packed'] as string) as Record<string, unknown>
	t.is(format, 2)
	await store.save({
		...snapshot!,
		body: imageV1,
		meta: { ...snapshot!.meta, packed: JSON.stringify(options) },
	})

	const alone = begin(t, down(), { lastKnownGood: directory })
	await t.throwsAsync(() => alone.start(), { code: 'FETCH_FAILED' })
	t.is(alone.get(), undefined)

	// The source has the very version that the image is of, and sends it all the same.
	const term = begin(t, new FakeFetcher(bodyOf('one')), { lastKnownGood: directory, startFrom: 'disk-first' })
	await term.start()
	t.is(term.health().source, 'remote')
	t.is(term.version, snapshot!.version)
	t.regex(term.lookup(7)!.text, /^one/)
	await term.stop()

	const again = begin(t, down(), { lastKnownGood: directory, ...unparsable })
	await again.start()
	t.is(again.get()?.size, ROWS)
})

test('a table rolls back to an image on disk', async t => {
	const directory = await leftBehind(t, ['one', 'two'])
	const fetcher = new FakeFetcher()
	fetcher.publish(bodyOf('three'), { version: '3' })
	const term = begin(t, fetcher, { lastKnownGood: directory })
	await term.start()
	t.regex(term.lookup(0)!.text, /^three/)
	t.is((await term.rollback()).status, 'updated')
	t.regex(term.lookup(0)!.text, /^two/)
	t.deepEqual(term.get()?.change, { added: 0, changed: ROWS, removed: 0 })
	const again = await term.rollback()
	t.is(again.status === 'failed' ? again.error : again.status, 'updated')
	t.regex(term.lookup(0)!.text, /^one/)
})

test('an image that was packed with other options is not used', async t => {
	const directory = await leftBehind(t, ['one'])
	for (const options of [{ key: 'text' }, { onDuplicate: 'last' }, { minRows: ROWS + 1 }] as const) {
		const term = begin(t, down(), { lastKnownGood: directory, ...options })
		await t.throwsAsync(() => term.start(), { code: 'FETCH_FAILED' }, JSON.stringify(options))
	}
})

test('where integrity is configured, the bytes are kept, since proofs are of them', async t => {
	const directory = await leftBehind(t, ['one'], { integrity: { checksum: false, requireDigest: false } })
	t.deepEqual(await kindsIn(directory), ['body'])
	const plain = begin(t, down(), { lastKnownGood: directory })
	await plain.start()
	t.regex(plain.lookup(0)!.text, /^one/)

	const images = await leftBehind(t, ['one'])
	const strict = begin(t, down(), { lastKnownGood: images, integrity: { requireDigest: true } })
	await t.throwsAsync(() => strict.start(), { code: 'FETCH_FAILED' })
	t.is(strict.get(), undefined)
})
