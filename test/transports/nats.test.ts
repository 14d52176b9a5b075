import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { connect } from '@nats-io/transport-node'
import type { ExecutionContext } from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import { NatsTransport, type NatsTransportOptions } from '../../lib/transports/nats.ts'
import { natsTest, startNatsCluster, startNatsServer } from '../support/nats-server.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { createCertificates } from '../support/certificates.ts'
import { waitFor } from '../support/wait.ts'

const test = natsTest()

const quick = {
	reconnectBackoff: { base: 20, cap: 100 },
	connectTimeout: 30_000,
	logger: silentLogger,
} satisfies Partial<NatsTransportOptions>

const open = async (t: ExecutionContext, options: NatsTransportOptions) => {
	const transport = await NatsTransport.connect({ ...quick, ...options })
	t.teardown(() => transport.close())
	const heard: string[] = []
	const messages: unknown[] = []
	const channel = transport.open<unknown>('scope', {
		peerUp: ({ name }) => heard.push(`up ${name}`),
		peerDown: ({ name }, reason) => heard.push(`down ${name} ${reason}`),
		message: (_, message) => messages.push(message),
	})
	const peer = (name: string) => [...channel.peers.values()].find(one => one.name === name)!
	return { transport, channel, heard, messages, peer }
}

const subprocess = (t: ExecutionContext, options: NatsTransportOptions) => {
	const path = fileURLToPath(new URL('./nats-process.js', import.meta.url))
	const child = spawn(process.execPath, [path, JSON.stringify({ ...options, heartbeat: 500 })], {
		stdio: ['ignore', 'pipe', 'inherit'],
	})
	t.teardown(() => void child.kill('SIGKILL'))
	const said: string[] = []
	child.stdout.on('data', (data: Buffer) => said.push(...data.toString().trim().split('\n')))
	return { child, said }
}

test('a server that is killed: everybody is disconnected, and up again when it is back', async t => {
	const server = await startNatsServer(t)
	const { address: servers } = server
	const [a, b] = [await open(t, { name: 'a', servers }), await open(t, { name: 'b', servers })]
	await waitFor(() => a.channel.peers.size === 1 && b.channel.peers.size === 1)
	const { boot } = a.peer('b')
	await server.kill()
	await waitFor(() => a.heard.length === 2 && b.heard.length === 2)
	t.deepEqual(a.heard, ['up b', 'down b disconnected'])
	t.deepEqual(b.heard, ['up a', 'down a disconnected'])
	t.is(a.channel.broadcast('nobody is there'), 0)
	t.false(a.channel.send(b.transport.self, 'nobody is there'))
	t.false(a.transport.connected)
	await server.start()
	await waitFor(() => a.channel.peers.size === 1 && b.channel.peers.size === 1)
	t.deepEqual(a.heard, ['up b', 'down b disconnected', 'up b'])
	t.is(a.peer('b').boot, boot)
	t.true(a.channel.send(b.transport.self, 'again'))
	await waitFor(() => b.messages.length === 1)
	t.deepEqual(b.messages, ['again'])
	t.is(a.channel.counts.dropped, 1)
})

test('a server that stands still is as good as gone', async t => {
	const server = await startNatsServer(t)
	const options = { servers: server.address, pingInterval: 300, heartbeat: 500 }
	const [a, b] = [await open(t, { name: 'a', ...options }), await open(t, { name: 'b', ...options })]
	await waitFor(() => a.channel.peers.size === 1 && b.channel.peers.size === 1)
	server.pause()
	await waitFor(() => a.channel.peers.size === 0)
	t.regex(a.heard[a.heard.length - 1]!, /^down b (?:disconnected|silent)$/)
	server.resume()
	await waitFor(() => a.channel.peers.size === 1 && b.channel.peers.size === 1)
	await waitFor(() => a.channel.send(b.transport.self, 'again'))
	await waitFor(() => b.messages.includes('again'))
})

