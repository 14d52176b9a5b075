import test from 'ava'
import {
	ConfigReceiver,
	toServiceConfig,
	type ConfigReceiverOptions,
	type FunConfig,
	type MemoryConfigDb,
	type PushConfig,
} from '../../lib/config/index.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { fun, openMemory, push } from '../support/configs.ts'

const start = async (
	options: Partial<ConfigReceiverOptions> = {},
): Promise<{ db: MemoryConfigDb; receiver: ConfigReceiver }> => {
	const db = await openMemory()
	const receiver = new ConfigReceiver({ db, logger: silentLogger, ...options })
	return { db, receiver }
}

const issuesOf = async (pushing: Promise<unknown>): Promise<string[]> => {
	try {
		await pushing
	} catch (error) {
		if (error instanceof RemoteTermError && error.code === 'VALIDATION_FAILED')
			return (error.issues ?? []).map(({ path, message }) => `/${path.join('/')}: ${message}`)
		throw error
	}
	return []
}

test('a push is stored whole, and says what it has changed', async t => {
	const { db, receiver } = await start()
	const outcome = await receiver.push(push('orders', '1.0.0', [fun('create'), fun('cancel')]))
	t.like(outcome, {
		...{ status: 'accepted', service: 'orders', configVersion: '1.0.0', previousVersion: undefined },
		...{ added: 2, changed: 0, removed: 0 },
	})
	t.is(db.size, 2)
	const found = db.get('orders', 'create')
	t.is(found.status, 'found')
	if (found.status !== 'found') return
	t.like(found.item, { service: 'orders', version: '0.0.0', timeout: 5_000, checkPermission: false })
	t.true(Object.isFrozen(found.item) && Object.isFrozen(found.item.nodes))
	t.like(receiver.status(), { status: 'open', services: 1, items: 2, accepted: 1 })
})

test('the same version is skipped unless it is forced', async t => {
	const { db, receiver } = await start()
	await receiver.push(push('orders', 'a'))
	const revision = db.service('orders')?.revision
	t.deepEqual(await receiver.push(push('orders', 'a', [fun('other')])), {
		...{ status: 'skipped', reason: 'version_matches', service: 'orders', configVersion: 'a' },
		revision: revision!,
	})
	t.is(db.getLatest('orders', 'other').status, 'not_found')
	t.like(await receiver.push(push('orders', 'a', [fun('other')]), { force: true }), {
		...{ status: 'accepted', added: 1, removed: 1 },
	})
})

test('an item that a push no longer has vanishes, and other services keep theirs', async t => {
	const { db, receiver } = await start()
	await receiver.push(push('orders', '1.0.0', [fun('create'), fun('cancel')]))
	await receiver.push(push('users', '1.0.0', [fun('create')]))
	t.like(await receiver.push(push('orders', '1.1.0', [fun('create', { timeout: 900 }), fun('list')])), {
		...{ added: 1, changed: 1, removed: 1, previousVersion: '1.0.0' },
	})
	t.is(db.get('orders', 'cancel').status, 'not_found')
	t.is(db.get('users', 'create').status, 'found')
})

test('several versions of one request type stand side by side', async t => {
	const { db, receiver } = await start()
	const items = ['1.0.0', '2.0.0', '10.0.0', '9.0.0', '11.0.0-rc.1'].map(version =>
		fun('create', { version }),
	)
	await receiver.push(push('orders', '1.0.0', items))
	t.is(db.get('orders', 'create', '1.0.0').status, 'found')
	t.is(db.get('orders', 'create', '2.0.0').status, 'found')
	t.is(db.get('orders', 'create').status, 'not_found')
	t.like(db.getLatest('orders', 'create'), { item: { version: '11.0.0-rc.1' } })
})

