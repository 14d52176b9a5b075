import test from 'ava'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { createTerm } from '../../lib/term/create-term.ts'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { RatesTerm } from '../support/terms.ts'

const bad: ReadonlyArray<readonly [title: string, options: object, message: RegExp]> = [
	['no fetcher', { fetcher: undefined }, /`fetcher`.*undefined/],
	['a fetcher that is none', { fetcher: { init() {} } }, /`fetcher`.*`currentVersion`/],
	['a misspelt option', { refreshIntervall: 5 }, /no option `refreshIntervall`.*`refreshInterval`/],
	['an interval of zero', { refreshInterval: 0 }, /`refreshInterval`.*positive.*0/],
	['an interval that is a string', { refreshInterval: '60s' }, /`refreshInterval`.*"60s"/],
	['an interval that is no number', { refreshInterval: Number.NaN }, /`refreshInterval`.*NaN/],
	['an endless interval', { refreshInterval: Infinity }, /`refreshInterval`.*Infinity/],
	['a negative timeout', { timeout: -1 }, /`timeout`.*-1/],
	['a timeout of zero', { startTimeout: 0 }, /`startTimeout`/],
	['half a byte', { maxBytes: 0.5 }, /`maxBytes`.*positive integer.*0.5/],
	['a full jitter', { jitter: 1 }, /`jitter`.*1/],
	[
		'bounds that cross',
		{ minRefreshInterval: 10, maxRefreshInterval: 5 },
		/`minRefreshInterval`.*at most.*5/,
	],
	['a backoff that shrinks', { backoff: { base: 10, cap: 5 } }, /`backoff.base`.*at most/],
	['an unknown backoff', { backoff: { factor: 3 } }, /backoff has no option `factor`/],
	['lazyInit as a word', { lazyInit: 'yes' }, /`lazyInit`.*true or false.*"yes"/],
	['an empty name', { name: '' }, /`name`.*non-empty/],
	['a schema that is none', { schema: {} }, /`schema`.*Standard Schema/],
	['a logger that cannot warn', { logger: { info() {} } }, /`logger`/],
	['a clock that is none', { clock: {} }, /`clock`.*`now`/],
	['a fixed chance', { random: 0.5 }, /`random`.*function/],
	['a signal that is none', { signal: {} }, /`signal`.*AbortSignal/],
	['a staleness that is none', { staleAfter: 'never' }, /`staleAfter`.*"never"/],
]

for (const [title, options, message] of bad) {
	test(`${title} is refused at the door`, t => {
		const construct = (): unknown => new RatesTerm({ fetcher: new FakeFetcher('{}'), ...options })
		const error = t.throws(construct, { instanceOf: RemoteTermError, message })
		t.is(error.code, 'INVALID_OPTION')
		t.is(
			t.throws(() => createTerm({ fetcher: new FakeFetcher('{}'), ...options }), {
				instanceOf: RemoteTermError,
			})?.code,
			'INVALID_OPTION',
		)
	})
}

test('options that are no object are refused at the door', t => {
	for (const options of [undefined, null, 5, 'https://example.com']) {
		t.is(
			t.throws(() => new RatesTerm(options as never), { instanceOf: RemoteTermError })?.code,
			'INVALID_OPTION',
		)
		t.is(
			t.throws(() => createTerm(options as never), { instanceOf: RemoteTermError })?.code,
			'INVALID_OPTION',
		)
	}
})
