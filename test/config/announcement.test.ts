import test, { type ExecutionContext } from 'ava'
import {
	ConfigPusher,
	type Announcement,
	type AnnouncementEvents,
	type ConfigPusherOptions,
} from '../../lib/config/index.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { fun, push } from '../support/configs.ts'
import { recordingLogger, type RecordingLogger } from '../support/recording-logger.ts'
import { closedPort } from '../support/ports.ts'
import { reply, smallGateway } from '../support/small-gateway.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND

interface Setup {
	readonly clock: FakeClock
	readonly logger: RecordingLogger
	readonly pusher: ConfigPusher
}

const setup = (t: ExecutionContext, url: string | URL, options: Partial<ConfigPusherOptions> = {}): Setup => {
	const clock = new FakeClock()
	const logger = recordingLogger()
	const pusher = new ConfigPusher({ url, clock, logger, random: () => 0.5, ...options })
	t.teardown(() => pusher.close())
	return { clock, logger, pusher }
}

const next = <Name extends keyof AnnouncementEvents>(
	announcement: Announcement,
	event: Name,
): Promise<AnnouncementEvents[Name]> =>
	new Promise(resolve => {
		const off = announcement.on(event, payload => {
			off()
			resolve(payload)
		})
	})

/** Until the loop waits for its next attempt. */
const resting = async (clock: FakeClock, announcement: Announcement): Promise<void> => {
	while (announcement.status().nextAttemptAt === undefined) await clock.advance(0)
}

test('the gateway is asked first, and pushed to only where it has not got it', async t => {
	const gateway = await smallGateway(t)
	const { pusher, clock } = setup(t, gateway.url)
	const first = pusher.pushOnStartup(push('orders', '1.0.0'))
	t.like(await first.accepted, { status: 'accepted', revision: 1 })
	t.like(first.status(), { state: 'accepted', failures: 0, acceptedAt: clock.now() })
	// A restart of the service.
	const second = pusher.pushOnStartup(push('orders', '1.0.0'))
	t.deepEqual(await second.accepted, { status: 'matched', service: 'orders', configVersion: '1.0.0' })
	const third = pusher.pushOnStartup(push('orders', '1.1.0'))
	t.like(await third.accepted, { status: 'accepted', previousVersion: '1.0.0' })
	t.deepEqual(
		gateway.seen.map(({ method }) => method),
		['GET', 'PUT', 'GET', 'GET', 'PUT'],
	)
	t.is(first.status().state, 'ended')
	t.is(pusher.announcements.size, 1)
})

test('it tries again with backoff until it is accepted, and the log says so once', async t => {
	const gateway = await smallGateway(t)
	const { pusher, clock, logger } = setup(t, gateway.url)
	for (let i = 0; i < 8; i++) gateway.answer((_request, response) => response.writeHead(503).end())
	const announcement = pusher.pushOnStartup(push('orders', '1'))
	const waits: Array<number | undefined> = []
	announcement.on('failed', ({ retryIn }) => void waits.push(retryIn))
	for (let i = 0; i < 8; i++) {
		await resting(clock, announcement)
		t.like(announcement.status(), { state: 'failing', failures: i + 1, lastError: { status: 503 } })
		await clock.advance(clock.nextTimerIn ?? 0)
	}
	t.like(await announcement.accepted, { status: 'accepted' })
	t.deepEqual(waits, [750, 1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000])
	t.deepEqual(
		logger.lines.map(([level]) => level),
		['warn', 'info'],
	)
})

test('a gateway that is not there yet is waited for, and the service starts all the same', async t => {
	const gateway = await smallGateway(t)
	const port = await closedPort()
	const { pusher, clock } = setup(t, `http://127.0.0.1:${port}`)
	const announcement = pusher.pushOnStartup(push('orders', '1'))
	await resting(clock, announcement)
	t.is(announcement.status().lastError?.code, 'FETCH_FAILED')
	const moved = gateway.url.port
	t.not(Number(moved), port)
	await announcement.stop()
	await t.throwsAsync(announcement.accepted, { code: 'STOPPED' })
	t.is(clock.pendingTimers, 0)
})

