import test from 'ava'
import fc from 'fast-check'
import { silentLogger } from '../../lib/core/logger.ts'
import { decodeFrame, encodeFrame, splitId } from '../../lib/transports/session/frame.ts'
import { peerOf } from '../../lib/core/transport.ts'
import { encodePayload } from '../../lib/transports/payload.ts'
import { Bus } from './bus.ts'

const kindOf = (frame: Uint8Array): string =>
	['hello', 'alive', 'answer', 'goodbye', 'first', 'next'][frame[1]!] ?? '?'

test('each peer hears a bounded number of heartbeats a second, however many there are', t => {
	for (const peers of [5, 50, 150]) {
		const bus = new Bus()
		const nodes = Array.from({ length: peers }, (_, index) =>
			bus.join(`n${index}`, { heartbeat: 2_000, maxHeartbeatRate: 20 }),
		)
		bus.clock.run(40_000)
		for (const { channel } of nodes) t.is(channel.peers.size, peers - 1)
		const [frames, deliveries] = [bus.frames, bus.deliveries]
		const seconds = 60
		bus.clock.run(seconds * 1000)
		const heard = (bus.deliveries - deliveries) / peers / seconds
		// peers / max(2 s, peers / 20 per second), by the formula; the jitter is even.
		const expected = (peers - 1) / Math.max(2, peers / 20)
		t.true(Math.abs(heard - expected) < expected * 0.1, `${peers} peers: ${heard} a second`)
		t.is(bus.deliveries - deliveries, (bus.frames - frames) * (peers - 1))
		t.deepEqual(
			nodes.flatMap(({ heard }) => heard.filter(one => one.startsWith('down'))),
			[],
		)
	}
})

test('a newcomer is answered by each once, and many newcomers by one word to all', t => {
	const bus = new Bus()
	const nodes = Array.from({ length: 20 }, (_, index) => bus.join(`n${index}`))
	bus.clock.run(1_500)
	const kinds: string[] = []
	bus.tamper = frame => {
		kinds.push(kindOf(frame))
		return [frame]
	}
	const late = bus.join('late', { heartbeat: 60_000 })
	bus.clock.run(200)
	t.is(late.channel.peers.size, 20)
	t.true(kinds.filter(kind => kind === 'answer').length <= 20)
	kinds.length = 0
	for (let index = 0; index < 40; index++) nodes.push(bus.join(`m${index}`, { heartbeat: 60_000 }))
	bus.clock.run(2_000)
	for (const { channel } of nodes) t.is(channel.peers.size, 60)
	const answers = kinds.filter(kind => kind === 'answer').length
	// One for each hello would be 20 for each of 40, and 39 more for each of those.
	t.true(answers < (40 * 20 + 40 * 39) / 3, `${answers} answers`)
})

test('who is silent is down after patience, and up again with the next word', t => {
	const bus = new Bus()
	const a = bus.join('a', { heartbeat: 1_000, patience: 3 })
	const b = bus.join('b', { heartbeat: 1_000 })
	bus.clock.run(5_000)
	t.deepEqual(a.take(), ['up b'])
	let isLost = true
	bus.tamper = (frame, to) => (isLost && to.id === a.self.id ? [] : [frame])
	bus.clock.run(2_900)
	t.deepEqual(a.take(), [])
	bus.clock.run(3_000)
	t.deepEqual(a.take(), ['down b silent'])
	t.false(a.channel.send(b.self, 1))
	isLost = false
	t.true(b.channel.send(a.self, 'still here'))
	bus.clock.run(10)
	t.deepEqual(a.take(), ['up b'])
	t.deepEqual(a.messages, ['still here'])
	t.deepEqual(b.heard, ['up a'])
})

