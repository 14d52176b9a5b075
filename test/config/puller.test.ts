import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import test from 'ava'
import {
	CONFIG_CHANNELS,
	ConfigPuller,
	createOriginPolicy,
	type PullMessage,
} from '../../lib/config/index.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { push } from '../support/configs.ts'
import { document, named, pulling, routes } from '../support/pulling.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { closedPort } from '../support/ports.ts'

const SECOND = 1000

/** A push that asks to be pulled from there, with a version to be asked for first. */
const registered = (origin: string, configVersion: string, more = {}): ReturnType<typeof push> =>
	push('orders', configVersion, undefined, {
		nodes: [origin],
		target: '/config.json',
		versionTarget: '/version',
		...more,
	})

test('a push registers its service, and its version is not fetched again (SPEC §4.4)', async t => {
	const server = await routes(t)
	server.answer('/version', '1.0.0\n')
	server.answer('/config.json', document('1.0.0', 'create'))
	const { clock, puller, receiver, next, told } = await pulling(t, { allowedOrigins: [server.origin] })
	puller.start()
	await receiver.push(registered(server.origin, '1.0.0'))
	await clock.advance(10 * SECOND)
	t.deepEqual(server.asked, [])
	t.deepEqual(told, [])
	t.like(puller.status().services[0], { service: 'orders', by: 'push', configVersion: '1.0.0' })
	const pulled = next('pull.stop')
	await clock.advance(20 * SECOND)
	t.like(await pulled, { status: 'unchanged', configVersion: '1.0.0' })
	t.deepEqual(server.asked, ['/version'])
})

test('a changed version is pulled, and what vanished from the document vanishes', async t => {
	const server = await routes(t)
	server.answer('/version', '{"version":"1.1.0"}')
	server.answer('/config.json', document('1.1.0', 'change', 'cancel'))
	const { db, puller, receiver } = await pulling(t, { allowedOrigins: [server.origin] })
	puller.start()
	await receiver.push(registered(server.origin, '1.0.0'))
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: '1.1.0', count: 2 })
	t.deepEqual(
		puller
			.getApiList('orders')
			.map(({ requestType }) => requestType)
			.sort(),
		['cancel', 'change'],
	)
	t.is(puller.getServiceVersion('orders'), '1.1.0')
	t.deepEqual([...puller.getAllVersions()], [['orders', '1.1.0']])
	t.like(db.service('orders'), { source: 'pull', pull: { target: '/config.json' } })
	t.like(await puller.pull('orders'), { status: 'unchanged' })
	t.is(server.count('/config.json'), 1)
})

test('after a restart the version is asked for first, and what is stored is not pulled again', async t => {
	const server = await routes(t)
	server.answer('/version', '"1.0.0"')
	const { puller, receiver, db, next } = await pulling(t, { allowedOrigins: [server.origin] })
	await receiver.push(registered(server.origin, '1.0.0'))
	const pulled = next('pull.stop')
	puller.start()
	t.like(await pulled, { status: 'unchanged', configVersion: '1.0.0' })
	t.deepEqual(server.asked, ['/version'])
	t.is(db.service('orders')?.revision, 1)
})

test('forcePull pulls what is stored already', async t => {
	const server = await routes(t)
	server.answer('/version', '1.0.0')
	server.answer('/config.json', document('1.0.0', 'create', 'change'))
	const { puller, receiver } = await pulling(t, { allowedOrigins: [server.origin] })
	puller.start()
	await receiver.push(registered(server.origin, '1.0.0'))
	t.like(await puller.pull('orders'), { status: 'unchanged' })
	t.like(await puller.forcePull('orders'), { status: 'updated', configVersion: '1.0.0', count: 2 })
	t.like(await puller.pull('orders'), { status: 'unchanged' })
	const [again] = await puller.forcePull()
	t.like(again, { status: 'updated' })
	t.is(server.count('/config.json'), 2)
})

test('a version check that fails falls back to a full pull that keeps the stored version', async t => {
	const server = await routes(t)
	server.answer('/version', 500)
	server.answer('/config.json', document(undefined, 'change'))
	const { puller, receiver, db } = await pulling(t, { allowedOrigins: [server.origin] })
	puller.start()
	await receiver.push(registered(server.origin, '1.0.0'))
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: '1.0.0', count: 1 })
	t.is(db.get('orders', 'change').status, 'found')
	t.is(db.get('orders', 'create').status, 'not_found')
	t.is(db.service('orders')?.configVersion, '1.0.0')
})

