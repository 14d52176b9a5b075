import anyTest from 'ava'
import { NatsConfigDb } from '../../lib/config/nats.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { configDbConformance, type ConformanceItem, type ConformancePull } from '../../lib/testing/index.ts'
import { Span } from '../support/lifetime.ts'
import { natsSerialTest, startNatsServer, type NatsServer } from '../support/nats-server.ts'

const test = natsSerialTest()

/** One server for all, with a bucket of its own for each test. */
const span = new Span()
anyTest.after.always(async () => {
	await span.end()
})
let server: Promise<NatsServer> | undefined
let buckets = 0

configDbConformance({
	test: (title, run) => test(`nats: ${title}`, async t => void (await t.notThrowsAsync(run))),
	shared: true,
	create: async () => {
		const { address: servers } = await (server ??= startNatsServer(span, { jetstream: true }))
		const bucket = `own-${buckets++}`
		const open = (): NatsConfigDb<ConformanceItem, ConformancePull> =>
			new NatsConfigDb<ConformanceItem, ConformancePull>({ servers, bucket, logger: silentLogger })
		return { db: open(), reopen: open, peer: open }
	},
})