test('one invalid item among valid ones, and nothing is stored', async t => {
	const { db, receiver } = await start()
	const mixed = push('orders', '1.0.0', [
		fun('create'),
		{ ...fun('cancel'), nodes: [] },
		{ ...fun('list'), timeout: 1, retry: 0 },
	])
	t.deepEqual(await issuesOf(receiver.push(mixed)), [
		'/items/1/nodes: Too small: expected array to have >=1 items',
		'/items/2/timeout: Too small: expected number to be >=100',
		'/items/2/retry: expected a number from 1 to 1000, { sameNode: number } or { allNodes: number }',
	])
	t.deepEqual(receiver.verify('orders', '1.0.0'), { status: 'not_found' })
	t.is(db.size, 0)
	t.is(receiver.failures.count({ service: 'orders', source: 'push' }), 2)
	t.like(receiver.failures.list({ limit: 1 })[0], { requestType: 'list', count: 1 })
})

test('an invalid push leaves what is stored, its version and its registration alone', async t => {
	const { db, receiver } = await start({ pullPolicy: () => {} })
	await receiver.push(push('orders', '1.0.0', undefined, { target: '/config' }))
	const before = [db.service('orders'), db.items('orders')]
	await issuesOf(receiver.push(push('orders', '2.0.0', [fun('create'), fun('')], { target: '/elsewhere' })))
	t.deepEqual([db.service('orders'), db.items('orders')], before)
	t.is(db.service('orders')?.pull?.target, '/config')
})

test('every fault is reported with its path, in the order of declaration', async t => {
	const { receiver } = await start()
	const wrong = {
		service: 'no spaces please',
		nodes: ['ftp://example.com'],
		configVersion: '',
		items: [{ ...fun('a'), service: 'other' }, 'x', { ...fun('c'), hookTimeout: 0, chooseNodeMode: 'best' }],
		target: '//elsewhere.example.com/config',
		timeout: 1,
		extra: true,
	}
	const paths = (await issuesOf(receiver.push(wrong))).map(issue => issue.slice(0, issue.indexOf(': ')))
	t.deepEqual(paths, [
		'/service',
		'/nodes/0',
		'/configVersion',
		'/items/1',
		'/items/2/chooseNodeMode',
		'/items/2/hookTimeout',
		'/target',
		'/timeout',
		'/',
	])
})

for (const [title, input] of [
	['text', 'x'],
	['a number', 123],
	['null', null],
	['nothing', undefined],
	['an array', []],
	['an empty object', {}],
	['a function', () => {}],
] as const) {
	test(`a push that is ${title} is refused`, async t => {
		const { db, receiver } = await start()
		t.true((await issuesOf(receiver.push(input))).length > 0)
		t.is(db.services().length, 0)
		t.is(receiver.failures.count(), 1)
	})
}

for (const [title, change] of [
	['without a service', { service: null }],
	['without items', { items: [] }],
	['whose items are no list', { items: {} }],
	['without a version', { configVersion: '' }],
	['without nodes', { nodes: [] }],
] as const) {
	test(`a push ${title} is refused`, async t => {
		const { receiver } = await start()
		t.true((await issuesOf(receiver.push({ ...push('orders', '1'), ...change }))).length > 0)
		t.deepEqual(receiver.verify('orders', '1'), { status: 'not_found' })
	})
}

test('two items of one request type and version are refused', async t => {
	const { receiver } = await start()
	const twins = [fun('create'), fun('create', { version: '0.0.0' }), fun('create', { version: '1.0.0' })]
	t.deepEqual(await issuesOf(receiver.push(push('orders', '1', twins))), [
		'/items/1: has the same requestType and version as item 0',
	])
})

for (const version of ['1', '1.0', 'v1.0.0', 'latest', '01.0.0', '1.0.0 ', '99999999999999999999.0.0']) {
	test(`an item of version ${JSON.stringify(version)}, which is no semantic one, is refused at the door`, async t => {
		const { receiver } = await start()
		const issues = await issuesOf(receiver.push(push('orders', '1', [fun('create', { version })])))
		t.is(issues.length, 1)
		t.true(issues[0]?.startsWith('/items/0/version: '))
	})
}

