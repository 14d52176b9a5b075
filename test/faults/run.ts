import { parseArgs } from 'node:util'
import { compareAll, compareOne } from './run-compare.ts'
import { runMatrix } from './run-matrix.ts'
import { runWalks } from './run-walks.ts'

const USAGE = `npm run faults -- [options]

  (none)                 the matrix, then ten walks
  --table                the matrix: every source, fault and starting state
  --seeds N [--first S]  N walks at random, from seed S on (default 1)
  --seed S               one walk
  --steps N              refreshes in each walk (default 1000)
  --source KIND          where a walk goes: memory (default), http, file
  --compare              the same faults for a hand-written poller and unleash-client
  --write                writes what was compared into docs/faults.md
`

const { values } = parseArgs({
	options: {
		table: { type: 'boolean', default: false },
		seeds: { type: 'string' },
		first: { type: 'string', default: '1' },
		seed: { type: 'string' },
		steps: { type: 'string', default: '1000' },
		source: { type: 'string', default: 'memory' },
		compare: { type: 'boolean', default: false },
		contestant: { type: 'string' },
		write: { type: 'boolean', default: false },
		help: { type: 'boolean', default: false },
	},
})

const walks = (seeds: number, first: number): Promise<boolean> => {
	const { source } = values
	if (source !== 'memory' && source !== 'http' && source !== 'file')
		throw new Error(`--source is memory, http or file, not ${source}`)
	return runWalks({ seeds, first, steps: numberOf('steps', values.steps), kind: source })
}

const numberOf = (option: string, text: string): number => {
	if (!/^\d{1,9}$/.test(text)) throw new Error(`--${option} is a number, not ${text}`)
	return Number(text)
}

const run = async (): Promise<boolean> => {
	if (values.help) {
		process.stdout.write(USAGE)
		return true
	}
	if (values.contestant !== undefined) return compareOne(values.contestant)
	if (values.compare || values.write) return compareAll({ write: values.write })
	if (values.table) return runMatrix()
	if (values.seed !== undefined) return walks(1, numberOf('seed', values.seed))
	if (values.seeds !== undefined)
		return walks(numberOf('seeds', values.seeds), numberOf('first', values.first))
	const matrix = await runMatrix()
	return (await walks(10, 1)) && matrix
}

process.exitCode = (await run()) ? 0 : 1
