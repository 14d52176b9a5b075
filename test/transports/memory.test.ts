import test from 'ava'
import { FakeClock, MemoryNetwork, type MemoryNetworkOptions } from '../../lib/testing/index.ts'
import type { Transport } from '../../lib/core/transport.ts'
import { silentLogger } from '../../lib/core/logger.ts'

/** Opens a scope and writes down all that it hears, as `a up`, `a says 1`, `a down silent`. */
const listen = (transport: Transport, scope = 's') => {
	const heard: string[] = []
	const channel = transport.open<unknown>(scope, {
		peerUp: ({ name }) => heard.push(`${name} up`),
		peerDown: ({ name }, reason) => heard.push(`${name} down ${reason}`),
		message: ({ name }, message) => heard.push(`${name} says ${JSON.stringify(message)}`),
	})
	return { transport, channel, heard, take: () => heard.splice(0) }
}

const setup = (options: MemoryNetworkOptions = {}) => {
	const clock = new FakeClock()
	const network = new MemoryNetwork({ clock, seed: 7, ...options })
	return { clock, network }
}

const pair = (options: MemoryNetworkOptions = {}) => {
	const { clock, network } = setup(options)
	const a = listen(network.join('a'))
	const b = listen(network.join('b'))
	clock.run(1000)
	a.take()
	b.take()
	return { clock, network, a, b }
}

test('a message takes the latency, and not a millisecond less', t => {
	const { clock, a, b } = pair({ latency: 20 })
	t.true(a.channel.send(b.transport.self, 'x'))
	clock.run(19)
	t.deepEqual(b.take(), [])
	clock.run(1)
	t.deepEqual(b.take(), ['a says "x"'])
})

test('latency may differ from pair to pair', t => {
	const { clock, network } = setup({ latency: (from, to) => (from === 'a' && to === 'b' ? 50 : 5) })
	const [a, b] = [listen(network.join('a')), listen(network.join('b'))]
	clock.run(100)
	a.take()
	b.take()
	a.channel.send(b.transport.self, 1)
	b.channel.send(a.transport.self, 2)
	clock.run(5)
	t.deepEqual([a.take(), b.take()], [['b says 2'], []])
	clock.run(45)
	t.deepEqual(b.take(), ['a says 1'])
})

test('jitter changes no order, duplication doubles nothing, and what is lost is counted', t => {
	const { clock, network, a, b } = pair({ latency: 5, jitter: 50 })
	network.conditions({ loss: 0.2, duplication: 0.3 })
	const numbers = Array.from({ length: 1000 }, (_, index) => index)
	for (const number of numbers) {
		if (number % 2) a.channel.send(b.transport.self, number)
		else a.channel.broadcast(number)
		clock.run(1)
	}
	clock.run(1000)
	const arrived = b.take().map(line => Number(line.slice('a says '.length)))
	t.deepEqual(
		arrived,
		[...new Set(arrived)].sort((one, other) => one - other),
	)
	const { lostMessages, duplicates, sentMessages, receivedMessages } = network.counts
	t.is(sentMessages, 1000)
	t.is(receivedMessages, arrived.length)
	t.is(lostMessages, 1000 - arrived.length)
	t.is(b.channel.counts.lost, lostMessages)
	t.true(lostMessages > 100 && lostMessages < 300)
	t.true(duplicates > 100)
})

test('the same seed makes the same history, another makes another', t => {
	const history = (seed: number): readonly string[] => {
		const { clock, network } = setup({ seed, jitter: 40, loss: 0.1 })
		const heard: string[] = []
		const nodes = ['a', 'b', 'c', 'd'].map(name => listen(network.join(name)))
		for (let step = 0; step < 50; step++) {
			if (step === 20) network.partition(['a', 'b'])
			if (step === 30) network.heal()
			nodes[step % 4]!.channel.broadcast(step)
			clock.run(700)
			for (const node of nodes) heard.push(...node.take().map(line => `${clock.monotonic()} ${line}`))
		}
		return heard
	}
	t.deepEqual(history(1), history(1))
	t.notDeepEqual(history(1), history(2))
	t.true(history(1).length > 100)
})

