import { Worker } from 'node:worker_threads'
import test, { type ExecutionContext } from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import { BroadcastChannelTransport } from '../../lib/transports/broadcast-channel.ts'
import { NatsTransport } from '../../lib/transports/nats.ts'
import { natsTest, startNatsServer } from '../support/nats-server.ts'
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'
import { RealHistory, type World } from './real-history.ts'

/** More with `REMOTE_TERM_REAL_SEEDS=100`; one of them again with `REMOTE_TERM_SEED=7`. */
const SEEDS = Number(process.env['REMOTE_TERM_REAL_SEEDS'] ?? 4)
const ONLY = process.env['REMOTE_TERM_SEED']
const STEPS = 60

const onNats = natsTest()

const runAll = async (t: ExecutionContext, world: () => Promise<World>): Promise<void> => {
	t.timeout(3_600_000)
	const seeds = ONLY === undefined ? Array.from({ length: SEEDS }, (_, index) => index + 1) : [Number(ONLY)]
	for (const seed of seeds) {
		const history = new RealHistory(seed, await world())
		try {
			await history.run(STEPS)
		} catch (error) {
			t.fail(`REMOTE_TERM_SEED=${seed}: ${String(error)}\n${history.log.join('\n')}`)
			return
		}
	}
	t.pass()
}

onNats(
	'over a real server, whatever happens to the connections, everybody sees everything in the end',
	async t => {
		// Frames of a kilobyte: what is larger is in several parts when its connection is cut.
		const server = await startNatsServer(t, { config: 'max_payload: 1024' })
		const ways = new Map<string, TcpProxy>()
		let subjects = 0
		await runAll(t, async () => {
			const subject = `history-${++subjects}`
			const way = (name: string): TcpProxy => ways.get(name)!
			for (const name of ['n0', 'n1', 'n2', 'n3'])
				if (!ways.has(name)) ways.set(name, await startTcpProxy(t, () => server.port))
			return {
				join: name =>
					NatsTransport.connect({
						...{ name, subject, servers: way(name).address, logger: silentLogger },
						...{ heartbeat: 50, reconnectBackoff: { base: 10, cap: 50 }, closeTimeout: 50 },
					}),
				async crash(name, transport) {
					way(name).cut()
					await transport.close()
				},
				mishaps: [name => way(name).cut(), name => way(name).hold()],
				mend(name) {
					way(name).mend()
					way(name).release()
				},
			}
		})
	},
)

test('between threads of a process, whatever happens to them, everybody sees everything in the end', async t => {
	let networks = 0
	await runAll(t, async () => {
		const network = `histories-${++networks}`
		return {
			join: async name =>
				new BroadcastChannelTransport({
					name,
					network,
					heartbeat: 50,
					logger: silentLogger,
					keepAlive: true,
				}),
			crash: (_name, transport) => transport.close(),
			startElsewhere(name) {
				const worker = new Worker(new URL('./member.js', import.meta.url), { workerData: { name, network } })
				return {
					update: one => worker.postMessage(one),
					kill: async () => void (await worker.terminate()),
				}
			},
			mishaps: [
				// The thread stands still.
				() => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300),
			],
			mend() {},
		}
	})
})
