import test from 'ava'
import { MemoryNetwork } from '../../lib/testing/index.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { transportConforms } from '../support/transport-conformance.ts'

const maxMessageBytes = 1_000_000
const worlds = {
	'a perfect network': {},
	'a network that is late, and repeats itself': { latency: 2, jitter: 5, duplication: 0.2 },
}

for (const [subject, wire] of Object.entries(worlds)) {
	transportConforms(test, subject, {
		create: () => {
			const network = new MemoryNetwork({ ...wire, maxQueue: 1000, maxMessageBytes, logger: silentLogger })
			return {
				join: name => network.join(name),
				crash: ({ self }) => network.crash(self.name),
				maxMessageBytes,
				queue: { messages: 1001, bytes: 1 },
			}
		},
	})
}
