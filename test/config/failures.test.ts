import test from 'ava'
import { FailureLog } from '../../lib/config/index.ts'
import { FakeClock } from '../../lib/testing/index.ts'

const DAY = 86_400_000

test('failures are listed newest first, up to a limit, by service and source', async t => {
	const clock = new FakeClock()
	const log = new FailureLog(clock)
	for (const [service, source] of [
		['a', 'push'],
		['b', 'push'],
		['a', 'pull'],
		['a', 'push'],
	] as const) {
		await clock.advance(1_000)
		log.record({ service, source, reasons: [`fault ${log.count()}`] })
	}
	t.deepEqual(
		log.list().map(({ id }) => id),
		[4, 3, 2, 1],
	)
	t.deepEqual(
		log.list({ order: 'oldestFirst', limit: 2 }).map(({ id }) => id),
		[1, 2],
	)
	t.deepEqual(
		log.list({ service: 'a', source: 'push' }).map(({ id }) => id),
		[4, 1],
	)
	t.is(log.count({ source: 'pull' }), 1)
	const { byService, ...summary } = log.summary()
	t.deepEqual(summary, { total: 4, push: 3, pull: 1, oldestAt: clock.now() - 3_000, newestAt: clock.now() })
	t.deepEqual(
		[...byService],
		[
			['a', 3],
			['b', 1],
		],
	)
	log.clear()
	t.is(log.count(), 0)
})

test('a failure is forgotten after its time, unless it happens again', async t => {
	const clock = new FakeClock()
	const log = new FailureLog(clock)
	log.record({ service: 'a', source: 'pull', reasons: ['broken'] })
	log.record({ service: 'b', source: 'pull', reasons: ['broken'] })
	await clock.advance(DAY - 1)
	log.record({ service: 'a', source: 'pull', reasons: ['broken'] })
	t.is(log.count(), 2)
	await clock.advance(1)
	t.is(log.cleanup(), 1)
	t.like(log.list()[0], { id: 1, service: 'a', count: 2, expiresAt: clock.now() + DAY - 1 })
	await clock.advance(DAY)
	t.deepEqual(log.list(), [])
	t.is(log.summary().newestAt, undefined)
})

test('the log is bounded in number and in size, and keeps no content', t => {
	const log = new FailureLog(new FakeClock(), { max: 10 })
	for (let index = 0; index < 50; index++)
		log.record({ service: `s${index}`, source: 'push', reasons: ['x'] })
	t.is(log.count(), 10)
	t.is(log.list()[0]?.service, 's49')
	const record = log.record({
		service: { secret: 'x' },
		requestType: 'y'.repeat(1_000),
		version: 'z'.repeat(1_000),
		source: 'push',
		reasons: Array.from({ length: 100 }, () => 'r'.repeat(10_000)),
	})
	t.is(record.service, undefined)
	t.is(record.requestType, undefined)
	t.true(JSON.stringify(record).length < 11_000)
})

test('neither a long name of a node nor long reasons make a record large', t => {
	const log = new FailureLog(new FakeClock())
	const { node, reasons } = log.record({
		...{ service: 'a', source: 'pull', node: `https://a.example.com/${'x'.repeat(100_000)}` },
		reasons: Array.from({ length: 100 }, () => 'y'.repeat(10_000)),
	})
	t.is(node?.length, 256)
	t.is(reasons.join('').length, 20 * 500)
})
