import test from 'ava'
import { pack } from '../../lib/publisher/packing.ts'
import { unpack } from '../../lib/publisher/packing.ts'
import { Cluster, seen, watch } from './cluster.ts'
import { update } from './number-sets.ts'
import { Stranger } from './stranger.ts'

test('of two that discover each other at once, each gets full data once', async t => {
	const cluster = new Cluster()
	const stranger = new Stranger(cluster.network.join('s'))
	const a = cluster.start('a')
	await a.publisher.update(update([1]))
	await cluster.settle(10)
	t.is(stranger.bodies('ask').length, 1)
	const { number } = stranger.bodies('ask')[0]!
	stranger.ask(1)
	stranger.data(1, [5], number)
	await cluster.settle(10)
	stranger.ask(1)
	await cluster.settle(100)
	t.is(stranger.bodies('data').length, 1, 'the same question twice is answered once')
	t.deepEqual(seen(a), { a: [1], s: [5] })
	stranger.ask(2)
	await cluster.settle(10)
	t.is(stranger.bodies('data').length, 2)
})

test('whoever knows everything already is sent nothing, and who missed little is sent little', async t => {
	const cluster = new Cluster()
	const stranger = new Stranger(cluster.network.join('s'))
	const a = cluster.start('a')
	for (const number of [1, 2, 3]) await a.publisher.update(update([number]))
	await cluster.settle(10)
	const { epoch } = a.publisher.status()
	stranger.ask(1, { epoch, number: 3 })
	stranger.ask(2, { epoch, number: 1 })
	stranger.ask(3, { epoch: 'of somebody else', number: 3 })
	await cluster.settle(10)
	t.is(stranger.bodies('beat').length, 1)
	const [answer] = stranger.bodies('updates')
	t.like(answer, { first: 2, ask: 2 })
	t.deepEqual(answer!.updates.map(unpack), [update([2]), update([3])])
	t.is(stranger.bodies('data').length, 1)
})

test('what is updated between the answer and its arrival follows it', async t => {
	const cluster = new Cluster({ latency: 50 })
	const b = cluster.start('b')
	await b.publisher.update(update([1]))
	const a = cluster.start('a')
	const told = watch(t, a)
	await cluster.settle(101)
	t.deepEqual(seen(a), {}, 'on its way')
	await b.publisher.update(update([2]))
	await cluster.settle(150)
	t.deepEqual(seen(a), { b: [1, 2] })
	t.deepEqual(
		told.flatMap(({ add }) => add),
		[1, 2],
	)
})

test('what is updated before anybody is known comes with the data', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	await a.publisher.update(update([1]))
	await a.publisher.update(update([2]))
	const b = cluster.start('b')
	const told = watch(t, b)
	await cluster.settle()
	t.deepEqual(told, [{ origin: 'a', add: [1, 2], remove: [] }])
})

test('a link that drops and comes back is seen as leaving and coming, never as a silent swap', async t => {
	const cluster = new Cluster({ detection: 100 })
	const [a, b] = [cluster.start('a'), cluster.start('b')]
	await a.publisher.update(update([1]))
	await cluster.settle()
	const told = watch(t, b)
	cluster.network.partition(['a'])
	await cluster.settle()
	await a.publisher.update(update([2], [1]))
	t.deepEqual(seen(b), {})
	cluster.network.heal()
	await cluster.settle(5_000)
	t.deepEqual(told, [
		{ origin: 'a', add: [], remove: [1] },
		{ origin: 'a', add: [2], remove: [] },
	])
})

test('an update of somebody whose data never came is dropped', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const told = watch(t, a)
	const stranger = new Stranger(cluster.network.join('s'))
	await cluster.settle(10)
	stranger.updates(1, update([1]))
	stranger.updates(7, update([7]))
	await cluster.settle(10)
	t.deepEqual(told, [])
	t.deepEqual(seen(a), {})
})