test('partition: the sides are silent to each other after the time of detection, and up again once it heals', t => {
	const { clock, network } = setup({ detection: 3000 })
	const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(name => listen(network.join(name)))
	clock.run(100)
	for (const one of [a, b, c, d]) one!.take()
	network.partition(['a', 'b'])
	clock.run(2999)
	t.deepEqual([a!.take(), c!.take()], [[], []])
	t.true(a!.channel.send(c!.transport.self, 'into the void'))
	clock.run(1)
	t.deepEqual(a!.take(), ['c down silent', 'd down silent'])
	t.deepEqual(c!.take(), ['a down silent', 'b down silent'])
	t.false(a!.channel.send(c!.transport.self, 'x'))
	t.is(a!.channel.counts.dropped, 1)
	t.deepEqual(
		[...a!.channel.peers.values()].map(({ name }) => name),
		['b'],
	)
	network.heal()
	clock.run(1100)
	t.deepEqual(a!.take().sort(), ['c up', 'd up'])
	t.deepEqual(c!.take().sort(), ['a up', 'b up'])
})

test('a partition shorter than the time of detection loses messages, and nobody goes down', t => {
	const { clock, network, a, b } = pair({ detection: 3000 })
	network.partition(['a'], ['b'])
	clock.run(2000)
	a.channel.broadcast('lost')
	network.heal()
	clock.run(500)
	network.partition(['a'], ['b'])
	clock.run(2000)
	network.heal()
	a.channel.broadcast('arrives')
	clock.run(10_000)
	t.deepEqual(b.take(), ['a says "arrives"'])
	t.deepEqual(a.take(), [])
})

test('a one-way cut makes only the deaf side believe that the other is gone', t => {
	const { clock, network, a, b } = pair({ detection: 3000 })
	network.cut('a', 'b')
	clock.run(3000)
	t.deepEqual(b.take(), ['a down silent'])
	t.deepEqual(a.take(), [])
	t.false(b.channel.send(a.transport.self, 1))
	t.true(a.channel.send(b.transport.self, 1))
	network.mend('a', 'b')
	clock.run(1001)
	t.deepEqual(b.take(), ['a up'])
	b.channel.broadcast(2)
	clock.run(1)
	t.deepEqual(a.take(), ['b says 2'])
})

test('who opens behind a one-way cut hears of those whom it can hear', t => {
	const { clock, network } = setup({ detection: 3000 })
	network.cut('b', 'a')
	const a = listen(network.join('a'))
	const b = listen(network.join('b'))
	clock.run(5000)
	t.deepEqual([a.take(), b.take()], [[], ['a up']])
	network.heal()
	clock.run(5000)
	t.deepEqual([a.take(), b.take()], [['b up'], []])
})

test('a crash is silent; a restart before it was noticed replaces', t => {
	const { clock, network, a, b } = pair({ detection: 3000 })
	network.crash('b')
	t.false(b.channel.send(a.transport.self, 1))
	t.throws(() => b.transport.open('t', b as never), { code: 'STOPPED' })
	clock.run(2999)
	t.deepEqual(a.take(), [])
	clock.run(1)
	t.deepEqual(a.take(), ['b down silent'])
	const second = listen(network.restart('b'))
	clock.run(10)
	t.deepEqual(a.take(), ['b up'])
	const third = listen(network.restart('b'))
	t.not(second.transport.self.id, third.transport.self.id)
	t.deepEqual([second.transport.self.name, third.transport.self.name], ['b', 'b'])
	clock.run(10_000)
	t.deepEqual(a.take(), ['b down replaced', 'b up'])
	t.deepEqual([...a.channel.peers.keys()], [third.transport.self.id])
	t.deepEqual(b.take(), [])
})

test('a goodbye comes behind the messages, and one that is lost is silence', async t => {
	const { clock, network, a, b } = pair({ jitter: 30, detection: 3000 })
	for (let number = 0; number < 5; number++) a.channel.broadcast(number)
	await a.channel.close()
	t.is(a.channel.broadcast(9), 0)
	clock.run(100)
	t.deepEqual(b.take(), ['a says 0', 'a says 1', 'a says 2', 'a says 3', 'a says 4', 'a down goodbye'])
	t.deepEqual(a.take(), [])
	const again = listen(a.transport)
	clock.run(100)
	t.deepEqual([again.take(), b.take()], [['b up'], ['a up']])
	network.cut('a', 'b')
	await again.transport.close()
	clock.run(5000)
	t.deepEqual(b.take(), ['a down silent'])
})

