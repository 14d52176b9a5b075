import { writeFile } from 'node:fs/promises'
import { BroadcastChannel } from 'node:worker_threads'
import { connect } from '@nats-io/transport-node'
import { pack, unpack } from 'msgpackr'
import { FakeClock } from '../lib/testing/fake-clock.ts'
import { silentLogger } from '../lib/core/logger.ts'
import { DataPublisher, type PublisherModule } from '../lib/publisher/index.ts'
import { BroadcastChannelTransport } from '../lib/transports/broadcast-channel.ts'
import { MemoryNetwork } from '../lib/transports/memory.ts'
import { NatsTransport } from '../lib/transports/nats.ts'
import type { Transport } from '../lib/core/transport.ts'
import { cpuMs, median, type Figure, type RunOptions } from './measure.ts'
import { startNatsServer } from './nats-server.ts'
import { plot } from './plot.ts'

type Entries = Map<string, number>

/** Everybody's numbers by name, changed in place: as little work of its own as a module can do. */
const entries: PublisherModule<Entries, Entries, Map<string, Entries>, 'all', number, number, Entries> = {
	version: () => 1,
	initGlobalView: () => new Map(),
	initLocalData: () => new Map(),
	updateLocalData(update, data) {
		for (const [key, value] of update) data.set(key, value)
		return data
	},
	updateGlobalViewAndNotify(origin, update, subscriptions, view) {
		const has = view.get(origin.id) ?? new Map<string, number>()
		for (const [key, value] of update) has.set(key, value)
		view.set(origin.id, has)
		for (const subscriber of subscriptions.get('all')?.values() ?? []) subscriber.notify(update)
		return view
	},
	dataDiff: (before, after) => new Map([...after].filter(([key, value]) => before.get(key) !== value)),
	newSubscription: (_key, view) => view.size,
}

interface Ends {
	readonly a: Transport
	readonly b: Transport
	close(): Promise<void>
}

/** One sends, the other is told: by a bare channel, and by a publisher. */
interface Course {
	send(value: number): void
	onValue: (value: number) => void
	close(): Promise<void>
}

const until = (holds: () => boolean): Promise<void> =>
	new Promise(resolve => {
		const look = (): void => void (holds() ? resolve() : setImmediate(look))
		look()
	})

const bare = async ({ a, b }: Ends): Promise<Course> => {
	const course: Course = { send: () => {}, onValue: () => {}, close: () => Promise.resolve() }
	const quiet = { peerUp: () => {}, peerDown: () => {} }
	const from = a.open<Entries>('bare', { ...quiet, message: () => {} })
	const to = b.open<Entries>('bare', { ...quiet, message: (_peer, one) => course.onValue(one.get('key')!) })
	await until(() => from.peers.size === 1 && to.peers.size === 1)
	course.send = value => void from.broadcast(new Map([['key', value]]))
	course.close = async () => void (await Promise.all([from.close(), to.close()]))
	return course
}

/** Without any of ours: the client library, MessagePack, and nothing that says who is there or what was lost. */
const rawNats = async (servers: string): Promise<Course> => {
	const [from, to] = await Promise.all([
		connect({ servers, noEcho: true }),
		connect({ servers, noEcho: true }),
	])
	const course: Course = { send: () => {}, onValue: () => {}, close: () => Promise.resolve() }
	const callback = (_error: Error | null, { data }: { data: Uint8Array }): void =>
		course.onValue((unpack(data) as Record<string, number>)['key']!)
	to.subscribe('raw', { callback })
	await to.flush()
	course.send = value => from.publish('raw', pack({ key: value }))
	course.close = async () => void (await Promise.all([from.close(), to.close()]))
	return course
}

const rawThreads = async (network: string): Promise<Course> => {
	const [from, to] = [new BroadcastChannel(network), new BroadcastChannel(network)]
	const course: Course = { send: () => {}, onValue: () => {}, close: () => Promise.resolve() }
	to.onmessage = event =>
		course.onValue((unpack((event as { data: Uint8Array }).data) as Record<string, number>)['key']!)
	// As a copy: structured cloning takes the whole of the pool that a small buffer lies in.
	course.send = value => from.postMessage(new Uint8Array(pack({ key: value })))
	course.close = async () => {
		from.close()
		to.close()
	}
	return course
}