test('what waits in a socket is a sign of life: nobody is silent before the backlog is read', async t => {
	const server = await startNatsServer(t)
	const proxy = await startTcpProxy(t, () => server.port)
	const a = await open(t, { name: 'a', servers: proxy.address, heartbeat: 50 })
	const b = await open(t, { name: 'b', servers: server.address, heartbeat: 50 })
	await waitFor(() => a.channel.peers.size === 1 && b.channel.peers.size === 1)
	const spy = await connect({ servers: server.address })
	t.teardown(() => spy.close())
	let beats = 0
	spy.subscribe('remote-term.scope.all', { callback: () => void (beats += 1) })
	await spy.flush()
	proxy.hold()
	// Of each many more than the three after which it would be silent.
	await waitFor(() => beats > 40)
	t.deepEqual(a.heard, ['up b'])
	proxy.release()
	b.channel.broadcast('behind all that')
	await waitFor(() => a.messages.length === 1)
	t.deepEqual(a.heard, ['up b'])
	// It can still tell: somebody who really says nothing is silent.
	const way = await startTcpProxy(t, () => server.port)
	const c = await open(t, { name: 'c', servers: way.address, heartbeat: 50 })
	await waitFor(() => a.channel.peers.size === 2)
	way.cut()
	await waitFor(() => a.heard.includes('down c silent'))
	await c.transport.close()
})

test('processes of one machine: they meet, one is killed, one leaves', async t => {
	const { address: servers } = await startNatsServer(t)
	const a = await open(t, { name: 'a', servers, heartbeat: 500 })
	const [one, two] = [subprocess(t, { name: 'one', servers }), subprocess(t, { name: 'two', servers })]
	await waitFor(() => a.channel.peers.size === 2)
	await waitFor(() => one.said.includes('["up","two"]') && two.said.includes('["up","one"]'))
	a.channel.broadcast({ echo: 'hello' })
	await waitFor(() => a.messages.length === 2)
	one.child.kill('SIGKILL')
	await waitFor(() => a.heard.includes('down one silent'))
	await waitFor(() => two.said.includes('["down","one","silent"]'))
	const exited = once(two.child, 'exit')
	a.channel.send(a.peer('two'), { leave: true })
	await waitFor(() => a.heard.includes('down two goodbye'))
	t.deepEqual(await exited, [0, null])
	t.deepEqual([...a.heard].sort(), ['down one silent', 'down two goodbye', 'up one', 'up two'])
})

test('a cluster of three: one server is killed, and those whom it served are back by the others', async t => {
	const cluster = await startNatsCluster(t)
	const addresses = cluster.map(({ address }) => address)
	const nodes: Array<Awaited<ReturnType<typeof open>>> = []
	for (const [index, address] of addresses.entries()) {
		const servers = [address, ...addresses.filter(one => one !== address)]
		// The first of the list comes first only by chance: the client shuffles.
		nodes.push(await open(t, { name: `n${index}`, servers }))
	}
	const everybody = () => nodes.every(({ channel }) => channel.peers.size === 2)
	await waitFor(everybody)
	// What goes out while a server dies may be lost: each says it again until all have heard all.
	const exchange = (round: string): Promise<void> =>
		waitFor(() => {
			for (const { channel, transport } of nodes) channel.broadcast(`${transport.self.name} in ${round}`)
			return nodes.every(({ messages }) => {
				const heard = messages.filter(message => String(message).endsWith(` in ${round}`))
				return new Set(heard).size === 2
			})
		})
	await exchange('the whole cluster')
	for (const [index, server] of cluster.entries()) {
		await server.kill()
		// Either nobody was connected to it, or they are down and up again.
		await waitFor(
			() => nodes.every(({ transport, channel }) => transport.connected && channel.peers.size === 2),
			() => `After server ${index}: ${JSON.stringify(nodes.map(({ heard }) => heard))}`,
		)
		await exchange(`what ${index} left`)
		await server.start()
	}
	const ups = nodes.flatMap(({ heard }) => heard.filter(one => one.endsWith('disconnected')))
	t.true(ups.length > 0)
	for (const { channel } of nodes) t.is(channel.counts.refused, 0)
})

test('TLS and a token: who has them is in, who has not is told why', async t => {
	const tls = await createCertificates(t)
	const token = 'a-token-of-the-test'
	const server = await startNatsServer(t, { tls, config: `authorization { token: "${token}" }` })
	const servers = server.address
	const good = { servers, token, tls: { caFile: tls.caFile } }
	const [a, b] = [await open(t, { name: 'a', ...good }), await open(t, { name: 'b', ...good })]
	await waitFor(() => a.channel.peers.size === 1 && b.channel.peers.size === 1)
	const denied = await t.throwsAsync(
		NatsTransport.connect({ ...quick, name: 'c', ...good, token: 'another-token' }),
		{ code: 'TRANSPORT_FAILED' },
	)
	t.false(denied?.message.includes('another-token'))
	t.true(denied?.message.includes(servers))
	await t.throwsAsync(NatsTransport.connect({ ...quick, name: 'c', servers, token, tls: true }), {
		code: 'TRANSPORT_FAILED',
	})
})

