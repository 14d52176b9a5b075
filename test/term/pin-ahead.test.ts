import test, { type ExecutionContext } from 'ava'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { ratesTerm, type RatesTerm } from '../support/terms.ts'

const MINUTE = 60_000

/** A folder in which a term has left versions 1 and 2. */
const folderOfTwo = async (t: ExecutionContext): Promise<string> => {
	const lastKnownGood = await temporaryFolder(t)
	const { fetcher, term } = ratesTerm(t, new FakeFetcher('{"EUR":1}'), { lastKnownGood })
	await term.start()
	fetcher.publish('{"EUR":2}')
	await term.update()
	await term.stop()
	return lastKnownGood
}

const sourceOf = (version: string): FakeFetcher => {
	const fetcher = new FakeFetcher()
	fetcher.publish(`{"EUR":${version}}`, { version })
	return fetcher
}

/** Every version that readers have had. */
const versionsOf = (term: RatesTerm): string[] => {
	const seen: string[] = []
	term.on('updated', ({ version }) => seen.push(version))
	return seen
}

for (const startFrom of ['source-first', 'disk-first'] as const) {
	test(`a version pinned before the start comes from the disk, and no other is ever in place (${startFrom})`, async t => {
		const lastKnownGood = await folderOfTwo(t)
		const { clock, term } = ratesTerm(t, sourceOf('2'), { lastKnownGood, startFrom })
		const seen = versionsOf(term)
		t.like(await term.pin('1'), { status: 'unchanged', version: undefined, error: undefined })
		t.is(term.health().pinnedVersion, '1')
		await term.start()
		t.deepEqual(term.get(), { EUR: 1 })
		await clock.advance(3 * MINUTE)
		t.like(term.health(), { version: '1', pinnedVersion: '1', refusedVersion: '2', source: 'rollback' })
		t.deepEqual(seen, ['1'])
		t.like(await term.unpin(), { status: 'updated', version: '2' })
	})
}

test('a version pinned before the start that the disk has needs no source', async t => {
	const lastKnownGood = await folderOfTwo(t)
	const fetcher = sourceOf('2')
	fetcher.fail()
	const { term } = ratesTerm(t, fetcher, { lastKnownGood })
	await term.pin('1')
	await term.start()
	t.like(term.health(), { version: '1', pinnedVersion: '1' })
})

test('a version pinned before the start comes from the source, where only that has it', async t => {
	const { term } = ratesTerm(t, sourceOf('1'))
	await term.pin('1')
	await term.start()
	t.like(term.health(), { version: '1', pinnedVersion: '1', source: 'remote' })
})

test('a version pinned before the start that nobody has is pinned no longer, and the source’s comes in', async t => {
	const logger = recordingLogger()
	const { fetcher, term } = ratesTerm(t, sourceOf('2'), { logger, lastKnownGood: await temporaryFolder(t) })
	await term.pin('1')
	await term.start()
	t.like(term.health(), { version: '2', pinnedVersion: undefined, refusedVersion: undefined })
	t.true(logger.lines.some(([level, line]) => level === 'warn' && line.endsWith('as nobody has 1')))
	fetcher.publish('{"EUR":3}')
	t.like(await term.update(), { status: 'updated' })
})

test('as long as the source cannot say whether it has it, what was pinned before the start is looked for', async t => {
	const fetcher = sourceOf('2')
	fetcher.fail()
	const { clock, term } = ratesTerm(t, fetcher, { initial: { EUR: 0 } })
	const seen = versionsOf(term)
	await term.pin('1')
	await term.start()
	t.like(term.health(), { source: 'initial', pinnedVersion: '1' })

	fetcher.publish('{"EUR":1}', { version: '1' })
	await clock.advance(10 * MINUTE)
	fetcher.publish('{"EUR":2}', { version: '2' })
	await clock.advance(10 * MINUTE)
	t.like(term.health(), { version: '1', pinnedVersion: '1', refusedVersion: '2' })
	t.deepEqual(seen, ['1'])
})

test('a lazy start looks for what was pinned before it, too', async t => {
	const lastKnownGood = await folderOfTwo(t)
	const { term } = ratesTerm(t, sourceOf('2'), { lastKnownGood, lazyInit: true })
	const seen = versionsOf(term)
	await term.pin('1')
	await term.start()
	await term.ready()
	await term.update()
	t.deepEqual(seen, ['1'])
})

test('the last word before the start counts', async t => {
	const pinnedTwice = ratesTerm(t, sourceOf('2')).term
	await pinnedTwice.pin('1')
	await pinnedTwice.pin('2')
	await pinnedTwice.start()
	t.like(pinnedTwice.health(), { version: '2', pinnedVersion: '2' })

	const letGo = ratesTerm(t, sourceOf('2'))
	await letGo.term.pin('2')
	t.like(await letGo.term.unpin(), { status: 'unchanged', error: undefined })
	await letGo.term.start()
	letGo.fetcher.publish('{"EUR":3}')
	t.like(await letGo.term.update(), { status: 'updated' })
	t.is(letGo.term.health().pinnedVersion, undefined)
})
