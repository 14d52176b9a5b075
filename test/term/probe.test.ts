import test from 'ava'
import { RemoteTermError } from '../../lib/core/errors.ts'
import type { Health } from '../../lib/term/health.ts'
import { probe, type Probe } from '../../lib/term/probe.ts'
import { createTerm } from '../../lib/term/create-term.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { healthy as good } from '../support/health.ts'
import { ScriptedSource, trouble } from '../support/scripted-source.ts'

const lastError = new RemoteTermError('FETCH_TIMEOUT', 'too late')
const failing = {
	status: 'failing',
	consecutiveFailures: 2,
	failingSince: 5_000,
	lastError,
	lastErrorAt: 8_000,
} as const
const stale = { status: 'stale', since: 7_000, stale: true, staleMs: 3_000 } as const
const none = { ready: false, version: undefined, source: undefined } as const
const term = 'rates'
const code = 'FETCH_TIMEOUT'

const cases: ReadonlyArray<readonly [string, Partial<Health>, Probe['status'], Probe['reasons']]> = [
	['a value that was confirmed', {}, 'ok', []],
	['a failure that is over', { lastError, lastErrorAt: 500 }, 'ok', []],
	['a refresh under way', { refreshing: true, nextRefreshAt: undefined }, 'ok', []],
	['nothing due ever, as with a static source', { nextRefreshAt: undefined }, 'ok', []],
	[
		'an operator’s rollback',
		{ source: 'rollback', refusedBecause: new RemoteTermError('NOT_WANTED', '') },
		'ok',
		[],
	],
	[
		'a term that was never started',
		{ ...none, status: 'idle' },
		'down',
		[{ term, reason: 'not-started', since: 1_000 }],
	],
	[
		'a start that has failed',
		{ ...none, ...failing, status: 'idle', nextRefreshAt: undefined },
		'down',
		[{ term, reason: 'not-started', since: 1_000, code }],
	],
	[
		'a bundled value that nobody has started',
		{ status: 'idle', source: 'initial' },
		'down',
		[{ term, reason: 'not-started', since: 1_000 }],
	],
	[
		'a stopped term with its last value',
		{ status: 'stopped' },
		'down',
		[{ term, reason: 'stopped', since: 1_000 }],
	],
	['no value yet', { ...none, status: 'starting' }, 'down', [{ term, reason: 'no-value', since: 1_000 }]],
	[
		'no value, and failing',
		{ ...none, ...failing },
		'down',
		[
			{ term, reason: 'no-value', since: 1_000, code },
			{ term, reason: 'failing', since: 5_000, code },
		],
	],
	['a value, and failing', failing, 'degraded', [{ term, reason: 'failing', since: 5_000, code }]],
	[
		'failing, with a retry under way',
		{ ...failing, refreshing: true, nextRefreshAt: undefined },
		'degraded',
		[{ term, reason: 'failing', since: 5_000, code }],
	],
	['stale, without a failure', stale, 'degraded', [{ term, reason: 'stale', since: 7_000 }]],
	[
		'stale, and failing',
		{ ...failing, ...stale },
		'degraded',
		[
			{ term, reason: 'stale', since: 7_000, code },
			{ term, reason: 'failing', since: 5_000, code },
		],
	],
	[
		'stale for just as long as it may be',
		{ ...stale, staleMs: 10_000 },
		'degraded',
		[{ term, reason: 'stale', since: 7_000 }],
	],
	['stale for longer', { ...stale, staleMs: 10_001 }, 'down', [{ term, reason: 'too-stale', since: 7_000 }]],
	[
		'the bundled value',
		{ source: 'initial', version: undefined },
		'degraded',
		[{ term, reason: 'unconfirmed' }],
	],
	[
		'a snapshot, since the source does not answer',
		{ ...failing, source: 'last-known-good' },
		'degraded',
		[
			{ term, reason: 'failing', since: 5_000, code },
			{ term, reason: 'unconfirmed' },
		],
	],
]

for (const [title, health, status, reasons] of cases) {
	test(`${title}: ${status}, and alive`, t => {
		t.deepEqual(probe({ ...good, ...health }, { maxStaleMs: 10_000 }), {
			live: true,
			ready: status !== 'down',
			status,
			reasons,
		})
	})
}

test('only a term that will never be refreshed again, although it fails, is not alive', t => {
	const found = probe({ ...good, ...failing, nextRefreshAt: undefined })
	t.like(found, { live: false, ready: false, status: 'down' })
	t.deepEqual(found.reasons[0], { term, reason: 'stuck', since: 5_000, code })
})

test('without a limit a stale value is good for ever', t => {
	t.true(probe({ ...good, ...stale, staleMs: 1e15 }).ready)
})

test('many terms are as ready as the worst of them, and each says what is wrong with it', t => {
	const down = { ...good, ...none, name: 'flags', status: 'starting' } as const
	t.deepEqual(probe([good, { ...good, ...failing }, down]), {
		live: true,
		ready: false,
		status: 'down',
		reasons: [
			{ term: 'rates', reason: 'failing', since: 5_000, code },
			{ term: 'flags', reason: 'no-value', since: 1_000 },
		],
	})
	t.deepEqual(probe([]), { live: true, ready: true, status: 'ok', reasons: [] })
})

test('what is no option, or no span of time, is refused', t => {
	t.throws(() => probe(good, { maxStaleMs: -1 }), { code: 'INVALID_OPTION' })
	t.throws(() => probe(good, { maxStale: 1 } as object), { code: 'INVALID_OPTION' })
})

test('a real term goes through an outage and out of it again', async t => {
	const clock = new FakeClock()
	const source = new ScriptedSource('{}')
	const options = { refreshInterval: 60_000, jitter: 0, staleAfter: 100_000, random: () => 0 }
	const subject = createTerm({ name: 'real', fetcher: source, clock, logger: false, ...options })
	t.teardown(() => subject.stop())
	const seen = (): unknown => {
		const { live, status, reasons } = probe(subject.health(), { maxStaleMs: 50_000 })
		return [live, status, ...reasons.map(({ reason, since }) => `${reason} ${since! - began}`)]
	}
	const began = clock.now()
	t.deepEqual(seen(), [true, 'down', 'not-started 0'])
	await subject.start()
	t.deepEqual(seen(), [true, 'ok'])
	source.trouble = trouble('FETCH_FAILED')
	await clock.advance(70_000)
	t.deepEqual(seen(), [true, 'degraded', 'failing 60000'])
	await clock.advance(30_000)
	t.deepEqual(seen(), [true, 'degraded', 'stale 100000', 'failing 60000'])
	await clock.advance(50_001)
	t.deepEqual(seen(), [true, 'down', 'too-stale 100000', 'failing 60000'])
	source.trouble = undefined
	await subject.update()
	t.deepEqual(seen(), [true, 'ok'])
	t.is(subject.health().failingSince, undefined)
	await subject.stop()
	t.deepEqual(seen(), [true, 'down', 'stopped 150001'])
})
