import { invalid, onlyKnownOptions, positive } from '../core/options.ts'
import { closingChecks } from './transport-conformance/closing.ts'
import { membershipChecks } from './transport-conformance/membership.ts'
import { messageChecks } from './transport-conformance/messages.ts'
import { queueChecks } from './transport-conformance/queues.ts'
import { withSession, type Check, type TransportHarness } from './transport-conformance/session.ts'

export type { TransportHarness } from './transport-conformance/session.ts'

export interface TransportConformanceOptions {
	/** Registers one test with your runner. It passes when `run` resolves and fails when `run` rejects. */
	readonly test: (title: string, run: () => Promise<void>) => unknown
	/** Makes a network of its own, on which nobody is yet. */
	readonly create: () => TransportHarness | Promise<TransportHarness>
	/** How long any one step may take before it counts as hanging, in milliseconds. Default: 10 s. */
	readonly limit?: number | undefined
}

/**
 * The contract of `Transport` as a test suite, for any test runner and any transport, yours included. Each test has a
 * network of its own. With `node:test` the runner's `test` fits as it is. With ava:
 *
 * ```ts
 * transportConformance({
 *   test: (title, run) => test(title, async t => void (await t.notThrowsAsync(run))),
 *   create: () => {
 *     const network = new MemoryNetwork({ maxQueue: 1000, maxMessageBytes: 1_000_000 })
 *     return {
 *       join: name => network.join(name),
 *       crash: ({ self }) => network.crash(self.name),
 *       maxMessageBytes: 1_000_000,
 *       queue: { messages: 1001, bytes: 1 },
 *     }
 *   },
 * })
 * ```
 *
 * @throws `INVALID_OPTION`
 */
export const transportConformance = (options: TransportConformanceOptions): void => {
	onlyKnownOptions('transportConformance', options, ['test', 'create', 'limit'])
	const { test, create, limit = 10_000 } = options
	if (typeof test !== 'function') throw invalid('test', 'a function', test)
	if (typeof create !== 'function') throw invalid('create', 'a function', create)
	const settings = { create, limit: positive('limit', limit) }
	for (const { title, run } of checks) test(title, () => withSession(settings, run))
}

const checks: readonly Check[] = [...membershipChecks, ...messageChecks, ...queueChecks, ...closingChecks]
