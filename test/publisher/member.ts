// A node of its own of the tests: a process on NATS, or a thread on a BroadcastChannel. It does as it is told.
import { parentPort, workerData } from 'node:worker_threads'
import { createInterface } from 'node:readline'
import { silentLogger } from '../../lib/core/logger.ts'
import type { Transport } from '../../lib/core/transport.ts'
import { DataPublisher } from '../../lib/publisher/index.ts'
import { BroadcastChannelTransport } from '../../lib/transports/broadcast-channel.ts'
import { NatsTransport } from '../../lib/transports/nats.ts'
import { NumberSets, type SetUpdate } from './number-sets.ts'

const start = (transport: Transport) =>
	DataPublisher.start('sets', new NumberSets(), {
		transport,
		logger: silentLogger,
		interval: 100,
		maxInterval: 500,
	})

if (parentPort === null) {
	const transport = await NatsTransport.connect({
		...(JSON.parse(process.argv[2]!) as Parameters<typeof NatsTransport.connect>[0]),
		logger: silentLogger,
	})
	const publisher = start(transport)
	for await (const line of createInterface({ input: process.stdin }))
		await publisher.update(JSON.parse(line) as SetUpdate)
} else {
	const transport = new BroadcastChannelTransport({
		...(workerData as { name: string; network: string }),
		heartbeat: 100,
		logger: silentLogger,
		keepAlive: true,
	})
	const publisher = start(transport)
	parentPort.on('message', (update: SetUpdate) => void publisher.update(update))
}
