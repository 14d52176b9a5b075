/**
 * `npm run simulate`: what a change costs until everybody knows it, in fleets of 10 to 10,000 nodes in memory.
 * Deterministic: the same counts each time, on any machine.
 *
 *     --nodes 100,1000   fleets of these sizes only
 *     --seed 7           other chances (default: 1)
 *     --plot             draw docs/plots/fleet-*.svg
 *
 * The tables go to the output; what is done at the moment, and for how long already, to the error output.
 */
import { parseArgs } from 'node:util'
import { CONTESTANTS, ROUND } from './contestants.ts'
import { draw } from './draw.ts'
import { measure, REFERENCE, type Cell } from './measure.ts'
import { World } from './world.ts'

const { values: flags } = parseArgs({
	options: {
		nodes: { type: 'string', default: '10,32,100,316,1000,10000' },
		seed: { type: 'string', default: '1' },
		plot: { type: 'boolean', default: false },
	},
})
const integer = (name: string, text: string, least: number): number => {
	const number = Number(text)
	if (Number.isSafeInteger(number) && number >= least) return number
	throw new Error(`Expected --${name} to be a whole number from ${least} up, got ${text}`)
}
const sizes = flags.nodes.split(',').map(text => integer('nodes', text, 2))
const seed = integer('seed', flags.seed, 1)

const losses = [0, 0.1, 0.3]
/**
 * How far each goes. Each round of PubSub, its greeting of newcomers, and some of the reference, is a message of
 * everybody to everybody: with ten thousand, a hundred million that are under way at once.
 */
const LARGEST: Readonly<Record<string, number>> = { PubSub: 1_000, [REFERENCE]: 1_000 }
/** In which something is done to the fleet while a change goes around. */
const troubled = [100, 1_000, 10_000].filter(nodes => sizes.includes(nodes))

const began = performance.now()
const secondsSoFar = (): number => Math.round((performance.now() - began) / 1_000)
/** Of what takes longer than a moment. */
const progress =
	(nodes: number, name: string) =>
	(doing: string): void => {
		if (nodes > 100) console.error(`${secondsSoFar()} s: ${count(nodes)} nodes, ${name}: ${doing}`)
	}

const row = (...columns: ReadonlyArray<string | number>): void => console.log(`| ${columns.join(' | ')} |`)
const count = (number: number): string => Math.round(number).toLocaleString('en')

console.log(`What a change costs until everybody knows it, a round being ${ROUND} ms; seed ${seed}\n`)
row(
	...['nodes', 'log₂ N', 'lost', 'strategy', 'rounds, worst'],
	...['messages per node', 'bytes per node', 'most of a node in a round'],
)
row('---:', '---:', '---:', '---', '---:', '---:', '---:', '---:')
const cells: Cell[] = []
for (const nodes of sizes) {
	const some: Cell[] = []
	for (const name of [...Object.keys(CONTESTANTS), REFERENCE]) {
		if (nodes > (LARGEST[name] ?? Infinity)) continue
		some.push(...measure({ name, nodes, losses, seed, progress: progress(nodes, name) }))
	}
	cells.push(...some)
	for (const { bytesPerNode, isTooMuch, loss, messagesPerNode, most, name, rounds } of some) {
		row(
			...[count(nodes), Math.log2(nodes).toFixed(1), `${loss * 100} %`, name],
			isTooMuch ? 'too many messages' : (rounds ?? '> 200'),
			...[messagesPerNode.toFixed(1), count(bytesPerNode), most],
		)
	}
}

console.log('\nWith 5 % of messages lost, rounds until all who are up know a change\n')
row(
	...['nodes', 'strategy', '20 nodes restart meanwhile', 'after a minute in two halves'],
	'messages per node and round, idle',
)
row('---:', '---', '---:', '---:', '---:')
for (const nodes of troubled) {
	for (const [name, strategy] of Object.entries(CONTESTANTS)) {
		if (nodes > (LARGEST[name] ?? Infinity)) continue
		const tell = progress(nodes, name)
		tell('nodes come up')
		const world = new World({ nodes, seed, strategy, loss: 0.05 })
		tell('idle')
		const idle = world.quiet(300).messages / 300 / nodes
		tell('nodes restart')
		const churn = world.spreadUnderChurn(20)
		tell('two halves')
		const parted = world.spreadAfterPartition()
		row(count(nodes), name, churn ?? '> 400', parted ?? '> 400', idle.toFixed(2))
	}
}

if (flags.plot) draw(cells, 'docs/plots')
const { maxRSS } = process.resourceUsage()
console.error(`${secondsSoFar()} s, ${count(maxRSS / 1_024)} MiB of memory at the most`)
