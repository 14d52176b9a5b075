import test from 'ava'
import { AutoConfigPublisher } from '../../lib/autoconfig/publisher.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { connect, entriesOf, item, publish, stateOf } from './publisher-support.ts'

const GREETED = 1

test('whoever connects before there is a configuration is asked to come back', async t => {
	const { publisher } = publish(t)
	const refused = publisher.handle(new Request('http://gateway/'))
	t.is(refused.status, 503)
	t.is(refused.headers.get('retry-after'), '1')
	t.is(((await refused.json()) as { code: string }).code, 'NOT_STARTED')
	publisher.upsert('a', item(1), 1)
	t.is(publisher.handle(new Request('http://gateway/')).status, 503, 'one item is no complete configuration')
	publisher.complete()
	t.is(publisher.handle(new Request('http://gateway/')).status, 200)
	t.is(publisher.status().refused.starting, 2)
})

test('a client gets a put, and then each change by itself', async t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(1), b: item(2) }))
	const client = connect(publisher)
	t.is(client.response.headers.get('content-type'), 'text/event-stream')
	await client.until('the put', () => client.events.length === 1)
	t.deepEqual(client.state, stateOf(publisher))

	t.is(publisher.upsert('a', item(3), 3), 'update')
	t.is(publisher.upsert('c', item(1), 1), 'insert')
	t.is(publisher.delete('b', 4), 'delete')
	await client.until('the changes', () => client.events.length === 4)
	t.deepEqual(
		client.events.map(({ type }) => type),
		['put', 'patch', 'patch', 'delete'],
	)
	t.is(client.events[3]?.data, '{"path":"/items/b","version":4}')
	t.deepEqual(client.state, stateOf(publisher))
})

test('what is not news is not told', async t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(5) }))
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	t.is(publisher.upsert('a', item(5, 'another'), 5), 'ignored')
	t.is(publisher.upsert('a', item(4), 4), 'ignored')
	t.is(publisher.delete('a', 5), 'ignored')
	t.is(publisher.delete('unknown', 7), 'ignored')
	t.is(publisher.upsert('unknown', item(7), 7), 'ignored', 'its deletion is remembered')
	t.is(publisher.upsert('a', item(6), 6), 'update')
	await client.until('the update', () => client.events.length === 2)
	t.deepEqual(client.state, stateOf(publisher))
	t.deepEqual(publisher.status().events, { put: 0, patch: 1, delete: 0 })
})

test('an explicitly empty put is served as such', async t => {
	const { publisher } = publish(t)
	publisher.put([])
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	t.is(client.events[0]?.data, '{"path":"/","data":{"items":{}}}')
})

test('a put that removes is told by a put, since a delete would leave a tombstone', async t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(1), b: item(1) }))
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	publisher.put(entriesOf({ a: item(2) }))
	await client.until('the second put', () => client.events.length === 2)
	t.deepEqual(
		client.events.map(({ type }) => type),
		['put', 'put'],
	)
	t.deepEqual(client.state, stateOf(publisher))
	publisher.put(entriesOf({ a: item(2), b: item(1) }))
	await client.until('the return of b', () => client.events.length === 3)
	t.is(client.events[2]?.type, 'patch')
	t.deepEqual(client.state, stateOf(publisher))
})

test('a put forgets no deletion that clients remember', async t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(1), b: item(1) }))
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	publisher.delete('a', 9)
	publisher.put(entriesOf({ b: item(1) }))
	t.is(publisher.versionOf('a'), 9)
	t.is(publisher.upsert('a', item(2), 2), 'ignored', 'they would ignore it, too')
	t.is(publisher.upsert('a', item(10), 10), 'insert')
	await client.until('the patch', () => client.events.length === 3)
	t.deepEqual(client.state, stateOf(publisher))
})

test('a deletion gives way to the word of the source', async t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(1) }))
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	publisher.delete('a', 9)
	t.is(publisher.upsert('a', item(9), 9), 'ignored')
	t.is(publisher.restore('a', item(2), 2), 'insert')
	await client.until('a second put', () => client.events.at(-1)?.type === 'put' && client.events.length > 1)
	t.deepEqual(client.state, stateOf(publisher))
	t.deepEqual(client.state.get('a'), item(2))
})

test('a deletion that is dropped is dropped by clients, too, so that an older version may come back', async t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(1) }))
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	publisher.delete('a', 9)
	await client.until('the deletion', () => client.events.length === 2)
	publisher.forget(['a', 'b'])
	t.is(publisher.upsert('a', item(2), 2), 'insert')
	await client.until('what was dropped', () => client.state.has('a'))
	t.deepEqual(client.state, stateOf(publisher))
	t.deepEqual(
		client.events.map(({ type }) => type),
		['put', 'delete', 'put'],
	)
})

