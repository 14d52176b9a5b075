import test, { type ExecutionContext } from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import type { Peer, Transport } from '../../lib/core/transport.ts'
import { ProcessGroups, type GroupNotification } from '../../lib/publisher/index.ts'
import { Cluster } from './cluster.ts'

const start = (cluster: Cluster, transport: Transport): ProcessGroups =>
	ProcessGroups.start('pg', {
		transport,
		clock: cluster.clock,
		logger: silentLogger,
		interval: 200,
		random: () => 0.5,
	})

const three = (): { cluster: Cluster; a: ProcessGroups; b: ProcessGroups; c: ProcessGroups } => {
	const cluster = new Cluster({ detection: 100 })
	const [a, b, c] = ['a', 'b', 'c'].map(name => start(cluster, cluster.network.join(name)))
	return { cluster, a: a!, b: b!, c: c! }
}

const names = (groups: ProcessGroups, group: string): readonly string[] =>
	groups
		.members(group)
		.map(({ id, peer }) => `${peer.name}/${id}`)
		.sort()

const told = (t: ExecutionContext, groups: ProcessGroups, group?: string): string[] => {
	const all: string[] = []
	const { ref } = groups.monitor(group, {
		onNotification: ({ type, group: which, members }: GroupNotification) =>
			void all.push(`${type} ${which} ${members.map(({ id, peer }) => `${peer.name}/${id}`).join(' ')}`),
	})
	t.teardown(() => groups.demonitor(ref))
	return all
}

test('who joined before a peer starts is seen by it', async t => {
	const cluster = new Cluster()
	const a = start(cluster, cluster.network.join('a'))
	await a.join('workers', 'one')
	const b = start(cluster, cluster.network.join('b'))
	const notified = told(t, b)
	await cluster.settle()
	t.deepEqual(names(b, 'workers'), ['a/one'])
	t.deepEqual(b.localMembers('workers'), [])
	t.deepEqual(b.whichGroups(), ['workers'])
	t.deepEqual(notified, ['join workers a/one'])
})

test('a member of whom a group has just told can be waited for in the scope in which it is asked', async t => {
	let early = 0
	for (let seed = 1; seed <= 30; seed++) {
		const cluster = new Cluster({ seed, latency: 1, jitter: 100 })
		const [here, there] = [cluster.network.join('here'), cluster.network.join('there')]
		const heard: unknown[] = []
		const listener = { peerUp() {}, peerDown() {}, message: (_: Peer, text: unknown) => heard.push(text) }
		const questions = here.open<string>('questions', listener)
		const groups = start(cluster, here)
		const asked: Array<Promise<boolean>> = []
		groups.monitor('adders', {
			onNotification: ({ members: [member] }) => {
				if (!questions.send(member!.peer, 'at once')) early++
				asked.push(questions.whenUp(member!.peer).then(() => questions.send(member!.peer, 'then')))
			},
		})
		// First the scope, then the group, and still the group may be known first.
		there.open<string>('questions', listener)
		await start(cluster, there).join('adders', 'one')
		await cluster.settle()
		t.deepEqual(await Promise.all(asked), [true])
		t.is(heard.at(-1), 'then')
	}
	t.true(early > 0, 'the case that this is about has occurred')
})

test('sixteen joins and four leaves leave twelve, here and elsewhere', async t => {
	const { cluster, a, b } = three()
	for (let count = 0; count < 16; count++) await a.join('g', 'x')
	for (let count = 0; count < 4; count++) t.true(await a.leave('g', 'x'))
	await cluster.settle()
	t.is(a.members('g').length, 12)
	t.is(b.members('g').length, 12)
	t.is(a.localMembers('g').length, 12)
})

test('nobody leaves where one of those asked is no member', async t => {
	const { a } = three()
	await a.join('g', ['x', 'y'])
	t.false(await a.leave('g', ['x', 'z']))
	t.false(await a.leave('g', ['x', 'x']))
	t.false(await a.leave('h', 'x'))
	t.deepEqual(names(a, 'g'), ['a/x', 'a/y'])
	t.true(await a.leave('g', ['x', 'y']))
	t.deepEqual(a.whichGroups(), [])
})

test('a group that becomes empty is gone everywhere, and its monitors have been told', async t => {
	const { cluster, a, b } = three()
	await a.join('g', 'x')
	await cluster.settle()
	const notified = told(t, b, 'g')
	await a.leave('g', 'x')
	await cluster.settle()
	t.deepEqual(notified, ['leave g a/x'])
	t.deepEqual(b.whichGroups(), [])
	t.deepEqual(
		b.status().peers.map(({ state }) => state),
		['synced', 'synced'],
	)
})

