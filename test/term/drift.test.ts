import test from 'ava'
import fc from 'fast-check'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { checkDrift, countKeys } from '../../lib/term/drift.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { RatesTerm } from '../support/terms.ts'

const rates = (count: number): string =>
	JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, index) => [`r${index}`, index])))

test('a value that suddenly doubles or empties is refused, visible, and costs one download', async t => {
	const fetcher = new FakeFetcher(rates(100))
	const term = new RatesTerm({ fetcher, clock: new FakeClock(), logger: false, driftGuard: { keys: 1.5 } })
	t.teardown(() => term.stop())
	await term.start()
	for (const count of [201, 40, 0]) {
		const version = fetcher.publish(rates(count))
		const outcome = await term.update()
		t.is(outcome.error?.code, 'DRIFT_REFUSED')
		t.regex(outcome.error!.message, new RegExp(`between 67 and 150 keys.*got ${count}`))
		t.is(term.health().refusedVersion, version)
		t.is((await term.update()).bytes, undefined, 'it is not downloaded again')
		t.is(Object.keys(term.get()!).length, 100)
	}
	fetcher.publish(rates(140))
	t.is((await term.update()).status, 'updated')
})

test('pinning a version releases it from the guard', async t => {
	const fetcher = new FakeFetcher(rates(100))
	const term = new RatesTerm({
		fetcher,
		clock: new FakeClock(),
		logger: false,
		driftGuard: { bytes: 1.5, keys: 1.5 },
	})
	t.teardown(() => term.stop())
	await term.start()
	const version = fetcher.publish(rates(500))!
	t.is((await term.update()).error?.code, 'DRIFT_REFUSED')
	t.like(await term.pin(version), { status: 'updated', version })
	t.is(Object.keys(term.get()!).length, 500)
	await term.unpin()
	fetcher.publish(rates(520))
	t.is((await term.update()).status, 'updated', 'from now on it is the measure')
})

test('without a guard anything that is valid is accepted', async t => {
	const fetcher = new FakeFetcher(rates(100))
	const term = new RatesTerm({ fetcher, clock: new FakeClock(), logger: false })
	t.teardown(() => term.stop())
	await term.start()
	fetcher.publish('{}')
	t.is((await term.update()).status, 'updated')
})

test('keys are the members of whatever has any', t => {
	t.is(countKeys([1, 2, 3]), 3)
	t.is(countKeys({ a: 1, b: 2 }), 2)
	t.is(countKeys(new Map([[1, 2]])), 1)
	t.is(countKeys(new Set([1, 2])), 2)
	for (const value of ['abc', 5, null, undefined]) t.is(countKeys(value), undefined)
})

test('the guard treats growing and shrinking by the same factor alike', t => {
	const refuses = (factor: number, before: number, after: number): boolean => {
		try {
			checkDrift(
				{ bytes: factor },
				{ bytes: before, keys: undefined },
				{ bytes: after, keys: undefined },
				'x',
			)
			return false
		} catch (error) {
			return error instanceof RemoteTermError && error.code === 'DRIFT_REFUSED'
		}
	}
	fc.assert(
		fc.property(
			fc.double({ min: 1.01, max: 100, noNaN: true }),
			fc.nat(),
			fc.nat(),
			(factor, before, after) => refuses(factor, before, after) === refuses(factor, after, before),
		),
	)
	t.true(refuses(2, 0, 1))
	t.false(refuses(2, 0, 0))
	t.false(refuses(2, 5, 10))
	t.true(refuses(2, 5, 11))
})
