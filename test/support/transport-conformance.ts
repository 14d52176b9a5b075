import type { ExecutionContext } from 'ava'
import {
	transportConformance,
	type TransportConformanceOptions,
} from '../../lib/testing/transport-conformance.ts'

type Register = (title: string, run: (t: ExecutionContext) => Promise<void>) => void

/** Runs the conformance suite as tests of ava, each title beginning with the subject. */
export const transportConforms = (
	test: Register,
	subject: string,
	options: Omit<TransportConformanceOptions, 'test'>,
): void =>
	transportConformance({
		// By itself each step has 10 s, which a machine with other things to do may need for what takes milliseconds.
		limit: 30_000,
		...options,
		test: (title, run) => test(`${subject}: ${title}`, async t => void (await t.notThrowsAsync(run))),
	})
