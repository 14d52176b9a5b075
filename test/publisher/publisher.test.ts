import test from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import { DataPublisher } from '../../lib/publisher/index.ts'
import { Cluster, seen, watch } from './cluster.ts'
import { NumberSets, update, type SetNotification } from './number-sets.ts'
import { Stranger } from './stranger.ts'

test('an update resolves when it is applied here, and is seen everywhere soon after', async t => {
	const cluster = new Cluster()
	const [a, b] = [cluster.start('a'), cluster.start('b')]
	await cluster.settle()
	const told = watch(t, a)
	await a.publisher.update(update([7]))
	t.deepEqual(told, [{ origin: 'a', add: [7], remove: [] }])
	t.deepEqual(seen(b), {})
	await cluster.settle(10)
	t.deepEqual(seen(b), { a: [7] })
})

test('an update that waits for its replication resolves when so many peers have it', async t => {
	const cluster = new Cluster({ latency: 10 })
	const [a, b, c] = [cluster.start('a'), cluster.start('b'), cluster.start('c')]
	await cluster.settle()
	let seenBy: unknown
	const done = a.publisher.update(update([1]), { replicatedTo: 2 }).then(() => {
		seenBy = [seen(b), seen(c)]
	})
	t.is(a.publisher.status().waiting, 1)
	await cluster.settle(15)
	t.is(seenBy, undefined, 'applied there, but the acknowledgements are under way')
	await cluster.settle(10)
	await done
	t.deepEqual(seenBy, [{ a: [1] }, { a: [1] }])
	t.is(a.publisher.status().waiting, 0)
})

test('replication that does not come about is a timeout; the update stays, and arrives with whoever comes', async t => {
	const cluster = new Cluster()
	const [a] = [cluster.start('a'), cluster.start('b')]
	await cluster.settle()
	const late = t.throwsAsync(a.publisher.update(update([1]), { replicatedTo: 2, timeout: 500 }), {
		code: 'TIMEOUT',
		message: /only 1 of 2/,
	})
	const waits = a.publisher.update(update([2]), { replicatedTo: 2, timeout: 5_000 })
	await cluster.settle(600)
	await late
	cluster.start('c')
	await cluster.settle(1_000)
	await waits
	const gone = new AbortController()
	const aborted = t.throwsAsync(a.publisher.update(update([3]), { replicatedTo: 3, signal: gone.signal }), {
		code: 'STOPPED',
	})
	await cluster.settle(10)
	gone.abort()
	await aborted
	t.deepEqual(seen(a), { a: [1, 2, 3] })
	await t.throwsAsync(a.publisher.update(update([4]), { signal: gone.signal }), { code: 'STOPPED' })
	t.deepEqual(seen(a), { a: [1, 2, 3] })
})

test('what a peer has confirmed counts no more when it is gone', async t => {
	const cluster = new Cluster({ detection: 100 })
	const a = cluster.start('a')
	cluster.start('b')
	await cluster.settle()
	let isDone = false
	const waits = a.publisher.update(update([1]), { replicatedTo: 2, timeout: 60_000 }).then(() => {
		isDone = true
	})
	await cluster.settle(50)
	t.is(a.publisher.status().peers[0]!.confirmed, 1)
	cluster.network.crash('b')
	await cluster.settle(1_000)
	t.deepEqual(a.publisher.status().peers, [])
	cluster.start('c')
	await cluster.settle(5_000)
	t.is(a.publisher.status().peers[0]!.confirmed, 1)
	t.false(isDone, 'b had it, and c has')
	cluster.start('d')
	await cluster.settle(5_000)
	await waits
	t.is(a.publisher.status().waiting, 0)
})

test('waits and subscriptions have a bound, beyond which they are refused and nothing has changed', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a', undefined, { maxWaiting: 1, maxSubscriptions: 1 })
	await cluster.settle()
	const waits = t.throwsAsync(a.publisher.update(update([1]), { replicatedTo: 1, timeout: 500 }), {
		code: 'TIMEOUT',
	})
	await t.throwsAsync(a.publisher.update(update([2]), { replicatedTo: 1 }), { code: 'TOO_LARGE' })
	t.deepEqual(seen(a), { a: [1] })
	await a.publisher.update(update([3]))
	using first = a.publisher.subscribe('all')
	t.throws(() => a.publisher.subscribe('all'), { code: 'TOO_LARGE' })
	first[Symbol.dispose]()
	a.publisher.subscribe('all')[Symbol.dispose]()
	await cluster.settle(600)
	await waits
	t.deepEqual(seen(a), { a: [1, 3] })
})

