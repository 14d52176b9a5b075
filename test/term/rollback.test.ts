import { readdir } from 'node:fs/promises'
import test, { type ExecutionContext } from 'ava'
import type { RemoteTermOptions } from '../../lib/term/options.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { ratesTerm, RatesTerm, type Rates } from '../support/terms.ts'

const MINUTE = 60_000

/** A term that has seen versions 1, 2 and so on, the last of which the source still holds. */
const setup = async (
	t: ExecutionContext,
	versions: number,
	options: Partial<RemoteTermOptions<Rates>> = {},
) => {
	const { clock, fetcher, term } = ratesTerm(t, new FakeFetcher('{"EUR":1}'), options)
	await term.start()
	for (let version = 2; version <= versions; version++) {
		fetcher.publish(`{"EUR":${version}}`)
		await term.update()
	}
	t.deepEqual(term.get(), { EUR: versions })
	return { fetcher, clock, term }
}

test('rollback returns to the value before, and the source’s is not applied again until it moves on', async t => {
	const { term, fetcher, clock } = await setup(t, 2)
	t.like(await term.rollback(), { status: 'updated', version: '1', previousVersion: '2' })
	t.deepEqual(term.get(), { EUR: 1 })
	t.like(term.health(), { source: 'rollback', refusedVersion: '2', status: 'ready', consecutiveFailures: 0 })
	t.is(term.health().refusedBecause?.code, 'NOT_WANTED')

	for (let poll = 0; poll < 3; poll++) {
		await clock.advance(MINUTE)
		t.deepEqual(term.get(), { EUR: 1 })
		t.is(fetcher.calls.at(-1)!.known, '2', 'at the price of a conditional request')
	}
	t.is(term.health().consecutiveFailures, 0, 'an operator’s word is no failure of the source')

	fetcher.publish('{"EUR":3}')
	await clock.advance(MINUTE)
	t.deepEqual(term.get(), { EUR: 3 })
	t.like(term.health(), { source: 'remote', refusedVersion: undefined })
})

test('a version rolled back from is known by its bytes too, where the source has no versions', async t => {
	const fetcher = new FakeFetcher()
	fetcher.publish('{"EUR":1}', { version: undefined })
	const term = new RatesTerm({ fetcher, clock: new FakeClock(), logger: false })
	t.teardown(() => term.stop())
	await term.start()
	fetcher.publish('{"EUR":2}', { version: undefined })
	await term.update()
	await term.rollback()
	t.is((await term.update()).status, 'unchanged')
	t.deepEqual(term.get(), { EUR: 1 })
})

test('without an earlier value rollback says so and changes nothing', async t => {
	const { term } = await setup(t, 1)
	const outcome = await term.rollback()
	t.is(outcome.error?.code, 'VERSION_UNAVAILABLE')
	t.deepEqual(term.get(), { EUR: 1 })
	t.is(term.health().consecutiveFailures, 0)
})

test('history says how far back memory reaches', async t => {
	const { term } = await setup(t, 5, { history: 3 })
	for (const eur of [4, 3, 2]) {
		t.is((await term.rollback()).status, 'updated')
		t.deepEqual(term.get(), { EUR: eur })
	}
	t.is((await term.rollback()).error?.code, 'VERSION_UNAVAILABLE')
	t.is(term.health().refusedVersion, '5', 'the source still holds it, so it is still kept out')
	t.is((await term.update()).status, 'unchanged')
})

test('without a history there is no way back', async t => {
	const { term } = await setup(t, 2, { history: 0 })
	t.is((await term.rollback()).error?.code, 'VERSION_UNAVAILABLE')
})

test('a ready value can be rolled back to as well', async t => {
	const fetcher = new FakeFetcher()
	fetcher.publishValue({ EUR: 1 })
	const term = new RatesTerm({ fetcher, clock: new FakeClock(), logger: false })
	t.teardown(() => term.stop())
	await term.start()
	fetcher.publishValue({ EUR: 2 })
	await term.update()
	t.is((await term.rollback()).status, 'updated')
	t.deepEqual(term.get(), { EUR: 1 })
})

