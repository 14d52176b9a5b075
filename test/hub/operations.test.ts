// What the fleet is told to do, by whom and when it may be said, and what whoever said it is told.
import test from 'ava'
import { recordingLogger } from '../support/recording-logger.ts'
import type { FleetOutcome } from '../../lib/hub/index.ts'
import { fleetOf, ToyTerm } from './fleet.ts'

const HOUR = 3_600_000

test('an operation waits for those that are up and have not said yet what they run', async t => {
	const fleet = fleetOf(t, { latency: 100 })
	await fleet.add('a', 'v1')
	const b = await fleet.add('b', 'v1')
	await fleet.until(() => b.nodes().length === 2, 1_000, 1)
	t.deepEqual(
		b.whoRuns('rates').map(({ node }) => node),
		['b'],
	)
	const settled = b.refresh('rates', { window: 0 }).settled()
	await fleet.clock.advance(10_000)
	t.deepEqual(
		(await settled).applied.map(({ node }) => node),
		['a', 'b'],
	)
})

test('a hub that has just started waits for somebody to come up', async t => {
	const fleet = fleetOf(t, { latency: 300 })
	await fleet.add('a', 'v1')
	await fleet.clock.advance(60_000)
	const operator = await fleet.add('operator')
	const settled = operator.pin('rates', 'v1').settled()
	await fleet.clock.advance(10_000)
	t.like(await settled, { applied: [{ node: 'a' }], silent: [] })
})

test('those who have nothing to say, and a fleet of nobody, are not waited for longer than it takes to be heard', async t => {
	const fleet = fleetOf(t)
	const operator = await fleet.add('operator')
	const seconds = async (): Promise<number> => {
		const began = fleet.clock.monotonic()
		let at: number | undefined
		void operator
			.refresh('rates', { window: 0 })
			.settled()
			.then(() => (at = fleet.clock.monotonic()))
		await fleet.until(() => at !== undefined, 30_000, 10)
		return (at! - began) / 1_000
	}
	t.is(await seconds(), 3)
	t.is(await seconds(), 0)
	await fleet.add('observer')
	await fleet.until(() => operator.nodes().length === 2)
	const took = await seconds()
	t.true(took > 2.5 && took <= 3, `${took} s`)
	t.is(await seconds(), 0)
})

test('of two pins at once one is in force everywhere, and whoever said the other is told', async t => {
	const fleet = fleetOf(t, { latency: 50 })
	const hubs = [await fleet.add('a', 'v1'), await fleet.add('b', 'v1'), await fleet.add('c', 'v1')]
	await fleet.until(() => fleet.isConverged && hubs[0]!.whoRuns('rates').length === 3)
	await fleet.clock.advance(5_000)
	for (const { term } of hubs) term.history.push('v0')
	const won = hubs[0]!.pin('rates', 'v0')
	const lost = hubs[2]!.pin('rates', 'v1')
	t.is(won.directive.epoch, lost.directive.epoch)
	const both = Promise.all([won.settled(), lost.settled()])
	await fleet.clock.advance(5_000)
	const [winner, loser] = await both
	t.like(winner, { superseded: false, refused: [], silent: [] })
	t.is(winner.applied.length, 3)
	t.true(loser.superseded)
	t.deepEqual(
		hubs.map(({ term }) => term.pinned),
		['v0', 'v0', 'v0'],
	)
	// And the next one comes after both, whoever says it.
	const next = hubs[1]!.pin('rates', 'v1').settled()
	await fleet.clock.advance(5_000)
	t.is((await next).applied.length, 3)
})

test('a pin that cannot be had is refused with the reason, changes nothing, and is tried again once it may be had', async t => {
	const fleet = fleetOf(t)
	const a = await fleet.add('a', 'v1')
	await fleet.clock.advance(5_000)
	const settled = a.pin('rates', 'v3').settled()
	await fleet.clock.advance(1_000)
	t.like(await settled, { applied: [], refused: [{ node: 'a', reason: { code: 'VERSION_UNAVAILABLE' } }] })
	t.is(a.term.version, 'v1')
	t.like(a.drift(), [{ node: 'a', target: 'v3', version: 'v1', reason: { code: 'VERSION_UNAVAILABLE' } }])
	a.term.hold('v2')
	await fleet.clock.advance(1_000)
	t.is(a.term.pinned, undefined)
	a.term.source = 'v3'
	a.term.hold('v3')
	await fleet.until(() => a.whoRuns('rates')[0]?.answers?.pin?.outcome === 'applied')
	t.is(a.term.pinned, 'v3')
	t.deepEqual(a.drift(), [])
})

