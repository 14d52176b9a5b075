// A process of the tests: it echoes what it is sent, and says what it hears, one JSON document a line.
import { silentLogger } from '../../lib/core/logger.ts'
import type { Channel } from '../../lib/core/transport.ts'
import { NatsTransport, type NatsTransportOptions } from '../../lib/transports/nats.ts'

const options = JSON.parse(process.argv[2]!) as NatsTransportOptions
const say = (...words: unknown[]): void => void process.stdout.write(`${JSON.stringify(words)}\n`)

const transport = await NatsTransport.connect({ ...options, logger: silentLogger })
const channel: Channel<unknown> = transport.open<{ echo?: unknown; leave?: true }>('scope', {
	peerUp: ({ name }) => say('up', name),
	peerDown: ({ name }, reason) => say('down', name, reason),
	message(from, order) {
		if (order.leave) void transport.close()
		else channel.send(from, order.echo)
	},
})
