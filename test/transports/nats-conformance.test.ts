import anyTest from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import { NatsTransport } from '../../lib/transports/nats.ts'
import { natsServerVersion, natsTest, startNatsServer, type NatsServer } from '../support/nats-server.ts'
import { Span } from '../support/lifetime.ts'
import { transportConforms } from '../support/transport-conformance.ts'

const test = natsTest()
const span = new Span()
let server: NatsServer | undefined

anyTest.before(async () => {
	if (natsServerVersion !== undefined) server = await startNatsServer(span)
})

anyTest.after.always(async () => {
	await span.end()
})

const maxMessageBytes = 3_000_000
let networks = 0

transportConforms(test, 'NatsTransport', {
	create: () => {
		networks += 1
		const subject = `test-${networks}`
		return {
			join: name =>
				NatsTransport.connect({
					...{ name, subject, maxMessageBytes, servers: server!.address, logger: silentLogger },
					...{ maxPendingBytes: 8_000_000, connectTimeout: 30_000 },
				}),
			maxMessageBytes,
			queue: { messages: 40, bytes: 250_000 },
		}
	},
})
