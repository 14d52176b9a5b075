import test from 'ava'
import { Hub } from '../../lib/hub/index.ts'
import { fleetOf, strategies, ToyTerm } from './fleet.ts'

for (const [name, strategy] of Object.entries(strategies)) {
	test(`${name}: every node answers who runs what, at which version, since when, and why not`, async t => {
		const fleet = fleetOf(t, { strategy })
		const [a, b, c] = [await fleet.add('a', 'v1'), await fleet.add('b', 'v2'), await fleet.add('c')]
		await fleet.until(() => [a, b, c].every(hub => hub.whoRuns('rates').length === 2))
		b.term.fail({ code: 'FETCH_FAILED', message: 'The source is down' })
		await fleet.until(() => a.whoRuns('rates')[1]?.status === 'failing')
		for (const hub of [a, b, c]) {
			await fleet.until(() => hub.whoRuns('rates')[1]?.status === 'failing')
			const [first, second] = hub.whoRuns('rates')
			t.like(first, { node: 'a', kind: 'term', name: 'rates', version: 'v1', status: 'ready' })
			t.is(typeof first!.since, 'number')
			t.like(second, {
				node: 'b',
				version: 'v2',
				error: { code: 'FETCH_FAILED', message: 'The source is down' },
			})
			t.deepEqual(
				hub.nodes().map(node => [node.name, node.runs.length, node.isSelf]),
				[
					['a', 1, hub === a],
					['b', 1, hub === b],
					['c', 0, hub === c],
				],
			)
			t.like(hub.terms()[0], { name: 'rates', nodes: 2, ready: 1 })
		}
	})

	test(`${name}: pin, unpin, refresh and rollback reach all, are answered by each, and are carried out once`, async t => {
		const fleet = fleetOf(t, { strategy })
		const hubs = [await fleet.add('a', 'v1'), await fleet.add('b', 'v1'), await fleet.add('c', 'v1')]
		const [a, b, c] = hubs as [(typeof hubs)[0], (typeof hubs)[0], (typeof hubs)[0]]
		await fleet.until(() => fleet.isConverged && a.whoRuns('rates').length === 3)
		for (const { term } of hubs) term.source = 'v2'

		const refresh = b.refresh('rates', { window: 5_000 })
		const heard: string[] = []
		refresh.onAnswer(({ node, outcome, version }) => heard.push(`${node} ${outcome} ${version}`))
		const refreshed = refresh.settled()
		await fleet.until(() => heard.length === 3)
		t.like(await refreshed, { refused: [], silent: [], superseded: false })
		t.deepEqual([...heard].sort(), ['a applied v2', 'b applied v2', 'c applied v2'])

		c.term.history.length = 0
		const rollback = a.rollback('rates')
		t.is(rollback.directive.version, 'v2')
		const rolledBack = rollback.settled()
		await fleet.until(() => rollback.state.silent.length === 0)
		await fleet.clock.advance(100)
		const { applied, refused } = await rolledBack
		t.deepEqual(
			applied.map(({ node, version }) => [node, version]),
			[
				['a', 'v1'],
				['b', 'v1'],
			],
		)
		t.like(refused, [{ node: 'c', version: 'v2', reason: { code: 'VERSION_UNAVAILABLE' } }])

		const pin = c.pin('rates', 'v2')
		await fleet.until(() => pin.state.applied.length === 3)
		t.deepEqual(
			hubs.map(({ term }) => term.version),
			['v2', 'v2', 'v2'],
		)
		t.is(a.terms()[0]!.pinned, 'v2')
		const unpin = a.unpin('rates')
		await fleet.until(() => unpin.state.applied.length === 3)
		t.true(pin.state.superseded)
		await fleet.clock.advance(120_000)
		t.deepEqual(b.term.calls, ['update', 'rollback', 'pin v2', 'unpin', 'update'])
	})

	test(`${name}: who comes late learns of the pin that is in force`, async t => {
		const fleet = fleetOf(t, { strategy })
		const a = await fleet.add('a', 'v1')
		a.term.source = 'v2'
		a.refresh('rates', { window: 0 })
		await fleet.until(() => a.term.version === 'v2')
		a.pin('rates', 'v1')
		await fleet.until(() => a.term.pinned === 'v1')
		const late = await fleet.add('late', 'v2')
		late.term.history.push('v1')
		await fleet.until(() => late.term.pinned === 'v1')
		// A refresh of a moment ago is one request too many; a clock that is wrong would make it one too few.
		t.deepEqual(
			late.term.calls.filter(call => call !== 'update'),
			['pin v1'],
		)
		await fleet.until(() => a.whoRuns('rates')[1]?.answers?.pin?.outcome === 'applied')
		t.is(a.drift().length, 0)
	})
}

