import test, { type ExecutionContext } from 'ava'
import { AutoConfigPublisher } from '../../lib/autoconfig/index.ts'
import type { FunConfig } from '../../lib/config/fun-config.ts'
import { MemoryConfigDb } from '../../lib/config/memory.ts'
import { ConfigReceiver } from '../../lib/config/receive/receiver.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { publishConfigDb, streamId, type StreamedItem } from '../../lib/gateway/index.ts'
import { item } from '../support/gateway.ts'

type Streamed = StreamedItem<FunConfig>

const open = async (t: ExecutionContext): Promise<{ db: MemoryConfigDb; push: Push }> => {
	const db = new MemoryConfigDb({ logger: silentLogger })
	await db.open()
	const receiver = new ConfigReceiver({ db, logger: silentLogger })
	t.teardown(() => receiver.close())
	let version = 0
	const push: Push = async (service, ...items) => {
		const configVersion = `1.0.${version++}`
		await receiver.push({
			...{ service, configVersion, nodes: ['http://127.0.0.1:1'] },
			items: items.map(one => ({ service, ...one })),
		})
	}
	return { db, push }
}

type Push = (service: string, ...items: readonly object[]) => Promise<void>

const serve = (
	t: ExecutionContext,
	db: MemoryConfigDb,
	versionsFrom?: number,
): AutoConfigPublisher<Streamed> => {
	const publisher = new AutoConfigPublisher<Streamed>({ logger: silentLogger })
	const watch = publishConfigDb(db, publisher, { versionsFrom })
	t.teardown(async () => {
		watch[Symbol.dispose]()
		await publisher.close()
	})
	return publisher
}

const versionsOf = (publisher: AutoConfigPublisher<Streamed>): Record<string, number> =>
	Object.fromEntries([...publisher.entries()].sort().map(([id, , version]) => [id, version]))

test('an id says service, request type and version, and no two items have the same', t => {
	t.is(streamId('users', { requestType: 'get_user', version: '1.0.0' }), 'users:get_user@1.0.0')
	t.is(streamId('a:b', { requestType: 'c', version: '1.0.0+x' }), 'a%3Ab:c@1.0.0%2Bx')
	t.not(
		streamId('a:b', { requestType: 'c', version: '1' }),
		streamId('a', { requestType: 'b:c', version: '1' }),
	)
	t.false(streamId('a/b', { requestType: 'c/d', version: '1/2' }).includes('/'))
})

test('a database in which nothing has been is not known, and one that has lost its last item is empty', async t => {
	const { db, push } = await open(t)
	const publisher = serve(t, db)
	t.false(publisher.isReady)
	await push('users', item('get_user'))
	t.true(publisher.isReady)
	await db.delete('users')
	t.true(publisher.isReady)
	t.is(publisher.size, 0)
	t.is(publisher.versionOf('users:get_user@0.0.0'), 2, 'its deletion is remembered')
})

test('an item has the revision at which it became what it is', async t => {
	const { db, push } = await open(t)
	const publisher = serve(t, db)
	await push('users', item('one'), item('two'))
	await push('users', item('one'), item('two', { target: '/other' }))
	t.deepEqual(versionsOf(publisher), { 'users:one@0.0.0': 1, 'users:two@0.0.0': 2 })
	await db.setDisabled('users', { requestType: 'one', version: '0.0.0' }, true)
	t.like(publisher.get('users:one@0.0.0'), { version: 3, disabled: true })
	await push('users', item('two', { target: '/other' }))
	t.is(publisher.get('users:one@0.0.0'), undefined)
	t.is(publisher.versionOf('users:one@0.0.0'), 4)
})

test('whoever begins later has versions that are no lower, and the same from the next change on', async t => {
	const { db, push } = await open(t)
	const first = serve(t, db)
	await push('users', item('one'), item('two'))
	await push('users', item('one'), item('two', { target: '/other' }))
	const second = serve(t, db)
	t.true(second.isReady)
	t.deepEqual(versionsOf(second), { 'users:one@0.0.0': 2, 'users:two@0.0.0': 2 })
	await push('users', item('one', { target: '/third' }), item('three'))
	t.deepEqual(versionsOf(first), { 'users:one@0.0.0': 3, 'users:three@0.0.0': 3 })
	t.deepEqual(versionsOf(second), versionsOf(first))
})

test('a database that begins anew has versions above those of the one before', async t => {
	const before = await open(t)
	await before.push('users', item('one'))
	const old = serve(t, before.db, 1_000)
	const after = await open(t)
	await after.push('users', item('one'))
	const young = serve(t, after.db, 2_000)
	t.deepEqual([old.versionOf('users:one@0.0.0'), young.versionOf('users:one@0.0.0')], [1_001, 2_001])
})

test('a service that comes back after its deletion is above it', async t => {
	const { db, push } = await open(t)
	const publisher = serve(t, db)
	await push('users', item('one'))
	await db.delete('users')
	await push('users', item('one'))
	t.is(publisher.size, 1)
	t.true(publisher.versionOf('users:one@0.0.0')! > 2)
})
