import test from 'ava'
import type { Clock } from '../../lib/core/clock.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { seededRandom } from '../../lib/core/random.ts'
import type { Transport } from '../../lib/core/transport.ts'
import { SharedMap, type SharedMapOptions } from '../../lib/publisher/index.ts'
import { pack } from '../../lib/publisher/packing.ts'
import { Cluster } from './cluster.ts'

type Numbers = SharedMap<unknown>

const start = (cluster: Cluster, transport: Transport, options: Partial<SharedMapOptions> = {}): Numbers =>
	SharedMap.start('settings', {
		transport,
		clock: cluster.clock,
		logger: silentLogger,
		interval: 200,
		maxInterval: 2_000,
		random: () => 0.5,
		...options,
	})

const named = (cluster: Cluster, name: string, options: Partial<SharedMapOptions> = {}): Numbers =>
	start(cluster, cluster.network.join(name), options)

/** A machine whose wall clock is wrong. */
const skewed = (clock: Clock, by: number): Clock => ({
	now: () => clock.now() + by,
	monotonic: () => clock.monotonic(),
	timer: (delay, fire, options) => clock.timer(delay, fire, options),
})

const contents = (map: Numbers): Record<string, unknown> =>
	Object.fromEntries([...map.entries()].sort(([a], [b]) => (a < b ? -1 : 1)))

test('what one sets all have, and it stays when its author is gone', async t => {
	const cluster = new Cluster()
	const [a, b] = [named(cluster, 'a'), named(cluster, 'b')]
	await cluster.settle()
	a.set('limit', { perMinute: 60 })
	t.deepEqual(a.get('limit'), { perMinute: 60 })
	await cluster.settle()
	t.deepEqual(b.get('limit'), { perMinute: 60 })
	cluster.network.crash('a')
	await cluster.settle(20_000)
	const c = named(cluster, 'c')
	await cluster.settle()
	t.deepEqual(c.get('limit'), { perMinute: 60 })
	t.is(c.status().bytes, b.status().bytes)
})

test('of two writes at the same moment the same one wins everywhere', async t => {
	const cluster = new Cluster()
	const maps = ['a', 'b', 'c'].map(name => named(cluster, name))
	await cluster.settle()
	for (const [index, map] of maps.entries()) map.set('x', index)
	await cluster.settle()
	t.is(new Set(maps.map(map => map.get('x'))).size, 1)
})

test('a write made after another was seen wins, though its clock is behind', async t => {
	const cluster = new Cluster()
	const a = named(cluster, 'a')
	const late = named(cluster, 'late', { clock: skewed(cluster.clock, -30_000) })
	await cluster.settle()
	a.set('x', 'first')
	await cluster.settle()
	late.set('x', 'second')
	await cluster.settle()
	t.is(a.get('x'), 'second')
	t.true(late.delete('x'))
	t.false(late.delete('x'))
	await cluster.settle()
	t.false(a.has('x'))
})

test('what is written too far ahead of our clock is refused, both sides can see it, and time heals it', async t => {
	const cluster = new Cluster()
	const a = named(cluster, 'a', { maxAhead: 10_000 })
	const early = named(cluster, 'early', { clock: skewed(cluster.clock, 70_000), maxAhead: 10_000 })
	await cluster.settle()
	a.set('x', 'right')
	early.set('y', 'from the future')
	await cluster.settle()
	t.false(a.has('y'))
	t.is(early.get('x'), 'right')
	t.true(a.status().ahead.get('early')! > 50_000)
	t.true(early.status().refusedBy.get('a')! > 50_000)
	await cluster.settle(70_000)
	t.is(a.get('y'), 'from the future')
	t.is(a.status().ahead.size, 0)
	t.is(early.status().refusedBy.size, 0)
})

test('a map whose clock was years ahead for a moment goes on from there; started anew, it is heard again', async t => {
	const cluster = new Cluster()
	const a = named(cluster, 'a')
	let ahead = 0
	const clock: Clock = { ...skewed(cluster.clock, 0), now: () => cluster.clock.now() + ahead }
	const transport = cluster.network.join('early')
	const early = start(cluster, transport, { clock })
	await cluster.settle()
	ahead = 3 * 365 * 86_400_000
	early.set('x', 'from the future')
	ahead = 0
	early.set('y', 'of today, and stamped later than x')
	await cluster.settle()
	t.deepEqual(contents(a), {})
	t.true(early.status().refusedBy.get('a')! > 365 * 86_400_000)
	await early.stop()
	const again = start(cluster, transport, { clock })
	again.set('x', 'of today')
	await cluster.settle()
	t.deepEqual(contents(a), { x: 'of today' })
	t.deepEqual(contents(again), { x: 'of today' })
	t.is(again.status().refusedBy.size, 0)
})