test('a client that was away gets what it has missed, and a sign that it goes on', async t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(1) }))
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	await client.leave()
	publisher.upsert('b', item(1), 1)
	publisher.delete('a', 2)

	const back = connect(publisher, { lastEventId: client.lastEventId })
	await back.until('the rest', () => back.events.length === GREETED + 2)
	t.deepEqual(
		back.events.map(({ type }) => type),
		['patch', 'patch', 'delete'],
	)
	t.like(JSON.parse(back.events[0]!.data), { path: '/*/resumed' }, 'nobody has such a collection')
	t.is(back.events[0]?.lastEventId, client.lastEventId)
	t.deepEqual(publisher.status().connected, { put: 1, resumed: 1 })
	t.is(publisher.status().ended.gone, 1)
})

test('a client that was away for longer than the log reaches, or comes from elsewhere, gets a put', async t => {
	const { publisher } = publish(t, { maxLogEvents: 2 })
	publisher.put(entriesOf({ a: item(1) }))
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	await client.leave()
	for (let version = 2; version <= 4; version++) publisher.upsert('a', item(version), version)
	const [epoch] = client.lastEventId.split('-')
	for (const lastEventId of [
		client.lastEventId,
		'other-1',
		`${epoch}-99`,
		`${epoch}--1`,
		`${epoch}-1e9`,
		'-',
		'',
	]) {
		const back = connect(publisher, { lastEventId })
		await back.until('a put', () => back.events.length === 1)
		t.is(back.events[0]?.type, 'put', lastEventId)
		t.deepEqual(back.state, stateOf(publisher))
	}
	const near = connect(publisher, { lastEventId: `${epoch}-1` })
	await near.until('two patches', () => near.events.length === GREETED + 2)
	t.true(near.events.every(({ type }) => type === 'patch'))
})

test('after a put that was told to all nobody resumes from before', async t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(1), b: item(1) }))
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	await client.leave()
	publisher.forget(['b'])
	const back = connect(publisher, { lastEventId: client.lastEventId })
	await back.until('a put', () => back.events.length === 1)
	t.deepEqual(back.state, stateOf(publisher))
	t.false(back.state.has('b'))
})

test('each view sees its part, and what moves out of it is deleted there', async t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(1, 1, 'red'), b: item(1, 1, 'blue') }))
	const red = connect(publisher, { view: { key: 'red', includes: ({ team }) => team === 'red' } })
	const blue = connect(publisher, { view: { key: 'blue', includes: ({ team }) => team === 'blue' } })
	await red.until('the put', () => red.events.length === 1)
	await blue.until('the put', () => blue.events.length === 1)
	t.deepEqual([...red.state.keys()], ['a'])
	t.deepEqual([...blue.state.keys()], ['b'])
	publisher.upsert('a', item(2, 1, 'blue'), 2)
	publisher.upsert('c', item(1, 1, 'red'), 1)
	publisher.delete('b', 2)
	await red.until('its changes', () => red.events.length === 3)
	await blue.until('its changes', () => blue.events.length === 3)
	t.deepEqual(red.events[1], {
		type: 'delete',
		data: '{"path":"/items/a","version":2}',
		lastEventId: red.events[1]!.lastEventId,
	})
	t.deepEqual([...red.state.keys()], ['c'])
	t.deepEqual([...blue.state.keys()], ['a'])
	t.is(publisher.status().views, 2)
})

test('an id of one view is worth nothing in another', async t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(1, 1, 'red'), b: item(1, 1, 'blue') }))
	const red = connect(publisher, { view: { key: 'red', includes: ({ team }) => team === 'red' } })
	await red.until('the put', () => red.events.length === 1)
	const all = connect(publisher, { lastEventId: red.lastEventId })
	await all.until('a put', () => all.events.length === 1)
	t.deepEqual(all.state, stateOf(publisher))
})

test('a view that throws shows nothing', async t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(1) }))
	const view = {
		key: 'broken',
		includes: () => {
			throw new Error('broken')
		},
	}
	const client = connect(publisher, { view })
	await client.until('the put', () => client.events.length === 1)
	t.is(client.state.size, 0)
})

test('an item that cannot be encoded is left out, and harms no other', async t => {
	const { publisher } = publish(t)
	const circular: { version: number; value?: unknown } = { version: 1 }
	circular.value = circular
	publisher.put(entriesOf({ a: item(1), b: circular, c: item(1) }))
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	t.deepEqual([...client.state.keys()], ['a', 'c'])
	publisher.upsert('d', circular, 2)
	publisher.upsert('e', item(1), 1)
	await client.until('the patch', () => client.events.length === 2)
	t.true(client.state.has('e'))
})

