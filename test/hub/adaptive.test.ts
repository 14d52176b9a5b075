import test from 'ava'
import { json, RemoteTerm } from '../../lib/index.ts'
import { StaticFetcher } from '../../fetchers/static.ts'
import { ConfigReceiver, MemoryConfigDb } from '../../lib/config/index.ts'
import { Adaptive, Gossip, Hub, PubSub } from '../../lib/hub/index.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { MemoryNetwork } from '../../lib/testing/index.ts'
import { waitFor } from '../support/wait.ts'
import { fleetOf } from './fleet.ts'

test('it changes over above the one bound and below the other, and nothing is lost meanwhile', async t => {
	const strategies: Adaptive[] = []
	const fleet = fleetOf(t, {
		strategy: () => {
			const strategy = new Adaptive({ above: 6, below: 4 })
			strategies.push(strategy)
			return strategy
		},
		loss: 0.1,
	})
	const a = await fleet.add('a', 'v0')
	let version = 0
	const change = async (): Promise<void> => {
		version += 1
		a.term.hold(`v${version}`)
		await fleet.clock.advance(50)
	}
	const knows = (): boolean =>
		[...fleet.hubs.values()].every(hub => hub.whoRuns('rates')[0]?.version === `v${version}`)
	t.is(strategies[0]!.current, 'pubsub')
	for (const name of ['b', 'c', 'd', 'e', 'f', 'g', 'h']) {
		await fleet.add(name)
		await change()
		// Some have changed over by now, others have not.
		for (let index = 0; index < 5; index++) await change()
	}
	await fleet.until(knows)
	await change()
	await fleet.until(knows)
	t.is(strategies[0]!.current, 'gossip')
	const leave = async (name: string): Promise<void> => {
		const hub = fleet.hubs.get(name)!
		fleet.hubs.delete(name)
		await hub.stop()
		await fleet.until(() => a.nodes().length === fleet.hubs.size)
		await change()
	}
	for (const name of ['h', 'g', 'f', 'e']) await leave(name)
	// Four nodes are not fewer than four: one that comes and goes changes nothing.
	t.is(strategies[0]!.current, 'gossip')
	await leave('d')
	t.is(strategies[0]!.current, 'pubsub')
	await fleet.until(knows)
})

test('options that make no sense are refused, and a strategy belongs to one hub', async t => {
	t.throws(() => new Adaptive({ above: 3, below: 4 }), { code: 'INVALID_OPTION' })
	t.throws(() => new Adaptive({ above: 0 }), { code: 'INVALID_OPTION' })
	t.throws(() => new Gossip({ recipients: 0 }), { code: 'INVALID_OPTION' })
	t.throws(() => new Gossip({ restrictedInit: 1 as never }), { code: 'INVALID_OPTION' })
	t.throws(() => new PubSub({ retries: -1 }), { code: 'INVALID_OPTION' })
	t.throws(() => new PubSub({ interval: 1 } as never), { code: 'INVALID_OPTION' })
	const network = new MemoryNetwork()
	for (const [index, strategy] of [new PubSub(), new Gossip(), new Adaptive()].entries()) {
		const hub = await new Hub({ transport: network.join(`a${index}`), strategy }).start()
		const other = new Hub({ transport: network.join(`b${index}`), strategy })
		await t.throwsAsync(other.start(), { code: 'INVALID_OPTION' })
		await hub.stop()
		await other.stop()
	}
})

test('a term, and the services of a configuration database, are attached as they are', async t => {
	class Rates extends RemoteTerm<number> {
		protected override deserialize = json<number>
	}
	const rates = new Rates({ fetcher: new StaticFetcher({ value: 1, version: 'v1' }), logger: silentLogger })
	const db = new MemoryConfigDb()
	await db.open()
	const receiver = new ConfigReceiver({ db, logger: silentLogger })
	const network = new MemoryNetwork()
	const hub = await new Hub({ transport: network.join('a') }).start()
	const other = await new Hub({ transport: network.join('b') }).start()
	t.teardown(async () => {
		for (const one of [hub, other, rates]) await one.stop()
		await receiver.close()
		await db.close()
	})
	hub.attach(rates)
	hub.attachServices(db)
	await rates.start()
	await receiver.push({
		...{ service: 'orders', nodes: ['https://orders.example.com'], configVersion: '1.4.0' },
		items: [{ requestType: 'create', version: '2.0.0', nodes: 'local', target: 'createOrder' }],
	})
	await waitFor(() => other.terms().length === 2 && other.whoRuns('Rates')[0]?.status === 'ready')
	t.like(other.whoRuns('Rates'), [{ node: 'a', version: 'v1' }])
	t.like(other.whoRuns('orders', 'service'), [{ node: 'a', version: '1.4.0', status: 'ready' }])
	const pinned = await other.pin('Rates', 'nobody has it').settled()
	t.like(pinned.refused, [{ node: 'a', reason: { code: 'VERSION_UNAVAILABLE' } }])
	await receiver.deletePushedService('orders')
	await waitFor(() => other.whoRuns('orders', 'service').length === 0)
})