test('what does not fit into the inbox is dropped, counted, and asked for', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a', undefined, { maxInbox: 2 })
	const b = cluster.start('b')
	await cluster.settle()
	const numbers = Array.from({ length: 1_000 }, (_, index) => index)
	// Each a message of its own, and all of them there in one go: more than is dealt with at a stretch.
	for (const number of numbers) await b.publisher.update(update([number]))
	await cluster.settle(5)
	t.true(a.publisher.status().overflowed > 0)
	t.true(a.publisher.status().inbox <= 2)
	await cluster.settle(5_000)
	t.deepEqual(seen(a), { b: numbers })
})

test('a flush waits for all that stay, also over a lossy network', async t => {
	const cluster = new Cluster({ loss: 0.3, detection: 2_000, seed: 5 })
	const [a, b] = [cluster.start('a'), cluster.start('b')]
	cluster.start('c')
	await cluster.settle(3_000)
	for (let number = 0; number < 20; number++) await a.publisher.update(update([number]))
	let done = false
	const flushed = a.publisher.flush({ timeout: 30_000 }).then(() => {
		done = true
	})
	cluster.network.crash('c')
	for (let tries = 0; tries < 100 && !done; tries++) await cluster.settle(200)
	await flushed
	t.is(seen(b)['a']!.length, 20)
})

test('a local update that a callback throws over changes nothing, here or elsewhere', async t => {
	const cluster = new Cluster()
	const [a, b] = [cluster.start('a'), cluster.start('b')]
	await a.publisher.update(update([1]))
	await b.publisher.update(update([5]))
	await cluster.settle()
	const told = watch(t, a)
	for (const callback of ['updateLocalData', 'updateGlobalViewAndNotify']) {
		let faults = 1
		a.module.fault = name => name === callback && faults-- > 0
		await t.throwsAsync(a.publisher.update(update([2], [1])), { code: 'PUT_FAILED', message: /out of order/ })
	}
	await cluster.settle()
	t.deepEqual(told, [])
	for (const node of [a, b]) t.deepEqual(seen(node), { a: [1], b: [5] })
	t.is(a.publisher.status().rebuilt, 2)
	await a.publisher.update(update([3]))
	await cluster.settle()
	t.deepEqual(seen(b), { a: [1, 3], b: [5] })
})

test("a peer's update that a callback throws over costs nobody else anything, and is repaired", async t => {
	const cluster = new Cluster()
	const [a, b, c] = [cluster.start('a'), cluster.start('b'), cluster.start('c')]
	await cluster.settle()
	a.module.fault = (name, argument) =>
		name === 'updateGlobalViewAndNotify' && (argument as { add: number[] }).add.includes(13)
	await b.publisher.update(update([1]))
	await b.publisher.update(update([13]))
	await c.publisher.update(update([2]))
	await cluster.settle()
	t.deepEqual(seen(a), { b: [1], c: [2] })
	const status = a.publisher.status().peers.find(({ peer }) => peer.name === 'b')!
	t.like(status, { state: 'failing', error: 'PUT_FAILED' })
	await b.publisher.update(update([3], [13]))
	await cluster.settle(5_000)
	t.deepEqual(seen(a), { b: [1, 3], c: [2] })
	t.deepEqual(
		a.publisher.status().peers.map(({ state }) => state),
		['synced', 'synced'],
	)
})

test('a subscriber that throws, or leaves, or makes updates, disturbs nobody', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const order: string[] = []
	a.publisher.subscribe('all', {
		onNotification: ({ add }) => {
			order.push(`first ${add.join()}`)
			if (add.includes(1)) void a.publisher.update(update([2]))
			throw new Error('not my day')
		},
	})
	const second = a.publisher.subscribe('all', {
		onNotification: ({ add }) => {
			order.push(`second ${add.join()}`)
			if (add.includes(2)) second[Symbol.dispose]()
		},
	})
	await a.publisher.update(update([1]))
	await a.publisher.update(update([3]))
	t.deepEqual(order, ['first 1', 'second 1', 'first 2', 'second 2', 'first 3'])
})

test('an update made by a subscriber reaches the others behind the one it was told of', async t => {
	const cluster = new Cluster()
	const [a, b] = [cluster.start('a'), cluster.start('b')]
	await cluster.settle()
	const told = watch(t, b)
	a.publisher.subscribe('all', {
		onNotification: ({ add }) => void (add.includes(1) && a.publisher.update(update([2], [1]))),
	})
	await a.publisher.update(update([1]))
	await cluster.settle(10)
	t.deepEqual(told, [
		{ origin: 'a', add: [1], remove: [] },
		{ origin: 'a', add: [2], remove: [1] },
	])
	t.deepEqual(seen(a), seen(b))
})

