// Claims: a configuration of 100,000 items is applied without a stall, and a patch takes as long with 100,000 items as
// with ten. One change reaches a thousand clients in milliseconds, and a new client does not stall those that are there.
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median, type Figure } from './measure.ts'
import type { Measurements, PutResult } from './stream/child.ts'
import { fanOut } from './stream/fan-out.ts'
import { serving } from './stream/serving.ts'

const ITEMS = 100_000
const RUNS = 5
const PATCHES = 20_000

const measure = async <What extends keyof Measurements>(
	what: What,
	argument: Parameters<Measurements[What]>[0],
): Promise<Awaited<ReturnType<Measurements[What]>>> => {
	const child = fileURLToPath(new URL('./stream/child.js', import.meta.url))
	const { stdout } = await promisify(execFile)(process.execPath, [child, what, JSON.stringify(argument)])
	return JSON.parse(stdout) as Awaited<ReturnType<Measurements[What]>>
}

export const run = async (): Promise<Figure[]> => [
	...(await puts()),
	...(await patches()),
	...(await serving()),
	...(await fanOut()),
]

const puts = async (): Promise<Figure[]> => {
	const directory = await mkdtemp(join(tmpdir(), 'remote-term-bench-'))
	try {
		const ours: PutResult[] = []
		const kept: PutResult[] = []
		const hand: PutResult[] = []
		const key = randomBytes(32).toString('hex')
		for (let run = 0; run < RUNS; run++) {
			ours.push(await measure('put', { items: ITEMS, ours: true }))
			const lastGood = { directory: join(directory, String(run)), key, saveDelay: 0 }
			kept.push(await measure('put', { items: ITEMS, ours: true, lastGood }))
			hand.push(await measure('put', { items: ITEMS, ours: false }))
		}
		const size = `${ITEMS.toLocaleString('en')} items, ${(ours[0]!.bytes / 1e6).toFixed(0)} MB`
		const against = 'the same by hand: JSON.parse'
		// The worst of all runs: a stall is not less of one for being rare. Not the machine's, but this thread's own.
		const worst = (results: readonly PutResult[]): number =>
			Math.max(...results.map(({ stall: { own, wall } }) => own ?? wall))
		const took = (results: readonly PutResult[]): number => median(results.map(one => one.took))
		return [
			{
				...{ claim: `put: longest stall, ${size}`, unit: 'ms', against, limit: 50 },
				...{ ours: worst(ours), baseline: worst(hand) },
			},
			{
				...{ claim: 'put: the same, and saved, encrypted', unit: 'ms', against, limit: 50 },
				...{ ours: worst(kept), baseline: worst(hand) },
			},
			{
				...{ claim: 'put: from the request to the whole', unit: 'ms', against },
				...{ ours: took(ours), baseline: took(hand) },
			},
		]
	} finally {
		await rm(directory, { recursive: true, force: true })
	}
}

const patches = async (): Promise<Figure[]> => {
	// Memory is slower than the cache in which ten items fit; whatever grew with the number would be some 10,000 times as much.
	const few = await measure('patches', { items: 10, patches: PATCHES, rounds: 9 })
	const many = await measure('patches', { items: ITEMS, patches: PATCHES, rounds: 9 })
	const perSecond = (microseconds: number): number => 1e6 / microseconds
	return [
		{
			claim: `patches in a second of CPU, with ${ITEMS.toLocaleString('en')} items`,
			...{ ours: perSecond(many), baseline: perSecond(few), unit: 'patches/s', against: 'with 10 items' },
		},
		{
			claim: `patch: CPU of one, with ${ITEMS.toLocaleString('en')} items`,
			...{ ours: many, baseline: few, unit: 'µs', against: 'with 10 items', maxRatio: 3 },
		},
	]
}
