import test from 'ava'
import { ConfigReceiver, type FunConfig, type MemoryConfigDb } from '../../lib/config/index.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { fun, openMemory, push } from '../support/configs.ts'
import { document, named, pulling } from '../support/pulling.ts'

const logger = silentLogger

/** The database, save that a commit waits until it is let go. */
const holdingCommits = (db: MemoryConfigDb): { begun: Promise<void>; release: () => void } => {
	let begin!: () => void
	let release!: () => void
	const begun = new Promise<void>(resolve => (begin = resolve))
	const released = new Promise<void>(resolve => (release = resolve))
	const commit = db.commit.bind(db)
	db.commit = async (...args) => {
		begin()
		await released
		return commit(...args)
	}
	return { begun, release }
}

test('a database that throws at once costs one change, and its service has its turn back', async t => {
	const db = await openMemory()
	const receiver = new ConfigReceiver({ db, logger })
	await receiver.push(push('orders', '1.0.0'))
	const remove = db.delete.bind(db)
	db.delete = () => {
		throw new RemoteTermError('DATABASE_FAILED', 'broken')
	}
	const deletions = [receiver.deletePushedService('orders'), receiver.deletePushedService('orders')]
	for (const deletion of deletions)
		t.is((await t.throwsAsync(deletion, { instanceOf: RemoteTermError })).code, 'DATABASE_FAILED')
	db.delete = remove
	t.is((await receiver.push(push('orders', '2.0.0'))).status, 'accepted')
	t.is(receiver.status().underWay, 0)
	await receiver.close()
})

test('what is pulled keeps the registration of a push that another gateway has taken meanwhile', async t => {
	const db = await openMemory()
	const other = new ConfigReceiver({ db, logger, pullPolicy: () => {} })
	await other.push(push('orders', '1.0.0', [fun('a')], { target: '/old' }))
	const commit = db.commit.bind(db)
	let meddled = false
	db.commit = async (...args) => {
		if (!meddled) {
			meddled = true
			await other.push(push('orders', '2.0.0', [fun('b')], { target: '/new', nodes: ['n2'] }))
		}
		return commit(...args)
	}
	const receiver = new ConfigReceiver({ db, logger })
	await receiver.receive({ service: 'orders', configVersion: '3.0.0', items: [fun('c')], source: 'pull' })
	t.like(db.service('orders'), { configVersion: '3.0.0', nodes: ['n2'], pull: { target: '/new' } })
})

test('what was given up is not stored any more', async t => {
	const db = await openMemory()
	const receiver = new ConfigReceiver({ db, logger })
	const giveUp = new AbortController()
	const received = receiver.receive({
		service: 'orders',
		configVersion: '1.0.0',
		nodes: ['n1'],
		items: [fun('a')],
		source: 'pull',
		signal: giveUp.signal,
	})
	giveUp.abort()
	t.is((await t.throwsAsync(received, { instanceOf: RemoteTermError })).code, 'STOPPED')
	t.is(db.size, 0)
})

test('a pull that is being checked does not bring back what was pushed and deleted since it began', async t => {
	const source = new FakeFetcher(document('1', 'create'))
	const { puller, db } = await pulling(t, {
		fetchers: { source: () => source },
		services: [named('orders')],
		receiver: { receive: received => held.receive(received) },
	})
	let asked!: () => void
	const checking = new Promise<void>(resolve => (asked = resolve))
	let release!: (verdict: true) => void
	const verdict = new Promise<true>(resolve => (release = resolve))
	const held = new ConfigReceiver<FunConfig>({
		db: db,
		logger,
		policy: item => {
			if (item.target !== '/create') return true
			asked()
			return verdict
		},
	})
	t.teardown(() => held.close())
	puller.start()
	const pulled = puller.pull('orders')
	await checking
	// Another gateway's: its changes do not wait for ours.
	const other = new ConfigReceiver({ db, logger })
	await other.push(push('orders', '2'))
	await other.deletePushedService('orders')
	release(true)
	t.is((await pulled).status, 'failed')
	while (held.status().underWay > 0) await new Promise(resolve => setImmediate(resolve))
	t.is(db.service('orders'), undefined)
})

test('a pull that is just being stored does not undo that the operator wants it pulled no more', async t => {
	const source = new FakeFetcher(document('1', 'create'))
	const { puller, db, receiver } = await pulling(t, { fetchers: { source: () => source } })
	puller.start()
	await receiver.push(push('orders', '0', [fun('a')], named('orders')))
	const { begun, release } = holdingCommits(db)
	const pulled = puller.pull('orders')
	await begun
	t.true(puller.delete('orders'))
	const committed = new Promise<void>(resolve => {
		const watching = db.watch(() => {
			watching[Symbol.dispose]()
			resolve()
		})
	})
	release()
	await committed
	await pulled
	t.deepEqual(puller.getServices(), [])
	await receiver.push(push('orders', '2', [fun('b')], named('orders')))
	t.deepEqual(puller.getServices(), ['orders'])
})

test('an operator’s flag is no reason to pull again, and outlasts the pull under way', async t => {
	const source = new FakeFetcher(document('1', 'create'))
	const { puller, db } = await pulling(t, {
		fetchers: { source: () => source },
		services: [named('orders')],
	})
	puller.start()
	t.like(await puller.pull('orders'), { status: 'updated' })
	const hanging = source.hang()
	const pulled = puller.pull('orders')
	await hanging.taken
	await db.setDisabled('orders', { requestType: 'create', version: '0.0.0' }, true)
	hanging.respond(document('2', 'create'))
	t.like(await pulled, { status: 'updated', configVersion: '2' })
	t.is(db.get('orders', 'create').status, 'disabled')
})
