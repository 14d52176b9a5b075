/**
 * `npm run simulate`: what a change costs until everybody knows it, in fleets of 10 to 1,000 nodes (`--full`: 10,000)
 * in memory. Deterministic: the same counts each time, on any machine. `--plot` draws them into docs/plots.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { plot, type Series } from '../plot.ts'
import { CONTESTANTS, SYNC_INTERVAL, ROUND } from './contestants.ts'
import { ReferenceWorld } from './reference.ts'
import type { Spread } from './spread.ts'
import { World } from './world.ts'

const { values: flags } = parseArgs({
	options: { full: { type: 'boolean', default: false }, plot: { type: 'boolean', default: false } },
})

const SIZES = [10, 32, 100, 316, 1_000, ...(flags.full ? [10_000] : [])]
const LOSSES = [0, 0.1, 0.3]
const REFERENCE = 'reference'
/** How far each goes: beyond, its messages are too many to be simulated. */
const LARGEST: Readonly<Record<string, number>> = {
	[REFERENCE]: flags.full ? 1_000 : 316,
	PubSub: flags.full ? 1_000 : 316,
}

interface Cell {
	readonly name: string
	readonly nodes: number
	readonly loss: number
	readonly rounds: readonly string[]
	readonly worst: number | undefined
	readonly messagesPerNode: number
	readonly bytesPerNode: number
	readonly most: number
}

const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length
/** Of changes: enough small fleets that chance evens out. */
const seedsFor = (nodes: number, name: string): number =>
	name === REFERENCE ? (nodes > 100 ? 1 : 3) : nodes >= 10_000 ? 1 : nodes >= 316 ? 2 : 5

const measure = (name: string, nodes: number, loss: number): Cell => {
	const spreads: Spread[] = []
	const idles: number[] = []
	for (let seed = 1; seed <= seedsFor(nodes, name); seed++) {
		if (name === REFERENCE) {
			spreads.push(new ReferenceWorld({ nodes, seed, loss }).spread({ after: 20 }))
			continue
		}
		const world = new World({ nodes, seed, loss, strategy: CONTESTANTS[name]! })
		const idle = nodes >= 10_000 ? 0 : world.idle(Math.round((2 * SYNC_INTERVAL) / ROUND))
		idles.push(idle)
		for (let again = 0; again < (nodes >= 10_000 ? 2 : 3); again++) {
			const spread = world.spread({ after: 20 })
			// What would have gone around anyway is no cost of the change.
			const messages = Math.max(0, spread.messages - idle * ((spread.rounds ?? 200) + 20))
			spreads.push({ ...spread, messages })
		}
	}
	const rounds = spreads.map(spread => spread.rounds)
	return {
		...{ name, nodes, loss },
		rounds: spreads.map(({ isTooMuch, rounds: taken }) =>
			isTooMuch ? '(too much)' : String(taken ?? '> 200'),
		),
		worst: rounds.includes(undefined) ? undefined : Math.max(...(rounds as number[])),
		messagesPerNode: mean(spreads.map(({ messages }) => messages)) / nodes,
		bytesPerNode: mean(spreads.map(({ bytes }) => bytes)) / nodes,
		most: Math.max(...spreads.map(({ perNodeAndRound }) => perNodeAndRound)),
	}
}

const cells: Cell[] = []
console.log('A change, until everybody knows it. Rounds: of each change; log₂ N beside them.\n')
console.log(
	'|  nodes | log₂ N | loss | strategy | rounds, worst | messages per node | bytes per node | most messages of a node in a round |',
)
console.log('|---:|---:|---:|---|---|---:|---:|---:|')
for (const nodes of SIZES) {
	for (const loss of LOSSES) {
		for (const name of [...Object.keys(CONTESTANTS), REFERENCE]) {
			if (nodes > (LARGEST[name] ?? Infinity)) continue
			if (nodes >= 10_000 && loss === 0.1) continue
			const cell = measure(name, nodes, loss)
			cells.push(cell)
			const { bytesPerNode, messagesPerNode, most, worst } = cell
			console.log(
				`| ${nodes.toLocaleString('en')} | ${Math.log2(nodes).toFixed(1)} | ${loss * 100} % | ${name} | ${worst ?? '> 200'} | ${messagesPerNode.toFixed(1)} | ${Math.round(bytesPerNode).toLocaleString('en')} | ${most} |`,
			)
		}
	}
}

console.log('\nWith 100 nodes, rounds until all who are up know a change:\n')
console.log(
	'| strategy | 20 nodes restart meanwhile | after a minute in two halves | messages of all nodes in a round, idle |',
)
console.log('|---|---:|---:|---:|')
for (const [name, strategy] of Object.entries(CONTESTANTS)) {
	const world = (): World => new World({ nodes: 100, seed: 1, strategy, loss: 0.05 })
	const churn = world().spreadUnderChurn(20)
	const parted = world().spreadAfterPartition()
	console.log(`| ${name} | ${churn ?? '> 400'} | ${parted ?? '> 400'} | ${world().idle(300).toFixed(1)} |`)
}

if (flags.plot) {
	const colours: Readonly<Record<string, string>> = {
		PubSub: '#1f77b4',
		Gossip: '#2ca02c',
		Adaptive: '#9467bd',
		[REFERENCE]: '#d62728',
	}
	const series = (loss: number, of: (cell: Cell) => number | undefined): Series[] =>
		Object.entries(colours).map(([name, colour]) => ({
			...{ name, colour },
			points: cells.flatMap(cell => {
				const value = cell.name === name && cell.loss === loss ? of(cell) : undefined
				return value === undefined ? [] : [[cell.nodes, value] as const]
			}),
		}))
	const theory: Series = {
		...{ name: 'log₂ N', colour: '#7f7f7f' },
		points: SIZES.map(nodes => [nodes, Math.log2(nodes)] as const),
	}
	mkdirSync('docs/plots', { recursive: true })
	const draw = (file: string, title: string, label: string, all: readonly Series[]): void =>
		writeFileSync(
			`docs/plots/${file}.svg`,
			plot(
				title,
				'nodes',
				label,
				all.filter(({ points }) => points.length > 0),
			),
		)
	draw('fleet-rounds', 'Rounds until all know a change, worst', 'rounds', [
		...series(0, ({ worst }) => worst),
		theory,
	])
	draw('fleet-rounds-loss', 'The same with 30 % of messages lost', 'rounds', [
		...series(0.3, ({ worst }) => worst),
		theory,
	])
	draw(
		'fleet-bytes',
		'Bytes that each node sends for one change',
		'bytes',
		series(0, ({ bytesPerNode }) => bytesPerNode),
	)
	draw(
		'fleet-messages',
		'Messages that each node sends for one change',
		'messages',
		series(0, ({ messagesPerNode }) => messagesPerNode),
	)
}
