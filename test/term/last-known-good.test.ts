import { chmod, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { RemoteTermError } from '../../lib/core/errors.ts'
import type { RemoteTermOptions } from '../../lib/term/options.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { next, ratesTerm, RatesTerm, type Rates } from '../support/terms.ts'

const MINUTE = 60_000

/** One process's life: a term over a directory, gone when the test ends. */
const begin = (
	t: ExecutionContext,
	directory: string,
	{ fetcher, ...options }: Partial<RemoteTermOptions<Rates>> & { fetcher: FakeFetcher },
) => ratesTerm(t, fetcher, { lastKnownGood: directory, ...options })

/** A directory in which an earlier process has left these bodies, oldest first. */
const leftBehind = async (t: ExecutionContext, ...bodies: string[]): Promise<string> => {
	const directory = await temporaryFolder(t)
	const fetcher = new FakeFetcher(bodies[0])
	const { term } = begin(t, directory, { fetcher })
	await term.start()
	for (const body of bodies.slice(1)) {
		fetcher.publish(body)
		await term.update()
	}
	await term.stop()
	return directory
}

const broken = (): FakeFetcher => {
	const fetcher = new FakeFetcher('{"EUR":99}')
	fetcher.fail('FETCH_FAILED')
	return fetcher
}

test('a source that answers wins over what is on disk', async t => {
	const directory = await leftBehind(t, '{"EUR":1}')
	const { term } = begin(t, directory, { fetcher: new FakeFetcher('{"EUR":2}') })
	await term.start()
	t.deepEqual(term.get(), { EUR: 2 })
	t.is(term.health().source, 'remote')
})

test('a source that does not answer is stood in for by the newest snapshot, and health says so', async t => {
	const directory = await leftBehind(t, '{"EUR":1}', '{"EUR":2}')
	const { term, clock } = begin(t, directory, { fetcher: broken() })
	clock.jump(5 * MINUTE)
	const updated = next(term, 'updated')
	const failed = next(term, 'failed')
	await term.start()
	t.deepEqual(term.get(), { EUR: 2 })
	t.is(term.version, '2')
	t.like(await updated, { source: 'last-known-good', version: '2' })
	t.like(await failed, { version: '2', error: { code: 'FETCH_FAILED' } })
	const health = term.health()
	t.is(health.source, 'last-known-good')
	t.is(health.ageMs, 5 * MINUTE)
	t.is(health.status, 'stale', 'three intervals have passed since it was accepted')
	t.true(health.nextRefreshAt! > clock.now())
})

test('when the source comes back it is asked about the snapshot, and a 304 makes it the source’s own', async t => {
	const directory = await leftBehind(t, '{"EUR":1}')
	const fetcher = new FakeFetcher()
	fetcher.publish('{"EUR":1}', { version: '1' })
	fetcher.fail('FETCH_FAILED')
	const { term, clock } = begin(t, directory, { fetcher })
	await term.start()
	t.is(term.health().source, 'last-known-good')
	const unchanged = next(term, 'unchanged')
	await clock.advance(MINUTE)
	await unchanged
	t.is(fetcher.calls.at(-1)!.known, '1')
	t.is(term.health().source, 'remote')
	t.true(term.health().ageMs! < MINUTE)
})

test('a snapshot is better than the bundled value', async t => {
	const directory = await leftBehind(t, '{"EUR":1}')
	const { term } = begin(t, directory, { fetcher: broken(), initial: { EUR: 0 } })
	await term.start()
	t.deepEqual(term.get(), { EUR: 1 })
})

test('with nothing on disk the start rejects with what the source said', async t => {
	const { term } = begin(t, await temporaryFolder(t), { fetcher: broken() })
	const error = await t.throwsAsync(term.start(), { instanceOf: RemoteTermError })
	t.is(error?.code, 'FETCH_FAILED')
})

test('disk-first starts at once and refreshes behind', async t => {
	const directory = await leftBehind(t, '{"EUR":1}')
	const fetcher = new FakeFetcher()
	const hanging = fetcher.hang()
	const { term } = begin(t, directory, { fetcher, startFrom: 'disk-first' })
	await term.start()
	t.deepEqual(term.get(), { EUR: 1 })
	t.is(term.health().source, 'last-known-good')
	t.true(term.health().refreshing)
	await hanging.taken
	const updated = next(term, 'updated')
	hanging.respond('{"EUR":2}', { version: '2' })
	await updated
	t.deepEqual(term.get(), { EUR: 2 })
})

test('disk-first with nothing on disk waits for the source', async t => {
	const { term } = begin(t, await temporaryFolder(t), {
		fetcher: new FakeFetcher('{"EUR":2}'),
		startFrom: 'disk-first',
	})
	await term.start()
	t.deepEqual(term.get(), { EUR: 2 })
})

test('a lazy term falls back to disk behind its start', async t => {
	const directory = await leftBehind(t, '{"EUR":1}')
	const { term } = begin(t, directory, { fetcher: broken(), lazyInit: true })
	await term.start()
	await term.ready()
	t.deepEqual(term.get(), { EUR: 1 })
})

test('damaged snapshots are passed over with a reason, for older ones that are whole', async t => {
	const directory = await leftBehind(t, '{"EUR":1}', '{"EUR":2}', '{"EUR":3}')
	const files = (await readdir(directory)).sort()
	const newest = join(directory, files.at(-1)!)
	const bytes = await readFile(newest)
	bytes[bytes.length - 40]! ^= 0xff
	await writeFile(newest, bytes)
	await writeFile(
		join(directory, files.at(-2)!),
		(await readFile(join(directory, files.at(-2)!))).subarray(0, 50),
	)
	await writeFile(join(directory, 'notes.txt'), 'nothing of ours')

	const warnings: string[] = []
	const logger = { debug() {}, info() {}, error() {}, warn: (message: string) => void warnings.push(message) }
	const { term } = begin(t, directory, { fetcher: broken(), logger })
	await term.start()
	t.deepEqual(term.get(), { EUR: 1 })
	t.deepEqual(
		warnings.filter(line => line.includes('snapshot')),
		[
			'Skipped a snapshot of RatesTerm: its checksum is wrong',
			'Skipped a snapshot of RatesTerm: it ends within its header, at 50 bytes',
		],
	)
})

test('a snapshot passes the same checks as the source: one that no longer validates is not used', async t => {
	const directory = await leftBehind(t, '{"EUR":1}', '{"EUR":-2}')
	class Positive extends RatesTerm {
		protected override validate(rates: Rates): void {
			if (rates['EUR']! < 0) throw new Error('negative')
		}
	}
	const term = new Positive({
		name: 'RatesTerm',
		fetcher: broken(),
		clock: new FakeClock(),
		logger: false,
		lastKnownGood: directory,
	})
	t.teardown(() => term.stop())
	await term.start()
	t.deepEqual(term.get(), { EUR: 1 })
})

test('what was refused is never saved', async t => {
	const directory = await temporaryFolder(t)
	const fetcher = new FakeFetcher('{"EUR":1}')
	const { term } = begin(t, directory, { fetcher })
	await term.start()
	fetcher.publish('{"EUR":')
	await term.update()
	await term.stop()
	const { term: again } = begin(t, directory, { fetcher: broken() })
	await again.start()
	t.deepEqual(again.get(), { EUR: 1 })
})

test('what the source forbids to store stays in memory', async t => {
	const directory = await temporaryFolder(t)
	const fetcher = new FakeFetcher()
	fetcher.publish('{"EUR":1}', { noStore: true })
	const { term } = begin(t, directory, { fetcher })
	await term.start()
	await term.stop()
	t.deepEqual(await readdir(directory), [])
})

test('a disk that cannot be written costs the snapshot, not the term', async t => {
	const directory = await temporaryFolder(t)
	const file = join(directory, 'a-file')
	await writeFile(file, '')
	const warnings: string[] = []
	const logger = { debug() {}, info() {}, error() {}, warn: (message: string) => void warnings.push(message) }
	const fetcher = new FakeFetcher('{"EUR":1}')
	const { term } = begin(t, join(file, 'below'), { fetcher, logger })
	await term.start()
	for (const eur of [2, 3, 4]) {
		fetcher.publish(`{"EUR":${eur}}`)
		t.is((await term.update()).status, 'updated')
	}
	await term.stop()
	t.deepEqual(term.get(), { EUR: 4 })
	t.is(term.health().lastKnownGood?.error?.code, 'SNAPSHOT_FAILED')
	t.is(warnings.filter(line => line.includes('without a new snapshot')).length, 1)
})

test('the history on disk is bounded', async t => {
	const directory = await temporaryFolder(t)
	const fetcher = new FakeFetcher('{"EUR":0}')
	const { term } = begin(t, directory, { fetcher, lastKnownGood: { directory, keep: 2 } })
	await term.start()
	for (let eur = 1; eur < 9; eur++) {
		fetcher.publish(`{"EUR":${eur}}`)
		await term.update()
	}
	await term.stop()
	t.is((await readdir(directory)).length, 2)
})

test('snapshots can be read by nobody else', async t => {
	const directory = await leftBehind(t, '{"EUR":1}')
	await chmod(directory, 0o755)
	const { stat } = await import('node:fs/promises')
	for (const file of await readdir(directory)) t.is((await stat(join(directory, file))).mode & 0o077, 0)
})