test('drift names those that lag, by how many publications, for how long, and why', async t => {
	const fleet = fleetOf(t)
	const [a, b, c] = [await fleet.add('a', 'v1'), await fleet.add('b', 'v1'), await fleet.add('c', 'v1')]
	await fleet.until(() => a.whoRuns('rates').length === 3)
	t.deepEqual(a.drift(), [])
	await fleet.clock.advance(10_000)
	a.term.hold('v2')
	b.term.hold('v2')
	await fleet.clock.advance(10_000)
	a.term.hold('v3')
	c.term.fail({ code: 'FETCH_DENIED', message: 'No' })
	await fleet.clock.advance(5_000)
	t.deepEqual(b.versions('rates'), ['v1', 'v2', 'v3'])
	const drift = b.drift('rates')
	t.like(drift, [
		{ node: 'c', version: 'v1', target: 'v3', behind: 2, forMs: 15_000, reason: { code: 'FETCH_DENIED' } },
		{ node: 'b', version: 'v2', target: 'v3', behind: 1, forMs: 5_000, reason: undefined },
	])
	// Who joins now knows no history but that which the rows tell.
	const late = await fleet.add('late')
	await fleet.until(() => late.drift('rates').length === 2)
	t.deepEqual(
		late.drift('rates').map(({ behind, node }) => [node, behind]),
		[
			['c', 2],
			['b', 1],
		],
	)
	a.pin('rates', 'v2')
	await fleet.until(() => a.drift().every(({ node }) => node === 'c'))
	t.like(a.drift(), [{ node: 'c', behind: 1, target: 'v2' }])
})

test('services of a gateway are rows of their own kind', async t => {
	const fleet = fleetOf(t)
	const [a, b] = [await fleet.add('a'), await fleet.add('b')]
	const services = new Map([['orders', { service: 'orders', configVersion: '1.0.0', committedAt: 5 }]])
	let tell = (_: { service: string }): void => {}
	const end = a.attachServices({
		services: () => [...services.values()],
		watch: listener => {
			tell = listener
			return { [Symbol.dispose]: () => void (tell = () => {}) }
		},
	})
	await fleet.until(() => b.whoRuns('orders', 'service').length === 1)
	services.set('orders', { service: 'orders', configVersion: '1.1.0', committedAt: 6 })
	services.set('users', { service: 'users', configVersion: '7', committedAt: 6 })
	tell({ service: 'orders' })
	await fleet.until(() => b.terms().length === 2)
	t.deepEqual(
		b.terms().map(({ kind, name, versions }) => [kind, name, versions[0]!.version]),
		[
			['service', 'orders', '1.1.0'],
			['service', 'users', '7'],
		],
	)
	end()
	await fleet.until(() => b.terms().length === 0)
	t.deepEqual(b.whoRuns('orders', 'service'), [])
})

test('a hub that has stopped leaves no timer, no listener, and calls nobody back', async t => {
	const fleet = fleetOf(t)
	const [a, b] = [await fleet.add('a', 'v1'), await fleet.add('b', 'v1')]
	await fleet.until(() => fleet.isConverged)
	let changes = 0
	a.watch(() => (changes += 1))
	const waiting = a.pin('rates', 'v9').settled()
	await a.stop()
	await t.throwsAsync(waiting, { code: 'STOPPED' })
	const before = changes
	b.term.hold('v2')
	await b.stop()
	await fleet.clock.advance(60_000)
	t.is(changes, before)
	t.is(a.term.listeners + b.term.listeners, 0)
	t.is(fleet.clock.pendingTimers, 0)
	t.throws(() => a.pin('rates', 'v1'), { code: 'STOPPED' })
	t.throws(() => a.attach(new ToyTerm('x')), { code: 'STOPPED' })
	await t.notThrowsAsync(a.stop())
})

test('what makes no sense is refused at the door, and changes nothing', async t => {
	const fleet = fleetOf(t)
	const hub = await fleet.add('a', 'v1', { maxDirectives: 1, maxRuns: 2 })
	const bad: unknown[] = [{}, { transport: {} }, { transport: fleet.network.join('x'), scop: 'a' }]
	bad.push({ transport: fleet.network.join('y'), strategy: { name: 'none' } })
	bad.push({ transport: fleet.network.join('z'), batchInterval: -1 })
	for (const options of bad) t.throws(() => new Hub(options as never), { code: 'INVALID_OPTION' })
	t.throws(() => hub.attach(new ToyTerm('rates')), { code: 'INVALID_OPTION' })
	t.throws(() => hub.attach(new ToyTerm('')), { code: 'INVALID_OPTION' })
	t.throws(() => hub.pin('rates', ''), { code: 'INVALID_OPTION' })
	t.throws(() => hub.rollback('other'), { code: 'INVALID_OPTION' })
	t.throws(() => hub.refresh('rates', { window: NaN }), { code: 'INVALID_OPTION' })
	hub.attach(new ToyTerm('two'))
	t.throws(() => hub.attach(new ToyTerm('three')), { code: 'INVALID_OPTION' })
	hub.pin('rates', 'v1')
	t.throws(() => hub.pin('two', 'v1'), { code: 'INVALID_OPTION' })
	t.deepEqual(
		hub.terms().map(({ name }) => name),
		['rates', 'two'],
	)
	t.is(hub.terms().find(({ name }) => name === 'two')?.pinned, undefined)
	const idle = new Hub({ transport: fleet.network.join('idle') })
	t.throws(() => idle.pin('rates', 'v1'), { code: 'NOT_STARTED' })
	await idle.stop()
})
