// Claim: reading a hot term costs what reading a module-level variable costs.
import { bench, do_not_optimize, run as runAll, summary } from 'mitata'
import { createTerm } from 'remote-term'
import { StaticFetcher } from 'remote-term/fetchers/static'
import type { Figure } from './measure.ts'

interface Rules {
	readonly limit: number
}

let variable: Rules | undefined = { limit: 5 }

/** Keeps V8 from treating the variable as a constant, which no term's value is either. */
export const assign = (rules: Rules | undefined): void => {
	variable = rules
}

export const run = async (): Promise<Figure[]> => {
	const term = await createTerm<Rules>({ fetcher: new StaticFetcher({ value: { limit: 5 } }) }).start()
	assign({ limit: 6 })
	assign({ limit: 5 })
	summary(() => {
		bench('module variable', () => do_not_optimize(variable))
		bench('RemoteTerm#get', () => do_not_optimize(term.get()))
	})
	const { benchmarks } = await runAll({ format: 'quiet' })
	await term.stop()
	const nanoseconds = (alias: string): number => {
		const stats = benchmarks.find(one => one.alias === alias)?.runs[0]?.stats
		if (stats === undefined) throw new Error(`mitata measured no ${alias}`)
		return stats.p50
	}
	return [
		{
			claim: 'get() of a hot term',
			ours: nanoseconds('RemoteTerm#get'),
			baseline: nanoseconds('module variable'),
			unit: 'ns',
			against: 'a module-level variable',
			maxRatio: 1.1,
		},
	]
}
