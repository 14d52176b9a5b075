import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { hashOf } from '../../lib/hub/digest.ts'
import { directiveKey, type Directive } from '../../lib/hub/directive.ts'
import { seededRandom } from '../../lib/core/random.ts'
import { Directives } from '../../lib/hub/directives.ts'
import { Exchange } from '../../lib/hub/exchange.ts'
import { hubMessage, type Delta, type HubMessage } from '../../lib/hub/messages.ts'
import { NodeRecord } from '../../lib/hub/node-record.ts'
import { Registry } from '../../lib/hub/registry.ts'
import { peerOf } from '../../lib/core/transport.ts'
import { Fleet, strategies, type ToyTerm } from './fleet.ts'
import type { Hub } from '../../lib/hub/index.ts'

/** `REMOTE_TERM_RUNS=1000` looks longer. fast-check prints the seed of what it finds. */
const many = Number(process.env['REMOTE_TERM_RUNS'] ?? 100)

const directives = fc.array(
	fc.record({
		kind: fc.constantFrom('pin' as const, 'refresh' as const),
		term: fc.constantFrom('x', 'y'),
		epoch: fc.integer({ min: 1, max: 4 }),
		author: fc.constantFrom('a#1', 'a#2', 'b#1'),
	}),
	{ maxLength: 12 },
)

/** One author says one thing in one epoch. */
const whole = (bare: Pick<Directive, 'kind' | 'term' | 'epoch' | 'author'>): Directive => ({
	...bare,
	...{ at: 0, version: `${bare.author} ${bare.epoch}` },
})

const merge = (...lists: ReadonlyArray<readonly Directive[]>): Directive[] => {
	const all = new Directives(
		100,
		() => 0,
		() => {},
	)
	for (const one of lists.flat()) all.adopt(one)
	return [...all.values()].sort((a, b) => (directiveKey(a) < directiveKey(b) ? -1 : 1))
}

test('merges of directives are commutative, associative and idempotent', t => {
	fc.assert(
		fc.property(directives, directives, directives, (one, two, three) => {
			const [a, b, c] = [one.map(whole), two.map(whole), three.map(whole)]
			t.deepEqual(merge(a, b), merge(b, a))
			t.deepEqual(merge(merge(a, b), c), merge(a, merge(b, c)))
			t.deepEqual(merge(a, b, a, b), merge(a, b))
		}),
		{ numRuns: many },
	)
	t.pass()
})

/** Those that are over at different times, in more registers than are kept. */
const pastDirectives = fc
	.array(
		fc.record({
			kind: fc.constantFrom('rollback' as const, 'refresh' as const),
			term: fc.constantFrom('u', 'v', 'w', 'x', 'y', 'z'),
			epoch: fc.integer({ min: 1, max: 9 }),
			author: fc.constantFrom('a#1', 'b#1'),
		}),
		{ maxLength: 30 },
	)
	.map(all => all.map(one => ({ ...one, at: one.epoch, lifetime: 5, version: 'v' })))

test('of too many directives the same are forgotten everywhere, in whichever order they come, and never one that is to be obeyed', t => {
	const pins = [1, 2].map(epoch => whole({ kind: 'pin', term: `${epoch}`, epoch, author: 'a#1' }))
	fc.assert(
		fc.property(pastDirectives, fc.func(fc.integer()), (past, mix) => {
			const orders = [past, [...past].reverse(), [...past, ...past].sort((a, b) => mix(a) - mix(b))]
			const kept = orders.map(order => {
				let digest = 0
				const all = new Directives(
					5,
					() => 1_000,
					(key, fact) => {
						digest ^= hashOf(`${key} ${fact}`)[0]
					},
				)
				for (const one of [...order.slice(0, 3), ...pins, ...order.slice(3)]) {
					all.adopt(one)
					t.true(all.size <= 5)
				}
				t.is(all.get('pin/1'), pins[0])
				t.is(all.get('pin/2'), pins[1])
				return [digest, [...all.values()].sort((a, b) => (directiveKey(a) < directiveKey(b) ? -1 : 1))]
			})
			t.deepEqual(kept[1], kept[0])
			t.deepEqual(kept[2], kept[0])
		}),
		{ numRuns: many },
	)
	t.pass()
})

