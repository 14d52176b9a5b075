/** One measurement in a process of its own: `node child.js <what> <JSON of its argument>` prints the JSON of its result. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Fetcher } from 'remote-term'
import { TableTerm } from 'remote-term/table'
import { median } from '../measure.ts'
import type { Origin } from './data.ts'
import { byHand, fetcherOf, type Keyed } from './source.ts'
import { StallProbe, type Stall } from './stall.ts'
import type { ReaderData, ReaderMemory } from './reader.ts'

export interface RefreshResult {
	/** Per refresh, in ms. */
	readonly wall: readonly number[]
	readonly stalls: ReadonlyArray<Stall & { readonly idle: number }>
	readonly tableBytes: number
}

export interface LookupResult {
	/** In ns. */
	readonly lookup: number
	readonly has: number
	readonly map: number
	readonly mapHas: number
	readonly lmdb: number
}

export interface MemoryResult {
	/** In bytes, collected. */
	readonly heap: number
	readonly external: number
	readonly shared: number
	readonly rss: number
}

export interface Measurements {
	refresh(argument: { origin: Origin; refreshes: number; ours: boolean }): Promise<RefreshResult>
	lookup(argument: { origin: Origin; directory: string }): Promise<LookupResult>
	memory(argument: { origin: Origin; ours: boolean; history?: number }): Promise<MemoryResult>
	threads(argument: { origin: Origin }): Promise<{ attached: ReaderMemory; parsed: ReaderMemory }>
	save(argument: { origin: Origin; directory: string }): Promise<{ stall: Stall }>
	restart(argument: { origin: Origin; directory: string | undefined }): Promise<{ ms: number; stall: Stall }>
}

const termOf = (fetcher: Fetcher, directory?: string, history?: number): TableTerm<Keyed> =>
	new TableTerm<Keyed>({
		name: 'table',
		fetcher,
		key: 'id',
		refreshInterval: null,
		logger: false,
		maxBytes: 2 ** 30,
		timeout: 300_000,
		startTimeout: 300_000,
		lastKnownGood: directory,
		history,
	})

const update = async (term: TableTerm<Keyed>): Promise<void> => {
	const outcome = await term.update()
	if (outcome.status !== 'updated') throw outcome.error ?? new Error(outcome.status)
}

const collected = async (): Promise<NodeJS.MemoryUsage> => {
	for (let i = 0; i < 4; i++) {
		globalThis.gc!()
		await new Promise(resolve => setTimeout(resolve, 20))
	}
	return process.memoryUsage()
}

