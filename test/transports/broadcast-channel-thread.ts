// A thread of the tests: it echoes what it is sent, tells everybody what it is told to, and blocks when it is told to.
import { parentPort, workerData } from 'node:worker_threads'
import { silentLogger } from '../../lib/core/logger.ts'
import type { Channel } from '../../lib/core/transport.ts'
import {
	BroadcastChannelTransport,
	type BroadcastChannelTransportOptions,
} from '../../lib/transports/broadcast-channel.ts'

export type Order =
	| { readonly echo: unknown }
	| { readonly tellAll: number }
	| { readonly block: SharedArrayBuffer }
	| { readonly leave: true }

const transport = new BroadcastChannelTransport({
	...(workerData as BroadcastChannelTransportOptions),
	logger: silentLogger,
	keepAlive: true,
})

const channel: Channel<unknown> = transport.open<Order>('scope', {
	peerUp: peer => parentPort?.postMessage(`up ${peer.name}`),
	peerDown: (peer, reason) => parentPort?.postMessage(`down ${peer.name} ${reason}`),
	message(from, order) {
		if ('echo' in order) channel.send(from, order)
		else if ('tellAll' in order) {
			for (let number = 0; number < order.tellAll; number++) {
				if (number % 3 === 0) channel.broadcast(number)
				else channel.send(from, number)
			}
		} else if ('leave' in order) void transport.close()
	},
})

parentPort?.on('message', (gate: SharedArrayBuffer) => {
	// Until the test opens it. Nothing is read meanwhile.
	parentPort?.postMessage('blocked')
	Atomics.wait(new Int32Array(gate), 0, 0)
})