const published = async ({ a, b }: Ends): Promise<Course> => {
	const course: Course = { send: () => {}, onValue: () => {}, close: () => Promise.resolve() }
	const from = DataPublisher.start('published', entries, { transport: a })
	const to = DataPublisher.start('published', entries, { transport: b })
	const synced = (one: typeof from): boolean => one.status().peers[0]?.state === 'synced'
	await until(() => synced(from) && synced(to))
	to.subscribe('all', { onNotification: one => course.onValue(one.get('key')!) })
	course.send = value => void from.update(new Map([['key', value]]))
	course.close = async () => void (await Promise.all([from.stop(), to.stop()]))
	return course
}

const TOGETHER = 100

/** Milliseconds for each of `count`, sent a hundred at a time, until the last has arrived. */
const throughput = async (course: Course, count: number): Promise<number> => {
	let arrived = 0
	course.onValue = () => arrived++
	const began = performance.now()
	for (let sent = 0; sent < count;) {
		for (let next = 0; next < TOGETHER; next++) course.send(sent++)
		// Not more under way than any queue takes.
		await until(() => sent - arrived < 2_000)
	}
	await until(() => arrived === count)
	return (performance.now() - began) / count
}

/** Milliseconds from sending to hearing, one after the other. */
const latencies = async (course: Course, count: number): Promise<number[]> => {
	const taken: number[] = []
	for (let number = 0; number < count; number++) {
		const began = performance.now()
		await new Promise<void>(resolve => {
			course.onValue = () => {
				taken.push(performance.now() - began)
				resolve()
			}
			course.send(number)
		})
	}
	return taken.sort((one, other) => one - other)
}

const at = (sorted: readonly number[], share: number): number =>
	sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!

const overWire = async (name: string, ends: Ends, raw: Course): Promise<Figure[]> => {
	const courses = { raw, bare: await bare(ends), ours: await published(ends) }
	const rates = { raw: [] as number[], bare: [] as number[], ours: [] as number[] }
	const waits = { raw: [] as number[], bare: [] as number[], ours: [] as number[] }
	for (let round = 0; round < 6; round++) {
		for (const which of ['raw', 'bare', 'ours'] as const) {
			const rate = await throughput(courses[which], 10_000)
			const wait = await latencies(courses[which], 500)
			// The first round warms up.
			if (round === 0) continue
			rates[which].push(rate)
			waits[which].push(...wait)
		}
	}
	for (const course of Object.values(courses)) await course.close()
	const sorted = (numbers: readonly number[]): number[] => [...numbers].sort((one, other) => one - other)
	const figures: Figure[] = []
	const baselines = {
		bare: 'a bare broadcast of ours of the same',
		raw: 'publish and subscribe without any of ours',
	}
	for (const [which, against] of Object.entries(baselines) as Array<['bare' | 'raw', string]>) {
		const [ours, baseline] = [sorted(waits.ours), sorted(waits[which])]
		figures.push({
			claim: `an update over ${name} at full speed, ${TOGETHER} in one go (the publisher sends those in one message)`,
			ours: median(rates.ours) * 1_000,
			baseline: median(rates[which]) * 1_000,
			unit: 'µs',
			against,
		})
		for (const share of [0.5, 0.99])
			figures.push({
				claim: `from update to notification over ${name}, p${share * 100}`,
				ours: at(ours, share) * 1_000,
				baseline: at(baseline, share) * 1_000,
				unit: 'µs',
				against,
			})
	}
	return figures
}

const MANY = 100_000

/** A node comes to where another has a hundred thousand entries. */
const join = async (name: string, { a, b }: Ends): Promise<Figure> => {
	const all = new Map(Array.from({ length: MANY }, (_, index) => [`entry ${index}`, index] as const))
	const holder = DataPublisher.start('join', entries, { transport: a, maxUpdateBytes: 64 * 2 ** 20 })
	await holder.update(all)
	const quiet = { peerUp: () => {}, peerDown: () => {} }
	let received = 0
	const from = a.open<Entries>('whole', { ...quiet, message: () => {} })
	const to = b.open<Entries>('whole', { ...quiet, message: (_peer, whole) => (received = whole.size) })
	await until(() => from.peers.size === 1 && to.peers.size === 1)
	const ours: number[] = []
	const baseline: number[] = []
	for (let round = 0; round < 6; round++) {
		received = 0
		const sentAt = performance.now()
		from.broadcast(all)
		await until(() => received === MANY)
		const sent = performance.now() - sentAt
		const began = performance.now()
		const joiner = DataPublisher.start('join', entries, { transport: b })
		await until(() => joiner.view.get(a.self.id)?.size === MANY)
		const joined = performance.now() - began
		await joiner.stop()
		await until(() => holder.status().peers.length === 0)
		if (round === 0) continue
		ours.push(joined)
		baseline.push(sent)
	}
	await Promise.all([holder.stop(), from.close(), to.close()])
	return {
		claim: `a node joins where another has ${MANY.toLocaleString('en')} entries, over ${name}`,
		ours: median(ours),
		baseline: median(baseline),
		unit: 'ms',
		against: 'one message with all of it between nodes that have met already',
	}
}