test('a document without a version of its own has that of the version target, else that of the fetcher', async t => {
	const server = await routes(t)
	server.answer('/version', '7')
	server.answer('/config.json', document(undefined, 'create'))
	const { puller } = await pulling(t, {
		allowedOrigins: [server.origin],
		services: [
			{ service: 'checked', nodes: [server.origin], target: 'config.json', versionTarget: '/version' },
			{ service: 'etag', nodes: [`${server.origin}/v/`], target: 'config.json', args: { key: 'secret-1' } },
		],
	})
	server.answer('/v/config.json', (_request, response) => {
		response.setHeader('etag', '"abc"').end(document(undefined, 'create'))
	})
	puller.start()
	t.like(await puller.pull('checked'), { configVersion: '7' })
	t.like(await puller.pull('etag'), { configVersion: '"abc"' })
	t.true(server.asked.includes('/v/config.json?key=secret-1'))
	t.notRegex(JSON.stringify(puller.status()), /secret-1/)
})

for (const [what, body, code] of [
	['an empty list', '[]', 'VALIDATION_FAILED'],
	['an empty list in a document', '{"configVersion":"2","items":[]}', 'VALIDATION_FAILED'],
	['nothing at all', '', 'EMPTY_BODY'],
	['an error page', '<html>Sorry</html>', 'DESERIALIZE_FAILED'],
	['half a document', document('2', 'create').slice(0, 40), 'DESERIALIZE_FAILED'],
	['another shape', '{"functions":[]}', 'DESERIALIZE_FAILED'],
	['a version that is none', '{"configVersion":7,"items":[{}]}', 'DESERIALIZE_FAILED'],
	[
		'one bad item among good ones',
		`[${'{"requestType":"ok","nodes":["local"],"target":"/ok"},'.repeat(1)}{}]`,
		'VALIDATION_FAILED',
	],
] as const) {
	test(`${what} changes nothing, and its version is not recorded`, async t => {
		const server = await routes(t)
		server.answer('/version', '2')
		server.answer('/config.json', body)
		const { db, puller, receiver } = await pulling(t, { allowedOrigins: [server.origin] })
		puller.start()
		await receiver.push(registered(server.origin, '1'))
		const before = db.items('orders')
		const result = await puller.pull('orders')
		t.like(result, { status: 'failed', configVersion: '1' })
		t.is(result.error?.code, code)
		t.deepEqual(db.items('orders'), before)
		t.like(receiver.verify('orders', '1'), { status: 'matched' })
		t.like(puller.status().services[0], { consecutiveFailures: 1, lastError: { code } })
		server.answer('/config.json', document('3', 'repaired'))
		server.answer('/version', '3')
		t.like(await puller.pull('orders'), { status: 'updated', configVersion: '3' })
	})
}

test('a version that was refused is remembered, and not downloaded again until there is another', async t => {
	const server = await routes(t)
	server.answer('/version', '2')
	server.answer('/config.json', '[{"requestType":"bad"}]')
	const { clock, puller, receiver, next } = await pulling(t, { allowedOrigins: [server.origin] })
	puller.start()
	await receiver.push(registered(server.origin, '1'))
	const first = await puller.pull('orders')
	t.is(first.error?.code, 'VALIDATION_FAILED')
	t.true((first.error?.issues?.length ?? 0) > 0)
	for (let i = 0; i < 3; i++) {
		const again = next('pull.error')
		await clock.advance(clock.nextTimerIn ?? 0)
		t.is((await again).error.code, 'VALIDATION_FAILED')
	}
	t.is(server.count('/config.json'), 1)
	t.is(server.count('/version'), 4)
	t.is(puller.status().services[0]?.refusedVersion, '2')
	// Whoever insists gets another look.
	server.answer('/config.json', document('2', 'create'))
	t.like(await puller.forcePull('orders'), { status: 'updated', configVersion: '2' })
})

