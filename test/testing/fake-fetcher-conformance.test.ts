import test from 'ava'
import { FakeFetcher } from '../../lib/testing/index.ts'
import { conforms } from '../support/conformance.ts'
import type { FakeFetcherOptions } from '../../lib/testing/index.ts'

const publishBeside = (fetcher: FakeFetcher) => async (suffix: string, bytes: Uint8Array) =>
	void fetcher.publishBeside(suffix, bytes)

const harness = (options?: FakeFetcherOptions) => (content: Uint8Array) => {
	const fetcher = new FakeFetcher(content, options)
	return {
		fetcher,
		publish: async (bytes: Uint8Array) => void fetcher.publish(bytes),
		publishBeside: publishBeside(fetcher),
		unpublish: async () => fetcher.unpublish(),
		openBodies: () => fetcher.openBodies,
	}
}

conforms(test, 'whole bodies', { create: harness(), capabilities: { watch: true, beside: true } })

conforms(test, 'bodies in chunks', {
	create: harness({ chunkSize: 65_536 }),
	capabilities: { watch: true, beside: true },
})

conforms(test, 'without the optional methods', {
	create: harness({ conditional: false, watch: false }),
	capabilities: { conditional: false, beside: true },
})

conforms(test, 'ready values', {
	create(content) {
		const fetcher = new FakeFetcher()
		fetcher.publishValue(Array.from(content))
		return {
			fetcher,
			publish: async bytes => void fetcher.publishValue(Array.from(bytes)),
			publishBeside: publishBeside(fetcher),
			unpublish: async () => fetcher.unpublish(),
		}
	},
	capabilities: { watch: true, beside: true },
	expectedValue: content => Array.from(content),
})

conforms(test, 'without versions', {
	create(content) {
		const fetcher = new FakeFetcher()
		fetcher.publish(content, { version: null })
		return {
			fetcher,
			publish: async bytes => void fetcher.publish(bytes, { version: null }),
			publishBeside: publishBeside(fetcher),
			unpublish: async () => fetcher.unpublish(),
		}
	},
	capabilities: { versions: 'none', watch: true, beside: true },
})