/** CPU time of all nodes together for one update, in microseconds, in a cluster of so many. */
const inCluster = async (size: number, publish: boolean): Promise<number> => {
	const clock = new FakeClock()
	const network = new MemoryNetwork({ clock, logger: silentLogger, detection: 1e9 })
	const options = { clock, logger: silentLogger, interval: 1e6, maxInterval: 1e6 }
	const transports = Array.from({ length: size }, (_, index) => network.join(`n${index}`))
	let heard = 0
	const senders = transports.map(transport => {
		if (publish) {
			const publisher = DataPublisher.start('cluster', entries, { ...options, transport })
			return (value: number): void => void publisher.update(new Map([['key', value]]))
		}
		const channel = transport.open<Entries>('bare', {
			peerUp: () => {},
			peerDown: () => {},
			message: () => heard++,
		})
		return (value: number): void => void channel.broadcast(new Map([['key', value]]))
	})
	// The inbox takes a flood in slices, each of a turn of the clock.
	for (let turn = 0; turn < 50; turn++) {
		await Promise.resolve()
		clock.run(20)
	}
	const updates = Math.max(20, Math.ceil(20_000 / size))
	const began = process.cpuUsage()
	for (let number = 0; number < updates; number++) {
		senders[number % size]!(number)
		await Promise.resolve()
		clock.run(20)
	}
	return (cpuMs(began) * 1_000) / updates
}

const simulated = async (draw: boolean): Promise<Figure[]> => {
	const sizes = [2, 4, 8, 16, 32, 64, 128, 256]
	const points = { ours: [] as Array<[number, number]>, bare: [] as Array<[number, number]> }
	for (const size of sizes) {
		points.bare.push([size, await inCluster(size, false)])
		points.ours.push([size, await inCluster(size, true)])
	}
	if (draw) {
		const title = 'CPU of a whole cluster for one update, simulated'
		await writeFile(
			new URL('../../docs/plots/cluster-update.svg', import.meta.url),
			plot(title, 'nodes', 'µs', [
				{ name: 'DataPublisher', colour: '#c0392b', points: points.ours },
				{ name: 'bare broadcast', colour: '#2980b9', points: points.bare },
			]),
		)
	}
	return [32, 256].map(size => {
		const index = sizes.indexOf(size)
		return {
			claim: `CPU of ${size} simulated nodes together for one update`,
			ours: points.ours[index]![1],
			baseline: points.bare[index]![1],
			unit: 'µs',
			against: 'a bare broadcast on the same network',
		}
	})
}

export const run = async ({ plot: draw }: RunOptions): Promise<Figure[]> => {
	const figures: Figure[] = []
	const measure = async (name: string, ends: Ends, raw: Course): Promise<void> => {
		figures.push(...(await overWire(name, ends, raw)), await join(name, ends))
		await ends.close()
	}
	const network = `bench-${process.pid}`
	const [a, b] = ['a', 'b'].map(name => new BroadcastChannelTransport({ name, network, keepAlive: true }))
	const closeThreads = async () => void (await Promise.all([a!.close(), b!.close()]))
	await measure('BroadcastChannel', { a: a!, b: b!, close: closeThreads }, await rawThreads(`${network} raw`))
	const server = await startNatsServer()
	if (server === undefined) console.log('  (no nats-server on the PATH: nothing over NATS)')
	else {
		const { servers } = server
		const [one, other] = await Promise.all(
			['a', 'b'].map(name => NatsTransport.connect({ name, servers, logger: silentLogger })),
		)
		const close = async () => void (await Promise.all([one!.close(), other!.close()]))
		await measure('NATS', { a: one!, b: other!, close }, await rawNats(servers))
		await server.stop()
	}
	figures.push(...(await simulated(draw)))
	return figures
}
