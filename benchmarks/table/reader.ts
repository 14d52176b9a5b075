/** A second thread that reads the same table: attached to it, or with a copy of its own. Tells what that has cost it. */
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { attachTable, type TableHandle } from 'remote-term/table'
import { byHand, type Keyed } from './source.ts'

export interface ReaderData {
	readonly handle?: TableHandle
	readonly file?: string
	readonly keys: ReadonlyArray<string | number>
}

/** In bytes. `heap` and `external` are this thread's own. */
export interface ReaderMemory {
	readonly heap: number
	readonly external: number
	readonly rss: number
	/** Address space that is reserved and never touched, so that the collector knows what the table weighs; in `external`. */
	readonly reserved: number
}

const collected = async (): Promise<NodeJS.MemoryUsage> => {
	for (let i = 0; i < 4; i++) {
		globalThis.gc!()
		await new Promise(resolve => setTimeout(resolve, 20))
	}
	return process.memoryUsage()
}

const { file, handle, keys } = workerData as ReaderData
const before = await collected()
const attached = handle === undefined ? undefined : attachTable<Keyed>(handle)
const map = file === undefined ? undefined : await byHand(readFileSync(file))
for (const key of keys) {
	const row = attached === undefined ? map!.get(key as string) : attached.lookup(key)
	if (row?.id !== key) throw new Error('a row is missing')
}
const after = await collected()
const memory: ReaderMemory = {
	heap: after.heapUsed - before.heapUsed,
	external: after.external - before.external,
	rss: after.rss - before.rss,
	reserved: attached?.get()?.byteLength ?? 0,
}
if (map?.size === 0) throw new Error('nothing is held')
parentPort!.postMessage(memory)