test('there is no gap between a snapshot and the notifications, which can be read one by one', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	await a.publisher.update(update([1]))
	const { ref, result, notifications } = a.publisher.subscribe('all')
	const same = a.publisher.subscribe('all')
	t.not(ref, same.ref)
	t.deepEqual([...result.values()], [[1]])
	await a.publisher.update(update([2]))
	await a.publisher.update(update([3]))
	t.like((await notifications.next()).value, { add: [2] })
	const reading = notifications.next()
	t.like((await reading).value, { add: [3] })
	const waiting = notifications.next()
	a.publisher.unsubscribe(ref)
	a.publisher.unsubscribe(ref)
	a.publisher.unsubscribe('nobody')
	t.true((await waiting).done)
	await a.publisher.update(update([4]))
	t.true((await notifications.next()).done)
	for await (const { add } of same.notifications) if (add.includes(4)) break
	t.is(a.publisher.status().subscriptions, 0)
})

test('the death of a subscriber ends its subscriptions', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const life = new AbortController()
	const { notifications } = a.publisher.subscribe('all', { signal: life.signal })
	a.publisher.subscribe(7, { signal: life.signal })
	life.abort()
	t.true((await notifications.next()).done)
	t.is(a.publisher.status().subscriptions, 0)
	a.publisher.subscribe('all', { signal: life.signal })
	t.is(a.publisher.status().subscriptions, 0)
})

test('a subscriber that does not keep up is ended with a reason, and the others are not', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const slow = a.publisher.subscribe('all', { bound: 2 })
	const good = a.publisher.subscribe('all')
	for (const number of [1, 2, 3]) await a.publisher.update(update([number]))
	await t.throwsAsync(slow.notifications.next(), { code: 'SUBSCRIPTION_LOST' })
	t.true((await slow.notifications.next()).done)
	t.like((await good.notifications.next()).value, { add: [1] })
	t.is(a.publisher.status().subscriptions, 1)
	t.throws(() => a.publisher.subscribe('all', { bound: 0 }), { code: 'INVALID_OPTION' })
})

test('a standalone publisher updates and tells, and neither finds peers nor is found', async t => {
	const cluster = new Cluster()
	const transport = cluster.network.join('a')
	const stranger = new Stranger(cluster.network.join('s'))
	const a = cluster.startOn(transport, new NumberSets(), { standalone: true })
	const told = watch(t, a)
	stranger.ask(1)
	stranger.data(1, [1])
	await a.publisher.update(update([7]))
	await cluster.settle()
	t.deepEqual(stranger.heard, [])
	t.deepEqual(stranger.peers, [])
	t.deepEqual(
		told.map(({ add }) => add),
		[[7]],
	)
	await t.throwsAsync(a.publisher.update(update([8]), { replicatedTo: 1 }), { code: 'INVALID_OPTION' })
	await a.publisher.flush()
	t.is(a.publisher.status().newest, 1)
	t.notThrows(() => DataPublisher.start('alone', new NumberSets(), { standalone: true }))
	t.throws(() => DataPublisher.start('alone', new NumberSets(), {}), { code: 'INVALID_OPTION' })
})

test('two thousand full syncs at once do not starve an update', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a')
	const strangers = Array.from({ length: 100 }, (_, index) => new Stranger(cluster.network.join(`s${index}`)))
	await cluster.settle()
	for (const stranger of strangers) stranger.only = 'a'
	const numbers = Array.from({ length: 100 }, (_, index) => index)
	for (const [index, stranger] of strangers.entries())
		for (let round = 1; round <= 20; round++)
			stranger.data(
				round,
				numbers.map(number => number * 2_000 + index * 20 + round),
			)
	const meanwhile: unknown[] = []
	cluster.clock.timer(1, () => {
		const { inbox } = a.publisher.status()
		void a.publisher.update(update([7]))
		meanwhile.push(inbox > 1_000, seen(a)['a'], a.publisher.status().inbox === inbox)
	})
	await cluster.settle(2)
	t.deepEqual(meanwhile, [true, [7], true], 'they wait, and the update does not')
	await cluster.settle()
	t.is(a.publisher.status().inbox, 0)
	t.is(Object.keys(seen(a)).length, 101)
	t.is(seen(a)['s99']!.at(-1), 99 * 2_000 + 99 * 20 + 20)
})