test('what will hardly change is logged once, and tried again on a slow curve', async t => {
	const gateway = await smallGateway(t)
	const { pusher, clock, logger } = setup(t, gateway.url)
	const announcement = pusher.pushOnStartup(
		push('orders', '1', [fun('ok'), { requestType: 'bad', nodes: [] } as never]),
	)
	const waits: Array<number | undefined> = []
	announcement.on('failed', ({ retryIn }) => void waits.push(retryIn))
	for (let i = 0; i < 6; i++) {
		await resting(clock, announcement)
		t.is(announcement.status().state, 'refused')
		t.true((announcement.status().lastError?.issues?.length ?? 0) > 0)
		await clock.advance(clock.nextTimerIn ?? 0)
	}
	t.deepEqual(
		waits.slice(0, 6),
		[45, 90, 180, 360, 675, 675].map(seconds => seconds * SECOND),
	)
	t.deepEqual(
		logger.lines.map(([level]) => level),
		['error'],
	)
	t.regex(logger.lines[0]![1], /refuses orders: PUT .* answered 422: .*items\/1/)
})

test('a bad token is a refusal, too; one that is renewed heals it', async t => {
	const gateway = await smallGateway(t)
	gateway.tokens.add('good')
	let token = 'bad'
	const { pusher, clock } = setup(t, gateway.url, { token: () => token })
	const announcement = pusher.pushOnStartup(push('orders', '1'))
	await resting(clock, announcement)
	t.like(announcement.status(), { state: 'refused', lastError: { code: 'FETCH_DENIED' } })
	token = 'good'
	await clock.advance(45 * SECOND)
	t.like(await announcement.accepted, { status: 'accepted' })
})

test('a token that may push but not ask is good enough to start with', async t => {
	const gateway = await smallGateway(t)
	gateway.answer((_request, response) => response.writeHead(403).end())
	const { pusher } = setup(t, gateway.url)
	t.like(await pusher.pushOnStartup(push('orders', '1')).accepted, { status: 'accepted' })
})

test('Retry-After is honoured where it is longer than the backoff', async t => {
	const gateway = await smallGateway(t)
	const { pusher, clock } = setup(t, gateway.url)
	gateway.answer((_request, response) => response.writeHead(429, { 'retry-after': '100' }).end())
	const announcement = pusher.pushOnStartup(push('orders', '1'))
	const { retryIn } = await next(announcement, 'failed')
	t.is(retryIn, 105 * SECOND)
	await resting(clock, announcement)
	t.deepEqual(clock.timers, [105 * SECOND])
})

test('a gateway that has forgotten is told again, and one that has not is left alone (SPEC §4.9)', async t => {
	const gateway = await smallGateway(t)
	const { pusher, clock, logger } = setup(t, gateway.url)
	const announcement = pusher.pushOnStartup(push('orders', '1'))
	await announcement.accepted
	for (let i = 0; i < 3; i++) {
		await resting(clock, announcement)
		await clock.advance(MINUTE)
		await gateway.reached(2 + i + 1)
	}
	t.is(gateway.seen.filter(({ method }) => method === 'PUT').length, 1)
	await resting(clock, announcement)
	await gateway.forget()
	const [forgotten, again] = [next(announcement, 'forgotten'), next(announcement, 'accepted')]
	await clock.advance(MINUTE)
	t.deepEqual(await forgotten, { service: 'orders' })
	t.like(await again, { outcome: { status: 'accepted' } })
	t.is(gateway.receiver.verify('orders', '1').status, 'matched')
	t.true(logger.lines.some(([level, message]) => level === 'warn' && /forgotten orders/.test(message)))
	await resting(clock, announcement)
	t.is(clock.pendingTimers, 1)
})

