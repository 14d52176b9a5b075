import test from 'ava'
import fc from 'fast-check'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { Span } from '../support/lifetime.ts'
import { document, named, pulling } from '../support/pulling.ts'
import { push } from '../support/configs.ts'

const SECOND = 1000

test('a service is pulled at once, then at its own interval, jitter included', async t => {
	const source = new FakeFetcher(document('1', 'create'))
	const draws = [0.5, 1, 0]
	const { clock, puller, db, next } = await pulling(t, {
		fetchers: { source: () => source },
		services: [named('orders')],
		random: () => draws.shift() ?? 0.5,
	})
	const first = next('pull.stop')
	puller.start()
	t.like(await first, { service: 'orders', status: 'updated', configVersion: '1', count: 1 })
	t.is(db.get('orders', 'create').status, 'found')
	t.deepEqual(clock.timers, [30 * SECOND])
	const second = next('pull.stop')
	await clock.advance(30 * SECOND)
	t.like(await second, { status: 'unchanged', configVersion: '1' })
	t.deepEqual(clock.timers, [33 * SECOND])
	const third = next('pull.stop')
	await clock.advance(33 * SECOND)
	await third
	t.deepEqual(clock.timers, [27 * SECOND])
})

test('a service may say how often, but not more often than the operator lets it', async t => {
	const source = new FakeFetcher(document('1', 'create'))
	const { clock, puller, next } = await pulling(t, {
		fetchers: { source: () => source },
		services: [named('slow', { refreshInterval: 90_000 }), named('greedy', { refreshInterval: 100 })],
	})
	const both = [next('pull.stop', 'slow'), next('pull.stop', 'greedy')]
	puller.start()
	await Promise.all(both)
	t.deepEqual(clock.timers, [SECOND, 90 * SECOND])
})

test('pulling by hand adds no second chain, however often (SPEC §4.4)', async t => {
	const source = new FakeFetcher(document('1', 'create'))
	const { clock, puller, told } = await pulling(t, {
		fetchers: { source: () => source },
		services: [named('orders')],
	})
	puller.start()
	for (let i = 0; i < 20; i++) {
		await puller.pull('orders')
		t.is(clock.pendingTimers, 1)
	}
	for (let i = 0; i < 5; i++) {
		await puller.forcePull()
		t.is(clock.pendingTimers, 1)
	}
	await Promise.all(Array.from({ length: 10 }, () => puller.pull('orders')))
	t.is(clock.pendingTimers, 1)
	const before = told.length
	await clock.advance(31 * SECOND)
	t.deepEqual(
		told.slice(before).map(({ event }) => event),
		['pull.start', 'pull.stop'],
	)
	t.is(clock.pendingTimers, 1)
})

test('a service that fails backs off by itself, and no other does (SPEC §4.4)', async t => {
	const [good, bad] = [new FakeFetcher(document('1', 'create')), new FakeFetcher()]
	const { clock, puller, next } = await pulling(t, {
		fetchers: { good: () => good, bad: () => bad },
		services: [named('good', { nodes: ['good'] }), named('bad', { nodes: ['bad'] })],
		backoff: { base: 2 * SECOND, cap: 16 * SECOND },
	})
	const [, failed] = [next('pull.stop', 'good'), next('pull.error', 'bad')]
	puller.start()
	const error = await failed
	t.is(error.error.code, 'FETCH_NOT_FOUND')
	// Equal jitter at 0.5: three quarters of 2, 4, 8, 16, 16 seconds.
	for (const [failures, wait] of [1.5, 3, 6, 12, 12].entries()) {
		const status = puller.status().services.find(({ service }) => service === 'bad')
		t.is(status?.consecutiveFailures, failures + 1)
		t.is(status?.nextPullAt, clock.now() + wait * SECOND)
		const again = next('pull.error', 'bad')
		await clock.advance(wait * SECOND)
		await again
	}
	t.like(
		puller.status().services.find(({ service }) => service === 'good'),
		{ consecutiveFailures: 0, configVersion: '1' },
	)
	bad.publish(document('2', 'create'))
	t.like(await puller.pull('bad'), { status: 'updated' })
	t.is(clock.timers.length, 2)
})