test('a monitor of one group hears of that one only, and begins with who is in it', async t => {
	const { cluster, a, b } = three()
	await a.join('g', 'x')
	await cluster.settle()
	const { result } = b.monitor('g')
	t.deepEqual(
		[...result].map(([group, members]) => [group, members.map(({ id }) => id)]),
		[['g', ['x']]],
	)
	const notified = told(t, b, 'g')
	await a.join('h', 'y')
	await b.join('g', ['p', 'q'])
	await cluster.settle()
	t.deepEqual(notified, ['join g b/p b/q'])
})

test('a member whose signal is aborted leaves; an ended membership does not end another one', async t => {
	const { cluster, a, b } = three()
	const life = new AbortController()
	await a.join('g', 'x', { signal: life.signal })
	const second = await a.join('g', 'x')
	await a.join('h', 'x', { signal: life.signal })
	await second.leave()
	await second.leave()
	await cluster.settle()
	t.deepEqual(names(b, 'g'), ['a/x'])
	life.abort()
	await cluster.settle()
	t.deepEqual(b.whichGroups(), [])
	await t.throwsAsync(a.join('g', 'x', { signal: life.signal }), { code: 'STOPPED' })
})

test('leaving by name takes the newest membership, and its signal ends nothing any more', async t => {
	const { a } = three()
	await a.join('g', 'x')
	const life = new AbortController()
	await a.join('g', 'x', { signal: life.signal })
	t.true(await a.leave('g', 'x'))
	life.abort()
	await Promise.resolve()
	t.deepEqual(names(a, 'g'), ['a/x'])
})

test('a split with changes on both sides converges when it is over', async t => {
	const { cluster, a, b, c } = three()
	await a.join('g', 'a1')
	await b.join('g', 'b1')
	await cluster.settle()
	cluster.network.partition(['a'], ['b', 'c'])
	await cluster.settle()
	t.deepEqual(names(a, 'g'), ['a/a1'])
	t.deepEqual(names(c, 'g'), ['b/b1'])
	await a.join('g', 'a2')
	await a.leave('g', 'a1')
	await b.join('g', 'b2')
	await c.join('h', 'c1')
	const notified = told(t, a)
	cluster.network.heal()
	await cluster.settle(5_000)
	for (const groups of [a, b, c]) {
		t.deepEqual(names(groups, 'g'), ['a/a2', 'b/b1', 'b/b2'])
		t.deepEqual(names(groups, 'h'), ['c/c1'])
	}
	t.deepEqual(notified.sort(), ['join g b/b1 b/b2', 'join h c/c1'])
})

test('a three-way split leaves everybody his own, and converges', async t => {
	const { cluster, a, b, c } = three()
	for (const groups of [a, b, c]) await groups.join('g', 'x')
	await cluster.settle()
	cluster.network.partition(['a'], ['b'], ['c'])
	await cluster.settle()
	for (const groups of [a, b, c]) t.deepEqual(names(groups, 'g'), [`${groups.self.name}/x`])
	cluster.network.heal()
	await cluster.settle(5_000)
	for (const groups of [a, b, c]) t.deepEqual(names(groups, 'g'), ['a/x', 'b/x', 'c/x'])
})

test('a scope that is started again has lost its own, and learns the others again', async t => {
	const cluster = new Cluster()
	const transport = cluster.network.join('a')
	const a = start(cluster, transport)
	const b = start(cluster, cluster.network.join('b'))
	await a.join('g', 'a1')
	await b.join('g', 'b1')
	await cluster.settle()
	await a.stop()
	const again = start(cluster, transport)
	await cluster.settle()
	t.deepEqual(names(again, 'g'), ['b/b1'])
	t.deepEqual(names(b, 'g'), ['b/b1'])
})

test('a peer without the scope neither disturbs nor is disturbed', async t => {
	const cluster = new Cluster()
	const a = start(cluster, cluster.network.join('a'))
	cluster.network.join('without')
	await a.join('g', 'x')
	await cluster.settle()
	t.deepEqual(a.status().peers, [])
	t.deepEqual(names(a, 'g'), ['a/x'])
})

test('names are checked before anything changes, and any string is a name', async t => {
	const { cluster, a, b } = three()
	for (const bad of ['', 'x'.repeat(257)]) await t.throwsAsync(a.join(bad, 'x'), { code: 'INVALID_OPTION' })
	await t.throwsAsync(a.join('g', []), { code: 'INVALID_OPTION' })
	await t.throwsAsync(a.join('g', ['x', '']), { code: 'INVALID_OPTION' })
	t.deepEqual(a.whichGroups(), [])
	for (const name of ['__proto__', 'constructor', 'ключ', ' ']) await a.join(name, name)
	await cluster.settle()
	t.deepEqual(b.whichGroups(), ['__proto__', 'constructor', 'ключ', ' '])
	t.deepEqual(names(b, '__proto__'), ['a/__proto__'])
})
