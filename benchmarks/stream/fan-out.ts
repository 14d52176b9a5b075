/** What it takes to tell many clients of one change. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { median, type Figure } from '../measure.ts'
import { FAN_OUT_TOKEN, type FanOutAnswer, type FanOutOrder } from './fan-out-server.ts'

const CLIENTS = 1_000
const PATCHES = 40
const WARM_UP = 5
const ROUNDS = 3
/** One after the other has arrived, with this in between, so that each finds an idle server. */
const PAUSE = 20

interface FanOut {
	/** From the change to the client, in ms. */
	readonly p50: number
	readonly p99: number
	/** Of the server's memory, in KiB. */
	readonly memory: number
	/** Of the server, for one patch to all of them, in ms. */
	readonly cpu: number
}

type Contender = 'ours' | 'hand'

export const fanOut = async (): Promise<Figure[]> => {
	const results: Record<Contender, FanOut[]> = { ours: [], hand: [] }
	for (let round = 0; round < ROUNDS; round++)
		for (const contender of ['ours', 'hand'] as const) results[contender].push(await measure(contender))
	const of = (contender: Contender, what: keyof FanOut): number =>
		median(results[contender].map(result => result[what]))
	const clients = `${CLIENTS.toLocaleString('en')} clients`
	const against = 'node:http, a loop of res.write'
	const figure = (claim: string, what: keyof FanOut, unit: string): Figure => ({
		...{ claim, unit, against },
		...{ ours: of('ours', what), baseline: of('hand', what) },
	})
	return [
		figure(`fan-out of one patch to ${clients}, p50`, 'p50', 'ms'),
		figure('fan-out: the same, p99', 'p99', 'ms'),
		figure('fan-out: CPU of the server for one patch to all', 'cpu', 'ms'),
		figure('fan-out: memory of the server per client', 'memory', 'KiB'),
	]
}

const measure = async (contender: Contender): Promise<FanOut> => {
	const server = fork(fileURLToPath(new URL('./fan-out-server.js', import.meta.url)), [contender], {
		execArgv: ['--expose-gc'],
	})
	const answer = async (): Promise<FanOutAnswer> => ((await once(server, 'message')) as [FanOutAnswer])[0]
	const order = (what: FanOutOrder): void => void server.send(what)
	const { url } = await answer()
	const { port } = new URL(url!)
	// The first clients pay for what all others share.
	const arrivals: Array<() => void> = []
	const latencies: number[] = []
	const sockets: Socket[] = []
	const join = async (): Promise<void> => {
		const socket = connect(Number(port), '127.0.0.1')
		sockets.push(socket)
		await once(socket, 'connect')
		socket.write(
			`GET /relay_auto_config HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: ${FAN_OUT_TOKEN}\r\n\r\n`,
		)
		await new Promise<void>(resolve => {
			socket.on('data', chunk => {
				const at = /\/at-(\d+)-/.exec(chunk.toString('latin1'))?.[1]
				if (at === undefined) return
				latencies.push(Number(process.hrtime.bigint() - BigInt(at)) / 1e6)
				resolve()
				arrivals.at(-1)?.()
			})
		})
	}
	for (let i = 0; i < 50; i++) await join()
	order('memory')
	const before = await answer()
	for (let i = 50; i < CLIENTS; i += 50) await Promise.all(Array.from({ length: 50 }, join))
	order('memory')
	const after = await answer()
	for (let n = 0; n < WARM_UP + PATCHES; n++) {
		if (n === WARM_UP) {
			latencies.length = 0
			order('memory')
			await answer()
		}
		let left = CLIENTS
		const all = new Promise<void>(resolve => arrivals.push(() => --left === 0 && resolve()))
		order('patch')
		await all
		await new Promise(resolve => setTimeout(resolve, PAUSE))
	}
	order('memory')
	const { cpu } = await answer()
	for (const socket of sockets) socket.destroy()
	server.disconnect()
	const sorted = latencies.sort((a, b) => a - b)
	return {
		p50: sorted[Math.floor(sorted.length * 0.5)]!,
		p99: sorted[Math.floor(sorted.length * 0.99)]!,
		memory: (after.rss! - before.rss!) / (CLIENTS - 50) / 1024,
		cpu: cpu! / 1e3 / PATCHES,
	}
}
