import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../../lib/core/clock.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { Hub } from '../../lib/hub/index.ts'
import { NatsTransport } from '../../lib/transports/nats.ts'
import { command } from '../support/command.ts'
import { natsTest, startNatsServer } from '../support/nats-server.ts'
import { waitFor } from '../support/wait.ts'
import { serveS3 } from '../support/s3-server.ts'

const test = natsTest()
const NODES = 20
const PATIENCE = 100_000

const eventually = (fact: () => boolean): Promise<void> => waitFor(fact, () => String(fact), PATIENCE)

test('twenty processes keep one S3 term hot: a publish reaches all, one is killed, and the command shows it', async t => {
	t.timeout(200_000)
	const { address: servers } = await startNatsServer(t)
	const server = await serveS3(t)
	const first = server.put('bucket', 'rates.json', '{"USD":1}')
	const s3 = {
		...{
			bucket: 'bucket',
			key: 'rates.json',
			region: 'us-east-1',
			endpoint: server.url,
			forcePathStyle: true,
		},
		credentials: server.credentials,
	}
	const path = fileURLToPath(new URL('./fleet-process.js', import.meta.url))
	const children = new Map<string, ChildProcess>()
	for (let index = 1; index <= NODES; index++) {
		const name = `node-${String(index).padStart(2, '0')}`
		const child = spawn(process.execPath, [path, JSON.stringify({ name, servers, s3 })], {
			stdio: ['ignore', 'ignore', 'inherit'],
		})
		t.teardown(() => void child.kill('SIGKILL'))
		children.set(name, child)
	}
	const transport = await NatsTransport.connect({ name: 'operator', servers, logger: silentLogger })
	const hub = new Hub({ transport, logger: silentLogger })
	t.teardown(async () => {
		await hub.stop()
		await transport.close()
	})
	await hub.start()
	const holding = (version: string | null): number =>
		hub.whoRuns('rates').filter(run => run.version === version && run.status === 'ready').length
	await eventually(() => holding(first.etag) === NODES)
	t.deepEqual(hub.drift(), [])
	const requests = server.requests.length
	t.is(requests, NODES)

	const began = systemClock.monotonic()
	const second = server.put('bucket', 'rates.json', '{"USD":2}')
	const window = 1_000
	const operation = hub.refresh('rates', { window })
	await eventually(() => holding(second.etag) === NODES)
	const took = systemClock.monotonic() - began
	const { applied, refused, silent } = await operation.settled()
	t.deepEqual([applied.length, refused.length, silent.length], [NODES, 0, 0])
	// One conditional request each, and no other.
	t.is(server.requests.length - requests, NODES)
	t.deepEqual(hub.drift(), [])
	t.log(
		`A publish was held by all ${NODES} processes, and known to be, ${Math.round(took)} ms after it (refresh over a window of ${window} ms), with ${server.requests.length - requests} requests to S3`,
	)

	const pinned = hub.pin('rates', first.etag!)
	const back = await pinned.settled({ timeout: PATIENCE })
	t.is(back.applied.length, NODES)
	await eventually(() => holding(first.etag) === NODES)
	// Out of each one's history.
	t.log(`A pin to the version before took ${server.requests.length - requests - NODES} requests to S3`)

	children.get('node-07')!.kill('SIGKILL')
	await eventually(() => hub.whoRuns('rates').length === NODES - 1)
	children.get('node-08')!.kill('SIGTERM')
	await eventually(() => hub.whoRuns('rates').length === NODES - 2)

	const { code, err, out } = await command(t, [
		'fleet',
		'--nats',
		`nats://${new URL(`nats://${servers.replace(/^nats:\/\//, '')}`).host}`,
		'--json',
	])
	t.is(code, 0, err)
	const shown = JSON.parse(out) as {
		nodes: Array<{ name: string; runs: Array<{ version: string; pinned: string }> }>
		drift: unknown[]
	}
	const names = [...children.keys()].filter(name => name !== 'node-07' && name !== 'node-08')
	t.deepEqual(
		shown.nodes.map(({ name }) => name),
		[...names, 'operator'],
	)
	t.true(
		shown.nodes.every(({ runs }) =>
			runs.every(run => run.version === first.etag && run.pinned === first.etag),
		),
	)
	t.deepEqual(shown.drift, [])
	const text = await command(t, ['fleet', '--nats', servers])
	t.regex(
		text.out,
		/^fleet {2}\S+ {2}19 nodes, 18 of 18 runs ready, 0 behind\n\nNODE +TERM +VERSION +SINCE +STATUS +WHY\nnode-01 +rates +"[0-9a-f]{10}/,
	)
})