for (const mutual of [false, true]) {
	test(`one side alone was deaf for a while: both talk again (${mutual ? 'mutual' : 'one word is enough'})`, t => {
		const bus = new Bus({ mutual })
		const [a, b] = [bus.join('a', { heartbeat: 1_000 }), bus.join('b', { heartbeat: 1_000 })]
		bus.clock.run(5_000)
		t.true(b.channel.send(a.self, 'before'))
		bus.tamper = (frame, to) => (to.id === a.self.id ? [] : [frame])
		bus.clock.run(10_000)
		t.deepEqual([a.take(), b.take()], [['up b', 'down b silent'], ['up a']])
		bus.tamper = frame => [frame]
		bus.clock.run(5_000)
		t.deepEqual([a.take(), b.take()], [['up b'], []])
		t.true(a.channel.send(b.self, 'to b'))
		t.true(b.channel.send(a.self, 'to a'))
		bus.clock.run(10)
		t.deepEqual([a.messages, b.messages], [['before', 'to a'], ['to b']])
		t.is(a.channel.counts.lost, 0)
	})
}

test('a message instead of a heartbeat is a sign of life, too', t => {
	const bus = new Bus()
	const a = bus.join('a', { heartbeat: 1_000 })
	const b = bus.join('b', { heartbeat: 1_000 })
	bus.clock.run(3_000)
	const before = bus.frames
	for (let second = 0; second < 20; second++) {
		b.channel.broadcast(second)
		bus.clock.run(500)
	}
	t.is(a.messages.length, 20)
	t.deepEqual(a.heard, ['up b'])
	// 20 messages, a's own heartbeats, and next to none of b's.
	t.true(bus.frames - before < 20 + 13 + 5)
})

test('a process that stood still does not take the others for dead', t => {
	const bus = new Bus()
	const a = bus.join('a', { heartbeat: 1_000 })
	bus.join('b', { heartbeat: 1_000 })
	bus.clock.run(5_000)
	// As after a long stall: a's timer is late, and what b has said meanwhile is still unread.
	const stalled = new (class {
		late = 0
	})()
	const monotonic = bus.clock.monotonic.bind(bus.clock)
	bus.clock.monotonic = () => monotonic() + stalled.late
	stalled.late = 60_000
	bus.clock.run(5_000)
	t.deepEqual(a.heard, ['up b'])
})

test('nobody is judged before the backlog is read, and then by what was in it', t => {
	const bus = new Bus()
	const a = bus.join('a', { heartbeat: 1_000 })
	for (const name of ['b', 'c']) bus.join(name, { heartbeat: 1_000 })
	bus.clock.run(5_000)
	t.deepEqual(a.take().sort(), ['up b', 'up c'])
	const held: Uint8Array[] = []
	bus.tamper = (frame, to) => {
		if (to.id !== a.self.id) return [frame]
		const isOfB = String.fromCharCode(...frame.subarray(3, 5)) === 'b#'
		if (isOfB) held.push(frame)
		return []
	}
	bus.backlog = 20_000
	bus.clock.run(15_000)
	t.deepEqual(a.take(), [], 'both have been silent for four times as long as they may')
	for (const frame of held) a.hear(frame)
	bus.clock.run(10_000)
	t.deepEqual(a.take(), ['down c silent'], 'what b had said was on its way')
})

test('a suspicion ends with the network, or with the channel', async t => {
	const bus = new Bus()
	const [a, b] = [bus.join('a', { heartbeat: 1_000 }), bus.join('b', { heartbeat: 1_000 })]
	const c = bus.join('c', { heartbeat: 1_000 })
	bus.clock.run(5_000)
	bus.backlog = 5_000
	b.unplug()
	bus.clock.run(6_500)
	a.session.disconnected()
	t.deepEqual(a.take(), ['up b', 'up c', 'down b disconnected', 'down c disconnected'])
	a.session.connected()
	bus.clock.run(100)
	await c.channel.close()
	bus.clock.run(20_000)
	t.deepEqual(a.take(), ['up c', 'down c goodbye'])
	t.deepEqual(c.take().sort(), ['up a', 'up b'])
})

test('gaps are counted, repetitions and what comes too late are refused, the order stays', t => {
	const bus = new Bus()
	const [a, b] = [bus.join('a', { heartbeat: 60_000 }), bus.join('b', { heartbeat: 60_000 })]
	bus.clock.run(100)
	let held: Uint8Array | undefined
	let count = 0
	bus.tamper = frame => {
		count += 1
		// The third is lost, the fifth comes twice, the seventh behind the eighth.
		if (count === 3) return []
		if (count === 5) return [frame, frame]
		if (count === 7) {
			held = frame
			return []
		}
		return count === 8 ? [frame, held!] : [frame]
	}
	for (let number = 1; number <= 10; number++) {
		if (number % 2) a.channel.send(b.self, number)
		else a.channel.broadcast(number)
	}
	bus.clock.run(10)
	t.deepEqual(b.messages, [1, 2, 4, 5, 6, 8, 9, 10])
	t.like(b.channel.counts, { received: 8, refused: 2, lost: 2 })
})