test('the next node is asked where one is down, and at once where it answers with no document', async t => {
	const [broken, good] = [await routes(t), await routes(t)]
	const dead = `http://127.0.0.1:${await closedPort()}`
	broken.answer('/config.json', '<html>Sorry</html>')
	good.answer('/config.json', document('1', 'create'))
	const nodes = [dead, broken.origin, good.origin]
	const { puller, told } = await pulling(t, {
		allowedOrigins: nodes,
		services: [{ service: 'orders', nodes, target: '/config.json' }],
	})
	puller.start()
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: '1' })
	t.deepEqual(
		told.map(({ event }) => event),
		['pull.start', 'pull.error', 'pull.start', 'pull.stop'],
	)
	t.is(broken.count('/config.json'), 1)
	// Those that failed are asked after the others for a while.
	t.like(await puller.pull('orders'), { status: 'unchanged' })
	t.is(broken.count('/config.json'), 1)
})

test('a body that breaks off, or is empty, is its node’s fault: the next one is asked at once', async t => {
	const [cut, empty, good] = [await routes(t), await routes(t), await routes(t)]
	cut.answer('/config.json', (_request, response) => {
		response.writeHead(200, { 'content-length': '1000' }).write('[')
		response.socket?.end()
	})
	empty.answer('/config.json', '')
	good.answer('/config.json', document('1', 'create'))
	const nodes = [cut.origin, empty.origin, good.origin]
	const { puller } = await pulling(t, {
		allowedOrigins: nodes,
		services: [{ service: 'orders', nodes, target: '/config.json' }],
	})
	puller.start()
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: '1' })
})

test('where all nodes fail, the error says so of each of them, and no more than may be shown', async t => {
	const server = await routes(t)
	const dead = `http://127.0.0.1:${await closedPort()}`
	const nodes = [dead, server.origin]
	const { puller } = await pulling(t, {
		allowedOrigins: nodes,
		services: [{ service: 'orders', nodes, target: '/config.json', args: { key: 'secret-2' } }],
	})
	puller.start()
	const { error } = await puller.pull('orders')
	t.is(error?.code, 'FETCH_FAILED')
	t.regex(error?.message ?? '', /FETCH_FAILED .* FETCH_NOT_FOUND/)
	t.notRegex(error?.message ?? '', /secret-2/)
	t.true(error?.cause instanceof AggregateError)
})

test('a node that hangs costs its share of the time, and the next one has the rest', async t => {
	const [hanging, good] = [await routes(t), await routes(t)]
	hanging.answer('/config.json', () => {})
	good.answer('/config.json', document('1', 'create'))
	const nodes = [hanging.origin, good.origin]
	const { clock, puller } = await pulling(t, {
		allowedOrigins: nodes,
		services: [{ service: 'orders', nodes, target: '/config.json' }],
		timeout: 4 * SECOND,
	})
	puller.start()
	const pulled = puller.pull('orders')
	while (hanging.count('/config.json') === 0) await clock.advance(0)
	await clock.advance(2 * SECOND)
	t.like(await pulled, { status: 'updated', durationMs: 2 * SECOND })
})

test('a body that never ends costs one pull, and the next node is asked at once', async t => {
	const [dripping, good] = [await routes(t), await routes(t)]
	let began!: () => void
	const begun = new Promise<void>(resolve => (began = resolve))
	dripping.answer('/config.json', (_request, response) => {
		response.writeHead(200).write('[', () => began())
	})
	good.answer('/config.json', document('1', 'create'))
	const nodes = [dripping.origin, good.origin]
	const { clock, puller, next } = await pulling(t, {
		allowedOrigins: nodes,
		services: [{ service: 'orders', nodes, target: '/config.json' }],
		timeout: 4 * SECOND,
	})
	const failed = next('pull.error')
	puller.start()
	const pulled = puller.pull('orders')
	await begun
	// The limit of the attempt is over as soon as the node has answered; what is left is that of the pull.
	while (clock.timers.filter(left => left < 60 * SECOND).length !== 2 || clock.timers[0] !== 4 * SECOND)
		await clock.advance(0)
	await clock.advance(4 * SECOND)
	t.is((await failed).error.code, 'TIMEOUT')
	t.like(await pulled, { status: 'updated', configVersion: '1' })
})

