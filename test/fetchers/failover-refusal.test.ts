import test, { type ExecutionContext } from 'ava'
import { FailoverFetcher } from '../../fetchers/failover.ts'
import type { Outcome } from '../../lib/index.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { ScriptedSource, trouble } from '../support/scripted-source.ts'
import { RatesTerm } from '../support/terms.ts'

const MINUTE = 60_000
const GOOD = '{"EUR":1}'

/** A term on the preferred source `eu`, whose place `us` has taken with something that the term refused. */
const refused = async (
	t: ExecutionContext,
	{ publishedAt }: { publishedAt: number },
): Promise<{
	eu: ScriptedSource
	us: ScriptedSource
	clock: FakeClock
	term: RatesTerm
	update: () => Promise<Outcome['status']>
}> => {
	const eu = new ScriptedSource({ content: GOOD, version: 'v1', publishedAt: 1000 })
	const us = new ScriptedSource({ content: GOOD, version: 'v1', publishedAt: 1000 })
	const clock = new FakeClock()
	const term = new RatesTerm({
		fetcher: new FailoverFetcher([
			{ name: 'eu', fetcher: eu },
			{ name: 'us', fetcher: us },
		]),
		refreshInterval: null,
		clock,
		logger: silentLogger,
	})
	t.teardown(() => term.stop())
	await term.start()
	const update = async (): Promise<Outcome['status']> => (await term.update()).status
	eu.trouble = trouble('FETCH_FAILED')
	us.state = { content: '<html>oops</html>', version: 'bad', publishedAt }
	t.is(await update(), 'failed')
	t.is(term.health().lastError?.code, 'DESERIALIZE_FAILED')
	us.asked.length = 0
	t.is(await update(), 'failed')
	t.deepEqual(us.asked, ['bad'], 'what was refused is asked about, not downloaded again')
	eu.asked.length = us.asked.length = 0
	return { eu, us, clock, term, update }
}

for (const [which, publishedAt] of [
	['newer than the good', 2000],
	['of the same date', 1000],
] as const) {
	test(`the preferred source confirms the good when it is back, though the stand-in holds garbage ${which}`, async t => {
		const { eu, us, clock, term, update } = await refused(t, { publishedAt })
		eu.trouble = undefined
		await clock.advance(MINUTE)
		t.is(await update(), 'unchanged')
		t.is(term.version, 'eu|v1')
		t.is(term.health().consecutiveFailures, 0)
		us.asked.length = 0
		for (let again = 0; again < 3; again++) {
			await clock.advance(MINUTE)
			t.is(await update(), 'unchanged')
		}
		t.deepEqual(us.asked, [], 'and from then on it is the one that is asked')
		t.deepEqual([...new Set(eu.asked)], ['v1'])

		eu.trouble = trouble('FETCH_FAILED')
		t.is(await update(), 'failed', 'the garbage is no more welcome than before')
		t.deepEqual(term.get(), { EUR: 1 })
		us.state = { content: '{"EUR":2}', version: 'v2', publishedAt: 3000 }
		t.is(await update(), 'updated')
		t.is(term.version, 'us|v2')
	})
}

test('the preferred source confirms the good when it is back alone', async t => {
	const { eu, us, clock, term, update } = await refused(t, { publishedAt: 2000 })
	eu.trouble = undefined
	us.trouble = trouble('FETCH_TIMEOUT')
	await clock.advance(MINUTE)
	t.is(await update(), 'unchanged')
	t.is(term.version, 'eu|v1')
	us.trouble = undefined
	await clock.advance(MINUTE)
	t.is(await update(), 'unchanged')
	t.is(eu.asked.at(-1), 'v1')
})

test('a stand-in whose newer content was accepted stays, though the preferred source confirms the older', async t => {
	const { eu, us, clock, term, update } = await refused(t, { publishedAt: 2000 })
	us.state = { content: '{"EUR":2}', version: 'v2', publishedAt: 3000 }
	t.is(await update(), 'updated')
	eu.trouble = undefined
	for (let again = 0; again < 3; again++) {
		await clock.advance(MINUTE)
		t.is(await update(), 'unchanged')
		t.is(term.version, 'us|v2')
	}
	t.deepEqual(term.get(), { EUR: 2 })
	eu.state = { content: '{"EUR":3}', version: 'v3', publishedAt: 4000 }
	await clock.advance(MINUTE)
	t.is(await update(), 'updated')
	t.is(term.version, 'eu|v3')
})