test('verify tells matched, mismatch and not_found', async t => {
	const { receiver } = await start()
	await receiver.push(push('orders', '1.0.0'))
	t.deepEqual(receiver.verify('orders', '1.0.0'), { status: 'matched' })
	t.deepEqual(receiver.verify('orders', '2.0.0'), { status: 'mismatch', stored: '1.0.0' })
	t.deepEqual(receiver.verify('users', '1.0.0'), { status: 'not_found' })
})

test('a lower version is refused unless it is forced, where both versions are semantic', async t => {
	const { receiver } = await start()
	await receiver.push(push('orders', '10.0.0'))
	const error = await t.throwsAsync(receiver.push(push('orders', '9.0.0')), { instanceOf: RemoteTermError })
	t.is(error.code, 'DOWNGRADE_REFUSED')
	t.is(receiver.verify('orders', '10.0.0').status, 'matched')
	await t.throwsAsync(receiver.push(push('orders', '10.0.0-rc.1')), { instanceOf: RemoteTermError })
	t.is((await receiver.push(push('orders', '9.0.0'), { force: true })).status, 'accepted')
	t.is((await receiver.push(push('orders', 'build-7'))).status, 'accepted')
	t.is((await receiver.push(push('orders', '1.0.0'))).status, 'accepted')
})

test('a deletion takes items, version and registration, and one of an unknown service is no error', async t => {
	const { db, receiver } = await start({ pullPolicy: () => {} })
	await receiver.push(push('orders', '1.0.0', [fun('a'), fun('b')], { target: '/config' }))
	t.deepEqual(await receiver.deletePushedService('orders'), { status: 'deleted', removed: 2 })
	t.deepEqual(await receiver.deletePushedService('orders'), { status: 'not_found', removed: 0 })
	t.is(db.size, 0)
	t.is(db.service('orders'), undefined)
	t.deepEqual(receiver.verify('orders', '1.0.0'), { status: 'not_found' })
	t.is((await receiver.push(push('orders', '1.0.0'))).status, 'accepted')
})

test('what was pushed can be read back, as a push', async t => {
	const { receiver } = await start({ pullPolicy: () => {} })
	t.is(receiver.getPushedConfig('orders'), undefined)
	const pushed = push('orders', '1.0.0', [fun('a')], { target: '/config', refreshInterval: 9_000 })
	await receiver.push(pushed)
	const read = receiver.getPushedConfig('orders') as PushConfig<FunConfig>
	t.like(read, { service: 'orders', configVersion: '1.0.0', target: '/config', refreshInterval: 9_000 })
	t.like(read.items[0], { requestType: 'a', service: 'orders' })
	t.deepEqual(toServiceConfig(read), toServiceConfig(pushed))
	t.deepEqual([...receiver.getAllPushedServices()], [['orders', '1.0.0']])
	t.is((await receiver.push(read, { force: true })).status, 'accepted')
})

test('a push that asks to be pulled is registered in the same transaction, and only where the policy allows it', async t => {
	const asked: string[] = []
	const { db, receiver } = await start({
		pullPolicy: service => {
			asked.push(service.nodes.join())
			if (service.target !== '/config') throw new RemoteTermError('ORIGIN_REFUSED', 'Not from there')
		},
	})
	const error = await t.throwsAsync(receiver.push(push('orders', '1', undefined, { target: '/x' })), {
		instanceOf: RemoteTermError,
	})
	t.is(error.code, 'ORIGIN_REFUSED')
	t.is(db.services().length, 0)
	await receiver.push(push('orders', '1', undefined, { target: '/config', args: { region: 'eu' } }))
	t.deepEqual(db.service('orders')?.pull, {
		...{ service: 'orders', nodes: ['https://orders.example.com'] },
		...{ target: '/config', args: { region: 'eu' } },
	})
	t.is(asked.length, 2)
	await receiver.push(push('orders', '2'))
	t.is(db.service('orders')?.pull, undefined)
})

