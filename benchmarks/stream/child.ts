/** One measurement in a process of its own: `node child.js <what> <JSON of its argument>` prints the JSON of its result. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { createParser } from 'eventsource-parser'
import {
	StreamManager,
	type EnvironmentHandler,
	type EnvRep,
	type LastGoodOptions,
} from 'remote-term/autoconfig'
import { StallProbe, type Stall } from '../table/stall.ts'
import type { Order } from './server.ts'

export interface PutResult {
	readonly stall: Stall
	/** Of the event. */
	readonly bytes: number
	/** From the request to the whole, in ms. */
	readonly took: number
}

export interface Measurements {
	put(argument: { items: number; ours: boolean; lastGood?: LastGoodOptions }): Promise<PutResult>
	/** In µs for each. */
	patches(argument: { items: number; patches: number; rounds: number }): Promise<number>
}

const handlerOf = (seen: Map<string, unknown>, onUpdate: () => void = () => {}): EnvironmentHandler => ({
	addEnvironment: params => void seen.set(params.envId, params),
	updateEnvironment(params) {
		seen.set(params.envId, params)
		onUpdate()
	},
	deleteEnvironment: id => void seen.delete(id),
})

const serve = async (items: number): Promise<{ server: ChildProcess; url: string; bytes: number }> => {
	const server = fork(fileURLToPath(new URL('./server.js', import.meta.url)), [String(items)], {
		execArgv: [],
	})
	const [{ port, bytes }] = (await once(server, 'message')) as [{ port: number; bytes: number }]
	return { server, url: `http://127.0.0.1:${port}`, bytes }
}

const measurements: Measurements = {
	async put({ items, ours, lastGood }) {
		const { server, url, bytes } = await serve(items)
		const seen = new Map<string, unknown>()
		const probe = new StallProbe()
		const manager = new StreamManager({ url, handler: handlerOf(seen), lastGood })
		const began = performance.now()
		probe.begin()
		if (ours) await manager.start()
		else await byHand(url, seen)
		const took = performance.now() - began
		await manager.close()
		const stall = await probe.end()
		server.disconnect()
		if (seen.size !== items) throw new Error(`Expected ${items} items, got ${seen.size}`)
		return { stall, bytes, took }
	},

	async patches({ items, patches, rounds }) {
		const { server, url } = await serve(items)
		let left = 0
		let done = (): void => {}
		const onUpdate = (): void => {
			if (--left === 0) done()
		}
		const manager = new StreamManager({ url, handler: handlerOf(new Map(), onUpdate) })
		await manager.start()
		const taken: number[] = []
		for (let round = 0; round < rounds + 1; round++) {
			left = patches
			const all = new Promise<void>(resolve => (done = resolve))
			const order: Order = { patches }
			const before = process.cpuUsage()
			server.send(order)
			await all
			const { user, system } = process.cpuUsage(before)
			// The first round warms up.
			if (round > 0) taken.push((user + system) / patches)
		}
		await manager.close()
		server.disconnect()
		return taken.sort((a, b) => a - b)[taken.length >> 1]!
	},
}

/** What one writes in an afternoon: the same parser, `JSON.parse`, and a loop. */
const byHand = async (url: string, seen: Map<string, unknown>): Promise<void> => {
	const response = await fetch(`${url}/relay_auto_config`)
	const decoder = new TextDecoder()
	let isDone = false
	const parser = createParser({
		onEvent({ data }) {
			const put = JSON.parse(data) as { data: { environments: Record<string, EnvRep> } }
			for (const [id, rep] of Object.entries(put.data.environments)) seen.set(id, rep)
			isDone = true
		},
	})
	for await (const chunk of response.body!) {
		parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }))
		if (isDone) break
	}
}

const [what, argument] = process.argv.slice(2) as [keyof Measurements, string]
const parsed = JSON.parse(argument) as never
console.log(JSON.stringify(await measurements[what](parsed)))
process.exit()