test('what is not obeyed any more makes room for what is', async t => {
	const fleet = fleetOf(t, { hub: { maxDirectives: 1 } })
	const [a, b] = [await fleet.add('a', 'v1'), await fleet.add('b')]
	b.attach(new ToyTerm('prices'))
	await fleet.until(() => a.whoRuns('prices').length === 1)
	const first = a.refresh('rates', { window: 0 })
	await fleet.until(() => first.state.applied.length === 1)
	t.throws(() => a.refresh('prices'), { code: 'INVALID_OPTION', message: /all 1 \(maxDirectives\)/ })
	await fleet.clock.advance(6 * 60_000)
	const second = a.refresh('prices', { window: 0 })
	await fleet.until(() => second.state.applied.length === 1)
	await fleet.clock.advance(6 * 60_000)
	// Its predecessor is forgotten, and yet it is the later one of the two.
	const third = b.refresh('rates', { window: 0 })
	await fleet.until(() => third.state.applied.length === 1)
	t.true(third.directive.epoch > first.directive.epoch)
})

test('one rollback after the other: nobody is to hold any of what was returned from, be it an hour later', async t => {
	const fleet = fleetOf(t)
	const [a, b, c] = [await fleet.add('a', 'v1'), await fleet.add('b', 'v1'), await fleet.add('c', 'v1')]
	await fleet.until(() => a.whoRuns('rates').length === 3)
	for (const version of ['v2', 'v3']) {
		await fleet.clock.advance(10_000)
		for (const { term } of [a, b, c]) term.hold(version)
	}
	await fleet.clock.advance(10_000)
	const first = a.rollback('rates')
	await fleet.until(() => first.state.applied.length === 3)
	t.deepEqual(c.drift(), [])
	// The second one finds this node where it was, so it has two versions to go.
	c.term.hold('v3')
	c.term.history.splice(0, c.term.history.length, 'v2', 'v1')
	const second = b.rollback('rates')
	t.like(second.directive, { version: 'v2', left: ['v3'] })
	await fleet.until(() => second.state.applied.length === 3)
	t.deepEqual(
		[a, b, c].map(({ term }) => term.version),
		['v1', 'v1', 'v1'],
	)
	await fleet.clock.advance(2 * HOUR)
	t.deepEqual(a.drift(), [])
	b.term.hold('v2')
	await fleet.until(() => a.drift().length > 0)
	t.like(a.drift(), [{ node: 'b', target: 'v1', behind: -1 }])
	for (const { term } of [a, b, c]) term.hold('v4')
	await fleet.until(() => a.versions('rates').includes('v4'))
	await fleet.until(() => a.drift().length === 0)
})

test('who comes later, and starts with what was returned from, returns as well, or says why not', async t => {
	const fleet = fleetOf(t)
	const a = await fleet.add('a', 'v1')
	await fleet.clock.advance(1_000)
	a.term.hold('v2')
	a.rollback('rates')
	await fleet.until(() => a.term.version === 'v1')
	for (const [name, before] of [
		['remembers', 'v1'],
		['new', undefined],
	] as const) {
		const late = await fleet.add(name)
		await fleet.until(() => late.whoRuns('rates').length > 0)
		Object.assign(late.term, { version: undefined })
		late.attach(late.term)
		await fleet.clock.advance(1_000)
		late.term.hold('v2')
		if (before !== undefined) late.term.history.push(before)
		await fleet.clock.advance(1_000)
		t.is(late.term.version, before ?? 'v2')
		const run = a.whoRuns('rates').find(({ node }) => node === name)
		t.is(run?.answers?.rollback?.outcome, before === undefined ? 'refused' : 'applied')
		t.is(run?.answers?.rollback?.reason?.code, before === undefined ? 'VERSION_UNAVAILABLE' : undefined)
		await late.stop()
		fleet.hubs.delete(name)
	}
})