test('whatever the wire does, each message arrives at most once and in order', t => {
	fc.assert(
		fc.property(
			fc.array(fc.record({ all: fc.boolean(), fate: fc.constantFrom('ok', 'ok', 'lose', 'twice', 'late') }), {
				maxLength: 40,
			}),
			fc.boolean(),
			(steps, isCut) => {
				const bus = new Bus()
				const [a, b] = [bus.join('a', { heartbeat: 60_000 }), bus.join('b', { heartbeat: 60_000 })]
				bus.clock.run(100)
				if (isCut) bus.maxFrameBytes = 60
				const held: Uint8Array[] = []
				for (const [number, { all, fate }] of steps.entries()) {
					bus.tamper = frame => {
						if (fate === 'late') held.push(frame)
						if (fate === 'lose' || fate === 'late') return []
						const frames = [...(fate === 'twice' ? [frame, frame] : [frame]), ...held]
						held.length = 0
						return frames
					}
					const message = [number, 'x'.repeat(number)]
					if (all) a.channel.broadcast(message)
					else a.channel.send(b.self, message)
				}
				bus.clock.run(10)
				const numbers = (b.messages as Array<[number, string]>).map(([number, text]) => {
					if (text.length !== number) throw new Error('A message was put together wrongly')
					return number
				})
				if (numbers.some((number, index) => index > 0 && number <= numbers[index - 1]!))
					throw new Error(`Out of order: ${numbers.join()}`)
				const isFine = steps.every(({ fate }) => fate === 'ok' || fate === 'twice')
				if (isFine && numbers.length !== steps.length) throw new Error('Something is missing')
			},
		),
		{ numRuns: 300 },
	)
	t.pass()
})

test('another boot of a name replaces the one before, which is not listened to any more', t => {
	const bus = new Bus()
	const a = bus.join('a')
	const first = bus.join('b')
	bus.clock.run(100)
	const second = bus.join('b')
	bus.clock.run(100)
	t.deepEqual(a.take(), ['up b', 'down b replaced', 'up b'])
	t.deepEqual([...a.channel.peers.keys()], [second.self.id])
	first.channel.broadcast('I am not dead')
	second.channel.broadcast('long live')
	bus.clock.run(10_000)
	t.deepEqual(a.messages, ['long live'])
	t.deepEqual(a.take(), [])
	t.true(a.channel.counts.refused > 0)
})

test('a namesake is warned of, once, and never a peer', t => {
	const warnings: string[] = []
	const bus = new Bus()
	const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) }
	const one = bus.join('same', {}, logger)
	const other = bus.join('same')
	bus.clock.run(20_000)
	t.deepEqual([one.heard, other.heard], [[], []])
	t.is(warnings.length, 1)
})

test('a scope that is opened again while its goodbye is lost was left first', async t => {
	const bus = new Bus()
	const a = bus.join('a')
	const self = peerOf('b', 'boot')
	const frame = (opening: number) =>
		encodeFrame({ kind: 'hello', from: self, opening, stint: 0, casts: 0, directs: 0, more: 1_000 })
	a.hear(frame(1))
	a.hear(frame(2))
	t.deepEqual(a.take(), ['up b', 'down b goodbye', 'up b'])
	a.hear(frame(1))
	t.deepEqual(a.take(), [])
	t.is(a.channel.counts.refused, 1)
	await a.channel.close()
	a.hear(frame(3))
	t.deepEqual(a.take(), [])
})

test('parts that add up to more than a message may have are refused', t => {
	const bus = new Bus()
	const a = bus.join('a', {}, silentLogger, 1_000)
	const from = peerOf('b', 'boot')
	const body = new Uint8Array(300)
	for (let part = 0; part < 10; part++) {
		const kind = part === 0 ? 'first' : 'next'
		a.hear(
			encodeFrame({ kind, from, opening: 1, stint: 1, casts: 0, directs: part + 1, more: 9 - part }, body),
		)
	}
	t.is(a.channel.counts.refused, 1)
	t.deepEqual(a.messages, [])
})

