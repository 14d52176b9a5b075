import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import type { Transport } from '../../lib/core/transport.ts'
import { DataPublisher } from '../../lib/publisher/index.ts'
import { BroadcastChannelTransport } from '../../lib/transports/broadcast-channel.ts'
import { NatsTransport } from '../../lib/transports/nats.ts'
import { natsTest, startNatsCluster, startNatsServer } from '../support/nats-server.ts'
import { waitFor } from '../support/wait.ts'
import { seen, type Node } from './cluster.ts'
import { Follower, NumberSets, snapshotOf, update, type SetUpdate } from './number-sets.ts'

const onNats = natsTest()

const quick = {
	heartbeat: 100,
	reconnectBackoff: { base: 20, cap: 100 },
	pingInterval: 200,
	logger: silentLogger,
}

const startOn = (t: ExecutionContext, transport: Transport): Node & { follower: Follower } => {
	const module = new NumberSets()
	const publisher = DataPublisher.start('sets', module, {
		transport,
		logger: silentLogger,
		interval: 100,
		maxInterval: 500,
	})
	t.teardown(async () => {
		await publisher.stop()
		await transport.close()
	})
	const followers: Follower[] = []
	const { result } = publisher.subscribe('all', { onNotification: one => followers[0]!.follow(one) })
	followers.push(new Follower(result))
	return { transport, module, publisher, follower: followers[0]! }
}

const connect = async (t: ExecutionContext, name: string, servers: string | readonly string[]) =>
	startOn(t, await NatsTransport.connect({ name, servers, ...quick }))

const startProcess = (t: ExecutionContext, name: string, servers: string | readonly string[]) => {
	const { logger: _logger, ...options } = quick
	const path = fileURLToPath(new URL('./member.js', import.meta.url))
	const child = spawn(process.execPath, [path, JSON.stringify({ name, servers, ...options })], {
		stdio: ['pipe', 'ignore', 'inherit'],
	})
	t.teardown(() => void child.kill('SIGKILL'))
	return { child, update: (one: SetUpdate) => void child.stdin.write(`${JSON.stringify(one)}\n`) }
}

/** Until a node sees exactly this; in the end it fails with what it sees instead. */
const sees = async (t: ExecutionContext, node: Node, expected: Record<string, readonly number[]>) => {
	const text = JSON.stringify(Object.entries(expected).sort())
	await waitFor(() => JSON.stringify(Object.entries(seen(node)).sort()) === text).catch(() => {})
	t.deepEqual(seen(node), expected)
}

onNats('processes on one server see each other, and what one had goes when it is killed', async t => {
	const { address } = await startNatsServer(t)
	const a = await connect(t, 'a', address)
	const [one, two] = [startProcess(t, 'one', address), startProcess(t, 'two', address)]
	one.update(update([1]))
	two.update(update([2]))
	await a.publisher.update(update([7]))
	await sees(t, a, { a: [7], one: [1], two: [2] })
	await a.publisher.update(update([8]), { replicatedTo: 2 })
	one.child.kill('SIGKILL')
	await sees(t, a, { a: [7, 8], two: [2] })
	const again = startProcess(t, 'one', address)
	again.update(update([3]))
	await sees(t, a, { a: [7, 8], one: [3], two: [2] })
	t.deepEqual(a.follower.snapshot, snapshotOf(a.publisher.view))
})

onNats('a server that goes and comes takes everybody away, and brings back what they have then', async t => {
	const server = await startNatsServer(t)
	const [a, b] = [await connect(t, 'a', server.address), await connect(t, 'b', server.address)]
	await a.publisher.update(update([1]))
	await b.publisher.update(update([2]))
	await sees(t, a, { a: [1], b: [2] })
	await server.kill()
	await sees(t, a, { a: [1] })
	await b.publisher.update(update([3], [2]))
	await server.start()
	await sees(t, a, { a: [1], b: [3] })
	await sees(t, b, { a: [1], b: [3] })
	t.deepEqual(a.follower.snapshot, snapshotOf(a.publisher.view))
})

onNats(
	'a cluster of three servers loses one under load, and in the end everybody sees everything',
	async t => {
		const servers = await startNatsCluster(t)
		const addresses = servers.map(({ address }) => address)
		const nodes = await Promise.all(
			['a', 'b', 'c', 'd'].map((name, index) =>
				connect(t, name, [...addresses.slice(index % 3), ...addresses.slice(0, index % 3)]),
			),
		)
		const expected: Record<string, number[]> = {}
		for (let number = 0; number < 300; number++) {
			const node = nodes[number % 4]!
			await node.publisher.update(update([number]))
			;(expected[node.publisher.self.name] ??= []).push(number)
			if (number === 150) await servers[0]!.kill()
			if (number % 10 === 0) await new Promise(resolve => setImmediate(resolve))
		}
		for (const node of nodes) await sees(t, node, expected)
		for (const node of nodes) t.deepEqual(node.follower.snapshot, snapshotOf(node.publisher.view))
	},
)

test('threads of a process see each other without any server', async t => {
	const network = `publisher-${process.pid}-${Date.now()}`
	const a = startOn(
		t,
		new BroadcastChannelTransport({ name: 'a', network, heartbeat: 100, logger: silentLogger }),
	)
	const threads = ['one', 'two'].map(name => {
		const worker = new Worker(new URL('./member.js', import.meta.url), { workerData: { name, network } })
		t.teardown(async () => void (await worker.terminate()))
		return worker
	})
	for (const [index, worker] of threads.entries()) worker.postMessage(update([index + 1]))
	await a.publisher.update(update([7]))
	await sees(t, a, { a: [7], one: [1], two: [2] })
	await a.publisher.update(update([8]), { replicatedTo: 2 })
	await threads[0]!.terminate()
	await sees(t, a, { a: [7, 8], two: [2] })
	t.deepEqual(a.follower.snapshot, snapshotOf(a.publisher.view))
})