test('a refresh is spread over its window, and reaches those that come within it', async t => {
	const fleet = fleetOf(t)
	const hubs: Array<Awaited<ReturnType<typeof fleet.add>>> = []
	for (let index = 10; index < 30; index++) hubs.push(await fleet.add(`n${index}`, 'v1'))
	await fleet.until(() => fleet.isConverged && hubs[0]!.whoRuns('rates').length === 20)
	await fleet.clock.advance(5_000)
	const window = 20_000
	const began = fleet.clock.monotonic()
	const operation = hubs[3]!.refresh('rates', { window })
	const settled = operation.settled()
	const late = await fleet.add('late')
	const moments = new Map<ToyTerm, number>()
	for (const { term } of [...hubs, late]) {
		term.update = async (): Promise<FleetOutcome> => {
			moments.set(term, fleet.clock.monotonic() - began)
			return { status: 'unchanged', version: 'v1' }
		}
	}
	await fleet.clock.advance(2_000)
	late.attach(late.term)
	await fleet.until(() => moments.size === 21)
	await fleet.clock.advance(3_000)
	const { applied, refused, silent } = await settled
	t.deepEqual([applied.length, refused.length, silent.length], [21, 0, 0])
	const inFirstHalf = [...moments.values()].filter(at => at < window / 2).length
	t.true(inFirstHalf >= 5 && inFirstHalf <= 16, `${inFirstHalf} of 21 in the first half of the window`)
	t.true(Math.max(...moments.values()) < window + 3_000)
	t.true(new Set([...moments.values()].map(at => Math.floor(at / 1_000))).size >= 10)
})

test('what takes too long, or throws, is refused with the reason, and holds up nothing that comes after', async t => {
	const fleet = fleetOf(t)
	const a = await fleet.add('a', 'v1', { obeyTimeout: 5_000 })
	await fleet.clock.advance(5_000)
	a.term.update = () => new Promise(() => {})
	const slow = a.refresh('rates', { window: 0 }).settled()
	await fleet.clock.advance(6_000)
	t.like(await slow, { refused: [{ version: 'v1', reason: { code: 'TIMEOUT' } }] })
	a.term.update = () => Promise.reject(new Error('No luck'))
	const thrown = a.refresh('rates', { window: 0 }).settled()
	await fleet.clock.advance(1_000)
	t.like(await thrown, { refused: [{ reason: { code: 'SETUP_FAILED', message: 'rates threw: No luck' } }] })
	const timers = fleet.clock.pendingTimers
	for (let again = 0; again < 30; again++) {
		const pin = a.pin('rates', 'v1').settled()
		await fleet.clock.advance(100)
		t.is((await pin).applied.length, 1)
	}
	t.is(fleet.clock.pendingTimers, timers)
})

test('a term that cannot say how it is holds up neither the others nor the rounds', async t => {
	const logger = recordingLogger()
	const fleet = fleetOf(t, { logger })
	const [a, b] = [await fleet.add('a', 'v1'), await fleet.add('b')]
	const broken = new ToyTerm('broken')
	a.attach(broken)
	await fleet.until(() => b.terms().length === 2)
	broken.health = () => {
		throw new Error('No idea')
	}
	a.term.lastSuccessAt = HOUR
	await fleet.until(() => b.whoRuns('rates')[0]?.lastSuccessAt === HOUR)
	t.true(logger.lines.some(([, message]) => message === 'broken could not say how it is'))
})

test('a listener that throws is logged, and harms neither the operation nor its hub', async t => {
	const logger = recordingLogger()
	const fleet = fleetOf(t, { logger })
	const [a, b] = [await fleet.add('a', 'v1'), await fleet.add('b', 'v1')]
	await fleet.until(() => a.whoRuns('rates').length === 2)
	a.watch(() => {
		throw new Error('A watcher')
	})
	const operation = a.pin('rates', 'v1')
	const heard: string[] = []
	operation.onAnswer(() => {
		throw new Error('Of an answer')
	})
	operation.onAnswer(({ node }) => void heard.push(node))
	const settled = operation.settled()
	await fleet.clock.advance(5_000)
	t.is((await settled).applied.length, 2)
	t.deepEqual(heard.sort(), ['a', 'b'])
	b.term.hold('v2')
	await fleet.until(() => a.whoRuns('rates')[1]?.version === 'v2')
	for (const event of ['change', 'answer'])
		t.true(
			logger.lines.some(([level, line]) => level === 'error' && line === `A listener of '${event}' threw`),
		)
})

test('a term that is refused at the door is left alone', async t => {
	const fleet = fleetOf(t)
	const a = await fleet.add('a', 'v1', { maxRuns: 1 })
	const other = new ToyTerm('other')
	t.throws(() => a.attach(other), { code: 'INVALID_OPTION' })
	t.is(other.listeners, 0)
	let watching = 0
	const services = {
		services: () => [{ service: 'orders', configVersion: '1', committedAt: 1 }],
		watch: () => {
			watching += 1
			return { [Symbol.dispose]: () => void (watching -= 1) }
		},
	}
	t.throws(() => a.attachServices(services), { code: 'INVALID_OPTION' })
	t.is(watching, 0)
	t.deepEqual(
		a.terms().map(({ name }) => name),
		['rates'],
	)
})
