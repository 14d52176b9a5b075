import { invalid, onlyKnownOptions, positive, positiveInteger } from '../core/options.ts'
import { abortChecks } from './fetcher-conformance/abort.ts'
import { besideChecks } from './fetcher-conformance/beside.ts'
import { bodyChecks } from './fetcher-conformance/body.ts'
import { changeChecks } from './fetcher-conformance/change.ts'
import {
	withSession,
	type Check,
	type FetcherCapabilities,
	type FetcherHarness,
} from './fetcher-conformance/session.ts'
import { versionChecks } from './fetcher-conformance/version.ts'
import { watchChecks } from './fetcher-conformance/watch.ts'

export type { FetcherCapabilities, FetcherHarness } from './fetcher-conformance/session.ts'

const MiB = 2 ** 20

export interface FetcherConformanceOptions {
	/** Registers one test with your runner. It passes when `run` resolves and fails when `run` rejects. */
	readonly test: (title: string, run: () => Promise<void>) => unknown
	/** Makes a source that holds exactly `content`, and a fetcher for it on which nothing has been called yet. */
	readonly create: (content: Uint8Array) => FetcherHarness | Promise<FetcherHarness>
	/**
	 * What the fetcher and its harness can do, and with that, which tests there are. What is left out has its default.
	 * A fetcher that has a method which is declared absent fails, so that no method goes untested by mistake.
	 */
	readonly capabilities?: Partial<FetcherCapabilities> | undefined
	/** For a fetcher that delivers ready values: the one that stands for `content`. Left out, it delivers bytes. */
	readonly expectedValue?: ((content: Uint8Array) => unknown) | undefined
	/** How long any one step may take before it counts as hanging, in milliseconds. Default: 10 s. */
	readonly limit?: number | undefined
	/** The size of the large body, in bytes; more than the source's buffers hold. Default: 8 MiB. */
	readonly largeBody?: number | undefined
}

const defaults: FetcherCapabilities = {
	versions: 'content',
	conditional: true,
	watch: false,
	beside: false,
	publish: true,
	unpublish: true,
}

/**
 * The contract of `Fetcher` as a test suite, for any test runner and any fetcher, yours included. Each test has a
 * source and a fetcher of its own, and gets rid of both: `close()` on the fetcher, then `dispose()` on the harness.
 *
 * With `node:test` the runner's `test` fits as it is. With ava, which fails a test without an assertion of its own:
 *
 * ```ts
 * fetcherConformance({
 *   test: (title, run) => test(title, async t => void (await t.notThrowsAsync(run))),
 *   create: async content => {
 *     const source = await startMySource(content)
 *     return {
 *       fetcher: new MyFetcher({ url: source.url }),
 *       publish: content => source.replace(content),
 *       unpublish: () => source.remove(),
 *       openBodies: () => source.responsesUnderWay,
 *       dispose: () => source.close(),
 *     }
 *   },
 * })
 * ```
 *
 * @throws `INVALID_OPTION`
 */
export const fetcherConformance = (options: FetcherConformanceOptions): void => {
	onlyKnownOptions('fetcherConformance', options, [
		'test',
		'create',
		'capabilities',
		'expectedValue',
		'limit',
		'largeBody',
	])
	const { test, create, expectedValue, limit = 10_000, largeBody = 8 * MiB } = options
	if (typeof test !== 'function') throw invalid('test', 'a function', test)
	if (typeof create !== 'function') throw invalid('create', 'a function', create)
	onlyKnownOptions('capabilities', options.capabilities ?? {}, Object.keys(defaults))
	const capabilities = { ...defaults, ...options.capabilities }
	const settings = {
		create,
		capabilities,
		expectedValue,
		limit: positive('limit', limit),
		largeBody: positiveInteger('largeBody', largeBody),
	}
	for (const { title, run, needs } of checks) {
		if (needs?.({ ...capabilities, bytes: expectedValue === undefined }) === false) continue
		test(title, () => withSession(settings, run))
	}
}

const checks: readonly Check[] = [
	...bodyChecks,
	...versionChecks,
	...changeChecks,
	...abortChecks,
	...watchChecks,
	...besideChecks,
]