test('what is claimed costs nothing, and what waits for its rest has a limit for all together', t => {
	const bus = new Bus()
	const maxBytes = 100_000
	const a = bus.join('a', {}, silentLogger, maxBytes)
	const part = (name: string, number: number, more: number, body: Uint8Array, begins = number === 1) => {
		const from = peerOf(name, 'boot')
		const kind = begins ? 'first' : 'next'
		a.hear(encodeFrame({ kind, from, opening: 1, stint: 1, casts: 0, directs: number, more }, body))
	}
	// The largest number of parts that can be claimed, of nothing each.
	for (let number = 1; number <= 1_000; number++) part('liar', number, 2 ** 32 - number, new Uint8Array(0))
	t.is(a.channel.counts.refused, 0)
	// Ten that begin a message of nearly the limit: four of them fit.
	const half = new Uint8Array(maxBytes * 0.9)
	for (let index = 0; index < 10; index++) part(`n${index}`, 1, 5, half)
	t.is(a.channel.counts.refused, 6)
	// One whole message needs no place to wait in, and what has been finished or given up has left it.
	const message = encodePayload('x'.repeat(90_000), maxBytes)
	part('whole', 1, 0, message)
	t.is(a.messages.length, 1)
	part('n9', 2, 1, message.subarray(0, 50_000))
	t.is(a.channel.counts.refused, 6, 'it is no beginning, and nothing is kept')
	for (let index = 0; index < 4; index++) part(`n${index}`, 2, 0, message)
	const cut = (name: string, from: number) => {
		part(name, from, 1, message.subarray(0, 50_000), true)
		part(name, from + 1, 0, message.subarray(50_000))
	}
	for (let index = 4; index < 9; index++) cut(`n${index}`, 3)
	t.is(a.messages.length, 6)
})

test('who comes beyond the limit is not listened to, and an operator is told', t => {
	const warnings: string[] = []
	const bus = new Bus()
	const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) }
	const a = bus.join('a', { maxPeers: 50 }, logger)
	const greet = (name: string, kind: 'hello' | 'goodbye') => {
		const from = peerOf(name, 'boot')
		a.hear(encodeFrame({ kind, from, opening: 1, stint: 0, casts: 0, directs: 0, more: 1_000 }))
	}
	for (let index = 0; index < 1_000; index++) greet(`n${index}`, 'hello')
	t.is(a.channel.peers.size, 50)
	t.is(a.channel.counts.refused, 950)
	t.is(warnings.length, 1)
	greet('n0', 'goodbye')
	greet('n999', 'hello')
	t.true([...a.channel.peers.values()].some(({ name }) => name === 'n999'))
})

test('frames are read as they were written, and anything else is none', t => {
	const name = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9_.:@-]{0,20}$/)
	const boot = fc.stringMatching(/^[a-z0-9]{1,12}$/)
	const peer = (id: string) => {
		const parts = splitId(id)
		return parts && peerOf(...parts)
	}
	const number = fc.nat({ max: 2 ** 31 - 1 })
	fc.assert(
		fc.property(name, boot, number, number, fc.maxSafeNat(), fc.uint8Array(), (one, two, a, b, c, body) => {
			const casts = c % 2 ** 48
			const frame = {
				kind: 'next',
				from: peerOf(one, two),
				opening: a,
				stint: b,
				casts,
				directs: a,
				more: b,
			} as const
			const read = decodeFrame(encodeFrame(frame, body), peer)
			t.deepEqual(read, { ...frame, body: read!.body })
			t.deepEqual([...read!.body], [...body])
		}),
	)
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 100 }), bytes => {
			bytes[0] = 0x52
			const read = decodeFrame(bytes, peer)
			if (read !== undefined) t.truthy(splitId(read.from.id))
		}),
	)
	for (const none of [undefined, null, 'R', {}, new Uint8Array(0)]) t.is(decodeFrame(none, peer), undefined)
})
