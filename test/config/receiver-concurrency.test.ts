import test from 'ava'
import {
	ConfigReceiver,
	CONFIG_CHANNELS,
	funConfig,
	MemoryConfigDb,
	type CommitMessage,
	type ConfigReceiverOptions,
	type FlagMessage,
	type FunConfig,
	type PushMessage,
} from '../../lib/config/index.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import type { Schema } from '../../lib/core/standard-schema.ts'
import { FakeClock } from '../../lib/testing/index.ts'
import { channel } from '#diagnostics'
import { fun, instead, openMemory, push } from '../support/configs.ts'

const logger = silentLogger

/** A policy that does not answer before it is let go, and says who asks. */
const heldPolicy = (): {
	policy: (item: FunConfig) => Promise<true>
	asked: string[]
	release: () => void
} => {
	const asked: string[] = []
	let release = (): void => {}
	const held = new Promise<void>(resolve => (release = resolve))
	return {
		policy: async item => {
			asked.push(`${item.service} ${item.requestType}`)
			await held
			return true
		},
		asked,
		release,
	}
}

const turns = async (count = 20): Promise<void> => {
	for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve))
}

const start = async (
	options: Partial<ConfigReceiverOptions> = {},
): Promise<{ db: MemoryConfigDb; receiver: ConfigReceiver }> => {
	const db = await openMemory()
	return { db, receiver: new ConfigReceiver({ db, logger, ...options }) }
}

test('pushes of one service take turns, those of others do not wait for them', async t => {
	const { policy, asked, release } = heldPolicy()
	const { db, receiver } = await start({ policy })
	const pushes = [
		receiver.push(push('orders', '1.0.0', [fun('first')])),
		receiver.push(push('orders', '2.0.0', [fun('second')])),
		receiver.push(push('users', '1.0.0', [fun('other')])),
	]
	await turns()
	t.deepEqual(asked, ['orders first', 'users other'])
	t.is(receiver.status().underWay, 3)
	release()
	const outcomes = await Promise.all(pushes)
	t.like(outcomes[1], { status: 'accepted', previousVersion: '1.0.0' })
	t.is(db.service('orders')?.configVersion, '2.0.0')
	t.is(receiver.status().underWay, 0)
})

test('of pushes of one version at the same time one is accepted, the others are skipped', async t => {
	const { receiver } = await start()
	const outcomes = await Promise.all(Array.from({ length: 20 }, () => receiver.push(push('orders', '1.0.0'))))
	t.is(outcomes.filter(({ status }) => status === 'accepted').length, 1)
	t.is(outcomes.filter(({ status }) => status === 'skipped').length, 19)
})

test('the queue of a service is bounded, and so are all queues together', async t => {
	const { policy, release } = heldPolicy()
	const { receiver } = await start({ policy, limits: { maxWaitingPerService: 2, maxWaiting: 3 } })
	const under = ['orders', 'orders', 'orders', 'users', 'users'].map((service, index) =>
		receiver.push(push(service, `${index + 1}.0.0`)),
	)
	for (const service of ['orders', 'users']) {
		const error = await t.throwsAsync(receiver.push(push(service, '9.0.0')), { instanceOf: RemoteTermError })
		t.is(error.code, 'CONFLICT')
	}
	release()
	t.is((await Promise.all(under)).length, 5)
	t.is((await receiver.push(push('orders', '9.0.0'))).status, 'accepted')
})

test('where another gateway was faster the decision is made again, upon what that has stored', async t => {
	const db = await openMemory()
	const commit = db.commit.bind(db)
	const other = new ConfigReceiver({ db, logger })
	let meddle: (() => Promise<unknown>) | undefined
	const meddled = instead(db, {
		commit: async (...args: Parameters<typeof commit>) => {
			const first = meddle
			meddle = undefined
			await first?.()
			return commit(...args)
		},
	})
	const receiver = new ConfigReceiver({ db: meddled, logger })
	meddle = () => other.push(push('orders', '1.0.0', [fun('theirs')]))
	t.like(await receiver.push(push('orders', '1.1.0')), { status: 'accepted', previousVersion: '1.0.0' })
	meddle = () => other.push(push('orders', '2.0.0', [fun('theirs')]))
	t.like(await receiver.push(push('orders', '2.0.0')), { status: 'skipped' })
	meddle = () => other.push(push('orders', '4.0.0', [fun('theirs')]))
	const error = await t.throwsAsync(receiver.push(push('orders', '3.0.0')), { instanceOf: RemoteTermError })
	t.is(error.code, 'DOWNGRADE_REFUSED')
})

test('a conflict that never ends does', async t => {
	const db = await openMemory()
	let commits = 0
	const contested = instead(db, {
		commit: async () => {
			commits++
			throw new RemoteTermError('CONFLICT', 'Somebody was faster')
		},
	})
	const receiver = new ConfigReceiver({ db: contested, logger })
	const error = await t.throwsAsync(receiver.push(push('orders', '1.0.0')), { instanceOf: RemoteTermError })
	t.is(error.code, 'CONFLICT')
	t.is(commits, 8)
})