test('the push of a newer instance is not fought with', async t => {
	const gateway = await smallGateway(t)
	const { pusher, clock, logger } = setup(t, gateway.url)
	const announcement = pusher.pushOnStartup(push('orders', 'a'), { force: true })
	await announcement.accepted
	await resting(clock, announcement)
	await gateway.receiver.push(push('orders', 'b'))
	const superseded = next(announcement, 'superseded')
	await clock.advance(MINUTE)
	t.deepEqual(await superseded, { service: 'orders', stored: 'b' })
	for (let i = 0; i < 3; i++) {
		await resting(clock, announcement)
		t.is(announcement.status().state, 'superseded')
		await clock.advance(MINUTE)
	}
	t.is(gateway.receiver.verify('orders', 'b').status, 'matched')
	t.is(logger.lines.filter(([, message]) => /keeps it/.test(message)).length, 1)
})

test('an older instance that comes back does not take the gateway back', async t => {
	const gateway = await smallGateway(t)
	await gateway.receiver.push(push('orders', '2.0.0'))
	const { pusher, clock } = setup(t, gateway.url)
	const old = pusher.pushOnStartup(push('orders', '1.0.0'))
	await resting(clock, old)
	t.like(old.status(), { state: 'refused', lastError: { code: 'DOWNGRADE_REFUSED' } })
	const forced = pusher.pushOnStartup(push('orders', '1.0.0'), { force: true })
	t.like(await forced.accepted, { status: 'accepted', previousVersion: '2.0.0' })
})

test('attempts can be limited, and then it ends', async t => {
	const gateway = await smallGateway(t)
	const { pusher, clock } = setup(t, gateway.url)
	for (let i = 0; i < 3; i++) gateway.answer((_request, response) => reply(response, 500, {}))
	const announcement = pusher.pushOnStartup(push('orders', '1'), { maxAttempts: 3 })
	for (let i = 0; i < 2; i++) {
		await resting(clock, announcement)
		await clock.advance(clock.nextTimerIn ?? 0)
	}
	await t.throwsAsync(announcement.accepted, { code: 'FETCH_STATUS' })
	await clock.advance(0)
	t.is(announcement.status().state, 'ended')
	t.is(clock.pendingTimers, 0)
	t.throws(() => pusher.pushOnStartup(push('orders', '1'), { maxAttempts: 0 }), { code: 'INVALID_OPTION' })
})

test('stop, its signal and close end everything, with no word afterwards', async t => {
	const gateway = await smallGateway(t)
	const { pusher, clock } = setup(t, gateway.url)
	const told: string[] = []
	const listen = (announcement: Announcement): Announcement => {
		for (const event of ['accepted', 'failed', 'forgotten', 'superseded'] as const)
			announcement.on(event, () => void told.push(event))
		return announcement
	}
	const controller = new AbortController()
	for (let i = 0; i < 3; i++) gateway.answer(() => {})
	const [a, b, c] = [
		listen(pusher.pushOnStartup(push('a', '1'))),
		listen(pusher.pushOnStartup(push('b', '1'), { signal: controller.signal })),
		listen(pusher.pushOnStartup(push('c', '1'))),
	]
	await gateway.reached(3)
	const stopped = a.stop()
	controller.abort()
	await stopped
	await pusher.close()
	for (const one of [a, b, c]) {
		await t.throwsAsync(one.accepted, { code: 'STOPPED' })
		t.is(one.status().state, 'ended')
		await one.stop()
	}
	await clock.advance(10 * MINUTE)
	t.is(clock.pendingTimers, 0)
	t.deepEqual(told, [])
	t.is(gateway.seen.length, 3)
})

test('with verifyInterval: null it ends once it is accepted', async t => {
	const gateway = await smallGateway(t)
	const { pusher, clock } = setup(t, gateway.url, { verifyInterval: null })
	const announcement = pusher.pushOnStartup(push('orders', '1'))
	await announcement.accepted
	await clock.advance(0)
	t.is(clock.pendingTimers, 0)
	t.is(announcement.status().state, 'accepted')
})
