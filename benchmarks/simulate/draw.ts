import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { plot, type Series } from '../plot.ts'
import { REFERENCE, type Cell } from './measure.ts'

const COLOURS: Readonly<Record<string, string>> = {
	PubSub: '#1f77b4',
	Gossip: '#2ca02c',
	Adaptive: '#9467bd',
	[REFERENCE]: '#d62728',
}

/** What was measured, as plots over the number of nodes, beside theory. */
export const draw = (cells: readonly Cell[], directory: string): void => {
	const series = (loss: number, of: (cell: Cell) => number | undefined): Series[] =>
		Object.entries(COLOURS).map(([name, colour]) => ({
			...{ name, colour },
			points: cells.flatMap(cell => {
				const value = cell.name === name && cell.loss === loss ? of(cell) : undefined
				return value === undefined ? [] : [[cell.nodes, value] as const]
			}),
		}))
	const sizes = [...new Set(cells.map(({ nodes }) => nodes))]
	const theory: Series = {
		...{ name: 'log₂ N', colour: '#7f7f7f' },
		points: sizes.map(nodes => [nodes, Math.log2(nodes)] as const),
	}
	const write = (file: string, title: string, label: string, all: readonly Series[]): void => {
		const some = all.filter(({ points }) => points.length > 0)
		writeFileSync(join(directory, `${file}.svg`), plot(title, 'nodes', label, some))
	}
	mkdirSync(directory, { recursive: true })
	const rounds = (loss: number): Series[] => [...series(loss, cell => cell.rounds), theory]
	write('fleet-rounds', 'Rounds until all know a change, worst', 'rounds', rounds(0))
	write('fleet-rounds-loss', 'The same with 30 % of messages lost', 'rounds', rounds(0.3))
	const bytes = series(0, ({ bytesPerNode }) => bytesPerNode)
	write('fleet-bytes', 'Bytes that each node sends for one change', 'bytes', bytes)
	const messages = series(0, ({ messagesPerNode }) => messagesPerNode)
	write('fleet-messages', 'Messages that each node sends for one change', 'messages', messages)
}