test('a node that stands in for another does not take content back, unless it is forced to', async t => {
	const lagging = await routes(t)
	lagging.answer('/config.json', document('1.9.0', 'old'))
	const first = new FakeFetcher(document('1.10.0', 'new'))
	const nodes = ['first', lagging.origin]
	const { puller, db } = await pulling(t, {
		allowedOrigins: [lagging.origin],
		fetchers: { first: () => first },
		services: [{ service: 'orders', nodes, target: '/config.json' }],
	})
	puller.start()
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: '1.10.0' })
	first.fail()
	const result = await puller.pull('orders')
	t.is(result.error?.code, 'DOWNGRADE_REFUSED')
	t.is(db.service('orders')?.configVersion, '1.10.0')
	// The first one may: it is the one to be believed.
	first.publish(document('1.8.0', 'rolled-back'))
	t.like(await puller.forcePull('orders'), { status: 'updated', configVersion: '1.8.0' })
})

test('a source that has not moved does not undo what is pushed after it was pulled', async t => {
	const server = await routes(t)
	server.answer('/version', 'a')
	server.answer('/config.json', document('a', 'old'))
	const { puller, receiver, db } = await pulling(t, { allowedOrigins: [server.origin] })
	puller.start()
	await receiver.push(registered(server.origin, 'b'))
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: 'a' })
	await receiver.push(registered(server.origin, 'c'))
	t.like(await puller.pull('orders'), { status: 'unchanged', configVersion: 'c' })
	t.is(db.service('orders')?.configVersion, 'c')
	server.answer('/version', 'd')
	server.answer('/config.json', document('d', 'new'))
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: 'd' })
})

test('a source that lags behind a push does not take it back, and may go back on its own', async t => {
	const source = new FakeFetcher(document('1.9.0', 'old'))
	const { puller, receiver, db } = await pulling(t, { fetchers: { source: () => source } })
	puller.start()
	await receiver.push(push('orders', '2.0.0', undefined, named('orders')))
	const lagging = await puller.pull('orders')
	t.is(lagging.error?.code, 'DOWNGRADE_REFUSED')
	t.is(db.service('orders')?.configVersion, '2.0.0')
	source.publish(document('2.1.0', 'new'))
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: '2.1.0' })
	source.publish(document('1.9.0', 'old'))
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: '1.9.0' })
})

test('what is pushed while a pull is under way is newer than what that brings', async t => {
	const source = new FakeFetcher()
	const hanging = source.hang()
	const { puller, receiver, db } = await pulling(t, {
		fetchers: { source: () => source },
		services: [named('orders')],
	})
	puller.start()
	const pulled = puller.pull('orders')
	await hanging.taken
	await receiver.push(push('orders', '2'))
	hanging.respond(document('1', 'late'))
	const result = await pulled
	t.is(result.error?.code, 'CONFLICT')
	t.like(db.service('orders'), { configVersion: '2', source: 'push' })
})

test('a service that is deleted is pulled no more, and a pull under way does not bring it back', async t => {
	const source = new FakeFetcher(document('1', 'create'))
	const { clock, puller, receiver, db, next } = await pulling(t, { fetchers: { source: () => source } })
	puller.start()
	await receiver.push(push('orders', '1', undefined, named('orders')))
	const hanging = source.hang()
	const pulled = puller.pull('orders')
	await hanging.taken
	const ended = next('pull.error')
	await receiver.deletePushedService('orders')
	hanging.respond(document('2', 'late'))
	t.is((await ended).error.code, 'STOPPED')
	t.like(await pulled, { status: 'failed' })
	t.is(db.service('orders'), undefined)
	t.deepEqual(puller.getServices(), [])
	await clock.advance(600 * SECOND)
	t.is(clock.pendingTimers, 0)
	t.is(db.size, 0)
})

