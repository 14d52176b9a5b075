import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import {
	BroadcastChannelTransport,
	type BroadcastChannelTransportOptions,
} from '../../lib/transports/broadcast-channel.ts'
import { waitFor } from '../support/wait.ts'

type Options = Omit<BroadcastChannelTransportOptions, 'logger'>

let networks = 0

const setup = (t: ExecutionContext, options: Partial<Options> = {}) => {
	networks += 1
	const shared = { network: `threads-${networks}`, ...options }
	const transport = new BroadcastChannelTransport({ name: 'main', ...shared, logger: silentLogger })
	t.teardown(() => transport.close())
	const heard: string[] = []
	const messages: unknown[] = []
	const channel = transport.open<unknown>('scope', {
		peerUp: ({ name }) => heard.push(`up ${name}`),
		peerDown: ({ name }, reason) => heard.push(`down ${name} ${reason}`),
		message: (_, message) => messages.push(message),
	})
	const start = (name: string) => {
		const worker = new Worker(new URL('./broadcast-channel-thread.js', import.meta.url), {
			workerData: { name, ...shared },
		})
		t.teardown(async () => void (await worker.terminate()))
		const said: unknown[] = []
		worker.on('message', (message: unknown) => said.push(message))
		return { worker, said }
	}
	const peer = (name: string) => [...channel.peers.values()].find(one => one.name === name)!
	const isUp = (name: string) => () => channel.peers.size > 0 && peer(name) !== undefined
	return { channel, heard, messages, start, peer, isUp, transport }
}

test('threads of a process find each other, and everything arrives in order', async t => {
	const { messages, start, peer, isUp, channel } = setup(t)
	const [one, two] = [start('one'), start('two')]
	await waitFor(isUp('one'))
	await waitFor(isUp('two'))
	await waitFor(() => one.said.includes('up two') && two.said.includes('up one'))
	const echo = { echo: new Map([['key', [1n, new Date(5), new Uint8Array([1, 2])]]]) }
	t.true(channel.send(peer('one'), echo))
	await waitFor(() => messages.length === 1)
	t.deepEqual(messages[0], echo)
	messages.length = 0
	channel.send(peer('two'), { tellAll: 3000 })
	await waitFor(() => messages.length === 3000)
	t.deepEqual(
		messages,
		Array.from({ length: 3000 }, (_, number) => number),
	)
})

test('a thread that is terminated is silent, and its successor is another peer', async t => {
	const { heard, start, peer, isUp } = setup(t, { heartbeat: 500 })
	const first = start('one')
	await waitFor(isUp('one'))
	const { boot } = peer('one')
	await first.worker.terminate()
	await waitFor(() => heard.includes('down one silent'))
	start('one')
	await waitFor(isUp('one'))
	t.not(peer('one').boot, boot)
	t.deepEqual(heard, ['up one', 'down one silent', 'up one'])
})

test('a successor that comes before its predecessor is missed replaces it', async t => {
	const { heard, start, peer, isUp } = setup(t, { heartbeat: 5_000 })
	const first = start('one')
	await waitFor(isUp('one'))
	const { boot } = peer('one')
	await first.worker.terminate()
	start('one')
	await waitFor(() => isUp('one')() && peer('one').boot !== boot)
	t.deepEqual(heard, ['up one', 'down one replaced', 'up one'])
})

test('a thread that stood still takes nobody for dead when it goes on', async t => {
	const { heard, start, isUp, channel, peer, messages } = setup(t, { heartbeat: 50 })
	start('one')
	await waitFor(isUp('one'))
	// Three pauses are 180 ms at most.
	Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_000)
	await waitFor(() => {
		if (messages.length === 0) channel.send(peer('one'), { echo: 'are you there?' })
		return messages.length > 0
	})
	t.deepEqual(heard, ['up one'])
})

test('a thread that leaves says goodbye', async t => {
	const { heard, start, peer, isUp, channel } = setup(t)
	const { worker } = start('one')
	await waitFor(isUp('one'))
	const ended = once(worker, 'exit')
	channel.send(peer('one'), { leave: true })
	await waitFor(() => heard.includes('down one goodbye'))
	worker.unref()
	await worker.terminate()
	await ended
	t.deepEqual(heard, ['up one', 'down one goodbye'])
})

test('a thread that is busy gets no more than its queue holds, and then all that was accepted', async t => {
	const { messages, start, peer, isUp, channel } = setup(t, { heartbeat: 60_000, maxQueue: 500 })
	const { worker, said } = start('one')
	const idle = start('two')
	await waitFor(() => isUp('one')() && isUp('two')())
	await waitFor(() => said.includes('up two') && idle.said.includes('up one'))
	const gate = new SharedArrayBuffer(4)
	worker.postMessage(gate)
	await waitFor(() => said.includes('blocked'))
	let accepted = 0
	while (accepted < 10_000 && channel.send(peer('one'), { echo: accepted })) accepted += 1
	t.is(accepted, 500)
	t.is(channel.broadcast({ echo: 'only to the idle one' }), 1)
	await waitFor(() => messages.length === 1)
	Atomics.store(new Int32Array(gate), 0, 1)
	Atomics.notify(new Int32Array(gate), 0)
	await waitFor(() => messages.length === 501)
	t.deepEqual(
		messages.slice(1),
		Array.from({ length: 500 }, (_, echo) => ({ echo })),
	)
	await waitFor(() => channel.send(peer('one'), { echo: 'again' }))
	t.is(channel.counts.lost, 0)
})

test('networks of different names have nothing to do with each other', async t => {
	const { channel, start, isUp } = setup(t)
	const other = new BroadcastChannelTransport({ name: 'other', network: 'elsewhere', logger: silentLogger })
	t.teardown(() => other.close())
	const foreign = other.open('scope', { peerUp() {}, peerDown() {}, message() {} })
	start('one')
	await waitFor(isUp('one'))
	t.is(foreign.peers.size, 0)
	t.is(channel.peers.size, 1)
})

test('a transport keeps a process alive only where it is asked to', t => {
	const url = new URL('../../lib/transports/broadcast-channel.js', import.meta.url).href
	const run = (keepAlive: boolean): string | number | null => {
		const script = `
			import { BroadcastChannelTransport } from ${JSON.stringify(url)}
			const transport = new BroadcastChannelTransport({ name: 'a', keepAlive: ${keepAlive}, heartbeat: 100 })
			transport.open('scope', { peerUp() {}, peerDown() {}, message() {} })
			setTimeout(() => { console.log('still there'); process.exit(7) }, 1000).unref()
		`
		return spawnSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' }).status
	}
	t.is(run(false), 0)
	t.is(run(true), 7)
})

test('bad options are refused', t => {
	const refused: ReadonlyArray<[string, object]> = [
		['name', { name: 'a b' }],
		['name', {}],
		['network', { name: 'a', network: 'a b' }],
		['maxQueue', { name: 'a', maxQueue: 0 }],
		['maxMessageBytes', { name: 'a', maxMessageBytes: 0.5 }],
		['heartbeat', { name: 'a', heartbeat: -1 }],
		['heartbeats', { name: 'a', heartbeats: 1 }],
	]
	for (const [option, options] of refused) {
		const error = t.throws(() => new BroadcastChannelTransport(options as never), { code: 'INVALID_OPTION' })
		t.true(error?.message.includes(option))
	}
})