test('data sent again change nothing; changed data are one update', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const told = watch(t, a)
	const stranger = new Stranger(cluster.network.join('s'))
	await cluster.settle(10)
	stranger.data(1, [1, 2])
	stranger.data(1, [1, 2])
	await cluster.settle(10)
	t.deepEqual(told.splice(0), [{ origin: 's', add: [1, 2], remove: [] }])
	stranger.data(2, [2, 3])
	await cluster.settle(10)
	t.deepEqual(told.splice(0), [{ origin: 's', add: [3], remove: [1] }])
	stranger.data(1, [1, 2])
	await cluster.settle(10)
	t.deepEqual(told, [], 'what is older than what is known is history')
})

test('a lost update is noticed by the next one, and fetched', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const stranger = new Stranger(cluster.network.join('s'))
	await cluster.settle(10)
	stranger.data(1, [1])
	stranger.updates(3, update([3]))
	await cluster.settle(10)
	t.deepEqual(seen(a), { s: [1] })
	t.deepEqual(stranger.bodies('ask').at(-1)!.has, { epoch: 'stranger', number: 1 })
	stranger.updates(2, update([2]), update([3]))
	await cluster.settle(10)
	t.deepEqual(seen(a), { s: [1, 2, 3] })
	t.is(a.publisher.status().peers[0]!.state, 'synced')
	stranger.updates(2, update([2]), update([3]), update([4]))
	await cluster.settle(10)
	t.deepEqual(seen(a), { s: [1, 2, 3, 4] }, 'of what overlaps, only the new')
})

test('a lost last update is noticed by the next beat', async t => {
	const cluster = new Cluster()
	const [a, b] = [cluster.start('a'), cluster.start('b')]
	await a.publisher.update(update([1]))
	await cluster.settle()
	cluster.network.conditions({ loss: 0.999 })
	await a.publisher.update(update([2]))
	await cluster.settle(20)
	cluster.network.conditions({ loss: 0 })
	t.deepEqual(seen(b), { a: [1] })
	await cluster.settle(1_000)
	t.deepEqual(seen(b), { a: [1, 2] })
})

test('an instance that is replaced takes its data with it, before or after its successor comes', async t => {
	const cluster = new Cluster({ detection: 100 })
	const [a, b] = [cluster.start('a'), cluster.start('b')]
	await b.publisher.update(update([1, 2]))
	await cluster.settle()
	const told = watch(t, a)
	const again = cluster.startOn(cluster.network.restart('b'))
	await b.publisher.stop()
	await again.publisher.update(update([2, 3]))
	await cluster.settle(2_000)
	t.deepEqual(seen(a), { b: [2, 3] })
	t.is(a.publisher.status().peers.length, 1)
	t.deepEqual(told.flatMap(({ remove }) => remove).sort(), [1, 2])
	t.deepEqual(told.flatMap(({ add }) => add).sort(), [2, 3])
})

test('a publisher that is started anew on the same transport is another one, though its peer is the same', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const stranger = new Stranger(cluster.network.join('s'))
	await cluster.settle(10)
	stranger.data(5, [1, 2])
	await cluster.settle(10)
	const told = watch(t, a)
	stranger.channel.broadcast(['remote-term/publisher/1', 1, 'anew', 0, 'beat', false])
	await cluster.settle(10)
	t.deepEqual(told, [{ origin: 's', add: [], remove: [1, 2] }])
	t.is(a.publisher.status().peers[0]!.state, 'discovering')
})

test("everybody says his own version in every message, and what is known of another's is refreshed by each", async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const one = new Stranger(cluster.network.join('s'), { version: 7 })
	await cluster.settle(10)
	one.ask(1)
	await cluster.settle(10)
	t.is(a.publisher.status().peers[0]!.version, 7)
	for (const message of one.heard) t.is((message as unknown[])[1], 1)
	one.channel.broadcast(['remote-term/publisher/1', 8, 'stranger', 0, 'beat', false])
	await cluster.settle(10)
	t.is(a.publisher.status().peers[0]!.version, 8)
})

test('what is made in one go leaves in one message, in the order in which it was made', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const stranger = new Stranger(cluster.network.join('s'))
	await cluster.settle(10)
	stranger.ask(1)
	await cluster.settle(10)
	await Promise.all([1, 2, 3].map(number => a.publisher.update(update([number]))))
	await a.publisher.update(update([4]))
	await cluster.settle(10)
	t.deepEqual(
		stranger.bodies('updates').map(({ first, updates }) => [first, updates.length]),
		[
			[1, 3],
			[4, 1],
		],
	)
})