test('nodes that do not agree on how many there are, so that some gossip and others do not, lose nothing', async t => {
	const bounds = [1, 3, 5, 7, 9, 100]
	const strategies: Adaptive[] = []
	const fleet = fleetOf(t, { loss: 0.2, duplication: 0.1, latency: 5, jitter: 200 })
	// Some are cut off from each other as well, so that they really see fleets of different sizes.
	for (const [one, other] of [
		['n0', 'n5'],
		['n1', 'n4'],
	] as const) {
		fleet.network.cut(one, other)
		fleet.network.cut(other, one)
	}
	const hubs: Array<Awaited<ReturnType<typeof fleet.add>>> = []
	for (const [index, above] of bounds.entries()) {
		const strategy = new Adaptive({ above, below: above })
		strategies.push(strategy)
		hubs.push(await fleet.add(`n${index}`, 'v0', { strategy }))
	}
	const knows = (version: string): boolean =>
		hubs.every(hub => {
			const runs = hub.whoRuns('rates')
			return runs.length === hub.nodes().length && runs.every(run => run.version === version)
		})
	const isParted = (): boolean =>
		hubs.every((hub, at) => hub.nodes().length === ([0, 1, 4, 5].includes(at) ? 5 : 6))
	await fleet.until(() => isParted() && knows('v0'))
	for (let version = 1; version <= 20; version++) {
		for (const { term } of hubs) term.hold(`v${version}`)
		await fleet.clock.advance(130)
	}
	await fleet.until(() => isParted() && knows('v20'))
	t.deepEqual(
		strategies.map(({ current }) => current),
		['gossip', 'gossip', 'gossip', 'pubsub', 'pubsub', 'pubsub'],
	)
	const pin = hubs[5]!.pin('rates', 'v19')
	await fleet.until(() => hubs.every(({ term }) => term.pinned === 'v19'))
	t.is(pin.directive.version, 'v19')
	fleet.network.heal()
	await fleet.until(() => fleet.isConverged && hubs[0]!.whoRuns('rates').length === 6)
})

test('one node that comes and goes at the bound changes nothing', async t => {
	const strategy = new Adaptive({ above: 4, below: 3 })
	const fleet = fleetOf(t, { strategy: () => new Adaptive({ above: 4, below: 3 }) })
	const a = await fleet.add('a', 'v1', { strategy })
	for (const name of ['b', 'c', 'd']) await fleet.add(name)
	const seen: string[] = []
	const look = async (nodes: number): Promise<void> => {
		await fleet.until(() => a.nodes().length === nodes)
		a.term.hold(`v${seen.length + 2}`)
		await fleet.clock.advance(1_000)
		seen.push(`${nodes} ${strategy.current}`)
	}
	await look(4)
	for (let again = 0; again < 2; again++) {
		await fleet.add('e')
		await look(5)
		await fleet.hubs.get('e')!.stop()
		fleet.hubs.delete('e')
		await look(4)
	}
	for (const name of ['d', 'c']) {
		await fleet.hubs.get(name)!.stop()
		fleet.hubs.delete(name)
		await look(fleet.hubs.size)
	}
	t.deepEqual(seen, ['4 pubsub', '5 gossip', '4 gossip', '5 gossip', '4 gossip', '3 gossip', '2 pubsub'])
	await fleet.until(() => [...fleet.hubs.values()].every(hub => hub.whoRuns('rates')[0]?.version === 'v8'))
})