const writes = fc.array(
	fc.tuple(
		fc.constantFrom('term/x', 'term/y', 'term/z'),
		fc.option(fc.constantFrom('v1', 'v2'), { nil: undefined }),
	),
	{ minLength: 1, maxLength: 20 },
)

const contentOf = (record: NodeRecord): string =>
	JSON.stringify([...record.live()].sort(([a], [b]) => (a < b ? -1 : 1)))

test('whatever arrives of a node, in whichever order and however often, is a state that it was in, and ever a later one', t => {
	fc.assert(
		fc.property(writes, fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 40 }), (changes, deliveries) => {
			const owner = new NodeRecord('b#1', 0)
			const states = new Map([['0 0', '[]']])
			const deltas: Delta[] = []
			for (const [key, version] of changes) {
				// So few that the numbering begins anew now and then.
				owner.set(key, version === undefined ? undefined : { status: 'ready', version }, 3)
				states.set(`${owner.generation} ${owner.seq}`, contentOf(owner))
				for (let from = 0; from < owner.seq; from++) deltas.push(owner.since(from, 3))
			}
			const copy = new NodeRecord('b#1', 0)
			let last: readonly [number, number] = [0, 0]
			for (const [index] of deliveries) {
				if (deltas.length === 0) break
				copy.apply(deltas[index % deltas.length]!, 3)
				const now = [copy.generation, copy.seq] as const
				t.true(now[0] > last[0] || (now[0] === last[0] && now[1] >= last[1]))
				last = now
				const state = states.get(`${copy.generation} ${copy.seq}`)
				if (state !== undefined) t.is(contentOf(copy), state)
			}
			copy.apply(owner.since(copy.generation === owner.generation ? copy.seq : 0, 3), 3)
			t.is(contentOf(copy), contentOf(owner))
		}),
		{ numRuns: many },
	)
	t.pass()
})

const registryOf = (name: string, maxDirectives: number): Registry =>
	new Registry({
		...{ self: peerOf(name, '1'), startedAt: 0, maxRows: 10, maxNodes: 1_000, maxDirectives },
		now: () => 0,
		isMember: () => true,
		changed: () => {},
	})

/** The first begins, and each answers until nobody has anything to say. How many messages that took. */
const compare = (t: ExecutionContext, exchanges: readonly Exchange[]): number => {
	const queue: Array<[to: number, message: HubMessage]> = [[1, exchanges[0]!.digest()]]
	let messages = 0
	for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
		messages += 1
		const [to, message] = next
		t.true(hubMessage.safeParse(message).success)
		for (const make of exchanges[to]!.answer(message as never)) {
			const reply = make()
			if (reply !== undefined) queue.push([1 - to, reply])
		}
	}
	return messages
}

test('two who compare end up knowing the same, with few messages, each within its limits', t => {
	const known = fc.array(fc.tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 1, max: 3 })), {
		maxLength: 150,
	})
	fc.assert(
		fc.property(known, known, directives, directives, (one, two, said, other) => {
			const registries = ['a', 'b'].map(name => registryOf(name, 100))
			for (const [index, rows] of [one, two].entries()) {
				registries[index]!.set('term/own', { status: 'ready', version: `${index}` })
				for (const [id, seq] of rows) {
					const row = { key: 'term/x', seq, state: { status: 'ready', version: `v${seq}` } }
					const delta = { id: `n${id}#1`, generation: 1, startedAt: 0, from: 0, to: seq, rows: [row] }
					registries[index]!.apply({ deltas: [delta], directives: [] })
				}
				registries[index]!.apply({ deltas: [], directives: [said, other][index]!.map(whole) })
			}
			const exchanges = registries.map(registry => new Exchange(registry, () => 0.5))
			const messages = compare(t, exchanges)
			t.true(messages <= 14)
			t.deepEqual(registries[0]!.digest.root, registries[1]!.digest.root)
			const all = registries.map(registry =>
				[...registry.records()].map(record => `${record.fact} ${contentOf(record)}`).sort(),
			)
			t.deepEqual(all[0], all[1])
		}),
		{ numRuns: many },
	)
	t.pass()
})

