import assert from 'node:assert/strict'
import { peerOf } from '../../core/transport.ts'
import { Adaptive, Gossip, PubSub } from '../../hub/index.ts'
import { CheckTerm, knows, type StrategyCheck } from './world.ts'

const FIVE = ['a', 'b', 'c', 'd', 'e']

const isSettled = (nodes: Iterable<{ readonly hub: { nodes(): unknown[] } }>, count: number): boolean =>
	[...nodes].every(({ hub }) => hub.nodes().length === count)

export const strategyChecks: readonly StrategyCheck[] = [
	{
		title: 'a change of one is known to all',
		async run(world) {
			const nodes = await world.addAll(FIVE, 'v1')
			await world.untilAllKnow(...FIVE.map(name => `${name} v1`))
			nodes[2]!.term!.hold('v2')
			await world.untilAllKnow('a v1', 'b v1', 'c v2', 'd v1', 'e v1')
		},
	},
	{
		title: 'with a third of all messages lost, and others twice, all come to know it',
		async run(world) {
			world.wire({ loss: 0.33, duplication: 0.2, jitter: 400 })
			const nodes = await world.addAll(FIVE, 'v1')
			await world.until(() => isSettled(nodes, 5), 'all to be up')
			for (let version = 2; version <= 9; version++) {
				for (const { term } of nodes) term!.hold(`v${version}`)
				await world.clock.advance(300)
			}
			await world.untilAllKnow(...FIVE.map(name => `${name} v9`))
		},
	},
	{
		title: 'what has changed on both sides of a partition is known to all when it heals',
		async run(world) {
			const nodes = await world.addAll(FIVE, 'v1')
			await world.untilAllKnow(...FIVE.map(name => `${name} v1`))
			world.network.partition(['a', 'b'], ['c', 'd', 'e'])
			await world.until(() => knows(nodes[0]!).length === 2 && knows(nodes[2]!).length === 3, 'silence')
			for (const { name, term } of nodes) term!.hold(`of ${name}`)
			await world.clock.advance(60_000)
			world.network.heal()
			await world.untilAllKnow(...FIVE.map(name => `${name} of ${name}`))
		},
	},
	{
		title: 'who comes late learns everything, and everybody learns of it',
		async run(world) {
			await world.addAll(['a', 'b', 'c'], 'v1')
			await world.untilAllKnow('a v1', 'b v1', 'c v1')
			await world.clock.advance(200_000)
			await world.add('late', 'v7')
			await world.untilAllKnow('a v1', 'b v1', 'c v1', 'late v7')
		},
	},
	{
		title: 'nothing remains of who has left or died, whatever still comes of it, by whomever',
		async run(world) {
			const [a, , c] = await world.addAll(['a', 'b', 'c', 'd'], 'v1')
			await world.untilAllKnow('a v1', 'b v1', 'c v1', 'd v1')
			await world.leave('b')
			await world.crash('d')
			await world.untilAllKnow('a v1', 'c v1')
			for (const { data, from, isJoin } of [...c!.heard]) a!.hear(data, from, isJoin)
			for (const { data, from, isJoin } of [...a!.heard]) c!.hear(data, from, isJoin)
			assert.deepEqual(knows(a!), ['a v1', 'c v1'])
			await world.clock.advance(120_000)
			await world.untilAllKnow('a v1', 'c v1')
		},
	},
	{
		title: 'who restarts is another: what it was is gone, what it is is known',
		async run(world) {
			await world.addAll(['a', 'b', 'c'], 'v9')
			await world.untilAllKnow('a v9', 'b v9', 'c v9')
			const old = world.nodes.get('b')!
			await world.add('b', 'v1')
			await old.hub.stop()
			await world.untilAllKnow('a v9', 'b v1', 'c v9')
		},
	},
	{
		title: 'who has just booted and knows nothing withdraws nothing',
		async run(world) {
			const [a, b] = await world.addAll(['a', 'b'], 'v1')
			await world.untilAllKnow('a v1', 'b v1')
			for (const name of ['new', 'newer']) {
				await world.add(name)
				await world.clock.advance(40_000)
				assert.deepEqual(knows(a!), ['a v1', 'b v1'])
				assert.deepEqual(knows(b!), ['a v1', 'b v1'])
			}
			await world.untilAllKnow('a v1', 'b v1')
		},
	},
	{
		title: 'what somebody has stopped running is gone everywhere, and stays so',
		async run(world) {
			const [a, b] = await world.addAll(['a', 'b', 'c'], 'v1')
			await world.untilAllKnow('a v1', 'b v1', 'c v1')
			const before = [...a!.heard]
			b!.hub.detach('rates')
			await world.untilAllKnow('a v1', 'c v1')
			for (const { data, from, isJoin } of before) a!.hear(data, from, isJoin)
			await world.clock.advance(60_000)
			await world.untilAllKnow('a v1', 'c v1')
		},
	},
	{
		title: 'what comes a second time, late, or in another order, undoes nothing',
		async run(world) {
			const nodes = await world.addAll(['a', 'b', 'c'], 'v0')
			for (let version = 1; version <= 20; version++) {
				for (const { term } of nodes) term!.hold(`v${version}`)
				await world.clock.advance(150)
			}
			await world.untilAllKnow('a v20', 'b v20', 'c v20')
			for (const node of nodes) {
				const heard = [...node.heard]
				for (const { data, from, isJoin } of [...heard, ...heard.reverse()]) node.hear(data, from, isJoin)
				assert.deepEqual(knows(node), ['a v20', 'b v20', 'c v20'])
			}
			await world.clock.advance(60_000)
			await world.untilAllKnow('a v20', 'b v20', 'c v20')
		},
	},
	{
		title: 'of directives that contradict each other the same one is in force everywhere',
		async run(world) {
			const nodes = await world.addAll(FIVE, 'v1')
			await world.untilAllKnow(...FIVE.map(name => `${name} v1`))
			for (const { hub, name } of nodes) hub.pin('rates', `by ${name}`)
			await world.until(() => new Set(nodes.map(({ term }) => term!.pinned)).size === 1, 'one pin')
			const [{ term }] = nodes as [(typeof nodes)[0]]
			await world.clock.advance(60_000)
			for (const node of nodes) assert.equal(node.term!.pinned, term!.pinned)
			const late = await world.add('late', 'v1')
			await world.until(() => late.term!.pinned === term!.pinned, 'who comes late to be pinned, too')
		},
	},
	{
		title: 'all answers to a directive come in',
		async run(world) {
			const nodes = await world.addAll(FIVE, 'v1')
			await world.untilAllKnow(...FIVE.map(name => `${name} v1`))
			const operation = nodes[1]!.hub.pin('rates', 'v2')
			await world.until(() => operation.state.applied.length === 5, 'five answers')
			assert.deepEqual(operation.state.silent, [])
		},
	},
	{
		title: 'many terms on one node take several messages, and all of them arrive',
		async run(world) {
			const [a, b] = await world.addAll(['a', 'b', 'c'])
			for (let index = 0; index < 1_000; index++) a!.hub.attach(new CheckTerm(`term ${index}`, 'v1'))
			await world.until(() => b!.hub.terms().length === 1_000, 'a thousand terms')
			const late = await world.add('late')
			await world.until(() => late.hub.terms().length === 1_000, 'a thousand terms')
		},
	},
	{
		title: 'nothing that comes harms it, and what it does not know it leaves',
		async run(world) {
			const [a, b] = await world.addAll(['a', 'b'], 'v1')
			await world.untilAllKnow('a v1', 'b v1')
			const stranger = peerOf('stranger', 'x')
			const self = [...b!.heard][0]!.from
			const delta = { id: 'stranger#x', generation: 1, startedAt: 0, from: 0, to: 1 }
			const row = { key: 'term/rates', seq: 1, state: { status: 'ready', version: 'forged' } }
			const deltas = [
				{ ...delta, rows: [row] },
				{ ...delta, id: self.id, generation: 9, rows: [row] },
			]
			const messages: unknown[] = [
				...[undefined, null, 0, '', 'text', [], {}, new Uint8Array(9), new Map(), { kind: 'unheard of' }],
				...['news', 'rumor', 'digest', 'parts', 'summary', 'transfer', 'ack'].map(kind => ({ kind })),
				{ kind: 'rumor', deltas, directives: [] },
				{ kind: 'news', ref: 'x', deltas, directives: [] },
				{ kind: 'transfer', deltas, directives: [], wants: [['nobody', 1, 1]], offers: [['nobody', 9, 9]] },
				{ kind: 'parts', hashes: new Uint8Array(3) },
				{ kind: 'digest', root: [NaN, -1] },
				{ kind: 'summary', stamps: [['__proto__', 1, 1]], directives: [['__proto__', 1, 'x']] },
			]
			for (const message of messages) {
				for (const isJoin of [false, true]) {
					a!.hear(message, self, isJoin)
					a!.hear(message, stranger, isJoin)
				}
			}
			assert.deepEqual(knows(a!), ['a v1', 'b v1'])
			await world.clock.advance(60_000)
			await world.untilAllKnow('a v1', 'b v1')
		},
	},
	{
		title: 'it lives with other strategies in one fleet',
		async run(world) {
			const all = [await world.add('own', 'v1'), await world.add('own-too', 'v1')]
			all.push(await world.add('pubsub', 'v1', { strategy: new PubSub() }))
			all.push(await world.add('gossip', 'v1', { strategy: new Gossip() }))
			all.push(await world.add('adaptive', 'v1', { strategy: new Adaptive({ above: 4, below: 3 }) }))
			await world.untilAllKnow(...all.map(({ name }) => `${name} v1`))
			for (const { name, term } of all) term!.hold(`of ${name}`)
			await world.untilAllKnow(...all.map(({ name }) => `${name} of ${name}`))
		},
	},
	{
		title: 'in a fleet that comes and goes, all who stay come to know the same',
		async run(world) {
			await world.addAll(FIVE, 'v1')
			world.wire({ loss: 0.1 })
			for (let round = 0; round < 8; round++) {
				const name = FIVE[round % 5]!
				if (round % 3 === 0) await world.crash(name)
				else await world.leave(name)
				await world.clock.advance(700)
				await world.add(name, `v${round + 2}`)
				await world.clock.advance(700)
			}
			await world.untilAllKnow('a v7', 'b v8', 'c v9', 'd v5', 'e v6')
		},
	},
]
