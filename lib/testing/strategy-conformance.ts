import { invalid, onlyKnownOptions, positive } from '../core/options.ts'
import type { SynchronizationStrategy } from '../hub/index.ts'
import { strategyChecks } from './strategy-conformance/checks.ts'
import { World } from './strategy-conformance/world.ts'

export interface StrategyConformanceOptions {
	/** Registers one test with your runner. It passes when `run` resolves and fails when `run` rejects. */
	readonly test: (title: string, run: () => Promise<void>) => unknown
	/** A strategy for one node. Each node of each test gets its own. */
	readonly create: () => SynchronizationStrategy
	/** How long, in milliseconds of the tests' own clock, a fleet may take for anything. Default: ten minutes. */
	readonly limit?: number | undefined
}

/**
 * The contract of `SynchronizationStrategy` as a test suite, for any test runner and any strategy, yours included: fleets
 * in memory, on a clock that the suite moves, over networks that lose, repeat, delay and part.
 *
 * ```ts
 * strategyConformance({ test, create: () => new Lockstep() })  // with node:test
 * ```
 *
 * @throws `INVALID_OPTION`
 */
export const strategyConformance = (options: StrategyConformanceOptions): void => {
	onlyKnownOptions('strategyConformance', options, ['test', 'create', 'limit'])
	const { create, limit = 600_000, test } = options
	if (typeof test !== 'function') throw invalid('test', 'a function', test)
	if (typeof create !== 'function') throw invalid('create', 'a function', create)
	positive('limit', limit)
	for (const { run, title } of strategyChecks) {
		test(title, async () => {
			const world = new World(create, limit)
			await run(world)
			await world.end()
		})
	}
}