test('a source that asks us to wait is left alone for that long', async t => {
	const source = new FakeFetcher()
	const { RemoteTermError } = await import('../../lib/core/errors.ts')
	source.fail(new RemoteTermError('FETCH_THROTTLED', 'slow down', { retryAfter: 120_000 }))
	const { clock, puller, next } = await pulling(t, {
		fetchers: { source: () => source },
		services: [named('orders')],
	})
	const failed = next('pull.error')
	puller.start()
	await failed
	t.true((clock.nextTimerIn ?? 0) >= 120_000)
})

test('start waits for nobody, and stop ends everything with no word afterwards', async t => {
	const source = new FakeFetcher()
	const hanging = [source.hang(), source.hang(), source.hang()]
	const { clock, puller, told, receiver } = await pulling(t, {
		fetchers: { source: () => source },
		services: [named('a'), named('b'), named('c')],
		maxParallel: 2,
	})
	puller.start()
	await Promise.all([hanging[0]!.taken, hanging[1]!.taken])
	t.deepEqual(
		told.map(({ event }) => event),
		['pull.start', 'pull.start'],
	)
	t.is(puller.status().waiting, 1)
	t.true(puller.status().services.every(({ pulling }) => pulling))
	const waiting = puller.pull('a')
	const before = told.length
	await puller.stop()
	t.like(await waiting, { status: 'failed', error: { code: 'STOPPED' } })
	for (const one of hanging) one.respond(document('1', 'late'))
	await receiver.push(push('d', '1', undefined, {}))
	await clock.advance(600 * SECOND)
	t.is(clock.pendingTimers, 0)
	t.is(told.length, before)
	t.is(puller.status().state, 'stopped')
	t.deepEqual(puller.getServices(), [])
	await t.throwsAsync(puller.pull('a'), { code: 'STOPPED' })
	t.throws(() => puller.add([named('e')]), { code: 'STOPPED' })
	await puller.stop()
})

test('no more pulls are under way at a time than allowed, and everybody gets a turn', async t => {
	const source = new FakeFetcher()
	const hanging = Array.from({ length: 6 }, () => source.hang())
	const services = ['a', 'b', 'c', 'd', 'e', 'f'].map(name => named(name))
	const { puller, told, next } = await pulling(t, {
		fetchers: { source: () => source },
		services,
		maxParallel: 2,
	})
	puller.start()
	for (const [index, one] of hanging.entries()) {
		await one.taken
		const started = told.filter(({ event }) => event === 'pull.start').length
		const ended = told.length - started
		t.true(started - ended <= 2, `${started - ended} under way`)
		const landed = next('pull.stop')
		one.respond(document(String(index), 'create'))
		await landed
	}
	t.is(told.filter(({ event }) => event === 'pull.stop').length, 6)
})

test('a pull that hangs ends after its timeout, on which waiting for a turn does not count', async t => {
	const source = new FakeFetcher()
	const [first, second] = [source.hang(), source.hang()]
	const { clock, puller, next, told } = await pulling(t, {
		fetchers: { source: () => source },
		services: [named('a'), named('b')],
		maxParallel: 1,
		timeout: 4 * SECOND,
	})
	puller.start()
	await first.taken
	const failed = next('pull.error', 'a')
	await clock.advance(4 * SECOND)
	t.true(['FETCH_TIMEOUT', 'TIMEOUT'].includes((await failed).error.code))
	await second.taken
	t.deepEqual(told.at(-1), { event: 'pull.start', service: 'b', startedAt: clock.now() })
	await clock.advance(3 * SECOND)
	const landed = next('pull.stop', 'b')
	second.respond(document('1', 'create'))
	t.is((await landed).durationMs, 3 * SECOND)
})