test('local subscribers are told before anybody else is', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const stranger = new Stranger(cluster.network.join('s'))
	await cluster.settle(10)
	stranger.ask(1)
	await cluster.settle(10)
	const { sentMessages } = cluster.network.counts
	let sentBefore = -1
	a.publisher.subscribe('all', {
		onNotification: () => {
			sentBefore = cluster.network.counts.sentMessages
		},
	})
	await a.publisher.update(update([1]))
	t.is(sentBefore, sentMessages)
})

test('a transfer that begins anew under the same ask replaces the one before, wherever that was', async t => {
	const cluster = new Cluster({ seed: 5 })
	const a = cluster.start('a')
	const stranger = new Stranger(cluster.network.join('s'))
	await cluster.settle(10)
	const { number } = stranger.bodies('ask').at(-1)!
	const part = (at: number, which: number, of: readonly Uint8Array[]) =>
		stranger.say(at, {
			...{ kind: 'data', ask: number, at, part: which, parts: of.length },
			...{ bytes: of[which]!, acknowledge: false },
		})
	const cut = (data: unknown) => Array.from(pack('data', data), byte => new Uint8Array([byte]))
	const [before, after] = [cut([1, 2, 3]), cut([7, 8])]
	for (const which of [0, 1, 2]) part(3, which, before)
	await cluster.settle(10)
	// It has forgotten us, found us again, been asked the same, and has other data by now. The first part is lost.
	for (const which of [1, 2, 3]) part(4, which, after)
	await cluster.settle(10)
	t.deepEqual(
		stranger.bodies('more').map(({ next, again }) => [next, again]),
		[[0, true]],
		'asked for once, and not for each part behind it',
	)
	for (const which of [0, 1, 2, 3]) part(4, which, after)
	await cluster.settle(10)
	t.deepEqual(seen(a), { s: [7, 8] })
	t.is(a.publisher.status().peers[0]!.state, 'synced')
})

test('parts beyond counting, and empty ones, are no data', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const stranger = new Stranger(cluster.network.join('s'))
	await cluster.settle(10)
	const { number: ask } = stranger.bodies('ask').at(-1)!
	const data = { kind: 'data', ask, at: 1, part: 0, acknowledge: false } as const
	stranger.say(1, { ...data, parts: 2 ** 17 + 1, bytes: new Uint8Array(1) })
	stranger.say(1, { ...data, parts: 2, bytes: new Uint8Array(0) })
	await cluster.settle(10)
	t.is(a.publisher.status().malformed, 2)
})

test('nonsense is counted, and a message that is not ours is not taken for one', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const stranger = new Stranger(cluster.network.join('s'))
	await cluster.settle(10)
	const p = 'remote-term/publisher/1'
	const bad: unknown[] = [
		[p],
		[p, {}, 'e', 0, 'beat', false],
		[p, 1, '', 0, 'beat', false],
		[p, 1, 'e', -1, 'beat', false],
		[p, 1, 'e', 0, 'beat', 'yes'],
		[p, 1, 'e', 0, 'ask', 1, 5, 0],
		[p, 1, 'e', 0, 'data', 0, 1, 1, 1, new Uint8Array(), false],
		[p, 1, 'e', 0, 'updates', 0, [new Uint8Array()], 0, false],
		[p, 1, 'e', 0, 'updates', 1, [], 0, false],
		[p, 1, 'e', 0, 'more', 'e', 1, 1],
		[p, 1, 'e', 0, 'ack', 'e', 1.5],
		[p, 1, 'e', 0, 'unheard of'],
	]
	for (const message of [...bad, 'hello', { kind: 'ask' }, ['remote-term/publisher/2']])
		stranger.channel.broadcast(message)
	await cluster.settle(10)
	t.is(a.publisher.status().malformed, bad.length)
	t.is(a.publisher.status().peers[0]!.state, 'discovering')
})
