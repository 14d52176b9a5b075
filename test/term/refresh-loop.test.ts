import test from 'ava'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { RefreshLoop } from '../../lib/term/refresh-loop.ts'

/** A loop whose flights land when the test says so. */
const setup = ({
	delay = 1_000,
	minInterval = 100,
}: { delay?: number | undefined; minInterval?: number } = {}) => {
	const clock = new FakeClock()
	const flights: Array<{ land: (outcome: string) => void; signal: AbortSignal }> = []
	const landed: string[] = []
	const recorded: string[] = []
	const triggers: string[] = []
	const loop = new RefreshLoop<string>({
		clock,
		minInterval,
		run: ({ signal }) => new Promise(resolve => flights.push({ land: resolve, signal })),
		watch: (trigger, fly) => {
			triggers.push(trigger)
			return fly()
		},
		record: outcome => {
			recorded.push(outcome)
			return { delay, mustWait: outcome === 'wait!' }
		},
		landed: (outcome, ended) => landed.push(ended ? `${outcome}, too late` : outcome),
	})
	return { clock, flights, landed, loop, recorded, triggers }
}

test('callers during a flight share it', async t => {
	const { loop, flights } = setup()
	const both = [loop.fly('update'), loop.fly('update')]
	t.is(flights.length, 1)
	flights[0]!.land('first')
	t.deepEqual(await Promise.all(both), ['first', 'first'])
})

test('each landing sets exactly one timer, however many flights were asked for by hand', async t => {
	const { loop, flights, clock } = setup()
	for (let round = 0; round < 20; round++) {
		const flight = loop.fly('update')
		t.is(clock.pendingTimers, 0, 'none while a flight is under way')
		flights.at(-1)!.land('done')
		await flight
		t.is(clock.pendingTimers, 1)
	}
	await clock.advance(1_000)
	t.is(flights.length, 21)
})

test('the timer begins the next flight at exactly its time', async t => {
	const { loop, flights, clock } = setup({ delay: 5_000 })
	const flight = loop.fly('update')
	flights[0]!.land('done')
	await flight
	await clock.advance(4_999)
	t.is(flights.length, 1)
	await clock.advance(1)
	t.is(flights.length, 2)
})

test('a change of the source during a flight is followed by one more flight, and only one', async t => {
	const { loop, flights, recorded, triggers, clock } = setup({ delay: 60_000, minInterval: 100 })
	const flight = loop.fly('update')
	loop.sourceChanged()
	loop.sourceChanged()
	flights[0]!.land('too early')
	await flight
	t.deepEqual(recorded, ['too early'])
	await clock.advance(100)
	t.is(flights.length, 2)
	flights[1]!.land('in time')
	await clock.advance(59_999)
	t.is(flights.length, 2)
	await clock.advance(1)
	t.deepEqual(triggers, ['update', 'change', 'schedule'])
})

test('a change of a quiet source begins a flight at once; a busy one is held to the minimum', async t => {
	const { loop, flights, clock } = setup({ delay: 60_000, minInterval: 1_000 })
	const flight = loop.fly('update')
	flights[0]!.land('done')
	await flight
	await clock.advance(10_000)
	loop.sourceChanged()
	await clock.advance(0)
	t.is(flights.length, 2)
	flights[1]!.land('done')
	await clock.advance(0)
	loop.sourceChanged()
	await clock.advance(999)
	t.is(flights.length, 2)
	await clock.advance(1)
	t.is(flights.length, 3)
})

test('nothing happens after the end: a landing says that it comes too late, no timer is set, no change is heard', async t => {
	const { loop, flights, landed, recorded, clock } = setup()
	void loop.fly('update')
	const ended = loop.end(new Error('over'))
	t.true(flights[0]!.signal.aborted)
	flights[0]!.land('late')
	await ended
	loop.sourceChanged()
	await clock.advance(100_000)
	t.deepEqual(landed, ['late, too late'])
	t.deepEqual(recorded, [])
	t.is(clock.pendingTimers, 0)
	t.is(flights.length, 1)
})

test('a listener that asks for another flight gets another, not the one that has just landed', async t => {
	const clock = new FakeClock()
	let runs = 0
	let second: Promise<number> | undefined
	const loop: RefreshLoop<number> = new RefreshLoop<number>({
		clock,
		minInterval: 100,
		run: async () => ++runs,
		watch: (_trigger, fly) => fly(),
		record: () => ({ delay: 1_000, mustWait: false }),
		landed: outcome => {
			if (outcome === 1) second = loop.fly('update')
		},
	})
	t.is(await loop.fly('update'), 1)
	t.is(await second, 2)
	t.is(clock.pendingTimers, 1)
})

test('a source that asked us to wait is not asked sooner because it changed', async t => {
	const { loop, flights, clock } = setup({ delay: 30_000, minInterval: 100 })
	const flight = loop.fly('update')
	loop.sourceChanged()
	flights[0]!.land('wait!')
	await flight
	loop.sourceChanged()
	await clock.advance(29_999)
	t.is(flights.length, 1)
	await clock.advance(1)
	t.is(flights.length, 2)
})
