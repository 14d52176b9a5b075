import test from 'ava'
import { ConfigPuller } from '../../lib/config/index.ts'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { fun, push } from '../support/configs.ts'
import { document, named, pulling, routes } from '../support/pulling.ts'

const checked = (origin: string) => ({
	service: 'orders',
	nodes: [origin],
	target: '/config.json',
	versionTarget: '/version',
})

test('a bare array that keeps its bytes under a new version is stored under that', async t => {
	const server = await routes(t)
	server.answer('/version', '7')
	server.answer('/config.json', document(undefined, 'create'))
	const { puller, db } = await pulling(t, {
		allowedOrigins: [server.origin],
		services: [checked(server.origin)],
	})
	puller.start()
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: '7' })
	server.answer('/version', '8')
	t.like(await puller.pull('orders'), { configVersion: '8' })
	t.is(db.service('orders')?.configVersion, '8')
	t.like(await puller.pull('orders'), { status: 'unchanged', configVersion: '8' })
	t.is(server.count('/config.json'), 2)
})

test('a bare array that is what it was before a push is stored again under its new version', async t => {
	const server = await routes(t)
	server.answer('/version', 'a')
	server.answer('/config.json', document(undefined, 'pulled'))
	const { puller, receiver, db } = await pulling(t, {
		allowedOrigins: [server.origin],
		services: [checked(server.origin)],
	})
	puller.start()
	await puller.pull('orders')
	await receiver.push(push('orders', 'b', [fun('pushed')]))
	server.answer('/version', 'c')
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: 'c' })
	t.is(db.get('orders', 'pulled').status, 'found')
	t.is(db.get('orders', 'pushed').status, 'not_found')
})

test('a version that is told before its document is there is not taken for pulled', async t => {
	const server = await routes(t)
	server.answer('/version', '7')
	server.answer('/config.json', document('7', 'old'))
	const { puller, db } = await pulling(t, {
		allowedOrigins: [server.origin],
		services: [checked(server.origin)],
	})
	puller.start()
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: '7' })
	server.answer('/version', '8')
	t.like(await puller.pull('orders'), { configVersion: '7' })
	t.like(await puller.pull('orders'), { configVersion: '7' })
	server.answer('/config.json', document('8', 'new'))
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: '8' })
	t.is(db.get('orders', 'new').status, 'found')
	const before = server.count('/config.json')
	t.like(await puller.pull('orders'), { status: 'unchanged', configVersion: '8' })
	t.is(server.count('/config.json'), before)
})

for (const versionTarget of ['/version', undefined]) {
	const how = versionTarget === undefined ? 'its document says so' : 'its version target says so'
	test(`a source that has not moved does not undo a push after a restart either: ${how}`, async t => {
		const server = await routes(t)
		server.answer('/version', 'a')
		server.answer('/config.json', document('a', 'old'))
		const options = { allowedOrigins: [server.origin] }
		const { puller, receiver, db, clock } = await pulling(t, options)
		const registered = { nodes: [server.origin], target: '/config.json', versionTarget }
		puller.start()
		await receiver.push(push('orders', 'b', [fun('first')], registered))
		t.like(await puller.pull('orders'), { status: 'updated', configVersion: 'a' })
		await receiver.push(push('orders', 'c', [fun('second')], registered))
		await puller.stop()
		const again = new ConfigPuller({ ...options, receiver, db, clock, logger: false })
		t.teardown(() => again.stop())
		again.start()
		t.like(await again.pull('orders'), { status: 'unchanged', configVersion: 'c' })
		t.like(db.service('orders'), { configVersion: 'c', pulledVersion: 'a' })
		server.answer('/version', 'd')
		server.answer('/config.json', document('d', 'new'))
		t.like(await again.pull('orders'), { status: 'updated', configVersion: 'd' })
	})
}

test('a node that stands in with what was published before does not take content back, after a restart either', async t => {
	const [first, second] = [new FakeFetcher(), new FakeFetcher()]
	first.publish(document('new', 'create'), { publishedAt: 2_000 })
	second.publish(document('old', 'create'), { publishedAt: 1_000 })
	const options = {
		fetchers: { first: () => first, second: () => second },
		services: [named('orders', { nodes: ['first', 'second'] })],
	}
	const { puller, receiver, db, clock } = await pulling(t, options)
	puller.start()
	t.like(await puller.pull('orders'), { status: 'updated', configVersion: 'new' })
	t.is(db.service('orders')?.publishedAt, 2_000)
	await puller.stop()
	first.fail()
	const again = new ConfigPuller({ ...options, receiver, db, clock, logger: false })
	t.teardown(() => again.stop())
	again.start()
	const result = await again.pull('orders')
	t.is(result.error?.code, 'DOWNGRADE_REFUSED')
	t.is(db.service('orders')?.configVersion, 'new')
	second.publish(document('newer', 'create'), { publishedAt: 3_000 })
	t.like(await again.pull('orders'), { status: 'updated', configVersion: 'newer' })
})

test('a page in place of a version is no version', async t => {
	const server = await routes(t)
	server.answer('/version', '<html>Sorry</html>')
	server.answer('/config.json', document(undefined, 'create'))
	const { puller, receiver, db } = await pulling(t, { allowedOrigins: [server.origin] })
	puller.start()
	await receiver.push(
		push('orders', '1', undefined, {
			nodes: [server.origin],
			target: '/config.json',
			versionTarget: '/version',
		}),
	)
	await puller.pull('orders')
	t.is(db.service('orders')?.configVersion, '1')
})
