import test from 'ava'
import fc from 'fast-check'
import { Rotator, type Step } from '../../lib/autoconfig/rotator.ts'

const NOW = 1_000_000

const keysOf = ({ additions, expirations }: Step): unknown => [
	additions,
	expirations.map(({ key, reason }) => `${key} ${reason}`),
]

test('a first key is an addition', t => {
	const rotator = new Rotator()
	rotator.rotate('a', undefined, NOW)
	t.deepEqual(keysOf(rotator.step(NOW)), [['a'], []])
	t.deepEqual(keysOf(rotator.step(NOW)), [[], []], 'once')
	t.is(rotator.primary, 'a')
})

test('without grace the replaced key ends at once', t => {
	const rotator = new Rotator()
	for (let i = 0; i < 100; i++) {
		rotator.rotate(`key ${i}`, undefined, NOW)
		t.deepEqual(keysOf(rotator.step(NOW)), [[`key ${i}`], i === 0 ? [] : [`key ${i - 1} revoked`]])
	}
	t.is(rotator.nextExpiry, undefined)
})

test('with grace it ends after its time, the last millisecond of which is still its own', t => {
	const rotator = new Rotator()
	rotator.rotate('a', undefined, NOW)
	rotator.rotate('b', { key: 'a', expiry: NOW + 500 }, NOW)
	t.deepEqual(keysOf(rotator.step(NOW)), [['a', 'b'], []])
	t.is(rotator.nextExpiry, NOW + 500)
	t.deepEqual(keysOf(rotator.step(NOW + 500)), [[], []])
	t.deepEqual(keysOf(rotator.step(NOW + 501)), [[], ['a expired']])
	t.is(rotator.nextExpiry, undefined)
})

test('250 keys are in grace at once, and each ends at its own time', t => {
	const rotator = new Rotator()
	rotator.rotate('0', undefined, NOW)
	for (let i = 1; i <= 250; i++) rotator.rotate(`${i}`, { key: `${i - 1}`, expiry: NOW + i }, NOW)
	t.is(rotator.step(NOW).additions.length, 251)
	for (let i = 1; i <= 250; i++) t.deepEqual(keysOf(rotator.step(NOW + i + 1)), [[], [`${i - 1} expired`]])
})

test('grace for a key that nobody knew makes it good until then', t => {
	const rotator = new Rotator()
	rotator.rotate('b', { key: 'a', expiry: NOW + 5 }, NOW)
	t.deepEqual(keysOf(rotator.step(NOW)), [['b', 'a'], []])
	t.deepEqual(keysOf(rotator.step(NOW + 6)), [[], ['a expired']])
})

test('grace that has passed adds nothing, and ends the replaced key if it is the one', t => {
	const rotator = new Rotator()
	rotator.rotate('a', { key: 'older', expiry: NOW - 1 }, NOW)
	t.deepEqual(keysOf(rotator.step(NOW)), [['a'], []])
	rotator.rotate('b', { key: 'a', expiry: NOW - 1 }, NOW)
	t.deepEqual(keysOf(rotator.step(NOW)), [['b'], ['a expired']])
	rotator.rotate('c', { key: 'a', expiry: NOW - 1 }, NOW)
	t.deepEqual(
		keysOf(rotator.step(NOW)),
		[['c'], ['b revoked']],
		'what took its place without leaving it time',
	)
})

test('grace left in place by the server is no second one, and covers nobody else', t => {
	const rotator = new Rotator()
	const grace = { key: 'a', expiry: NOW + 100 }
	rotator.rotate('a', undefined, NOW)
	rotator.rotate('b', grace, NOW)
	rotator.step(NOW)
	rotator.rotate('b', grace, NOW + 50)
	t.deepEqual(keysOf(rotator.step(NOW + 50)), [[], []])
	rotator.rotate('c', grace, NOW + 60)
	t.deepEqual(keysOf(rotator.step(NOW + 60)), [['c'], ['b revoked']])
	t.deepEqual(keysOf(rotator.step(NOW + 101)), [[], ['a expired']])
	rotator.rotate('c', grace, NOW + 200)
	t.deepEqual(keysOf(rotator.step(NOW + 200)), [[], []], 'it ended once')
})

test('another time for a key in grace is taken over, later or earlier', t => {
	const rotator = new Rotator()
	rotator.rotate('a', undefined, NOW)
	rotator.rotate('b', { key: 'a', expiry: NOW + 100 }, NOW)
	rotator.step(NOW)
	rotator.rotate('b', { key: 'a', expiry: NOW + 300 }, NOW)
	t.deepEqual(keysOf(rotator.step(NOW + 250)), [[], []])
	rotator.rotate('b', { key: 'a', expiry: NOW + 260 }, NOW + 250)
	t.is(rotator.nextExpiry, NOW + 260)
	rotator.rotate('b', { key: 'a', expiry: NOW + 1 }, NOW + 255)
	t.deepEqual(keysOf(rotator.step(NOW + 255)), [[], ['a expired']])
})

test('a key that is issued again has no end any more', t => {
	const rotator = new Rotator()
	rotator.rotate('a', undefined, NOW)
	rotator.rotate('b', { key: 'a', expiry: NOW + 100 }, NOW)
	rotator.step(NOW)
	rotator.rotate('a', { key: 'b', expiry: NOW + 200 }, NOW + 10)
	t.deepEqual(keysOf(rotator.step(NOW + 10)), [[], []], 'both were good, and are')
	t.deepEqual(keysOf(rotator.step(NOW + 150)), [[], []])
	t.deepEqual(keysOf(rotator.step(NOW + 201)), [[], ['b expired']])
})

test('a primary that is named as its own predecessor stays', t => {
	const rotator = new Rotator()
	rotator.rotate('a', { key: 'a', expiry: NOW + 1 }, NOW)
	rotator.rotate('a', { key: 'a', expiry: NOW - 1 }, NOW)
	t.deepEqual(keysOf(rotator.step(NOW + 10)), [['a'], []])
})

test('no more than a thousand are in grace', t => {
	const rotator = new Rotator()
	rotator.rotate('0', undefined, NOW)
	for (let i = 1; i <= 1_200; i++) {
		rotator.rotate(`${i}`, { key: `${i - 1}`, expiry: NOW + 10_000 + i }, NOW)
		rotator.step(NOW)
	}
	t.is(rotator.step(NOW + 100_000).expirations.length, 1_000)
})

test('whatever comes: each key ends at most once for each beginning, and the primary is always good', t => {
	const key = fc.constantFrom('a', 'b', 'c', '')
	const step = fc.record({
		primary: fc.constantFrom('a', 'b', 'c'),
		grace: fc.option(fc.record({ key, expiry: fc.integer({ min: NOW - 5, max: NOW + 40 }) }), {
			nil: undefined,
		}),
		wait: fc.integer({ min: 0, max: 15 }),
	})
	fc.assert(
		fc.property(fc.array(step, { maxLength: 30 }), steps => {
			const rotator = new Rotator()
			const good = new Set<string>()
			let now = NOW
			const take = (): void => {
				const { additions, expirations } = rotator.step(now)
				for (const { key } of expirations) t.true(good.delete(key), `${key} was good`)
				for (const one of additions) {
					t.false(good.has(one), `${one} was not good`)
					good.add(one)
				}
			}
			for (const { primary, grace, wait } of steps) {
				rotator.rotate(primary, grace, now)
				take()
				t.true(good.has(primary))
				now += wait
				take()
				t.true(good.has(primary))
			}
			now += 1_000
			take()
			t.deepEqual([...good], steps.length === 0 ? [] : [steps.at(-1)!.primary])
		}),
	)
})