test('a deletion is not undone by an older write that arrives later', async t => {
	const cluster = new Cluster({ detection: 100 })
	const [a, b, c] = [named(cluster, 'a'), named(cluster, 'b'), named(cluster, 'c')]
	await cluster.settle()
	a.set('x', 1)
	await cluster.settle()
	cluster.network.partition(['c'])
	await cluster.settle()
	a.delete('x')
	await cluster.settle()
	t.true(c.has('x'))
	cluster.network.heal()
	await cluster.settle(5_000)
	for (const map of [a, b, c]) t.deepEqual([map.has('x'), map.status().tombstones], [false, 1])
})

test('deletions are forgotten in time, and never are more of them remembered than allowed', async t => {
	const cluster = new Cluster()
	const options = { maxTombstones: 3, tombstoneTtl: 60_000 }
	const [a, b] = [named(cluster, 'a', options), named(cluster, 'b', options)]
	await cluster.settle()
	for (let key = 0; key < 10; key++) a.set(String(key), key)
	for (let key = 0; key < 10; key++) a.delete(String(key))
	await cluster.settle()
	t.is(a.status().tombstones, 3)
	t.is(b.status().tombstones, 3)
	await cluster.settle(70_000)
	t.is(a.status().tombstones, 0)
	t.is(b.status().tombstones, 0)
})

test('copies that have heard of other deletions than they may remember agree on which, and are quiet then', async t => {
	const cluster = new Cluster({ detection: 100 })
	const options = { maxTombstones: 50 }
	const maps = ['a', 'b', 'c'].map(name => named(cluster, name, options))
	await cluster.settle()
	for (let key = 0; key < 600; key++) maps[0]!.set(String(key), key)
	await cluster.settle()
	cluster.network.partition(['a'], ['b'], ['c'])
	await cluster.settle()
	for (let key = 0; key < 600; key++) {
		maps[key % 3]!.delete(String(key))
		await cluster.settle(1)
	}
	cluster.network.heal()
	await cluster.settle(20_000)
	for (const map of maps) t.is(map.status().tombstones, 50)
	for (const map of maps) t.deepEqual(contents(map), contents(maps[0]!))
	const { sentMessages } = cluster.network.counts
	const beats = 100
	await cluster.settle(beats * 2_000)
	const sent = cluster.network.counts.sentMessages - sentMessages
	// Each tells the two others its digest once in a beat, and nobody has a question.
	t.true(sent > beats * 4 && sent <= (beats + 1) * 6, `${sent} messages`)
})

test('copies with different limits never agree, and ask each other ever more rarely', async t => {
	const cluster = new Cluster()
	const a = named(cluster, 'a', { maxEntries: 200 })
	const b = named(cluster, 'b', { maxEntries: 100 })
	for (let key = 0; key < 200; key++) a.set(String(key), key)
	await cluster.settle(60_000)
	t.is(b.size, 100)
	const { refused } = b.status()
	await cluster.settle(160_000)
	const again = b.status().refused - refused
	// 80 beats: 10 questions, each answered by the hundred that do not fit.
	t.true(again > 0 && again <= 1_200, `${again} refused`)
	b.delete('0')
	await cluster.settle(10_000)
	t.is(b.size, 100, 'and at once where something has changed')
})

test('nobody can make others count beyond what can be counted', async t => {
	const cluster = new Cluster()
	const [a, b] = [named(cluster, 'a'), named(cluster, 'b')]
	const stranger = cluster.network
		.join('stranger')
		.open('settings', { peerUp: () => {}, peerDown: () => {}, message: () => {} })
	await cluster.settle()
	const value = pack('value', 1)
	const time = cluster.clock.now() + 50_000
	const say = (count: number) =>
		stranger.broadcast(['remote-term/shared-map/1', 'changes', [['x', time, count, 'z', value]]])
	say(Number.MAX_SAFE_INTEGER)
	say(2 ** 32)
	await cluster.settle()
	t.is(a.get('x'), 1)
	for (const number of [2, 3, 4]) {
		a.set('x', number)
		await cluster.settle(10)
		t.deepEqual([a.get('x'), b.get('x')], [number, number])
	}
	t.is(a.status().malformed, 1)
})

test('a snapshot and its notifications are the map', async t => {
	const cluster = new Cluster()
	const [a, b] = [named(cluster, 'a'), named(cluster, 'b')]
	a.set('x', 1)
	await cluster.settle()
	const told: unknown[] = []
	const { result, ref } = b.subscribe(undefined, {
		onNotification: ({ type, key, value, previous }) => told.push([type, key, value, previous]),
	})
	const one = b.subscribe('y')
	t.deepEqual([...result], [['x', 1]])
	t.deepEqual([...one.result], [])
	a.set('x', 2)
	a.set('y', 3)
	a.delete('x')
	await cluster.settle()
	b.unsubscribe(ref)
	a.set('y', 4)
	await cluster.settle()
	t.deepEqual(told, [
		['set', 'x', 2, 1],
		['set', 'y', 3, undefined],
		['delete', 'x', undefined, 2],
	])
	t.like(await one.notifications.next(), { value: { key: 'y', value: 3 } })
	t.like(await one.notifications.next(), { value: { key: 'y', value: 4, previous: 3 } })
	await b.stop()
	t.true((await one.notifications.next()).done)
})

