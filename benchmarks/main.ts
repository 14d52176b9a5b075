/**
 * `npm run bench` runs all benchmarks, `npm run bench -- read refresh` some, `--json` prints the figures for machines,
 * `--check` exits with 1 where a bar is missed. `--plot` draws what can be drawn into docs/plots, `--quiet` waits and tries
 * again where other work on the machine disturbs a measurement of stalls. Each figure stands beside a baseline from the same run.
 */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { holds, type Figure, type RunOptions } from './measure.ts'

const benchmarks: Readonly<
	Record<string, () => Promise<{ run: (options: RunOptions) => Promise<Figure[]> }>>
> = {
	gateway: () => import('./gateway.ts'),
	read: () => import('./read.ts'),
	refresh: () => import('./refresh.ts'),
	table: () => import('./table.ts'),
	stream: () => import('./stream.ts'),
	cluster: () => import('./cluster.ts'),
	peers: () => import('./peers.ts'),
}

const { values, positionals } = parseArgs({
	allowPositionals: true,
	options: {
		json: { type: 'boolean', default: false },
		check: { type: 'boolean', default: false },
		plot: { type: 'boolean', default: false },
		quiet: { type: 'boolean', default: false },
	},
})
const unknown = positionals.filter(name => !(name in benchmarks))
if (unknown.length > 0) {
	console.error(`No such benchmark: ${unknown.join(', ')}. There are: ${Object.keys(benchmarks).join(', ')}`)
	process.exit(2)
}

const show = (value: number, unit: string): string =>
	`${value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : value.toPrecision(3)} ${unit}`

const all: Array<Figure & { benchmark: string }> = []
for (const benchmark of positionals.length > 0 ? positionals : Object.keys(benchmarks)) {
	if (!values.json) console.log(`\n${benchmark}`)
	const { run } = await benchmarks[benchmark]!()
	for (const figure of await run(values)) {
		all.push({ benchmark, ...figure })
		if (values.json) continue
		const { claim, ours, baseline, unit, against, maxRatio, limit } = figure
		const bar = [maxRatio !== undefined && `≤ ${maxRatio} ×`, limit !== undefined && `≤ ${show(limit, unit)}`]
			.filter(Boolean)
			.join(', ')
		console.log(
			`  ${claim}\n    ${show(ours, unit)}  against ${show(baseline, unit)} (${against}): ${(ours / baseline).toFixed(3)} ×${bar === '' ? '' : `  [${bar}: ${holds(figure) ? 'holds' : 'MISSED'}]`}`,
		)
	}
}
if (values.json) {
	const machine = {
		node: process.version,
		platform: process.platform,
		arch: process.arch,
		cpu: cpus()[0]?.model,
		cores: cpus().length,
	}
	console.log(
		JSON.stringify(
			{
				machine,
				figures: all.map(figure => ({
					...figure,
					ratio: figure.ours / figure.baseline,
					holds: holds(figure),
				})),
			},
			null,
			'\t',
		),
	)
}
if (values.check && !all.every(holds)) process.exitCode = 1
