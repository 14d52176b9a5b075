import test from 'ava'
import fc from 'fast-check'
import { freshnessOf, policyOf, revalidated } from '../../fetchers/http-freshness.ts'
import type { HttpHeaders } from '../../fetchers/http-request/http-request.ts'
import type { Freshness } from '../../lib/core/fetcher.ts'

const BOUNDS = { minRefreshInterval: 0, maxRefreshInterval: 86_400_000 }
const START = Date.UTC(2026, 0, 1)
const date = (seconds: number): string => new Date(START + seconds * 1000).toUTCString()

const cases: ReadonlyArray<[string, HttpHeaders, Freshness]> = [
	['nothing', {}, {}],
	['max-age', { 'cache-control': 'max-age=60' }, { freshFor: 60_000 }],
	['max-age in capitals', { 'cache-control': 'Public, MAX-AGE = 60' }, { freshFor: 60_000 }],
	['max-age in quotes', { 'cache-control': 'max-age="60"' }, { freshFor: 60_000 }],
	['max-age in the second line', { 'cache-control': ['public', 'max-age=60'] }, { freshFor: 60_000 }],
	['max-age twice', { 'cache-control': 'max-age=60, max-age=5' }, { freshFor: 60_000 }],
	['max-age less Age', { 'cache-control': 'max-age=60', age: '20' }, { freshFor: 40_000 }],
	['an Age beyond max-age', { 'cache-control': 'max-age=60', age: '70' }, { freshFor: 0 }],
	['several Ages', { 'cache-control': 'max-age=60', age: ['20', '50'] }, { freshFor: 40_000 }],
	['an Age that is no number', { 'cache-control': 'max-age=60', age: 'old' }, { freshFor: 60_000 }],
	['a negative Age', { 'cache-control': 'max-age=60', age: '-20' }, { freshFor: 60_000 }],
	['max-age=0', { 'cache-control': 'max-age=0' }, { freshFor: 0 }],
	['a negative max-age', { 'cache-control': 'max-age=-1' }, { freshFor: 0 }],
	['a max-age that is no number', { 'cache-control': 'max-age=soon' }, { freshFor: 0 }],
	['a max-age without a value', { 'cache-control': 'max-age' }, { freshFor: 0 }],
	['an endless max-age', { 'cache-control': `max-age=${'9'.repeat(30)}` }, { freshFor: 86_400_000 }],
	['x-max-age', { 'cache-control': 'x-max-age=60, max-age-x=5' }, {}],
	['max-age within a quoted string', { 'cache-control': 'private="a, max-age=60, \\"b"' }, {}],
	['a quote that never closes', { 'cache-control': 'private="a, no-store' }, { noStore: true }],
	['s-maxage, which is for others', { 'cache-control': 's-maxage=5, max-age=60' }, { freshFor: 60_000 }],
	['s-maxage alone', { 'cache-control': 's-maxage=5' }, {}],
	['no-store', { 'cache-control': 'no-store, max-age=60' }, { noStore: true }],
	['no-cache', { 'cache-control': 'no-cache' }, { freshFor: 0 }],
	['no-cache beside max-age', { 'cache-control': 'max-age=60, no-cache' }, { freshFor: 0 }],
	['no-cache for one field', { 'cache-control': 'max-age=60, no-cache="x"' }, { freshFor: 60_000 }],
	['Pragma: no-cache', { pragma: 'No-Cache' }, { freshFor: 0 }],
	[
		'Pragma beside Cache-Control',
		{ pragma: 'no-cache', 'cache-control': 'max-age=60' },
		{ freshFor: 60_000 },
	],
	['Expires after Date', { expires: date(90), date: date(30) }, { freshFor: 60_000 }],
	['Expires without Date', { expires: date(60) }, { freshFor: 60_000 }],
	['Expires in an old form', { expires: 'Thursday, 01-Jan-26 00:01:00 GMT' }, { freshFor: 60_000 }],
	['Expires less Age', { expires: date(60), date: date(0), age: '20' }, { freshFor: 40_000 }],
	['Expires and a Date that is none', { expires: date(60), date: '3000' }, { freshFor: 60_000 }],
	['Expires in the past', { expires: date(-60) }, { freshFor: 0 }],
	['Expires: 0', { expires: '0' }, { freshFor: 0 }],
	['Expires: 3000', { expires: '3000' }, { freshFor: 0 }],
	['max-age before Expires', { expires: date(60), 'cache-control': 'max-age=5' }, { freshFor: 5000 }],
	['max-age=0 before Expires', { expires: date(60), 'cache-control': 'max-age=0' }, { freshFor: 0 }],
	['no guess from Last-Modified', { 'last-modified': date(-1e6), date: date(0) }, {}],
	['immutable', { 'cache-control': 'max-age=60, immutable' }, { freshFor: 60_000 }],
	['immutable alone', { 'cache-control': 'immutable' }, { freshFor: 86_400_000 }],
	['Vary: *', { 'cache-control': 'max-age=60', vary: 'a, *' }, { freshFor: 0 }],
	['Vary: authorization', { 'cache-control': 'max-age=60', vary: 'authorization' }, { freshFor: 60_000 }],
	['a cookie', { 'cache-control': 'max-age=60', 'set-cookie': ['a=b'] }, { freshFor: 60_000 }],
	[
		'must-revalidate',
		{ 'cache-control': 'max-age=60, must-revalidate' },
		{ freshFor: 60_000, usableFor: 60_000 },
	],
	['must-revalidate alone', { 'cache-control': 'must-revalidate' }, {}],
	[
		'must-revalidate beside stale-if-error',
		{ 'cache-control': 'max-age=60, stale-if-error=600, must-revalidate' },
		{ freshFor: 60_000, usableFor: 60_000 },
	],
	[
		'stale-if-error',
		{ 'cache-control': 'max-age=60, stale-if-error=600', age: '20' },
		{ freshFor: 40_000, usableFor: 640_000 },
	],
	['stale-if-error alone', { 'cache-control': 'stale-if-error=600' }, { usableFor: 600_000 }],
	[
		'stale-while-revalidate, which is not stale-if-error',
		{ 'cache-control': 'max-age=60, stale-while-revalidate=600, stale-if-error=10' },
		{ freshFor: 60_000, usableFor: 70_000 },
	],
	[
		'a stale-if-error that is no number',
		{ 'cache-control': 'max-age=60, stale-if-error=x' },
		{ freshFor: 60_000 },
	],
]
for (const [what, headers, expected] of cases) {
	test(`freshness from ${what}`, t => {
		t.deepEqual(freshnessOf(policyOf(headers, START), START, BOUNDS), expected)
	})
}

