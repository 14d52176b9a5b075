import { invalid, onlyKnownOptions, positive } from '../core/options.ts'
import { commitChecks } from './config-db-conformance/commit.ts'
import { flagChecks } from './config-db-conformance/flags.ts'
import { lifeChecks } from './config-db-conformance/life.ts'
import { modelChecks } from './config-db-conformance/model.ts'
import { readChecks } from './config-db-conformance/read.ts'
import { sharedChecks } from './config-db-conformance/shared.ts'
import { withSession, type Check, type ConfigDbHarness } from './config-db-conformance/session.ts'
import { watchChecks } from './config-db-conformance/watch.ts'

export type { ConfigDbHarness, ConformanceItem, ConformancePull } from './config-db-conformance/session.ts'

export interface ConfigDbConformanceOptions {
	/** Registers one test with your runner. It passes when `run` resolves and fails when `run` rejects. */
	readonly test: (title: string, run: () => Promise<void>) => unknown
	/** Makes an empty database that has not been opened yet, and nobody else writes to. */
	readonly create: () => ConfigDbHarness | Promise<ConfigDbHarness>
	/** The harness has `reopen`: what was acknowledged outlives the object. Default: true. */
	readonly durable?: boolean | undefined
	/** The harness has `peer`: several objects share one truth. Default: false. */
	readonly shared?: boolean | undefined
	/** How long any one step may take before it counts as hanging, in milliseconds. Default: 10 s. */
	readonly limit?: number | undefined
}

/**
 * The contract of `ConfigDb` as a test suite, for any test runner and any database, yours included. Each test has a
 * database of its own, and closes it.
 *
 * ```ts
 * configDbConformance({
 *   test: (title, run) => test(title, async t => void (await t.notThrowsAsync(run))),
 *   create: async () => {
 *     const path = await temporaryFile()
 *     return {
 *       db: new MyConfigDb({ path }),
 *       reopen: () => new MyConfigDb({ path }),
 *       dispose: () => remove(path),
 *     }
 *   },
 * })
 * ```
 *
 * @throws `INVALID_OPTION`
 */
export const configDbConformance = (options: ConfigDbConformanceOptions): void => {
	onlyKnownOptions('configDbConformance', options, ['test', 'create', 'durable', 'shared', 'limit'])
	const { test, create, durable = true, shared = false, limit = 10_000 } = options
	if (typeof test !== 'function') throw invalid('test', 'a function', test)
	if (typeof create !== 'function') throw invalid('create', 'a function', create)
	const settings = { create, limit: positive('limit', limit) }
	for (const { title, run, needs } of checks) {
		if (needs === 'durable' && !durable) continue
		if (needs === 'shared' && !shared) continue
		test(title, () => withSession(settings, run))
	}
}

const checks: readonly Check[] = [
	...readChecks,
	...commitChecks,
	...flagChecks,
	...watchChecks,
	...lifeChecks,
	...modelChecks,
	...sharedChecks,
]
