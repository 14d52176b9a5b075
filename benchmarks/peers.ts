import { setTimeout as delay } from 'node:timers/promises'
import { connect } from '@nats-io/transport-node'
import { silentLogger } from '../lib/core/logger.ts'
import { NatsTransport } from '../lib/transports/nats.ts'
import type { Figure } from './measure.ts'
import { startNatsServer } from './nats-server.ts'

const PEERS = 1_000
const SECONDS = 60

/** A thousand peers on one real server, each with a connection of its own, all in this process. */
export const run = async (): Promise<Figure[]> => {
	const server = await startNatsServer()
	if (server === undefined) {
		console.log('  (no nats-server on the PATH)')
		return []
	}
	const { servers } = server
	const spy = await connect({ servers })
	let frames = 0
	spy.subscribe('remote-term.>', { callback: () => void frames++ })
	await spy.flush()
	let ups = 0
	let downs = 0
	const join = (name: string) =>
		NatsTransport.connect({ name, servers, logger: silentLogger, connectTimeout: 60_000 })
	const open = (transport: NatsTransport) =>
		transport.open('scope', { peerUp: () => void ups++, peerDown: () => void downs++, message: () => {} })
	const until = async (holds: () => boolean): Promise<void> => {
		while (!holds()) await delay(5)
	}
	const transports: NatsTransport[] = []
	for (let first = 0; first < PEERS; first += 50)
		transports.push(
			...(await Promise.all(Array.from({ length: 50 }, (_, index) => join(`n${first + index}`)))),
		)
	const began = performance.now()
	for (const transport of transports) open(transport)
	await until(() => ups === PEERS * (PEERS - 1))
	const together = performance.now() - began
	const greetings = frames
	// Until everybody has changed to the long pauses of a large scope.
	await delay(30_000)
	frames = 0
	const from = performance.now()
	await delay(SECONDS * 1_000)
	const rate = (frames * 1_000) / (performance.now() - from)
	const late = await join('late')
	const joins = performance.now()
	const channel = open(late)
	await until(() => channel.peers.size === PEERS)
	const joined = performance.now() - joins
	if (downs > 0) throw new Error(`${downs} peers were taken for dead`)
	await Promise.all([...transports, late].map(transport => transport.close()))
	await spy.close()
	await server.stop()
	return [
		{
			claim: `signs of life a second in a scope of ${PEERS} peers over NATS`,
			...{ ours: rate, baseline: 50, unit: '/s', against: 'what the formula says' },
		},
		{
			claim: `frames until all of ${PEERS} who begin together know each other`,
			...{ ours: greetings, baseline: PEERS, unit: 'frames', against: 'one hello of each' },
		},
		{
			claim: `time of that, all in one process`,
			...{ ours: together, baseline: 1_000, unit: 'ms', against: 'the second over which answers are spread' },
		},
		{
			claim: `one more joins: until it knows all ${PEERS}`,
			...{ ours: joined, baseline: 1_000, unit: 'ms', against: 'the second over which answers are spread' },
		},
	]
}
