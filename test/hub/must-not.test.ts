// One test for each defect of the reference (SPEC §3), by what it would do here.
import test from 'ava'
import { Gossip, PubSub, type HubPort, type News, type SynchronizationStrategy } from '../../lib/hub/index.ts'
import { NodeRecord } from '../../lib/hub/node-record.ts'
import { Publications } from '../../lib/hub/publications.ts'
import { Recent } from '../../lib/hub/recent.ts'
import { Registry } from '../../lib/hub/registry.ts'
import { peerOf } from '../../lib/core/transport.ts'
import type { Delta } from '../../lib/hub/index.ts'
import { fleetOf, viewOf } from './fleet.ts'

const HOUR = 3_600_000

const registryOf = (members: string[] = ['b#1']): Registry =>
	new Registry({
		...{ self: peerOf('a', '1'), startedAt: 0, maxRows: 10, maxNodes: 10, maxDirectives: 10 },
		now: () => 0,
		isMember: id => members.includes(id),
		changed: () => {},
	})

const news = (delta: Partial<Delta>, version?: string): News => {
	const { from = 0, to = from + 1 } = delta
	const row = {
		key: 'term/rates',
		seq: to,
		state: version === undefined ? undefined : { status: 'ready', version },
	}
	return {
		deltas: [{ id: 'b#1', generation: 1, startedAt: 0, rows: [row], ...delta, from, to }],
		directives: [],
	}
}

const versionIn = (registry: Registry): string | undefined => registry.get('b#1')?.get('term/rates')?.version

test('an old snapshot that comes late does not undo a newer change', t => {
	const registry = registryOf()
	registry.apply(news({}, 'v1'))
	registry.apply(news({ from: 1 }, 'v2'))
	t.deepEqual(registry.apply(news({}, 'v1')).known, ['b#1'])
	t.is(versionIn(registry), 'v2')
})

test('join data: with none stored, newer, older, and equal', t => {
	const registry = registryOf()
	t.is(registry.apply(news({ to: 5 }, 'v5')).fresh.deltas.length, 1)
	t.is(registry.apply(news({ to: 7 }, 'v7')).fresh.deltas.length, 1)
	t.is(registry.apply(news({ to: 6 }, 'v6')).fresh.deltas.length, 0)
	t.is(registry.apply(news({ to: 7 }, 'other')).fresh.deltas.length, 0)
	t.is(versionIn(registry), 'v7')
})

test('a removal that overtakes the addition before it is not undone by that', t => {
	const registry = registryOf()
	registry.apply(news({}, 'v1'))
	t.deepEqual(registry.apply(news({ from: 2 })).gaps, [['b#1', 1, 1]])
	registry.apply(news({ from: 1 }, 'v2'))
	registry.apply(news({ from: 2 }))
	registry.apply(news({ from: 1 }, 'v2'))
	t.is(versionIn(registry), undefined)
})

test('an empty payload of who never had anything withdraws nothing; of who had, it does', t => {
	const registry = registryOf()
	t.is(registry.localNews(), 'suppress')
	t.is(registry.ownSince(0), 'suppress')
	registry.set('term/rates', { status: 'ready' })
	registry.set('term/rates', undefined)
	const local = registry.localNews()
	t.like(local, { deltas: [{ from: 0, to: 2, rows: [{ key: 'term/rates', state: undefined }] }] })
})

test('nothing is taken of who is not there, and nothing stays of who goes', t => {
	const members = ['b#1']
	const registry = registryOf(members)
	registry.apply(news({}, 'v1'))
	const { root } = registryOf().digest
	members.length = 0
	registry.forget('b#1')
	t.is(registry.apply(news({ from: 0, to: 9 }, 'v9')).fresh.deltas.length, 0)
	t.is(registry.size, 0)
	t.deepEqual(registry.digest.root, root)
})

test('whoever runs out of numbers for what is gone begins anew, and nobody keeps what was before', t => {
	const owner = new NodeRecord('b#1', 0)
	const copy = new NodeRecord('b#1', 0)
	for (let index = 0; index < 25; index++) {
		owner.set(`term/${index}`, { status: 'ready' }, 10)
		copy.apply(owner.since(copy.generation === owner.generation ? copy.seq : 0, 100), 10)
		owner.set(`term/${index}`, undefined, 10)
	}
	t.true(owner.generation > 1)
	t.is(copy.apply(owner.since(0, 100), 10), 'applied')
	t.deepEqual([...copy.live()], [...owner.live()])
	for (let index = 0; index < 10; index++) owner.set(`term/x${index}`, { status: 'ready' }, 10)
	t.throws(() => owner.set('term/one too many', { status: 'ready' }, 10), { code: 'INVALID_OPTION' })
	t.is([...owner.live()].length, 10)
})