test('without a pull policy nothing that is pushed may be pulled', async t => {
	const { receiver } = await start()
	const error = await t.throwsAsync(receiver.push(push('orders', '1', undefined, { target: '/config' })), {
		instanceOf: RemoteTermError,
	})
	t.is(error.code, 'ORIGIN_REFUSED')
})

test('the policy has a word on every item, and one that throws has not said yes', async t => {
	const { db, receiver } = await start({
		policy: item => {
			if (item.requestType === 'c') throw new Error('broken')
			return item.requestType === 'a' || `${item.target} is not allowed`
		},
	})
	t.deepEqual(await issuesOf(receiver.push(push('orders', '1', [fun('a'), fun('b'), fun('c')]))), [
		'/items/1: /b is not allowed',
		'/items/2: the policy failed: broken',
	])
	t.is(db.size, 0)
})

test('what a puller brings passes the same gate, keeps the registration, and is not skipped', async t => {
	const { db, receiver } = await start({ pullPolicy: () => {} })
	await receiver.push(push('orders', '2.0.0', [fun('a'), fun('b')], { target: '/config' }))
	const pulled = { service: 'orders', configVersion: '1.0.0', source: 'pull' } as const
	t.like(await receiver.receive({ ...pulled, items: [fun('a'), fun('c')] }), {
		...{ status: 'accepted', added: 1, changed: 0, removed: 1 },
	})
	t.like(db.service('orders'), { source: 'pull', configVersion: '1.0.0', pull: { target: '/config' } })
	t.deepEqual(await issuesOf(receiver.receive({ ...pulled, items: [], node: 'n1' })), [
		'/items: expected at least one item',
	])
	t.is(db.items('orders').length, 2)
	t.like(receiver.failures.list({ source: 'pull' })[0], { node: 'n1', service: 'orders' })
	const stale = receiver.receive({ ...pulled, items: [fun('a')], expectedRevision: 1 })
	t.is((await t.throwsAsync(stale, { instanceOf: RemoteTermError })).code, 'CONFLICT')
})

test('a push that is all wrong does not drive the failures of others out of the log', async t => {
	const { receiver } = await start({ limits: { maxFailures: 200 } })
	await t.throwsAsync(receiver.push(push('quiet', '')), { code: 'VALIDATION_FAILED' })
	const items = Array.from({ length: 300 }, (_, index) => fun(`f${index}`, { timeout: 1 }))
	await t.throwsAsync(receiver.push(push('loud', '1', items)), { code: 'VALIDATION_FAILED' })
	t.is(receiver.failures.count({ service: 'loud' }), 101)
	t.is(receiver.failures.count({ service: 'quiet' }), 1)
	t.deepEqual(receiver.failures.list({ limit: 1 })[0]?.reasons, ['and faults in 200 more items'])
})

test('there is a bound on what all services hold together, and what does not grow is taken beyond it', async t => {
	const { db, receiver } = await start({ limits: { maxItemsInAll: 3 } })
	await receiver.push(push('a', '1', [fun('x'), fun('y')]))
	await t.throwsAsync(receiver.push(push('b', '1', [fun('x'), fun('y')])), {
		code: 'TOO_LARGE',
		message: /b .* 4 items in all, .* 3 \(maxItemsInAll\)/,
	})
	t.is(db.service('b'), undefined)
	t.like(await receiver.push(push('b', '1', [fun('x')])), { status: 'accepted' })
	t.like(await receiver.push(push('a', '2', [fun('x'), fun('z')])), { added: 1, removed: 1 })
	await t.throwsAsync(receiver.push(push('a', '3', [fun('x'), fun('y'), fun('z')])), {
		code: 'TOO_LARGE',
	})
	t.like(receiver.verify('a', '2'), { status: 'matched' })
	await receiver.deletePushedService('b')
	t.like(await receiver.push(push('a', '3', [fun('x'), fun('y'), fun('z')])), { status: 'accepted' })
})