test('a queue holds what it holds, and send says so', t => {
	const { clock, a, b } = pair({ maxQueue: 3, latency: 10 })
	t.deepEqual(
		[1, 2, 3, 4].map(number => a.channel.send(b.transport.self, number)),
		[true, true, true, false],
	)
	t.is(a.channel.broadcast(5), 0)
	t.like(a.channel.counts, { dropped: 2 })
	clock.run(10)
	t.is(b.take().length, 3)
	t.true(a.channel.send(b.transport.self, 6))
})

test('payloads: copied, or shared and frozen', t => {
	for (const payloads of ['copied', 'shared'] as const) {
		const { clock, network } = setup({ payloads })
		const got: Array<{ list: number[] }> = []
		const open = (name: string) =>
			network.join(name).open<{ list: number[] }>('s', {
				peerUp() {},
				peerDown() {},
				message: (_, message) => void got.push(message),
			})
		const a = open('a')
		open('b')
		open('c')
		clock.run(10)
		const mine = { list: [1] }
		t.is(a.broadcast(mine), 2)
		mine.list.push(2)
		clock.run(10)
		t.deepEqual(got, [{ list: [1] }, { list: [1] }])
		t.is(got[0] === got[1], payloads === 'shared')
		t.is(Object.isFrozen(got[0]!.list), payloads === 'shared')
	}
})

test('a listener that throws, or rejects, is logged and harms nobody', async t => {
	const errors: unknown[] = []
	const logger = { ...silentLogger, error: (_: string, fields: unknown) => void errors.push(fields) }
	const { clock, network } = setup({ logger })
	const a = listen(network.join('a'))
	network.join('b').open('s', {
		peerUp() {
			throw new Error('up')
		},
		peerDown() {},
		message: () => Promise.reject(new Error('message')) as never,
	})
	clock.run(10)
	a.channel.broadcast(1)
	await clock.advance(10)
	t.is(errors.length, 2)
	t.deepEqual(a.take(), ['b up'])
})

test('nothing of the dead remains: their places are used again', async t => {
	const { clock, network, a } = pair({ jitter: 10, loss: 0.1, detection: 1000 })
	const random = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9]
	for (let round = 0; round < 60; round++) {
		const c = listen(network.restart('c'))
		clock.run(random[round % random.length]! * 7)
		if (round % 3 === 0) await c.transport.close()
		if (round % 7 === 0) network.partition(['a'])
		else if (round % 5 === 0) network.heal()
	}
	network.heal()
	if (network.names.includes('c')) network.crash('c')
	clock.run(20_000)
	t.deepEqual(
		[...a.channel.peers.values()].map(({ name }) => name),
		['b'],
	)
	await Promise.all([a.transport.close()])
	network.crash('b')
	clock.run(20_000)
	t.is(clock.pendingTimers, 0)
	t.deepEqual(network.names, [])
})

test('a thousand peers know each other, and one broadcast reaches them all', t => {
	const { clock, network } = setup({ payloads: 'shared' })
	let ups = 0
	let messages = 0
	const channels = Array.from({ length: 1000 }, (_, index) =>
		network.join(`n${index}`).open('s', {
			peerUp: () => void (ups += 1),
			peerDown() {},
			message: () => void (messages += 1),
		}),
	)
	clock.run(10)
	t.is(ups, 999_000)
	t.is(channels[0]!.broadcast({ hello: 'world' }), 999)
	clock.run(10)
	t.is(messages, 999)
	t.is(network.countsOf('n0')!.sentMessages, 999)
	t.is(network.countsOf('n1')!.receivedMessages, 1)
})

test('bad input is refused at the door', t => {
	const { network } = setup()
	const a = network.join('a')
	const listener = { peerUp() {}, peerDown() {}, message() {} }
	for (const name of ['', '.a', 'a b', 'a*', 'a>', 'ü', 'x'.repeat(129), undefined as never])
		t.throws(() => network.join(name), { code: 'INVALID_OPTION' }, name)
	t.throws(() => network.join('a'), { code: 'INVALID_OPTION' })
	t.throws(() => network.crash('z'), { code: 'INVALID_OPTION' })
	t.throws(() => a.open('a b', listener), { code: 'INVALID_OPTION' })
	t.throws(() => network.conditions({ loss: 1 }), { code: 'INVALID_OPTION' })
	t.throws(() => network.conditions({ lag: 1 } as never), { code: 'INVALID_OPTION' })
	t.throws(() => new MemoryNetwork({ latency: -1 }), { code: 'INVALID_OPTION' })
	t.throws(() => new MemoryNetwork({ seed: 0.5 }), { code: 'INVALID_OPTION' })
})