test('what is too large, too much, or no value is refused, and nothing has changed', async t => {
	const cluster = new Cluster()
	const map = named(cluster, 'a', { maxEntries: 2, maxValueBytes: 100, maxBytes: 150 })
	const other = named(cluster, 'b')
	await cluster.settle()
	map.set('x', 'x'.repeat(90))
	t.throws(() => map.set('y', 'y'.repeat(101)), { code: 'TOO_LARGE', message: /100/ })
	t.throws(() => map.set('y', 'y'.repeat(90)), { code: 'TOO_LARGE', message: /150/ })
	map.set('y', 1)
	t.throws(() => map.set('z', 1), { code: 'TOO_LARGE', message: /2 entries/ })
	t.throws(() => map.set('', 1), { code: 'INVALID_OPTION' })
	t.throws(() => map.set('y', undefined), { code: 'INVALID_OPTION' })
	t.throws(() => map.set('y', () => 1), { code: 'INVALID_OPTION' })
	t.deepEqual(contents(map), { x: 'x'.repeat(90), y: 1 })
	other.set('z', 1)
	other.set('y', 'y'.repeat(200))
	await cluster.settle()
	t.is(map.get('y'), 1)
	t.true(map.status().refused > 0)
	await map.stop()
	t.throws(() => map.set('x', 1), { code: 'STOPPED' })
	t.throws(() => map.subscribe('x'), { code: 'STOPPED' })
})

test('foreign messages are counted, and change nothing', async t => {
	const cluster = new Cluster()
	const map = named(cluster, 'a')
	const stranger = cluster.network
		.join('stranger')
		.open('settings', { peerUp: () => {}, peerDown: () => {}, message: () => {} })
	await cluster.settle()
	const p = 'remote-term/shared-map/1'
	for (const message of [
		1,
		['something'],
		[p, 'changes', [['x', -1, 0, 'y', null]]],
		[p, 'changes', [['', 1, 0, 'y', null]]],
		[p, 'changes', [['x', 1, 0, 'y', 'text']]],
		[p, 'digest', [1, 2]],
		[p, 'want', [64]],
		[p, 'nonsense', []],
	])
		stranger.broadcast(message)
	stranger.broadcast([p, 'changes', [['x', 1, 0, 'y', new Uint8Array([255, 255])]]])
	await cluster.settle()
	t.like(map.status(), { malformed: 8, refused: 1, entries: 0 })
})

test('any number of copies agree in the end, whatever happened to them', async t => {
	t.timeout(600_000)
	const seeds = Number(process.env['REMOTE_TERM_SEEDS'] ?? 150)
	for (let seed = 1; seed <= seeds; seed++) {
		const random = seededRandom(seed)
		const int = (to: number): number => Math.floor(random() * to)
		const cluster = new Cluster({ seed, detection: 300, jitter: 40, loss: int(2) * 0.2, duplication: 0.1 })
		const names = ['a', 'b', 'c', 'd'].slice(0, 2 + int(3))
		const maxTombstones = int(2) ? 2 : 1_000
		const begin = (transport: Transport): Numbers =>
			start(cluster, transport, { random, clock: skewed(cluster.clock, int(10_000)), maxTombstones })
		const maps = new Map(names.map(name => [name, begin(cluster.network.join(name))]))
		const followed = new Map<Numbers, Map<string, unknown>>()
		for (let step = 0; step < 50; step++) {
			const name = names[int(names.length)]!
			const map = maps.get(name)!
			const kind = random()
			if (kind < 0.4) map.set(`k${int(6)}`, step)
			else if (kind < 0.55) map.delete(`k${int(6)}`)
			else if (kind < 0.6) cluster.network.partition(names.filter(() => random() < 0.5))
			else if (kind < 0.65) cluster.network.heal()
			else if (kind < 0.7) {
				const transport = cluster.network.restart(name)
				await map.stop()
				followed.delete(map)
				maps.set(name, begin(transport))
			} else if (kind < 0.75 && !followed.has(map)) {
				const { result } = map.subscribe(undefined, {
					onNotification: ({ type, key, value }) =>
						void (type === 'set' ? followed.get(map)!.set(key, value) : followed.get(map)!.delete(key)),
				})
				followed.set(map, new Map(result))
			} else await cluster.settle(int(400))
		}
		cluster.network.heal()
		cluster.network.conditions({ loss: 0 })
		await cluster.settle(20_000)
		const [first, ...others] = [...maps.values()]
		for (const map of others) t.deepEqual(contents(map), contents(first!), `seed ${seed}`)
		for (const [map, copy] of followed)
			t.deepEqual(
				Object.fromEntries([...copy].sort(([a], [b]) => (a < b ? -1 : 1))),
				contents(map),
				`seed ${seed}`,
			)
		const last = [...maps.values()].at(-1)!
		last.set('k0', 'the last word')
		await cluster.settle(3_000)
		for (const [name, map] of maps) t.is(map.get('k0'), 'the last word', `seed ${seed}: ${name}`)
		for (const map of maps.values()) await map.stop()
	}
})