test('a request that comes again, after however long, is not carried out again', async t => {
	const fleet = fleetOf(t, { strategy: () => new Gossip() })
	const [a, b] = [await fleet.add('a', 'v1'), await fleet.add('b', 'v1')]
	await fleet.until(() => fleet.isConverged)
	const { directive } = a.refresh('rates', { window: 0 })
	await fleet.until(() => b.term.calls.length === 1)
	await fleet.clock.advance(HOUR)
	const late = fleet.network.join('late').open<unknown>('fleet', { peerUp() {}, peerDown() {}, message() {} })
	await fleet.until(() => late.peers.size === 2)
	for (let again = 0; again < 3; again++)
		late.broadcast({ to: 'sync', data: { kind: 'rumor', deltas: [], directives: [directive] } })
	await fleet.clock.advance(HOUR)
	t.deepEqual(b.term.calls, ['update'])
	t.deepEqual(a.term.calls, ['update'])
	await late.close()
})

test('a rumour does not die of those who are dead but not missed yet, even where one at a time is told', async t => {
	const fleet = fleetOf(t, {
		strategy: () => new Gossip({ recipients: 1, syncInterval: HOUR }),
		detection: HOUR,
	})
	const hubs: Array<Awaited<ReturnType<typeof fleet.add>>> = []
	for (let index = 10; index < 30; index++) hubs.push(await fleet.add(`n${index}`))
	await fleet.until(() => hubs.every(hub => hub.nodes().length === 20))
	for (const name of ['n11', 'n15', 'n19', 'n23', 'n27']) {
		fleet.network.crash(name)
		await fleet.hubs.get(name)!.stop()
		fleet.hubs.delete(name)
	}
	const publisher = await fleet.add('publisher', 'v1')
	const alive = [...fleet.hubs.values()]
	await fleet.until(() => alive.every(hub => hub.whoRuns('rates').length === 1), 30_000)
	publisher.term.hold('v2')
	await fleet.until(() => alive.every(hub => hub.whoRuns('rates')[0]?.version === 'v2'), 30_000)
	t.is(alive.length, 16)
})

test('no node ever sends more than `recipients` messages in a round: meeting, telling, comparing', async t => {
	const fleet = fleetOf(t, { strategy: () => new Gossip({ syncInterval: 3_000 }), latency: 20, jitter: 100 })
	const names = Array.from({ length: 30 }, (_, index) => `n${index}`)
	let most = 0
	const count = async (rounds: number): Promise<void> => {
		for (let round = 0; round < rounds; round++) {
			const before = new Map(names.map(name => [name, fleet.network.countsOf(name)?.sentMessages ?? 0]))
			await fleet.clock.advance(199)
			for (const name of names)
				most = Math.max(most, (fleet.network.countsOf(name)?.sentMessages ?? 0) - before.get(name)!)
		}
	}
	const hubs: Array<Awaited<ReturnType<typeof fleet.add>>> = []
	for (const name of names) hubs.push(await fleet.add(name, 'v1'))
	await count(20)
	for (const { term } of hubs) term.hold('v2')
	await count(20)
	fleet.network.partition(names.slice(0, 15), names.slice(15))
	await count(40)
	hubs[3]!.pin('rates', 'v1')
	fleet.network.heal()
	await count(60)
	await fleet.until(() => fleet.isConverged, 60_000, 500)
	t.is(hubs[20]!.whoRuns('rates').length, 30)
	t.is(most, 3)
})

/** Takes part in nothing. */
class Stuck implements SynchronizationStrategy {
	readonly name = 'stuck'
	readonly syncInterval: number = HOUR
	init(_: HubPort): this {
		return this
	}
	propagate(): void {}
	initSync(): void {}
	handleSynchronization(): void {}
	broadcastLocalData(): void {}
	handleNodeJoinData(): void {}
}

test('rounds of many nodes that have started at once do not stay at the same moment', async t => {
	const fleet = fleetOf(t)
	const moments: number[] = []
	class Counted extends Stuck {
		override readonly syncInterval = 10_000
		override initSync(): void {
			moments.push(fleet.clock.monotonic())
		}
	}
	for (let index = 10; index < 30; index++)
		await fleet.add(`n${index}`, undefined, { strategy: new Counted() })
	const began = fleet.clock.monotonic()
	await fleet.clock.advance(9_000)
	t.is(moments.length, 0)
	await fleet.clock.advance(2_000)
	t.is(moments.length, 20)
	t.true(moments.every(at => at >= began + 9_000 && at <= began + 11_000))
	t.true(new Set(moments).size > 15)
})

