import type { ExecutionContext } from 'ava'
import { fetcherConformance, type FetcherConformanceOptions } from '../../lib/testing/fetcher-conformance.ts'

type Register = (title: string, run: (t: ExecutionContext) => Promise<void>) => void

/**
 * Runs the conformance suite as tests of ava, each title beginning with the subject. With `test.serial` where servers
 * and large bodies would otherwise keep each other waiting.
 */
export const conforms = (
	test: Register,
	subject: string,
	options: Omit<FetcherConformanceOptions, 'test'>,
): void =>
	fetcherConformance({
		// By itself each step has 10 s, which a machine with other things to do may need for what takes milliseconds.
		limit: 30_000,
		...options,
		test: (title, run) => test(`${subject}: ${title}`, async t => void (await t.notThrowsAsync(run))),
	})