test('a push that registers otherwise, or not any more, is followed', async t => {
	const [one, other] = [new FakeFetcher(document('3', 'one')), new FakeFetcher(document('4', 'other'))]
	const { clock, puller, receiver } = await pulling(t, {
		fetchers: { one: () => one, other: () => other },
		jitter: 0,
	})
	puller.start()
	const from = (nodes: string[], refreshInterval: number): object => ({
		...named('orders'),
		nodes,
		refreshInterval,
	})
	await receiver.push(push('orders', '1', undefined, from(['one'], 10_000)))
	await clock.advance(0)
	t.deepEqual(clock.timers, [10_000])
	await receiver.push(push('orders', '2', undefined, from(['other'], 20_000)))
	await clock.advance(0)
	t.deepEqual(clock.timers, [20_000])
	t.deepEqual(puller.getService('orders')?.nodes, ['other'])
	t.like(await puller.pull('orders'), { configVersion: '4' })
	t.is(one.calls.length, 0)
	await receiver.push(push('orders', '5'))
	await clock.advance(0)
	t.is(clock.pendingTimers, 0)
	t.deepEqual(puller.getServices(), [])
})

test('add, delete and a registration of the same service do not get into each other’s way', async t => {
	const source = new FakeFetcher(document('1', 'create'))
	const { clock, puller, receiver } = await pulling(t, { fetchers: { source: () => source }, jitter: 0 })
	puller.start()
	puller.add([named('orders', { refreshInterval: 5_000 })])
	await puller.pull('orders')
	await receiver.push(push('orders', '2', undefined, named('orders', { refreshInterval: 90_000 })))
	await clock.advance(0)
	t.like(puller.status().services[0], { by: 'operator' })
	t.true(puller.delete('orders'))
	t.false(puller.delete('orders'))
	await clock.advance(0)
	t.is(clock.pendingTimers, 0)
	await receiver.push(push('orders', '3', undefined, named('orders', { refreshInterval: 90_000 })))
	t.like(puller.status().services[0], { by: 'push' })
})

test('from elsewhere nothing is pulled: not by a push, not by hand, not from the database', async t => {
	const { puller, receiver, db } = await pulling(t, { allowedOrigins: ['https://config.example.com'] })
	puller.start()
	await t.throwsAsync(receiver.push(registered('http://169.254.169.254', '1')), { code: 'ORIGIN_REFUSED' })
	t.is(db.service('orders'), undefined)
	const elsewhere = { service: 'orders', nodes: ['https://attacker.test'], target: '/x' }
	t.throws(() => puller.add([named('ok', { nodes: ['https://config.example.com'] }), elsewhere]), {
		code: 'ORIGIN_REFUSED',
	})
	t.deepEqual(puller.getServices(), [])
	await db.commit({
		...{ service: 'orders', configVersion: '1', source: 'push', nodes: elsewhere.nodes, items: [] },
		...{ pull: elsewhere, expectedRevision: 0 },
	})
	t.deepEqual(puller.getServices(), [])
	t.is(puller.status().notPulled.get('orders')?.code, 'ORIGIN_REFUSED')
})

test('there is a bound on how many services are pulled', async t => {
	const source = new FakeFetcher(document('1', 'create'))
	const { puller, receiver } = await pulling(t, { fetchers: { source: () => source }, maxServices: 2 })
	puller.start()
	t.throws(() => puller.add([named('a'), named('b'), named('c')]), {
		code: 'INVALID_OPTION',
		message: /maxServices/,
	})
	puller.add([named('a'), named('b')])
	await receiver.push(push('c', '1', undefined, named('c')))
	t.deepEqual(puller.getServices(), ['a', 'b'])
	t.regex(puller.status().notPulled.get('c')?.message ?? '', /maxServices/)
})

test('a registration beyond that bound waits for a free place, the first to come first', async t => {
	const source = new FakeFetcher(document('7', 'create'))
	const { clock, puller, receiver, next } = await pulling(t, {
		fetchers: { source: () => source },
		maxServices: 2,
	})
	for (const name of ['a', 'b', 'c', 'd', 'e', 'f'])
		await receiver.push(push(name, '1', undefined, named(name)))
	puller.start()
	t.deepEqual(puller.getServices(), ['a', 'b'])
	// Of those that wait, one does not want to be pulled any more, one is not to be, and one is pushed again.
	await receiver.push(push('c', '2'))
	puller.delete('d')
	await receiver.push(push('e', '2', undefined, named('e')))
	t.deepEqual([...puller.status().notPulled.keys()], ['e', 'f'])
	const pulled = next('pull.stop', 'e')
	await receiver.deletePushedService('a')
	t.like(await pulled, { configVersion: '7' })
	t.deepEqual(puller.getServices(), ['b', 'e'])
	await receiver.push(push('b', '2'))
	t.deepEqual(puller.getServices(), ['e', 'f'])
	t.is(puller.status().notPulled.size, 0)
	puller.delete('e')
	t.deepEqual(puller.getServices(), ['f'])
	await receiver.push(push('d', '2', undefined, named('d')))
	t.deepEqual(puller.getServices(), ['f', 'd'])
	await clock.advance(0)
	await puller.pull()
	t.is(clock.pendingTimers, 2)
})