test('what the source says is kept within the bounds', t => {
	const bounds = { minRefreshInterval: 5000, maxRefreshInterval: 10_000 }
	const from = (cacheControl: string): Freshness =>
		freshnessOf(policyOf({ 'cache-control': cacheControl }, START), START, bounds)
	t.deepEqual(from('max-age=0'), { freshFor: 5000 })
	t.deepEqual(from('max-age=7'), { freshFor: 7000 })
	t.deepEqual(from('max-age=70'), { freshFor: 10_000 })
	t.deepEqual(from('max-age=70, must-revalidate'), { freshFor: 10_000, usableFor: 70_000 })
	t.deepEqual(from('max-age=0, must-revalidate'), { freshFor: 5000, usableFor: 5000 })
	t.deepEqual(from('public'), {})
})

test('a 304 amends the stored headers, and its own Date and Age count', t => {
	const held = policyOf({ etag: '"x"', 'cache-control': 'max-age=60', age: '50', date: date(0) }, START)
	const later = START + 10_000
	const after = (headers: HttpHeaders): Freshness =>
		freshnessOf(revalidated(held, headers, later), later, BOUNDS)
	t.deepEqual(after({ etag: '"x"' }), { freshFor: 60_000 }, 'the old Age is gone')
	t.deepEqual(after({}), { freshFor: 60_000 }, 'a 304 without a validator is about what was asked')
	t.deepEqual(after({ etag: 'W/"x"', age: '10' }), { freshFor: 50_000 })
	t.deepEqual(after({ etag: '"x"', 'cache-control': 'max-age=5' }), { freshFor: 5000 })
	t.deepEqual(after({ etag: '"x"', 'cache-control': 'no-store' }), { noStore: true })

	const expiring = policyOf({ etag: '"x"', expires: date(60), date: date(0) }, START)
	t.deepEqual(freshnessOf(revalidated(expiring, { date: date(40) }, later), later, BOUNDS), {
		freshFor: 20_000,
	})
})

test('a 304 can add what the 200 did not say', t => {
	const held = policyOf({ 'last-modified': date(-100) }, START)
	const policy = revalidated(held, { 'cache-control': 'max-age=60' }, START)
	t.deepEqual(freshnessOf(policy, START, BOUNDS), { freshFor: 60_000 })
	t.deepEqual(
		freshnessOf(revalidated(policy, {}, START), START, BOUNDS),
		{ freshFor: 60_000 },
		'and it is kept',
	)
})

test('no headers make it throw, and freshFor is never outside its bounds', t => {
	const value = fc.oneof(
		fc.string(),
		fc.constantFrom('max-age=', 'no-store', '"', ',', '=', '0', '-1', '1e9', date(60), 'stale-if-error=5'),
		fc.integer().map(String),
	)
	const lines = fc.oneof(
		value,
		fc.array(value, { maxLength: 3 }),
		fc.array(value).map(all => all.join()),
	)
	const headers = fc.dictionary(
		fc.constantFrom('cache-control', 'age', 'date', 'expires', 'pragma', 'vary', 'etag', 'last-modified'),
		lines,
	)
	const bounds = { minRefreshInterval: 10, maxRefreshInterval: 1000 }
	fc.assert(
		fc.property(headers, headers, (first, second) => {
			const held = policyOf(first, START)
			for (const policy of [held, revalidated(held, second, START)]) {
				const { freshFor = 10, usableFor = freshFor } = freshnessOf(policy, START, bounds)
				if (!(freshFor >= 10 && freshFor <= 1000 && usableFor >= freshFor)) return false
			}
			return true
		}),
	)
	t.pass()
})