test('a large put comes whole, whatever changes while it is encoded and read', async t => {
	const { publisher } = publish(t)
	const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`item-${i}`, item(1, i)]))
	publisher.put(entriesOf(many))
	const client = connect(publisher)
	const first = client.read()
	for (let i = 0; i < 100; i++) publisher.upsert(`item-${i * 7}`, item(2, 'new'), 2)
	publisher.delete('item-1', 2)
	await first
	await client.until('everything', () => client.state.size === publisher.size)
	publisher.upsert('last', item(1), 1)
	await client.until('the last one', () => client.state.has('last'))
	t.deepEqual(client.state, stateOf(publisher))
	const second = connect(publisher)
	await second.until('the put', () => second.events.length === 1)
	t.deepEqual(second.state, stateOf(publisher))
})

test('what is overruled while a large put is being encoded is not told', async t => {
	const { publisher } = publish(t)
	publisher.put(Array.from({ length: 5_000 }, (_, i) => [`item-${i}`, item(1, i), 1] as const))
	const client = connect(publisher)
	const first = client.read()
	publisher.forget(['item-7'])
	publisher.upsert('item-8', item(2), 2)
	await first
	await client.until(
		'a put without it',
		() => client.state.size === 4_999 && client.state.get('item-8')?.version === 2,
	)
	publisher.forget(['item-9'])
	await client.until('another one', () => client.state.size === 4_998)
	t.deepEqual(client.state, stateOf(publisher))
	t.is(client.events.length, 2)
})

test('ids such as __proto__ are ids like others', async t => {
	const { publisher } = publish(t)
	publisher.put([
		['__proto__', item(1), 1],
		['constructor', item(2), 2],
	])
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	t.true(client.events[0]?.data.includes('"__proto__":{"version":1'))
})

test('heartbeats are comments, and come only where there is nothing else', async t => {
	const { publisher, clock } = publish(t, { heartbeatInterval: 1_000 })
	publisher.put(entriesOf({ a: item(1) }))
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	const beat = client.read()
	await clock.advance(999)
	t.is(client.comments.length, 0)
	await clock.advance(1)
	await beat
	t.is(client.comments.length, 1)
	t.is(client.events.length, 1)
})

test('a stream ends at the end of its life, spread by chance, and asks for another one', async t => {
	const chances = [0, 0.99]
	const { publisher, clock } = publish(t, {
		lifetime: 1_000,
		lifetimeJitter: 0.5,
		heartbeatInterval: 60_000,
		random: () => chances.shift() ?? 0,
	})
	publisher.put(entriesOf({ a: item(1) }))
	// The first chance is the epoch's.
	const soon = connect(publisher)
	const late = connect(publisher)
	for (const client of [soon, late]) await client.until('the put', () => client.events.length === 1)
	const ends = [soon, late].map(client => client.until('the end', () => client.events.length === 2))
	await clock.advance(505)
	t.deepEqual([publisher.status().clients, publisher.status().ended.lifetime], [1, 1])
	await clock.advance(495)
	await Promise.all(ends)
	t.is(soon.events[1]?.type, 'reconnect')
	t.is(late.events[1]?.type, 'reconnect')
	t.true((await soon.read()).done)
	t.is(soon.lastEventId, soon.events[0]!.lastEventId, 'so that it goes on from there')
	t.is(publisher.status().clients, 0)
})

test('there are no more clients than there may be', async t => {
	const { publisher } = publish(t, { maxClients: 1 })
	publisher.put([])
	const client = connect(publisher)
	const refused = publisher.handle(new Request('http://gateway/'))
	t.is(refused.status, 503)
	t.is(refused.headers.get('retry-after'), '6')
	t.is(((await refused.json()) as { code: string }).code, 'UNAVAILABLE')
	await client.leave()
	t.is(publisher.handle(new Request('http://gateway/')).status, 200)
})

test('there are no more views than there may be, and those that nobody uses make room', async t => {
	const { publisher } = publish(t, { maxViews: 1 })
	publisher.put([])
	const client = connect(publisher, { view: { key: 'one' } })
	t.is(publisher.handle(new Request('http://gateway/'), { view: { key: 'two' } }).status, 503)
	await client.leave()
	t.is(publisher.handle(new Request('http://gateway/'), { view: { key: 'two' } }).status, 200)
	t.is(publisher.status().views, 1)
})

