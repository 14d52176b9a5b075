import test from 'ava'
import fc from 'fast-check'
import { backoffDelay } from '../../lib/term/backoff.ts'
import {
	DEFAULT_REFRESH_INTERVAL,
	nextDelay,
	staleAfter,
	type ScheduleSettings,
} from '../../lib/term/schedule.ts'

const settings = (overrides: Partial<ScheduleSettings> = {}): ScheduleSettings => ({
	refreshInterval: undefined,
	minRefreshInterval: 1_000,
	maxRefreshInterval: 86_400_000,
	jitter: 0,
	backoff: { base: 1_000, cap: 60_000 },
	...overrides,
})
const middle = (): number => 0.5
const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

test('an explicit interval wins over what the source says', t => {
	t.is(
		nextDelay(settings({ refreshInterval: 5_000 }), { consecutiveFailures: 0, freshFor: 60_000 }, middle),
		5_000,
	)
})

test('without an interval the source is asked when its answer is no longer fresh', t => {
	t.is(nextDelay(settings(), { consecutiveFailures: 0, freshFor: 90_000 }, middle), 90_000)
})

test('a source that says nothing is asked once a minute', t => {
	t.is(nextDelay(settings(), { consecutiveFailures: 0 }, middle), DEFAULT_REFRESH_INTERVAL)
})

test('with a null interval a source that says nothing is never asked again', t => {
	t.is(nextDelay(settings({ refreshInterval: null }), { consecutiveFailures: 0 }, middle), undefined)
	t.is(
		nextDelay(settings({ refreshInterval: null }), { consecutiveFailures: 0, freshFor: 9_000 }, middle),
		9_000,
	)
})

test('a failure schedules a retry even with a null interval', t => {
	t.is(nextDelay(settings({ refreshInterval: null }), { consecutiveFailures: 1 }, middle), 750)
})

test('max-age=0 does not become a hot loop, and max-age of a year does not become for ever', t => {
	t.is(nextDelay(settings(), { consecutiveFailures: 0, freshFor: 0 }, middle), 1_000)
	t.is(nextDelay(settings(), { consecutiveFailures: 0, freshFor: Infinity }, middle), 86_400_000)
})

test('Retry-After is honoured, but not beyond the longest interval', t => {
	t.is(nextDelay(settings(), { consecutiveFailures: 1, retryAfter: 30_000 }, middle), 30_000)
	t.is(
		nextDelay(
			settings({ maxRefreshInterval: 10_000 }),
			{ consecutiveFailures: 1, retryAfter: 30_000 },
			middle,
		),
		10_000,
	)
	t.is(
		nextDelay(settings(), { consecutiveFailures: 20, retryAfter: 1 }, () => 0),
		30_000,
		'the backoff is longer',
	)
})

test('jitter moves an own interval both ways, and a source’s only later', t => {
	fc.assert(
		fc.property(unit, unit, (chance, jitter) => {
			const own = nextDelay(
				settings({ refreshInterval: 10_000, jitter }),
				{ consecutiveFailures: 0 },
				() => chance,
			)!
			t.true(own > 10_000 * (1 - jitter) - 1e-6 && own <= 10_000 * (1 + jitter))
			const theirs = nextDelay(
				settings({ jitter }),
				{ consecutiveFailures: 0, freshFor: 10_000 },
				() => chance,
			)!
			t.true(theirs >= 10_000 && theirs <= 10_000 * (1 + jitter))
		}),
	)
	t.pass()
})

test('a refresh follows every outcome, unless the user wanted none, and never before its bounds', t => {
	fc.assert(
		fc.property(
			fc.record({
				consecutiveFailures: fc.nat(5_000),
				retryAfter: fc.option(fc.nat(), { nil: undefined }),
				freshFor: fc.option(fc.nat(), { nil: undefined }),
			}),
			fc.constantFrom(undefined, null, 250, 43_200_000),
			unit,
			(last, refreshInterval, chance) => {
				const delay = nextDelay(settings({ refreshInterval, jitter: 0.1 }), last, () => chance)
				if (delay === undefined) {
					t.true(refreshInterval === null && last.consecutiveFailures === 0 && last.freshFor === undefined)
				} else {
					t.true(Number.isFinite(delay) && delay >= Math.min(225, 500) && delay <= 86_400_000 * 1.1)
				}
			},
		),
	)
	t.pass()
})

test('backoff doubles up to its cap, and at least half of it is certain', t => {
	const delays = [1, 2, 3, 4, 5, 6, 7, 8, 1_000_000].map(failures =>
		backoffDelay(failures, { base: 1_000, cap: 60_000 }, 0),
	)
	t.deepEqual(delays, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
	t.is(backoffDelay(1, { base: 1_000, cap: 60_000 }, 0.5), 750)
})

test('staleness is the user’s word, then the source’s, then three intervals', t => {
	const all = { ...settings({ refreshInterval: 10_000 }), staleAfter: undefined }
	t.is(staleAfter({ ...all, staleAfter: 5 }, { usableFor: 99_000 }), 5)
	t.is(staleAfter({ ...all, staleAfter: null }, { usableFor: 99_000 }), undefined)
	t.is(staleAfter(all, { usableFor: 99_000 }), 99_000)
	t.is(staleAfter(all, {}), 30_000)
	t.is(staleAfter({ ...settings(), staleAfter: undefined }, { freshFor: 2_000 }), 6_000)
	t.is(staleAfter({ ...settings({ refreshInterval: null }), staleAfter: undefined }, {}), undefined)
})

test('a source that wants to be asked about everything does not make everything stale', t => {
	t.is(
		staleAfter(
			{ ...settings({ refreshInterval: 60_000 }), staleAfter: undefined },
			{ freshFor: 0, usableFor: 0 },
		),
		120_000,
	)
	t.is(staleAfter({ ...settings(), staleAfter: undefined }, { freshFor: 0, usableFor: 0 }), 2_000)
})
