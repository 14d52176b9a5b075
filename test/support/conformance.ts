import type { TestFn } from 'ava'
import { fetcherConformance, type FetcherConformanceOptions } from '../../lib/testing/fetcher-conformance.ts'

/** Runs the conformance suite as tests of ava, each title beginning with the subject. */
export const conforms = (
	test: TestFn,
	subject: string,
	options: Omit<FetcherConformanceOptions, 'test'>,
): void =>
	fetcherConformance({
		...options,
		test: (title, run) => test(`${subject}: ${title}`, async t => void (await t.notThrowsAsync(run))),
	})