test('with snapshots the way back is on disk, and what was rolled back from does not return at the next start', async t => {
	const directory = await temporaryFolder(t)
	const { term } = await setup(t, 3, { lastKnownGood: directory })
	t.is((await term.rollback()).status, 'updated')
	t.deepEqual(term.get(), { EUR: 2 })
	await term.stop()
	t.is((await readdir(directory)).length, 2)

	const fetcher = new FakeFetcher('{}')
	fetcher.fail()
	const again = new RatesTerm({ fetcher, clock: new FakeClock(), logger: false, lastKnownGood: directory })
	t.teardown(() => again.stop())
	await again.start()
	t.deepEqual(again.get(), { EUR: 2 })
})

test('rollback waits for the refresh under way, and so has the last word', async t => {
	const { term, fetcher } = await setup(t, 2)
	const hanging = fetcher.hang()
	const updating = term.update()
	await hanging.taken
	const rollingBack = term.rollback()
	hanging.respond('{"EUR":3}', { version: '3' })
	t.is((await updating).version, '3')
	t.is((await rollingBack).version, '2')
	t.deepEqual(term.get(), { EUR: 2 })
})

test('pin holds the version in place, whatever is published', async t => {
	const { term, fetcher, clock } = await setup(t, 2)
	t.is((await term.pin('2')).status, 'unchanged')
	t.is(term.health().pinnedVersion, '2')
	fetcher.publish('{"EUR":3}')
	await clock.advance(3 * MINUTE)
	t.deepEqual(term.get(), { EUR: 2 })
	t.like(term.health(), { refusedVersion: '3', status: 'ready' })
	t.is((await term.unpin()).status, 'updated')
	t.deepEqual(term.get(), { EUR: 3 })
})

test('pin brings an earlier version back, and unpin the source’s', async t => {
	const { term } = await setup(t, 2)
	t.like(await term.pin('1'), { status: 'updated', version: '1' })
	t.deepEqual(term.get(), { EUR: 1 })
	t.is((await term.update()).status, 'unchanged')
	t.like(await term.unpin(), { status: 'updated', version: '2' })
	t.deepEqual(term.get(), { EUR: 2 })
})

test('pin fetches a version that only the source has', async t => {
	const { term, fetcher } = await setup(t, 1)
	fetcher.publish('{"EUR":2}', { version: 'next' })
	t.like(await term.pin('next'), { status: 'updated', version: 'next' })
	t.is(term.health().pinnedVersion, 'next')
})

test('a version that nobody has cannot be pinned, and nothing changes', async t => {
	const { term, fetcher } = await setup(t, 2)
	t.is((await term.pin('nine')).error?.code, 'VERSION_UNAVAILABLE')
	t.like(term.health(), { pinnedVersion: undefined, refusedVersion: undefined, version: '2' })
	fetcher.publish('{"EUR":3}')
	t.is((await term.update()).status, 'updated')
})

test('before start there is nothing to roll back, and after stop nothing to pin either', async t => {
	const term = new RatesTerm({ fetcher: new FakeFetcher('{}'), clock: new FakeClock(), logger: false })
	t.is((await term.rollback()).error?.code, 'NOT_STARTED')
	await term.start()
	await term.stop()
	t.is((await term.pin('1')).error?.code, 'STOPPED')
	t.is((await term.rollback()).error?.code, 'STOPPED')
	t.is((await term.unpin()).error?.code, 'STOPPED')
})

test('rollback does not return to the same bytes under their earlier name', async t => {
	const { term, fetcher } = await setup(t, 2)
	fetcher.publish('{"EUR":2}', { version: 'renamed' })
	t.is((await term.update()).status, 'unchanged')
	await term.rollback()
	t.deepEqual(term.get(), { EUR: 1 })
})

test('a rollback outlives a bad publish that the source takes back', async t => {
	const { term, fetcher } = await setup(t, 2)
	await term.rollback()
	t.deepEqual(term.get(), { EUR: 1 })

	// For one poll there is an error page with status 200 where the document should be.
	fetcher.publish('<!doctype html>', { version: 'page' })
	t.is((await term.update()).error?.code, 'DESERIALIZE_FAILED')
	fetcher.publish('{"EUR":2}', { version: '2' })
	await term.update()
	t.deepEqual(term.get(), { EUR: 1 }, 'what was rolled back from has not been replaced by anything better')
})