test('what is added has to be a service, and all of them or none are', async t => {
	const { puller } = await pulling(t, { fetchers: { source: () => new FakeFetcher() } })
	for (const wrong of [
		'x',
		123,
		null,
		{},
		{ ...named('a'), nodes: [] },
		{ ...named('a'), target: '//b/c' },
		named(''),
	])
		t.throws(() => puller.add([named('good'), wrong as never]), { code: 'INVALID_OPTION' })
	t.throws(() => puller.add('orders' as never), { code: 'INVALID_OPTION' })
	t.deepEqual(puller.getServices(), [])
	puller.add([])
})

test('options are checked at the door', t => {
	const db = { watch() {}, services() {} } as never
	const receiver = { receive: async () => {} }
	const make = (more: object) => () => new ConfigPuller({ receiver, db, ...more })
	t.notThrows(make({}))
	for (const [more, message] of [
		[{ receiver: {} }, /receiver/],
		[{ db: {} }, /db/],
		[{ allowedOrigin: [] }, /allowedOrigin/],
		[{ refreshInterval: 0 }, /refreshInterval/],
		[{ timeout: -1 }, /timeout/],
		[{ timeout: 90_000, maxTimeout: 60_000 }, /maxTimeout/],
		[{ backoff: { base: 9, cap: 8 } }, /backoff/],
		[{ jitter: 1 }, /jitter/],
		[{ maxParallel: 0 }, /maxParallel/],
		[{ fetchers: { 'http://x': () => ({}) } }, /fetcherNames/],
		[{ fetchers: { x: 1 } }, /fetchers\.x/],
		[{ policy: createOriginPolicy(), allowedOrigins: [] }, /policy/],
	] as const)
		t.throws(make(more), { code: 'INVALID_OPTION', message })
})

test('a fetcher whose maker throws is a failed pull, and is made again the next time', async t => {
	let made = 0
	const source = new FakeFetcher(document('1', 'create'))
	const { puller, next } = await pulling(t, {
		fetchers: {
			source: () => {
				if (made++ === 0) throw new Error('No credentials yet')
				return source
			},
		},
		services: [named('orders')],
	})
	const failed = next('pull.error')
	puller.start()
	t.regex((await failed).error.message, /No credentials yet/)
	t.like(await puller.pull('orders'), { status: 'updated' })
	puller.delete('orders')
	await puller.stop()
	t.is(source.calls.filter(({ method }) => method === 'close').length, 1)
})

test('a maker that never answers costs its attempts, and keeps neither the next pull nor the end from coming', async t => {
	const late = new FakeFetcher(document('1', 'late'))
	const source = new FakeFetcher(document('2', 'create'))
	const makers: Array<() => FakeFetcher | Promise<FakeFetcher>> = []
	let arrive!: (fetcher: FakeFetcher) => void
	makers.push(
		() => new Promise(resolve => (arrive = resolve)),
		() => source,
	)
	const { clock, puller, next } = await pulling(t, {
		fetchers: { source: () => makers.shift()!(), silent: () => new Promise<never>(() => {}) },
		services: [named('orders'), named('lost', { nodes: ['silent'] })],
		timeout: 4 * SECOND,
	})
	const failed = [next('pull.error', 'orders'), next('pull.error', 'lost')]
	puller.start()
	while (makers.length > 1) await clock.advance(0)
	await clock.advance(4 * SECOND)
	for (const { error } of await Promise.all(failed)) t.regex(error.code, /TIMEOUT$/)
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: '2' })
	arrive(late)
	const waiting = puller.pull('lost')
	await puller.stop()
	t.like(await waiting, { status: 'failed' })
	for (const fetcher of [late, source])
		t.is(fetcher.calls.filter(({ method }) => method === 'close').length, 1)
})