test('who lacks thousands of directives has them all after some comparisons, a bounded number of messages each', t => {
	const [a, b] = [registryOf('a', 5_000), registryOf('b', 5_000)]
	for (let term = 0; term < 5_000; term++) a.author({ kind: 'pin', term: `term ${term}`, version: 'v1' })
	const random = seededRandom(1)
	const exchanges = [a, b].map(registry => new Exchange(registry, random))
	let rounds = 0
	for (; !a.digest.equals(b.digest.root) && rounds < 10; rounds++) {
		const messages = compare(t, exchanges)
		t.true(messages <= 250, `${messages} messages`)
	}
	t.is(b.directives.size, 5_000)
})

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const
const step = fc.oneof(
	fc.record({
		do: fc.constant('hold' as const),
		node: fc.constantFrom(...NAMES),
		version: fc.constantFrom('v1', 'v2', 'v3'),
	}),
	fc.record({
		do: fc.constantFrom('detach' as const, 'attach' as const, 'restart' as const, 'leave' as const),
		node: fc.constantFrom(...NAMES),
	}),
	fc.record({
		do: fc.constant('pin' as const),
		node: fc.constantFrom(...NAMES),
		version: fc.constantFrom('v1', 'v2'),
	}),
	fc.record({ do: fc.constant('part' as const), at: fc.integer({ min: 1, max: 4 }) }),
	fc.record({ do: fc.constant('heal' as const) }),
	fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 8_000 }) }),
)

for (const [name, strategy] of Object.entries(strategies)) {
	test(`${name}: whatever happens, once it is over everybody knows what is so, and nothing else`, async t => {
		await fc.assert(
			fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.integer(), async (steps, seed) => {
				const fleet = new Fleet({
					seed,
					strategy,
					latency: 5,
					jitter: 300,
					loss: 0.15,
					duplication: 0.1,
					detection: 2_000,
				})
				const nodes = new Map<string, Hub & { term: ToyTerm }>()
				for (const node of NAMES) nodes.set(node, await fleet.add(node, 'v0'))
				for (const one of steps) {
					const node = 'node' in one ? nodes.get(one.node)! : undefined
					if (one.do === 'hold') node!.term.hold(one.version)
					else if (one.do === 'detach') node!.detach('rates')
					else if (one.do === 'pin' && fleet.hubs.has(one.node)) node!.pin('rates', one.version)
					else if (one.do === 'part') fleet.network.partition(NAMES.slice(0, one.at), NAMES.slice(one.at))
					else if (one.do === 'heal') fleet.network.heal()
					else if (one.do === 'wait') await fleet.clock.advance(one.ms)
					else if (one.do === 'attach' || one.do === 'restart' || one.do === 'leave') {
						const isThere = fleet.hubs.has(one.node)
						if (one.do === 'attach' && isThere && node!.whoRuns('rates').every(run => run.node !== one.node))
							node!.attach(node!.term)
						if (one.do !== 'attach') await node!.stop()
						if (one.do === 'leave') fleet.hubs.delete(one.node)
						if (one.do === 'restart') nodes.set(one.node, await fleet.add(one.node, 'v0'))
					}
				}
				fleet.network.heal()
				const truth = (): string =>
					JSON.stringify(
						[...fleet.hubs]
							.map(([self, hub]) => hub.whoRuns('rates').find(run => run.node === self))
							.filter(run => run !== undefined)
							.sort((a, b) => (a.node < b.node ? -1 : 1)),
					)
				await fleet.until(
					() => {
						const so = truth()
						// Directives go their own way, and are the same everywhere, too.
						if (new Set([...fleet.hubs.values()].map(hub => hub.terms()[0]?.pinned)).size > 1) return false
						return [...fleet.hubs.values()].every(
							hub => hub.nodes().length === fleet.hubs.size && JSON.stringify(hub.whoRuns('rates')) === so,
						)
					},
					600_000,
					1_000,
				)
				await fleet.stop()
			}),
			{ numRuns: Math.ceil(many / 4) },
		)
		t.pass()
	})
}
