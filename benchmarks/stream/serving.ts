/** What a new client costs where there is much to be told. */
import { AutoConfigPublisher } from 'remote-term/autoconfig'
import { median, type Figure } from '../measure.ts'
import { StallProbe } from '../table/stall.ts'

const ITEMS = 100_000
const RUNS = 5

interface Item {
	readonly version: number
}

const itemOf = (i: number, version: number): Item => ({
	version,
	...{
		name: `item number ${i}`,
		key: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
		isOn: i % 2 === 0,
	},
	...{
		project: `project-${i % 100}`,
		description: 'some words that say what this item is for, as people write them',
	},
})

/** Reads the whole of a put, and returns its size. */
const readPut = async (publisher: AutoConfigPublisher<Item>): Promise<number> => {
	const reader = publisher
		.handle(new Request('http://127.0.0.1/'))
		.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>
	let size = 0
	for (;;) {
		const { value } = await reader.read()
		if (value === undefined) throw new Error('The stream has ended')
		size += value.length
		if (value.length >= 2 && value.at(-1) === 10 && value.at(-2) === 10) break
	}
	void reader.cancel()
	return size
}

const measured = async (work: () => Promise<unknown>): Promise<{ stall: number; took: number }> => {
	const probe = new StallProbe()
	probe.begin()
	const began = performance.now()
	await work()
	const took = performance.now() - began
	const { own, wall } = await probe.end()
	return { stall: own ?? wall, took }
}

export const serving = async (): Promise<Figure[]> => {
	const first: Array<{ stall: number; took: number }> = []
	const next: Array<{ stall: number; took: number }> = []
	const hand: Array<{ stall: number; took: number }> = []
	let size = 0
	for (let run = 0; run < RUNS; run++) {
		const publisher = new AutoConfigPublisher<Item>({ logger: { ...console, debug() {} } })
		const items = Array.from({ length: ITEMS }, (_, i) => [`item-${i}`, itemOf(i, 1), 1] as const)
		publisher.put(items)
		globalThis.gc?.()
		first.push(await measured(async () => (size = await readPut(publisher))))
		publisher.upsert('item-500', itemOf(500, 2), 2)
		next.push(await measured(() => readPut(publisher)))
		await publisher.close()
		globalThis.gc?.()
		const byId = Object.fromEntries(items.map(([id, item]) => [id, item] as const))
		hand.push(await measured(async () => Buffer.from(JSON.stringify({ path: '/', data: { items: byId } }))))
	}
	const worst = (results: ReadonlyArray<{ stall: number }>): number =>
		Math.max(...results.map(one => one.stall))
	const took = (results: ReadonlyArray<{ took: number }>): number => median(results.map(one => one.took))
	const what = `${ITEMS.toLocaleString('en')} items, ${(size / 1e6).toFixed(0)} MB`
	const against = 'the same by hand: JSON.stringify'
	return [
		{
			...{ claim: `serving: longest stall, first client, ${what}`, unit: 'ms', against, limit: 50 },
			...{ ours: worst(first), baseline: worst(hand) },
		},
		{
			...{ claim: 'serving: the whole put for the first client', unit: 'ms', against },
			...{ ours: took(first), baseline: took(hand) },
		},
		{
			...{ claim: 'serving: the same for the next one, after a change', unit: 'ms', against },
			...{ ours: took(next), baseline: took(hand) },
		},
	]
}
