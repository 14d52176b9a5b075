import test from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import { BroadcastChannelTransport } from '../../lib/transports/broadcast-channel.ts'
import { transportConforms } from '../support/transport-conformance.ts'

const maxMessageBytes = 1_000_000
let networks = 0

transportConforms(test, 'BroadcastChannelTransport', {
	create: () => {
		networks += 1
		const network = `conformance-${networks}`
		return {
			join: name =>
				new BroadcastChannelTransport({
					...{ name, network, maxMessageBytes, keepAlive: true, logger: silentLogger },
					maxQueue: 1000,
				}),
			maxMessageBytes,
			queue: { messages: 1001, bytes: 1 },
		}
	},
})