const measurements: Measurements = {
	async refresh({ origin, ours, refreshes }) {
		const idle = fork(fileURLToPath(new URL('./idle.js', import.meta.url)))
		await once(idle, 'spawn')
		const probe = new StallProbe()
		const term = termOf(fetcherOf(origin.files))
		const bodies = origin.files.map(file => readFileSync(file))
		let held: unknown
		if (ours) await term.start()
		const wall: number[] = []
		const stalls: Array<Stall & { idle: number }> = []
		// The first one warms up.
		for (let i = 0; i <= refreshes; i++) {
			idle.send('begin')
			probe.begin()
			await new Promise(resolve => setTimeout(resolve, 20))
			const began = performance.now()
			if (ours) await update(term)
			else held = await byHand(bodies[i % 2]!)
			const ended = performance.now()
			const stall = await probe.end()
			idle.send('end')
			const [{ wall: machine }] = (await once(idle, 'message')) as [Stall]
			if (i === 0) continue
			wall.push(ended - began)
			stalls.push({ ...stall, idle: machine })
		}
		idle.kill()
		const tableBytes = term.get()?.byteLength ?? 0
		await term.stop()
		if (!ours && held === undefined) throw new Error('nothing was parsed')
		return { wall, stalls, tableBytes }
	},

	async lookup({ origin, directory }) {
		const { open } = await import('lmdb')
		const map = await byHand(readFileSync(origin.files[0]))
		const term = termOf(fetcherOf([origin.files[0]]))
		await term.start()
		const table = term.get()!
		const store = open<Keyed, string>({
			path: directory,
			encoding: 'msgpack',
			sharedStructuresKey: Symbol.for('structures'),
			mapSize: 2 ** 30,
		})
		await store.transaction(() => {
			for (const [key, row] of map) void store.put(key, row)
		})
		const all = [...map.keys()]
		const drawn = Array.from({ length: 100_000 }, () => all[Math.floor(Math.random() * all.length)]!)
		// As they would come with requests: of equal text, not the Map's own strings. JSON.parse would give just those for
		// up to ten characters: it looks them up, and all contenders would wait for where they lie among the rows.
		const keys = drawn.map(key => Buffer.from(key).toString())
		let sum = 0
		const count = (read: (key: string) => unknown) => (): number => {
			const began = process.hrtime.bigint()
			for (const key of keys) if (read(key) !== undefined) sum++
			return Number(process.hrtime.bigint() - began) / keys.length
		}
		const contenders = {
			lookup: count(key => term.lookup(key)),
			has: count(key => table.has(key)),
			map: count(key => map.get(key)),
			mapHas: count(key => map.has(key)),
			lmdb: count(key => store.get(key)),
		}
		const taken: Record<string, number[]> = {}
		for (let round = 0; round < 14; round++) {
			for (const [name, run] of Object.entries(contenders)) {
				const ns = run()
				if (round >= 3) (taken[name] ??= []).push(ns)
			}
		}
		if (sum === 0) throw new Error('nothing was read')
		await store.close()
		await term.stop()
		return Object.fromEntries(
			Object.entries(taken).map(([name, ns]) => [name, median(ns)]),
		) as unknown as LookupResult
	},

	async memory({ history, origin, ours }) {
		let body: Buffer | undefined = ours ? undefined : readFileSync(origin.files[0])
		// Read anew each time, so that what the term keeps of a body counts.
		const fetcher = fetcherOf(ours ? origin.files : [], { eager: false })
		const before = await collected()
		let held: unknown
		let shared = 0
		const term = termOf(fetcher, undefined, history)
		if (ours) {
			await term.start()
			await update(term)
			shared = term.get()!.byteLength
		} else held = await byHand(body!)
		body = undefined
		// The thread that packs has ended when it has been idle for 10 s.
		if (ours) await new Promise(resolve => setTimeout(resolve, 11_000))
		const after = await collected()
		if (ours ? term.get() === undefined : held === undefined) throw new Error('nothing is held')
		await term.stop()
		return {
			heap: after.heapUsed - before.heapUsed,
			external: after.external - before.external,
			rss: after.rss - before.rss,
			shared,
		}
	},

	async threads({ origin }) {
		const term = termOf(fetcherOf([origin.files[0]]))
		await term.start()
		const keys = [...term.get()!.keys()].slice(0, 1000)
		const run = async (data: ReaderData): Promise<ReaderMemory> => {
			const worker = new Worker(new URL('./reader.js', import.meta.url), { workerData: data })
			const [memory] = (await once(worker, 'message')) as [ReaderMemory]
			await worker.terminate()
			return memory
		}
		const attached = await run({ handle: term.handle, keys })
		const parsed = await run({ file: origin.files[0], keys })
		await term.stop()
		return { attached, parsed }
	},

	/** Leaves a snapshot; watches the loop while it is written. */
	async save({ origin, directory }) {
		const term = termOf(fetcherOf([origin.files[0]]), directory)
		await term.start()
		const probe = new StallProbe()
		probe.begin()
		while (term.health().lastKnownGood?.savedAt === undefined) {
			const { error } = term.health().lastKnownGood!
			if (error !== undefined) throw error
			await new Promise(resolve => setTimeout(resolve, 5))
		}
		const stall = await probe.end()
		await term.stop()
		return { stall }
	},

	async restart({ directory, origin }) {
		const probe = new StallProbe()
		const began = performance.now()
		probe.begin()
		if (directory === undefined) {
			const map = await byHand(await readFile(origin.files[0]))
			if (map.size !== origin.rows) throw new Error('rows are missing')
			const ms = performance.now() - began
			return { ms, stall: await probe.end() }
		}
		const down: Fetcher = {
			...fetcherOf([]),
			download: async () => {
				throw new Error('down')
			},
		}
		const term = termOf(down, directory)
		await term.start()
		const ms = performance.now() - began
		const stall = await probe.end()
		if (term.get()?.size !== origin.rows) throw new Error('rows are missing')
		await term.stop()
		return { ms, stall }
	},
}

const [what, argument] = process.argv.slice(2)
const result: unknown = await measurements[what as keyof Measurements](JSON.parse(argument!) as never)
process.stdout.write(JSON.stringify(result))