test('of a term so many versions are remembered, the latest, however many one row brings', t => {
	const publications = new Publications()
	for (let at = 0; at < 400; at += 4)
		publications.note('term/rates', {
			...{ status: 'ready', version: `v${at + 3}`, since: at + 3 },
			past: [2, 1, 0].map((before): [string, number] => [`v${at + before}`, at + before]),
		})
	const known = publications.of('term/rates').map(([version]) => version)
	t.is(known.length, 64)
	t.deepEqual([known[0], known.at(-1)], ['v336', 'v399'])
})

test('comparisons begin although the node that sorts first is stuck', async t => {
	const fleet = fleetOf(t, { strategy: () => new Gossip() })
	await fleet.add('a', undefined, { strategy: new Stuck() })
	const rest = [await fleet.add('b', 'v1'), await fleet.add('c', 'v1'), await fleet.add('d', 'v1')]
	await fleet.until(() => rest.every(hub => hub.whoRuns('rates').length === 3))
	// Every rumour is lost.
	fleet.network.conditions({ loss: 0.999999 })
	rest[0]!.term.hold('v2')
	await fleet.clock.advance(8_000)
	fleet.network.conditions({ loss: 0 })
	t.false(rest.every(hub => hub.whoRuns('rates')[0]?.version === 'v2'))
	const took = await fleet.until(() => rest.every(hub => hub.whoRuns('rates')[0]?.version === 'v2'), 60_000)
	t.true(took < 3 * 15_000)
})

test('those who do not see the same members come to know what they can', async t => {
	const fleet = fleetOf(t, { strategy: () => new Gossip() })
	fleet.network.cut('a', 'b')
	fleet.network.cut('b', 'a')
	const hubs: Array<Awaited<ReturnType<typeof fleet.add>>> = []
	for (const name of ['a', 'b', 'c', 'd', 'e']) hubs.push(await fleet.add(name, 'v1'))
	const [a, b, c] = hubs as [(typeof hubs)[0], (typeof hubs)[0], (typeof hubs)[0]]
	const isRight = (): boolean =>
		JSON.stringify(
			hubs.map(hub =>
				hub
					.whoRuns('rates')
					.map(({ node }) => node)
					.join(''),
			),
		) === JSON.stringify(['acde', 'bcde', 'abcde', 'abcde', 'abcde'])
	await fleet.until(isRight)
	c.term.hold('v2')
	a.pin('rates', 'v1')
	await fleet.until(() =>
		[a, b].every(hub => hub.whoRuns('rates').find(({ node }) => node === 'c')?.pinned === 'v1'),
	)
	t.is(b.term.pinned, 'v1')
	fleet.network.heal()
	await fleet.until(() => fleet.isConverged)
	t.is(a.whoRuns('rates').length, 5)
})

test('two that go at once are both gone, and a node never has two entries', async t => {
	for (const strategy of [() => new PubSub(), () => new Gossip()]) {
		const fleet = fleetOf(t, { strategy })
		const a = await fleet.add('a', 'v1')
		for (const name of ['b', 'c', 'd']) await fleet.add(name, 'v1')
		await fleet.until(() => a.whoRuns('rates').length === 4)
		for (const name of ['b', 'c']) {
			await fleet.hubs.get(name)!.stop()
			await fleet.add(name, 'v2')
		}
		await fleet.until(() => fleet.isConverged && a.whoRuns('rates').length === 4)
		t.deepEqual(
			a.whoRuns('rates').map(({ node, version }) => `${node} ${version}`),
			['a v1', 'b v2', 'c v2', 'd v1'],
		)
		t.is(viewOf(a), viewOf(fleet.hubs.get('d')!))
	}
})

test('a reference is remembered for as long as it may still come, and no more than so many are', t => {
	const recent = new Recent(100, 3)
	t.true(recent.meet('one', 0))
	t.false(recent.meet('one', 60))
	t.false(recent.meet('one', 150))
	t.true(recent.meet('two', 251))
	t.true(recent.meet('one', 252))
	for (const ref of ['three', 'four', 'five']) recent.meet(ref, 253)
	t.is(recent.size, 3)
})