test('close rejects what waits or is being checked, waits for what is being stored, and takes nothing more', async t => {
	const { policy } = heldPolicy()
	const { db, receiver } = await start({ policy })
	const checked = receiver.push(push('orders', '1.0.0'))
	const waiting = receiver.push(push('orders', '2.0.0'))
	await turns()
	const rejections = [checked, waiting].map(one => t.throwsAsync(one, { instanceOf: RemoteTermError }))
	await receiver.close()
	for (const rejection of rejections) t.is((await rejection).code, 'STOPPED')
	const late = await t.throwsAsync(receiver.push(push('users', '1.0.0')), { instanceOf: RemoteTermError })
	t.is(late.code, 'STOPPED')
	await receiver.close()
	t.is(db.size, 0)
	t.is(receiver.status().status, 'closed')
})

test('a policy that never answers costs its push, and not the service', async t => {
	const clock = new FakeClock()
	const { policy, release } = heldPolicy()
	const { receiver } = await start({ policy, clock, timeout: 5_000 })
	const stuck = t.throwsAsync(receiver.push(push('orders', '1.0.0')), { instanceOf: RemoteTermError })
	await turns()
	await clock.advance(5_000)
	t.is((await stuck).code, 'TIMEOUT')
	t.is(clock.pendingTimers, 0)
	release()
	t.is((await receiver.push(push('orders', '1.0.0'))).status, 'accepted')
})

test('a schema of one’s own decides what an item is, and may be asynchronous', async t => {
	interface Rule {
		readonly service: string
		readonly requestType: string
		readonly version: string
		readonly limit: number
	}
	const schema: Schema<Rule> = {
		'~standard': {
			version: 1,
			vendor: 'test',
			validate: async value => {
				await Promise.resolve()
				const rule = value as Rule & { limit: unknown }
				return typeof rule.limit === 'number'
					? { value: { ...rule, limit: rule.limit * 2 } }
					: { issues: [{ message: 'expected a number', path: ['limit'] }] }
			},
		},
	}
	const db = new MemoryConfigDb<Rule>({ logger })
	await db.open()
	const receiver = new ConfigReceiver<Rule>({ db, schema, logger })
	const rules = { service: 'rules', nodes: ['n1'], configVersion: '1' }
	await receiver.push({ ...rules, items: [{ requestType: 'a', limit: 21 }] })
	t.like(db.get('rules', 'a'), { item: { service: 'rules', version: '0.0.0', limit: 42 } })
	const error = await t.throwsAsync(
		receiver.push({ ...rules, configVersion: '2', items: [{ requestType: 'a', limit: 'x' }] }),
		{ instanceOf: RemoteTermError },
	)
	t.deepEqual(error.issues, [{ path: ['items', 0, 'limit'], message: 'expected a number' }])
})

test('what happens is told on diagnostics channels and to listeners: accepted, skipped, rejected, and each change', async t => {
	const told: Array<readonly [string, object]> = []
	for (const name of Object.values(CONFIG_CHANNELS)) {
		const handler = (message: object): void => {
			if ((message as { service?: string }).service === 'told') told.push([name, message])
		}
		channel<object>(name).subscribe(handler)
		t.teardown(() => channel<object>(name).unsubscribe(handler))
	}
	const { db, receiver } = await start()
	const heard: string[] = []
	for (const name of ['push', 'push.skipped', 'push.rejected'] as const) {
		receiver.on(name, ({ service, count }) => heard.push(`${name} ${service} ${count}`))
	}
	await receiver.push(push('told', '2.0.0', [fun('a'), fun('b')]))
	await receiver.push(push('told', '2.0.0'))
	await t.throwsAsync(receiver.push(push('told', '1.0.0')))
	await db.setDisabled('told', { requestType: 'a', version: '0.0.0' }, true)
	await db.setDisabled('told', { requestType: 'a', version: '0.0.0' }, false)
	await receiver.deletePushedService('told')
	t.deepEqual(
		told.map(([name]) => name.slice('remote-term:config.'.length)),
		['batch_add', 'push', 'push.skipped', 'push.rejected', 'disable', 'enable', 'delete'],
	)
	const message = <Message>(index: number): Message => told[index]?.[1] as Message
	t.like(message<CommitMessage>(0), { service: 'told', count: 2 })
	t.like(message<PushMessage>(1), { configVersion: '2.0.0', count: 2, source: 'push', forced: false })
	t.is(message<PushMessage>(3).error?.code, 'DOWNGRADE_REFUSED')
	t.like(message<FlagMessage>(4), { requestType: 'a', version: '0.0.0' })
	t.deepEqual(heard, ['push told 2', 'push.skipped told 1', 'push.rejected told 1'])
})

test('options that are none are refused', async t => {
	const db = await openMemory()
	const make = (options: object) => () => new ConfigReceiver(options as never)
	for (const options of [
		{},
		{ db: {} },
		{ db, schema: {} },
		{ db, limits: { maxItems: 0 } },
		{ db, limits: { maxItem: 1 } },
		{ db, timeout: -1 },
		{ db, polcy: () => true },
	]) {
		t.is(t.throws<RemoteTermError>(make(options), { instanceOf: RemoteTermError }).code, 'INVALID_OPTION')
	}
	t.notThrows(make({ db, schema: funConfig }))
})