test('garbage and forgeries are counted, and harm nobody', async t => {
	const { address: servers } = await startNatsServer(t)
	const [a, b] = [await open(t, { name: 'a', servers }), await open(t, { name: 'b', servers })]
	await waitFor(() => a.channel.peers.size === 1 && b.channel.peers.size === 1)
	const stranger = await connect({ servers })
	t.teardown(() => stranger.close())
	const all = 'remote-term.scope.all'
	const inbox = `remote-term.scope.to.a.${a.transport.self.boot}`
	const garbage = [
		'',
		'x',
		'R',
		'R\x04\x05a#b',
		`R\x04\xff${'a'.repeat(40)}`,
		`R\x63\x03a#b${'\0'.repeat(40)}`,
	]
	for (const text of garbage)
		for (const subject of [all, inbox]) stranger.publish(subject, Buffer.from(text, 'latin1'))
	// A well-formed head of somebody whose name is none.
	for (const id of ['a b#c', '..#x', 'x#', '#', 'x#y#z', `${'x'.repeat(200)}#y`])
		stranger.publish(
			all,
			Buffer.from(`R\x01${String.fromCharCode(id.length)}${id}${'\0'.repeat(24)}`, 'latin1'),
		)
	// A message in the name of b, which is no MessagePack.
	const head = `R\x04${String.fromCharCode(b.transport.self.id.length)}${b.transport.self.id}`
	const numbers = Buffer.alloc(24)
	numbers.writeUInt32BE(1, 0)
	numbers.writeUInt32BE(1, 4)
	numbers.writeUInt32BE(1, 16)
	stranger.publish(inbox, Buffer.concat([Buffer.from(head), numbers, Buffer.from([0, 0xc1, 0xff])]))
	await stranger.flush()
	await waitFor(() => a.channel.counts.refused >= garbage.length * 2 + 6 + 1)
	t.is(a.channel.counts.refused, garbage.length * 2 + 6 + 1)
	t.deepEqual(a.messages, [])
	t.deepEqual(a.heard, ['up b'])
	t.true(b.channel.broadcast('still there') === 1)
	await waitFor(() => a.messages.length === 1)
})

test('a name with dots is one token, and nothing else is a name', async t => {
	const { address: servers } = await startNatsServer(t)
	const [a, b] = [await open(t, { name: 'host.a:1@x', servers }), await open(t, { name: 'host.a', servers })]
	await waitFor(() => a.channel.peers.size === 1 && b.channel.peers.size === 1)
	t.true(b.channel.send(a.transport.self, 1))
	await waitFor(() => a.messages.length === 1)
	for (const name of ['a b', 'a*', '>', 'a\r\nPUB x 0\r\n', ''])
		await t.throwsAsync(NatsTransport.connect({ ...quick, name, servers }), { code: 'INVALID_OPTION' })
	for (const subject of ['a b', '*', 'a.>', '.a', 'a..b', ''])
		await t.throwsAsync(NatsTransport.connect({ ...quick, name: 'c', subject, servers }), {
			code: 'INVALID_OPTION',
		})
	await t.throwsAsync(NatsTransport.connect({ ...quick, name: 'c', servers, lag: 1 } as never), {
		code: 'INVALID_OPTION',
	})
})

test('a server that is not there is a failure, and connecting can be interrupted', async t => {
	const server = await startNatsServer(t)
	await server.kill()
	const options = { ...quick, name: 'a', servers: server.address }
	await t.throwsAsync(NatsTransport.connect(options), { code: 'TRANSPORT_FAILED' })
	await t.throwsAsync(NatsTransport.connect({ ...options, signal: AbortSignal.abort() }), { code: 'STOPPED' })
})

test('a server with a small payload carries large messages in parts', async t => {
	const { address: servers } = await startNatsServer(t, { config: 'max_payload: 2048' })
	const [a, b] = [await open(t, { name: 'a', servers }), await open(t, { name: 'b', servers })]
	await waitFor(() => a.channel.peers.size === 1 && b.channel.peers.size === 1)
	const large = Array.from({ length: 5_000 }, (_, index) => ({ index, text: `number ${index}` }))
	t.true(a.channel.send(b.transport.self, large))
	t.is(a.channel.broadcast('behind it'), 1)
	await waitFor(() => b.messages.length === 2)
	t.deepEqual(b.messages, [large, 'behind it'])
	t.is(b.channel.counts.lost, 0)
})
