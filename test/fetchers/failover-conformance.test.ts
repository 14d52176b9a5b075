import test from 'ava'
import { FailoverFetcher } from '../../fetchers/failover.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import type { Fetcher } from '../../lib/core/fetcher.ts'
import { FakeFetcher } from '../../lib/testing/index.ts'
import type { FakeFetcherOptions } from '../../lib/testing/index.ts'
import { conforms } from '../support/conformance.ts'

const refused = async (): Promise<never> => {
	throw new RemoteTermError('FETCH_FAILED', 'Nobody is there')
}

/** A source that cannot even be reached. */
const dead: Fetcher = { init: refused, currentVersion: refused, download: refused }

const harness =
	(version: null | undefined, options: FakeFetcherOptions, before: readonly Fetcher[] = []) =>
	(content: Uint8Array) => {
		const sources = [new FakeFetcher(undefined, options), new FakeFetcher(undefined, options)]
		const publish = async (bytes: Uint8Array): Promise<void> => {
			for (const source of sources) source.publish(bytes, version === null ? { version } : {})
		}
		void publish(content)
		return {
			fetcher: new FailoverFetcher([...before, ...sources]),
			publish,
			async publishBeside(suffix: string, bytes: Uint8Array) {
				for (const source of sources) source.publishBeside(suffix, bytes)
			},
			async unpublish() {
				for (const source of sources) source.unpublish()
			},
			openBodies: () => sources.reduce((sum, source) => sum + source.openBodies, 0),
		}
	}

conforms(test, 'two sources that can tell', {
	create: harness(undefined, { chunkSize: 65_536 }),
	capabilities: { watch: true, beside: true },
})

conforms(test, 'two sources behind one that is down', {
	create: harness(undefined, { chunkSize: 65_536, watch: false }, [dead]),
})

conforms(test, 'two sources behind one that is down, with what lies beside', {
	create: harness(undefined, { watch: false }, [{ ...dead, beside: () => dead }]),
	capabilities: { beside: true },
})

conforms(test, 'two sources with the three methods alone', {
	create: harness(undefined, { conditional: false, watch: false }),
	capabilities: { beside: true },
})

conforms(test, 'two sources without versions', {
	create: harness(null, { watch: false }),
	capabilities: { versions: 'none', beside: true },
})

conforms(test, 'two sources of ready values', {
	create(content) {
		const sources = [new FakeFetcher(), new FakeFetcher()]
		const publish = async (bytes: Uint8Array): Promise<void> => {
			for (const source of sources) source.publishValue(Array.from(bytes))
		}
		void publish(content)
		return {
			fetcher: new FailoverFetcher(sources),
			publish,
			async publishBeside(suffix: string, bytes: Uint8Array) {
				for (const source of sources) source.publishBeside(suffix, bytes)
			},
			async unpublish() {
				for (const source of sources) source.unpublish()
			},
		}
	},
	capabilities: { watch: true, beside: true },
	expectedValue: content => Array.from(content),
})
