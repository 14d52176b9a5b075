// A node of the tests: it keeps one term hot from S3, and says what happens, one JSON document a line.
import { json, RemoteTerm } from '../../lib/index.ts'
import { S3Fetcher, type S3FetcherOptions } from '../../fetchers/s3.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { Hub } from '../../lib/hub/index.ts'
import { NatsTransport } from '../../lib/transports/nats.ts'

class Rates extends RemoteTerm<Record<string, number>> {
	protected override deserialize = json<Record<string, number>>
}

const { name, s3, servers } = JSON.parse(process.argv[2]!) as {
	name: string
	servers: string
	s3: S3FetcherOptions
}
const say = (...words: unknown[]): void => void process.stdout.write(`${JSON.stringify(words)}\n`)

const logger = silentLogger
const transport = await NatsTransport.connect({ name, servers, logger })
const hub = await new Hub({ transport, logger }).start()
const rates = new Rates({ name: 'rates', fetcher: new S3Fetcher(s3), refreshInterval: 3_600_000, logger })
rates.on('updated', ({ version }) => say('updated', version))
hub.attach(rates)
await rates.start()
process.once('SIGTERM', () => {
	void Promise.all([rates.stop(), hub.stop()]).then(() => transport.close())
})
