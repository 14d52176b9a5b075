import test from 'ava'
import fc from 'fast-check'
import {
	askingOrder,
	judge,
	mark,
	standing,
	unmark,
	type Sighting,
	type SourceHealth,
} from '../../fetchers/failover-order.ts'

const well: SourceHealth = { failed: false, notBefore: -Infinity, restUntil: -Infinity }
const failedUntil = (notBefore: number): SourceHealth => ({ ...well, failed: true, notBefore })
const strict = { acceptUndated: false }
const undated = (version: string | undefined): Sighting => ({ version, publishedAt: undefined })

test('any name and version come back from their mark', t => {
	fc.assert(
		fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (name, version) => {
			t.deepEqual(unmark(mark(name, version)), { name, version })
		}),
	)
	t.is(mark('eu', '"5d41"'), 'eu|"5d41"')
	t.deepEqual(unmark(mark('%7C|%25', 'a|b%7C')), { name: '%7C|%25', version: 'a|b%7C' })
	t.is(unmark('"5d41"'), undefined)
})

test('different sources never mark alike', t => {
	fc.assert(
		fc.property(
			fc.string({ unit: 'binary' }),
			fc.string({ unit: 'binary' }),
			fc.string(),
			fc.string(),
			(a, b, v, w) => t.is(mark(a, v) === mark(b, w), a === b && v === w),
		),
	)
})

test('the preferred source is asked first, then the others in order', t => {
	t.deepEqual(askingOrder([well, well, well], 0, 0), [0, 1, 2])
})

test('after a failover the source that answered comes first, until the preferred one’s time has come', t => {
	const sources = [failedUntil(100), well, well]
	t.deepEqual(askingOrder(sources, 1, 99), [1, 2, 0])
	t.deepEqual(askingOrder(sources, 1, 100), [0, 1, 2])
})

test('a preferred source with no news is left alone too, but comes before failing ones', t => {
	const lagging = { ...well, notBefore: 100 }
	t.deepEqual(askingOrder([lagging, well, failedUntil(100)], 1, 50), [1, 0, 2])
})

test('failing sources come last, the one that may be asked soonest first', t => {
	t.deepEqual(askingOrder([failedUntil(300), failedUntil(100), well, failedUntil(200)], 0, 50), [2, 1, 3, 0])
})

test('a source that has told us to wait is not asked, unless there is no other', t => {
	const resting = { failed: true, notBefore: 100, restUntil: 100 }
	t.deepEqual(askingOrder([resting, failedUntil(60)], 1, 50), [1])
	t.deepEqual(askingOrder([resting, resting], 0, 50), [0, 1])
	t.deepEqual(askingOrder([resting, well], 1, 100), [0, 1])
})

test('each source is asked at most once, and somebody always is', t => {
	const health = fc.record({
		failed: fc.boolean(),
		notBefore: fc.integer({ min: 0, max: 9 }),
		restUntil: fc.integer({ min: 0, max: 9 }),
	})
	fc.assert(
		fc.property(fc.array(health, { minLength: 1, maxLength: 6 }), fc.nat(), fc.nat(9), (sources, n, now) => {
			const order = askingOrder(sources, n % sources.length, now)
			t.true(order.length > 0)
			t.is(new Set(order).size, order.length)
		}),
	)
})

test('where nothing is held, anything is taken', t => {
	t.is(judge(undefined, 1, undefined, undated('a'), strict), 'take')
	t.is(judge(undefined, 1, undated('a'), undated('a'), strict), 'take')
})

test('a source may go back on its own content', t => {
	const held = { source: 0, version: 'b', publishedAt: 200 }
	t.is(judge(held, 0, held, { version: 'a', publishedAt: 100 }, strict), 'take')
	t.is(judge(held, 0, held, { version: 'b', publishedAt: 200 }, strict), 'same')
})

test('between sources the dates decide', t => {
	const held = { source: 0, version: 'b', publishedAt: 200 }
	t.is(judge(held, 1, undefined, { version: 'x', publishedAt: 199 }, strict), 'older')
	t.is(judge(held, 1, undefined, { version: 'x', publishedAt: 200 }, strict), 'take')
	t.is(judge(held, 1, undefined, { version: 'x', publishedAt: 201 }, strict), 'take')
	t.is(judge(held, 1, undated('w'), { version: 'x', publishedAt: 199 }, strict), 'older', 'though it moved')
})

test('without dates, a source that steps in is believed when it moves', t => {
	const held = { source: 0, version: 'b', publishedAt: undefined }
	t.is(judge(held, 1, undefined, undated('x'), strict), 'undated')
	t.is(judge(held, 1, undated('x'), undated('x'), strict), 'same')
	t.is(judge(held, 1, undated('x'), undated('y'), strict), 'take')
	t.is(judge(held, 1, undated(undefined), undated(undefined), strict), 'undated', 'no version, no movement')
	t.is(judge(held, 1, undefined, undated('x'), { acceptUndated: true }), 'take')
	t.is(judge({ ...held, publishedAt: 1 }, 1, undefined, undated('x'), strict), 'undated')
	t.is(judge(held, 1, undefined, { version: 'x', publishedAt: 1 }, strict), 'undated')
})

test('without dates, a preferred source is believed at once', t => {
	const held = { source: 1, version: 'b', publishedAt: undefined }
	t.is(judge(held, 0, undefined, undated('x'), strict), 'take')
	t.is(judge(held, 0, undated('x'), undated('x'), strict), 'same')
})

test('content of unknown origin gives way', t => {
	const held = { source: undefined, version: undefined, publishedAt: undefined }
	t.is(judge(held, 1, undefined, undated('x'), strict), 'take')
})

test('a source that has not moved is abreast, behind, or nobody knows', t => {
	const held = { source: 0, version: 'b', publishedAt: 200 }
	t.is(standing(held, 0, held), 'abreast')
	t.is(standing(held, 1, { version: 'x', publishedAt: 199 }), 'behind')
	t.is(standing(held, 1, { version: 'x', publishedAt: 200 }), 'abreast')
	t.is(standing(held, 1, undated('x')), 'unknown')
	t.is(standing(held, 1, undefined), 'unknown')
})