test('a client for which too much waits is dropped', async t => {
	const { publisher, clock } = publish(t, { maxClientBytes: 1_000 })
	publisher.put(entriesOf({ a: item(1) }))
	const slow = connect(publisher)
	const quick = connect(publisher)
	for (const client of [slow, quick]) await client.until('the put', () => client.events.length === 1)
	for (let version = 2; version < 30; version++) {
		publisher.upsert('a', item(version), version)
		await quick.until('the patch', () => quick.events.length === version)
	}
	t.is(publisher.status().ended.slow, 0, 'it may yet take it')
	await clock.advance(1_001)
	publisher.upsert('a', item(30), 30)
	await quick.until('the patch', () => quick.events.length === 30)
	t.is(publisher.status().ended.slow, 1)
	t.is(publisher.status().clients, 1)
	await t.throwsAsync(slow.read(), { message: /slow/ })
	t.deepEqual(quick.state, stateOf(publisher))
})

test('who is given much at once is not slow, and gets a put where it is more than the log holds', async t => {
	const { publisher, clock } = publish(t, {
		maxClientBytes: 1_000,
		maxLogEvents: 50,
		heartbeatInterval: 10_000,
	})
	publisher.put(entriesOf({ a: item(1) }))
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	const next = client.read()
	await clock.advance(5_000)
	for (let version = 2; version < 500; version++) publisher.upsert('a', item(version), version)
	await next
	await client.until('a put', () => client.events.at(-1)?.type === 'put' && client.events.length > 1)
	t.deepEqual(client.state, stateOf(publisher))
	t.is(publisher.status().clients, 1)
})

test('a client that takes nothing is dropped after a while, and its connection broken', async t => {
	const { publisher, clock } = publish(t, { stallTimeout: 2_000, heartbeatInterval: 1_000 })
	publisher.put(entriesOf({ a: item(1) }))
	let broken = 0
	connect(publisher, { abort: () => broken++ })
	await clock.advance(1_999)
	t.is(broken, 0)
	await clock.advance(1_001)
	t.is(broken, 1)
	t.deepEqual([publisher.status().clients, publisher.status().ended.stalled], [0, 1])
})

test('close ends all streams, once, and nothing comes after it', async t => {
	const { publisher, clock } = publish(t)
	publisher.put(entriesOf({ a: item(1) }))
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	const end = client.read()
	await publisher.close()
	await publisher.close()
	t.true((await end).done)
	t.is(publisher.handle(new Request('http://gateway/')).status, 503)
	t.throws(() => publisher.upsert('a', item(2), 2), { code: 'STOPPED' })
	t.is(clock.pendingTimers, 0)
	t.is(publisher.status().ended.closed, 1)
})

test('who is no longer allowed loses its stream', async t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(1) }))
	let isAllowed = true
	const one = connect(publisher, { isAllowed: () => isAllowed })
	const two = connect(publisher)
	for (const client of [one, two]) await client.until('the put', () => client.events.length === 1)
	const end = one.read()
	publisher.recheck()
	t.is(publisher.status().clients, 2)
	isAllowed = false
	publisher.recheck()
	t.true((await end).done)
	t.deepEqual([publisher.status().clients, publisher.status().ended.removed], [1, 1])
})

test('bad input is refused at the door, and nothing has changed', t => {
	const { publisher } = publish(t)
	publisher.put(entriesOf({ a: item(1) }))
	for (const id of ['', 'a/b', 'x'.repeat(1025)])
		t.throws(() => publisher.upsert(id, item(1), 1), { code: 'VALIDATION_FAILED' }, id)
	for (const version of [1.5, Number.NaN, 2 ** 60])
		t.throws(
			() =>
				publisher.put([
					['a', item(2), 2],
					['b', item(1), version],
				]),
			{ code: 'VALIDATION_FAILED' },
		)
	t.throws(() => publisher.delete('a', 1.5), { code: 'VALIDATION_FAILED' })
	t.deepEqual([...publisher.entries()], [['a', item(1), 1]])
	for (const options of [{ collection: 'a/b' }, { lifetimeJitter: 1 }, { maxClients: 0 }, { unknown: 1 }])
		t.throws(() => new AutoConfigPublisher({ ...options, logger: silentLogger }), {
			code: 'INVALID_OPTION',
		})
})

test('there are no more items than there may be', t => {
	const { publisher } = publish(t, { maxItems: 1 })
	publisher.upsert('a', item(1), 1)
	t.throws(() => publisher.upsert('b', item(1), 1), { code: 'TOO_LARGE' })
	t.throws(() => publisher.put(entriesOf({ b: item(1), c: item(1) })), { code: 'TOO_LARGE' })
	t.is(publisher.upsert('a', item(2), 2), 'update')
	t.is(publisher.size, 1)
})