test('before the start nothing is pulled, and a service that nobody knows is an error', async t => {
	const source = new FakeFetcher(document('1', 'create'))
	const { clock, puller } = await pulling(t, { fetchers: { source: () => source } })
	puller.add([named('orders')])
	t.is(clock.pendingTimers, 0)
	t.deepEqual(puller.getServices(), ['orders'])
	await t.throwsAsync(puller.pull('orders'), { code: 'NOT_STARTED' })
	await t.throwsAsync(puller.forcePull(), { code: 'NOT_STARTED' })
	puller.start()
	puller.start()
	await t.throwsAsync(puller.pull('other'), { code: 'INVALID_OPTION', message: /"other"/ })
	await t.throwsAsync(puller.pull('__proto__'), { code: 'INVALID_OPTION' })
	t.like(await puller.pull('orders'), { service: 'orders' })
})

test('whatever is done in whatever order, each service has one timer, and after stop there is none', async t => {
	const names = ['a', 'b', 'c'] as const
	const name = fc.constantFrom(...names)
	const command = fc.oneof(
		fc.record({ act: fc.constant('add' as const), name }),
		fc.record({ act: fc.constant('delete' as const), name }),
		fc.record({ act: fc.constant('pull' as const), name }),
		fc.record({ act: fc.constant('pull and wait' as const), name }),
		fc.record({ act: fc.constant('forcePull' as const), name }),
		fc.record({ act: fc.constant('push' as const), name }),
		fc.record({ act: fc.constant('unpush' as const), name }),
		fc.record({ act: fc.constant('fail' as const), name }),
		fc.record({ act: fc.constant('empty' as const), name }),
		fc.record({ act: fc.constant('publish' as const), name }),
		fc.record({ act: fc.constant('advance' as const), name }),
	)
	await fc.assert(
		fc.asyncProperty(fc.array(command, { maxLength: 25 }), async commands => {
			const span = new Span()
			try {
				const source = new FakeFetcher(document('0', 'create'))
				const { clock, puller, receiver, told } = await pulling(span, { fetchers: { source: () => source } })
				puller.start()
				let version = 0
				const begun: Array<Promise<unknown>> = []
				const ignore = (): void => {}
				for (const { act, name } of commands) {
					const registered = named(name, { refreshInterval: 10_000 + version })
					if (act === 'add') puller.add([named(name)])
					else if (act === 'delete') puller.delete(name)
					else if (act === 'pull') begun.push(puller.pull(name).catch(ignore))
					else if (act === 'pull and wait') await puller.pull(name).catch(ignore)
					else if (act === 'forcePull') begun.push(puller.forcePull(name).catch(ignore))
					else if (act === 'push')
						await receiver.push(push(name, String(++version), undefined, registered), { force: true })
					else if (act === 'unpush') await receiver.deletePushedService(name)
					else if (act === 'fail') source.fail()
					else if (act === 'empty') source.respond('[]')
					else if (act === 'publish') source.publish(document(String(++version), 'create'))
					else await clock.advance(7_000)
				}
				await Promise.all(begun)
				// Pulls that began by themselves end, too.
				await puller.pull()
				// As do those that were deleted: each has a limit for its closing.
				await clock.advance(0)
				if (clock.pendingTimers !== puller.getServices().length)
					throw new Error(`${clock.pendingTimers} timers, ${puller.getServices().length} services`)
				for (const service of names) {
					const own = told.filter(one => one.service === service)
					own.forEach(({ event }, index) => {
						if ((event === 'pull.start') !== (index % 2 === 0))
							throw new Error(`${service}: ${own.map(one => one.event).join(' ')}`)
					})
				}
				await puller.stop()
				if (clock.pendingTimers !== 0) throw new Error(`${clock.pendingTimers} timers after the end`)
			} finally {
				await span.end()
			}
		}),
		{ numRuns: Number(process.env['REMOTE_TERM_TEST_RUNS'] ?? 300) },
	)
	t.pass()
})