test('data too large for one message come in parts, whatever is lost and updated meanwhile', async t => {
	const cluster = new Cluster({ seed: 3, latency: 5, maxMessageBytes: 100_000 })
	const a = cluster.start('a', undefined, { maxUpdateBytes: 2 ** 20 })
	const many = Array.from({ length: 60_000 }, (_, index) => index * 1_000_003)
	for (let from = 0; from < many.length; from += 10_000)
		await a.publisher.update(update(many.slice(from, from + 10_000)))
	cluster.network.conditions({ loss: 0.1 })
	const b = cluster.start('b')
	const told = watch(t, b)
	for (let number = 1; number <= 30; number++) {
		await cluster.settle(7)
		await a.publisher.update(update([-number]))
	}
	cluster.network.conditions({ loss: 0 })
	await cluster.settle(30_000)
	t.is(seen(b)['a']!.length, 60_030)
	t.true(told.length >= 1)
	t.deepEqual(
		b.publisher.status().peers.map(({ state }) => state),
		['synced'],
	)
})

test('data over the limit are refused and what was known stays; the peer is asked again ever more rarely', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a', undefined, { maxDataBytes: 100 })
	const stranger = new Stranger(cluster.network.join('s'))
	await cluster.settle(10)
	stranger.data(1, [1])
	stranger.data(
		2,
		Array.from({ length: 200 }, (_, index) => index),
	)
	await cluster.settle(10_000)
	t.deepEqual(seen(a), { s: [1] })
	t.like(a.publisher.status().peers[0], { state: 'failing', error: 'TOO_LARGE' })
	t.true(stranger.bodies('ask').length < 12)
	stranger.data(3, [1, 2])
	await cluster.settle(10)
	t.deepEqual(seen(a), { s: [1, 2] })
})

test('bad input is refused at the door, and nothing has changed', async t => {
	const cluster = new Cluster()
	const a = cluster.start('a', undefined, { maxUpdateBytes: 100 })
	const big = update(Array.from({ length: 200 }, (_, index) => index))
	await t.throwsAsync(a.publisher.update(big), { code: 'TOO_LARGE', message: /100/ })
	await t.throwsAsync(a.publisher.update({ add: [(() => 1) as never], remove: [] }), {
		code: 'INVALID_OPTION',
	})
	await t.throwsAsync(a.publisher.update(update([1]), { replicatedTo: -1 }), { code: 'INVALID_OPTION' })
	await t.throwsAsync(a.publisher.update(update([1]), { replicated: 1 } as never), { code: 'INVALID_OPTION' })
	t.is(a.publisher.status().newest, 0)
	t.throws(() => cluster.startOn(a.transport), { code: 'INVALID_OPTION' })
	t.throws(() => DataPublisher.start('no scope', new NumberSets(), { standalone: true }), {
		code: 'INVALID_OPTION',
	})
	t.throws(() => cluster.start('b', undefined, { intervall: 1 } as never), { code: 'INVALID_OPTION' })
	const broken = new NumberSets()
	broken.fault = callback => callback === 'initGlobalView'
	t.throws(() => DataPublisher.start('sets', broken, { standalone: true, logger: silentLogger }), {
		code: 'SETUP_FAILED',
	})
})

test('what the caller does with an update afterwards is his own affair', async t => {
	const cluster = new Cluster()
	const [a, b] = [cluster.start('a'), cluster.start('b')]
	await cluster.settle()
	const add = [1]
	const done = a.publisher.update({ add, remove: [] })
	add.push(2)
	await done
	await cluster.settle()
	t.deepEqual([seen(a), seen(b)], [{ a: [1] }, { a: [1] }])
})

test('a stop ends subscriptions and waits, says goodbye, leaves no timer, and is final', async t => {
	const cluster = new Cluster()
	const life = new AbortController()
	const [a, b] = [cluster.start('a', undefined, { signal: life.signal }), cluster.start('b')]
	await a.publisher.update(update([1]))
	await cluster.settle()
	const ended: string[] = []
	const told: SetNotification[] = []
	a.publisher.subscribe('all', {
		onNotification: notification => told.push(notification),
		onEnd: ({ code }) => ended.push(code),
	})
	const { notifications } = a.publisher.subscribe('all')
	const waits = t.throwsAsync(a.publisher.update(update([2]), { replicatedTo: 5 }), { code: 'STOPPED' })
	life.abort()
	await a.publisher.stop()
	await waits
	t.true((await notifications.next()).done)
	await b.publisher.update(update([3]))
	await cluster.settle()
	t.deepEqual(seen(b), { b: [3] })
	t.deepEqual(ended, ['STOPPED'])
	t.deepEqual(
		told.map(({ add }) => add),
		[[2]],
	)
	t.is(a.module.calls.filter(call => call === 'stopGlobalView').length, 1)
	await t.throwsAsync(a.publisher.update(update([3])), { code: 'STOPPED' })
	await t.throwsAsync(a.publisher.flush(), { code: 'STOPPED' })
	t.throws(() => a.publisher.subscribe('all'), { code: 'STOPPED' })
	await b.publisher.stop()
	await cluster.settle(10_000)
	t.is(cluster.clock.pendingTimers, 0)
})
