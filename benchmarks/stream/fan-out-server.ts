/**
 * Serves one changing item to many, in a process of its own: `fork`ed, told by messages. `ours` is a gateway, `hand` a
 * loop of `res.write`, with the same bytes.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { patchMessage, putMessage } from 'remote-term/autoconfig'
import { MemoryConfigDb } from 'remote-term/config'
import { createGateway } from 'remote-term/gateway'

export type FanOutOrder = 'patch' | 'memory'

export interface FanOutAnswer {
	readonly url?: string
	/** Of this process, in bytes, after a collection of garbage. */
	readonly rss?: number
	/** CPU since the last `memory`, in µs. */
	readonly cpu?: number
}

export const FAN_OUT_TOKEN = 'token-of-the-benchmark-0123456789'

/** The moment is in the item itself: it is the same clock in every process. */
const target = (): string => `/at-${process.hrtime.bigint()}-`
const item = { service: 'users', requestType: 'get_user', version: '0.0.0', nodes: 'local', argTypes: {} }

const ours = async (): Promise<{ url: string; patch: () => Promise<unknown> }> => {
	const gateway = createGateway({
		db: new MemoryConfigDb(),
		tokens: [{ name: 'benchmark', scopes: ['admin'], token: FAN_OUT_TOKEN }],
		rateLimit: false,
		limits: { maxConnections: 5_000 },
		logger: { debug() {}, info() {}, warn: console.error, error: console.error },
	})
	let n = 0
	const patch = (): Promise<unknown> =>
		gateway.receiver.push({
			...{ service: 'users', configVersion: `1.0.${n++}`, nodes: ['http://127.0.0.1:1'] },
			items: [{ ...item, target: target() }],
		})
	const { url } = await gateway.listen({ port: 0 })
	await patch()
	return { url, patch }
}

const hand = async (): Promise<{ url: string; patch: () => Promise<unknown> }> => {
	const clients = new Set<ServerResponse>()
	let version = 0
	const id = 'users:get_user@0.0.0'
	const raw = (): object => ({ version: ++version, disabled: false, item: { ...item, target: target() } })
	const server = createServer((_request, response) => {
		response.writeHead(200, { 'content-type': 'text/event-stream' })
		const { event, data } = putMessage({ items: { [id]: raw() } })
		response.write(`event: ${event}\nid: ${version}\ndata: ${data}\n\n`)
		clients.add(response)
		response.on('close', () => clients.delete(response))
	}).listen(0, '127.0.0.1')
	await once(server, 'listening')
	const patch = async (): Promise<void> => {
		const { event, data } = patchMessage('items', id, raw())
		const text = Buffer.from(`event: ${event}\nid: ${version}\ndata: ${data}\n\n`)
		for (const client of clients) client.write(text)
	}
	return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, patch }
}

if (process.send !== undefined) {
	const { url, patch } = await (process.argv[2] === 'ours' ? ours() : hand())
	let cpu = process.cpuUsage()
	process.on('message', (order: FanOutOrder) => {
		if (order === 'patch') {
			void patch()
			return
		}
		globalThis.gc?.()
		const { user, system } = process.cpuUsage(cpu)
		cpu = process.cpuUsage()
		process.send!({ rss: process.memoryUsage.rss(), cpu: user + system } satisfies FanOutAnswer)
	})
	process.on('disconnect', () => process.exit())
	process.send({ url } satisfies FanOutAnswer)
}