test('nodes that all send pages are asked once each, and then by the schedule, however soon they recover', async t => {
	const asked: string[] = []
	const clock = new FakeClock()
	const page = (name: string) => () => ({
		async init() {},
		async currentVersion() {
			return name
		},
		async download() {
			asked.push(name)
			// So that whoever has failed has recovered by the time that the next one has.
			await clock.advance(5)
			return { body: new TextEncoder().encode('<html>Sorry</html>'), version: String(asked.length) }
		},
	})
	const { puller } = await pulling(t, {
		clock,
		fetchers: { one: page('one'), two: page('two'), three: page('three') },
		services: [named('orders', { nodes: ['one', 'two', 'three'] })],
		recoverAfter: 1,
	})
	puller.start()
	t.is((await puller.pull('orders')).error?.code, 'DESERIALIZE_FAILED')
	t.deepEqual(asked, ['one', 'two', 'three'])
	t.is(clock.pendingTimers, 1)
	t.is((await puller.pull('orders')).error?.code, 'DESERIALIZE_FAILED')
	t.is(asked.length, 6)
})

test('of a thousand nodes that fail an error names a few, and Node sees no leak of listeners', async t => {
	const warnings: Error[] = []
	const onWarning = (warning: Error): void => void warnings.push(warning)
	process.on('warning', onWarning)
	t.teardown(() => process.off('warning', onWarning))
	const names = Array.from({ length: 1_000 }, (_, index) => `node-${index}`)
	const { puller } = await pulling(t, {
		fetchers: Object.fromEntries(names.map(name => [name, () => new FakeFetcher()])),
		services: [named('orders', { nodes: names })],
	})
	puller.start()
	const { error } = await puller.pull('orders')
	t.regex(error?.message ?? '', /node-0: .* node-7: .*; and 992 more$/)
	t.true((error?.message.length ?? 0) < 2_000)
	t.is((error?.cause as AggregateError).errors.length, 8)
	await new Promise(resolve => setImmediate(resolve))
	t.deepEqual(warnings, [])
})

test('each pull is told on the diagnostics channels, start and end in pairs', async t => {
	const source = new FakeFetcher(document('1', 'create'))
	const heard: Array<readonly [string, PullMessage]> = []
	for (const name of [CONFIG_CHANNELS.pullStart, CONFIG_CHANNELS.pullStop, CONFIG_CHANNELS.pullError]) {
		const listener = (message: unknown): void => {
			if ((message as PullMessage).service === 'told') heard.push([name, message as PullMessage])
		}
		subscribe(name, listener)
		t.teardown(() => void unsubscribe(name, listener))
	}
	const { puller } = await pulling(t, { fetchers: { source: () => source }, services: [named('told')] })
	puller.start()
	await puller.pull('told')
	source.fail('FETCH_TIMEOUT')
	await puller.pull('told')
	t.deepEqual(
		heard.map(([name]) => name.replace('remote-term:config.', '')),
		['pull.start', 'pull.stop', 'pull.start', 'pull.error'],
	)
	t.like(heard[1]![1], { outcome: 'updated', count: 1, configVersion: '1', durationMs: 0 })
	t.like(heard[3]![1], { outcome: 'failed', count: 0, error: { code: 'FETCH_TIMEOUT' } })
})

test('a service that is down for an hour makes two lines, not hundreds', async t => {
	const logger = recordingLogger()
	const source = new FakeFetcher(document('1', 'create'))
	const { clock, puller } = await pulling(t, {
		fetchers: { source: () => source },
		services: [named('orders')],
		logger,
	})
	puller.start()
	await puller.pull('orders')
	source.unpublish()
	await clock.advance(3_600 * SECOND)
	source.publish(document('2', 'create'))
	t.like(await puller.pull('orders'), { status: 'updated' })
	const lines = logger.lines.filter(([level]) => level !== 'debug')
	t.is(lines.filter(([level]) => level === 'warn' || level === 'error').length, 1, JSON.stringify(lines))
})
