import { NatsConfigDb, type NatsConfigDbOptions } from '../../lib/config/nats.ts'
import { parseNatsConfigDbOptions } from '../../lib/config/nats/options.ts'
import { outcomeOf } from '../../lib/config/nats/outcome.ts'
import type { ConfigChange, ConfigItem, ServiceCommit } from '../../lib/config/config-db.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import type { RemoteTermError } from '../../lib/core/errors.ts'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { NatsLink } from '../../lib/nats/link.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { parseNatsOptions } from '../../lib/nats/options.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { natsTest, startNatsCluster, startNatsServer, type NatsServer } from '../support/nats-server.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { closedPort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'

const test = natsTest()

interface Item extends ConfigItem {
	readonly payload?: unknown
}

const item = (service: string, requestType: string, payload?: unknown): Item => ({
	...{ service, requestType, version: '1.0.0' },
	...(payload !== undefined && { payload }),
})

const commitOf = (
	service: string,
	items: readonly Item[],
	expectedRevision = 0,
	configVersion = '1.0.0',
): ServiceCommit<Item> => ({
	...{ service, configVersion, items, expectedRevision },
	source: 'push',
	nodes: ['local'],
})

const create = (servers: string | string[], options: NatsConfigDbOptions = {}): NatsConfigDb<Item> =>
	new NatsConfigDb<Item>({
		servers,
		reconnectBackoff: { base: 10, cap: 100 },
		logger: silentLogger,
		...options,
	})

const open = async (
	t: Lifetime,
	servers: string | string[],
	options: NatsConfigDbOptions = {},
): Promise<NatsConfigDb<Item>> => {
	const db = create(servers, options)
	t.teardown(() => db.close())
	await db.open()
	return db
}

/** Somebody else on the same server, who knows nothing of us. */
const stranger = async (t: Lifetime, server: NatsServer) => {
	const link = await NatsLink.open(parseNatsOptions({ servers: server.address }), { owner: 'A stranger' })
	t.teardown(() => link.close())
	const { jetstream } = await import('@nats-io/jetstream')
	const { Kvm } = await import('@nats-io/kv')
	const client = jetstream(link.connection)
	return { link, client, manager: await client.jetstreamManager(), kvm: new Kvm(client) }
}

/** Between a client and its server: what is lost on it, is lost on purpose. */
const startWire = async (t: Lifetime, port: number) => {
	const sockets = new Set<Socket>()
	const pairs = new Set<readonly [near: Socket, far: Socket]>()
	let whole = true
	const wire = createServer(near => {
		if (!whole) {
			near.destroy()
			return
		}
		const far = connect(port, '127.0.0.1')
		for (const [one, other] of [
			[near, far],
			[far, near],
		] as const) {
			sockets.add(one)
			one.on('error', () => {}).on('close', () => void (sockets.delete(one), other.destroy()))
			one.pipe(other)
		}
		pairs.add([near, far])
	}).listen(0, '127.0.0.1')
	await once(wire, 'listening')
	const cut = (): void => {
		whole = false
		for (const socket of sockets) socket.destroy()
		pairs.clear()
	}
	/** What the server says is lost from now on. */
	const deafen = (): void => pairs.forEach(([near, far]) => void far.unpipe(near).resume())
	/** What the client says is lost from now on. */
	const mute = (): void => pairs.forEach(([near, far]) => void near.unpipe(far).resume())
	t.teardown(() => {
		wire.close()
		cut()
	})
	const mend = (): void => void (whole = true)
	return { address: `127.0.0.1:${(wire.address() as AddressInfo).port}`, cut, mend, deafen, mute }
}

const BUCKET = 'remote-term-config'

const jetstream = (t: Lifetime): Promise<NatsServer> => startNatsServer(t, { jetstream: true })

test('what one gateway commits, another reads, and a later one finds', async t => {
	const { address } = await jetstream(t)
	const one = await open(t, address)
	const other = await open(t, address)
	const seen: ConfigChange[] = []
	other.watch(change => seen.push(change))
	const change = await one.commit(commitOf('shop.orders:eu', [item('shop.orders:eu', 'create')]))
	t.is(change.kind, 'committed')
	t.is(one.get('shop.orders:eu', 'create', '1.0.0').status, 'found')
	await waitFor(() => seen.length === 1)
	t.deepEqual(seen, [change])
	t.deepEqual(other.items('shop.orders:eu'), one.items('shop.orders:eu'))
	const later = await open(t, address)
	t.deepEqual(later.services(), one.services())
	t.deepEqual(later.items('shop.orders:eu'), one.items('shop.orders:eu'))
	t.is(later.size, 1)
})

test('of two gateways that commit upon the same revision one wins, and both know which', async t => {
	const { address } = await jetstream(t)
	const gateways = await Promise.all([1, 2, 3].map(() => open(t, address)))
	let revision = 0
	for (let round = 0; round < 20; round++) {
		const outcomes = await Promise.allSettled(
			gateways.map((db, index) =>
				db.commit(commitOf('a', [item('a', `by-${index}`)], revision, `${round}-${index}`)),
			),
		)
		const won = outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []))
		t.is(won.length, 1)
		const lost = outcomes.flatMap(one => (one.status === 'rejected' ? [one.reason as RemoteTermError] : []))
		t.deepEqual(
			lost.map(({ code }) => code),
			['CONFLICT', 'CONFLICT'],
		)
		await waitFor(() => gateways.every(db => db.service('a')?.configVersion === `${round}-${won[0]}`))
		revision = gateways[0]!.service('a')!.revision
		for (const db of gateways) t.is(db.service('a')!.revision, revision)
	}
})

test('a loser sees the winner as soon as it is told that it has lost', async t => {
	const { address } = await jetstream(t)
	const one = await open(t, address)
	const other = await open(t, address)
	const results = await Promise.allSettled([
		one.commit(commitOf('a', [item('a', 'one')], 0, 'one')),
		other.commit(commitOf('a', [item('a', 'other')], 0, 'other')),
	])
	const loser = results[0].status === 'rejected' ? one : other
	const winner = results[0].status === 'rejected' ? 'other' : 'one'
	t.is(loser.service('a')?.configVersion, winner)
})

test('operators of several gateways flag items at the same time, and none of it is lost', async t => {
	const { address } = await jetstream(t)
	const gateways = await Promise.all([1, 2, 3].map(() => open(t, address)))
	const names = Array.from({ length: 12 }, (_, index) => `type-${index}`)
	const items = names.map(name => item('a', name))
	await gateways[0]!.commit(commitOf('a', items))
	await waitFor(() => gateways.every(db => db.size === names.length))
	const answers = await Promise.all(
		names.map((requestType, index) =>
			gateways[index % 3]!.setDisabled('a', { requestType, version: '1.0.0' }, true),
		),
	)
	t.true(answers.every(answer => answer === 'changed'))
	const allDisabled = (db: NatsConfigDb<Item>) => db.items('a').every(({ disabled }) => disabled)
	await waitFor(() => gateways.every(allDisabled))
	await gateways[1]!.commit(commitOf('a', items, gateways[1]!.service('a')!.revision, '2.0.0'))
	t.true(allDisabled(gateways[1]!))
	t.true(allDisabled(await open(t, address)))
})

test('a revision is not given twice, not even to a service that was deleted', async t => {
	const { address } = await jetstream(t)
	const one = await open(t, address)
	const other = await open(t, address)
	const first = await one.commit(commitOf('a', [item('a', 'x')]))
	await waitFor(() => other.size === 1)
	const deleted = await other.delete('a')
	t.true(deleted!.revision > first.revision)
	await waitFor(() => one.size === 0)
	t.is(await one.delete('a'), undefined)
	const second = await one.commit(commitOf('a', [item('a', 'x')]))
	t.true(second.revision > deleted!.revision)
	const later = await open(t, address)
	t.is(later.service('a')?.revision, second.revision)
})

/** Not to be deflated. */
const noise = (bytes: number): string => {
	let state = 1
	let text = ''
	while (text.length < bytes) {
		state = (state * 48271) % 2147483647
		text += state.toString(36)
	}
	return text.slice(0, bytes)
}

test('a service of several megabytes is stored whole, and what it replaces is cleared away', async t => {
	const server = await jetstream(t)
	const { manager } = await stranger(t, server)
	const one = await open(t, server.address)
	const other = await open(t, server.address)
	const large = (mark: string) =>
		Array.from({ length: 20 }, (_, index) => item('a', `type-${index}`, mark + noise(200_000 + index)))
	let { revision } = await one.commit(commitOf('a', large('first')))
	await waitFor(() => other.size === 20)
	t.deepEqual(other.items('a'), one.items('a'))
	for (const mark of ['second', 'third']) {
		;({ revision } = await one.commit(commitOf('a', large(mark), revision, mark)))
		await waitFor(() => other.service('a')?.configVersion === mark)
		t.deepEqual(other.items('a'), one.items('a'))
	}
	const chunks = async () => {
		const { state } = await manager.streams.info(`KV_${BUCKET}`, { subjects_filter: `$KV.${BUCKET}.c.>` })
		return Object.keys(state.subjects ?? {})
	}
	await waitFor(async () => new Set((await chunks()).map(subject => subject.split('.')[4])).size === 1)
	t.true((await chunks()).length > 4)
	t.deepEqual((await open(t, server.address)).items('a'), one.items('a'))
	await one.commit(commitOf('a', [item('a', 'small')], revision, 'small'))
	await waitFor(async () => (await chunks()).length === 0)
	await waitFor(() => other.size === 1)
})

test('what a gateway left behind that died between its chunks and its head is cleared away', async t => {
	const server = await jetstream(t)
	const { client, manager } = await stranger(t, server)
	const one = await open(t, server.address)
	const { revision } = await one.commit(commitOf('a', [item('a', 'x')]))
	const left = `$KV.${BUCKET}.c.a.0-dead.0`
	const underWay = `$KV.${BUCKET}.c.a.${revision}-alive.0`
	await client.publish(left, 'half')
	await client.publish(underWay, 'half')
	await open(t, server.address)
	const subjects = async () => {
		const { state } = await manager.streams.info(`KV_${BUCKET}`, { subjects_filter: `$KV.${BUCKET}.c.>` })
		return Object.keys(state.subjects ?? {})
	}
	await waitFor(async () => !(await subjects()).includes(left))
	t.deepEqual(await subjects(), [underWay])
})

test('while the server is away reads go on, and writes fail within their limit and change nothing', async t => {
	const server = await jetstream(t)
	const clock = new FakeClock()
	const db = await open(t, server.address, { timeout: 200, clock })
	const { revision } = await db.commit(commitOf('a', [item('a', 'x')]))
	await server.kill()
	await waitFor(() => !db.connected)
	t.is(db.get('a', 'x', '1.0.0').status, 'found')
	const refusing = Promise.all([
		t.throwsAsync(db.commit(commitOf('a', [item('a', 'y')], revision)), { code: 'DATABASE_FAILED' }),
		t.throwsAsync(db.delete('a'), { code: 'DATABASE_FAILED' }),
		t.throwsAsync(db.setDisabled('a', { requestType: 'x', version: '1.0.0' }, true), {
			code: 'DATABASE_FAILED',
		}),
	])
	// One after the other, each within its own limit.
	for (let turn = 0; turn < 3; turn++) await clock.advance(200)
	for (const { message } of await refusing) t.notRegex(message, /unknown/)
	await server.start()
	const later = await open(t, server.address)
	t.is(later.service('a')?.revision, revision)
	const change = await later.commit(commitOf('a', [item('a', 'z')], revision))
	t.deepEqual(change.added, [{ requestType: 'z', version: '1.0.0' }])
	await waitFor(async () => {
		await clock.advance(50)
		return db.service('a')?.revision === change.revision
	})
})

test('a write that meets a short absence of the server waits, and stands', async t => {
	const server = await jetstream(t)
	const db = await open(t, server.address, { timeout: 30_000 })
	await server.kill()
	await waitFor(() => !db.connected)
	const committing = db.commit(commitOf('a', [item('a', 'x')]))
	await server.start()
	t.is((await committing).kind, 'committed')
	t.is(db.size, 1)
})

test('a write whose answer is lost is asked after, and said to stand because it does', async t => {
	const server = await jetstream(t)
	const db = await open(t, server.address, { timeout: 60_000, pingInterval: 50 })
	// The server has read the request from its socket only after it goes on, and by then the connection was given up.
	for (let round = 0; round < 5; round++) {
		const revision = db.service('a')?.revision ?? 0
		server.pause()
		const committing = db.commit(commitOf('a', [item('a', 'x', round)], revision, `${round}`))
		await waitFor(() => !db.connected)
		server.resume()
		const change = await committing
		t.is(db.service('a')?.revision, change.revision)
		t.is(db.service('a')?.configVersion, `${round}`)
	}
	const later = await open(t, server.address)
	t.deepEqual(later.services(), db.services())
})

test('a write whose answer is lost stands, even if another has been written upon it since', async t => {
	const server = await jetstream(t)
	const wire = await startWire(t, server.port)
	const one = await open(t, wire.address, { timeout: 60_000 })
	const other = await open(t, server.address)
	wire.deafen()
	const committing = one.commit(commitOf('a', [item('a', 'x')], 0, 'first'))
	await waitFor(() => other.service('a')?.configVersion === 'first')
	const { revision } = other.service('a')!
	await other.commit(commitOf('a', [item('a', 'y')], revision, 'second'))
	wire.cut()
	wire.mend()
	const change = await committing
	t.is(change.revision, revision)
	t.deepEqual(change.added, [{ requestType: 'x', version: '1.0.0' }])
	await waitFor(() => one.service('a')?.configVersion === 'second')
	t.deepEqual(one.items('a'), other.items('a'))
})

test('a write that was lost on its way is a conflict where another has taken its place', async t => {
	const server = await jetstream(t)
	const wire = await startWire(t, server.port)
	const one = await open(t, wire.address, { timeout: 60_000 })
	const other = await open(t, server.address)
	wire.mute()
	const committing = one.commit(commitOf('a', [item('a', 'x')], 0, 'lost'))
	await other.commit(commitOf('a', [item('a', 'y')], 0, 'won'))
	wire.cut()
	wire.mend()
	await t.throwsAsync(committing, { code: 'CONFLICT' })
	t.is(one.service('a')?.configVersion, 'won')
})

test('where nobody can be asked any more, the error says that it is unknown whether the write stands', async t => {
	const server = await jetstream(t)
	const wire = await startWire(t, server.port)
	const clock = new FakeClock()
	const one = await open(t, wire.address, { timeout: 300, clock })
	const other = await open(t, server.address)
	wire.deafen()
	const refused = t.throwsAsync(one.commit(commitOf('a', [item('a', 'x')])), {
		code: 'DATABASE_FAILED',
		message: /unknown whether service a was written/,
	})
	await waitFor(() => other.size === 1)
	await clock.advance(300)
	await refused
	t.is(one.size, 0)
	wire.cut()
	wire.mend()
	await waitFor(async () => {
		await clock.advance(50)
		return one.size === 1
	})
	t.deepEqual(one.items('a'), other.items('a'))
})

test('by a lineage it is told what became of a write', t => {
	const found = (revision: number, ...lineage: Array<[string, number]>) => ({
		revision,
		head: { kind: 'deleted' as const, lineage, body: undefined },
	})
	t.is(outcomeOf(undefined, 'me', 0), undefined)
	t.is(outcomeOf(found(7, ['old', 3]), 'me', 7), undefined)
	t.deepEqual(outcomeOf(found(9, ['me', 7], ['old', 3]), 'me', 7), { status: 'stored', revision: 9 })
	t.deepEqual(outcomeOf(found(12, ['b', 10], ['a', 9], ['me', 7]), 'me', 7), {
		status: 'stored',
		revision: 9,
	})
	t.deepEqual(outcomeOf(found(12, ['b', 10], ['a', 7], ['old', 3]), 'me', 7), { status: 'conflict' })
	t.throws(() => outcomeOf(found(90, ['z', 80], ['y', 70]), 'me', 7), { message: /unknown/ })
	t.throws(() => outcomeOf({ revision: 90, head: undefined }, 'me', 7), { message: /unknown/ })
})

test('who was away learns of everything that has happened meanwhile, deletions and purges included', async t => {
	const server = await jetstream(t)
	const wire = await startWire(t, server.port)
	const one = await open(t, server.address)
	const away = await open(t, wire.address)
	const { manager } = await stranger(t, server)
	for (const name of ['kept', 'changed', 'deleted', 'purged', 'flagged'])
		await one.commit(commitOf(name, [item(name, 'x')]))
	await waitFor(() => away.size === 5)
	const seen: string[] = []
	away.watch(({ kind, service }) => seen.push(`${kind} ${service}`))
	wire.cut()
	await waitFor(() => !away.connected)
	await one.commit(commitOf('changed', [item('changed', 'y')], one.service('changed')!.revision))
	await one.delete('deleted')
	await one.setDisabled('flagged', { requestType: 'x', version: '1.0.0' }, true)
	await one.commit(commitOf('new', [item('new', 'x')]))
	await manager.streams.purge(`KV_${BUCKET}`, { filter: `$KV.${BUCKET}.s.purged` })
	t.is(away.size, 5)
	wire.mend()
	const changes = [
		'committed changed',
		'committed new',
		'deleted deleted',
		'deleted purged',
		'disabled flagged',
	]
	await waitFor(() => seen.length === changes.length)
	t.deepEqual([...seen].sort(), changes)
	t.deepEqual(
		away.services().map(({ service }) => service),
		['changed', 'flagged', 'kept', 'new'],
	)
	t.is(away.get('flagged', 'x', '1.0.0').status, 'disabled')
	t.is(away.get('changed', 'y', '1.0.0').status, 'found')
})

test('a stream that went back in time is read anew', async t => {
	const server = await jetstream(t)
	const wire = await startWire(t, server.port)
	const one = await open(t, server.address)
	await one.commit(commitOf('kept', [item('kept', 'x')]))
	const { manager, client } = await stranger(t, server)
	const name = `KV_${BUCKET}`
	const { config } = await manager.streams.info(name)
	const keys = ['meta', 's.kept']
	const backup = await Promise.all(
		keys.map(key => manager.streams.getMessage(name, { last_by_subj: `$KV.${BUCKET}.${key}` })),
	)
	const away = await open(t, wire.address)
	await one.commit(commitOf('lost', [item('lost', 'x')]))
	await waitFor(() => away.size === 2)
	wire.cut()
	await waitFor(() => !away.connected)
	await manager.streams.delete(name)
	await manager.streams.add(config)
	for (const message of backup) await client.publish(message!.subject, message!.data)
	wire.mend()
	await waitFor(() => away.size === 1)
	t.is(away.get('kept', 'x', '1.0.0').status, 'found')
	await away.commit(commitOf('after', [item('after', 'x')]))
	t.is(away.size, 2)
})

test('three gateways on three servers, one of which is killed under load: nothing acknowledged is lost', async t => {
	const servers = await startNatsCluster(t)
	const addresses = servers.map(({ address }) => address)
	const gateways = await Promise.all(
		addresses.map((_, index) =>
			open(t, [...addresses.slice(index), ...addresses.slice(0, index)], { replicas: 3, timeout: 20_000 }),
		),
	)
	const acknowledged = new Map<string, { configVersion: string; revision: number }>()
	let failed = 0
	let killing: Promise<void> | undefined
	const push = async (db: NatsConfigDb<Item>, gateway: number): Promise<void> => {
		for (let round = 0; round < 60; round++) {
			if (gateway === 0 && round === 20) killing = servers[1]!.kill()
			const service = `s${gateway}-${round % 5}`
			const expected = db.service(service)?.revision ?? 0
			try {
				const { revision } = await db.commit(
					commitOf(service, [item(service, 'x', round)], expected, `${round}`),
				)
				acknowledged.set(service, { configVersion: `${round}`, revision })
			} catch {
				failed++
			}
		}
	}
	await Promise.all(gateways.map(push))
	await killing
	t.is(acknowledged.size, 15)
	t.is(failed, 0)
	const check = (db: NatsConfigDb<Item>): boolean =>
		[...acknowledged].every(([service, { configVersion, revision }]) => {
			const record = db.service(service)
			return record?.configVersion === configVersion && record.revision === revision
		})
	await waitFor(
		() => gateways.every(check),
		() => JSON.stringify(gateways.map(db => db.services())),
	)
	await servers[1]!.start()
	const later = await open(t, servers[1]!.address)
	t.true(check(later))
})

test('whoever opens by way of a server that has just come back finds all that was acknowledged meanwhile', async t => {
	const servers = await startNatsCluster(t)
	const [first, back, third] = servers as [NatsServer, NatsServer, NatsServer]
	const one = await open(t, [first.address, third.address], { replicas: 3, timeout: 30_000 })
	// Where a new consumer is put is up to chance, and the server that lags is one of three.
	for (let round = 0; round < 3; round++) {
		await back.kill()
		for (let write = 0; write < 40; write++) {
			const service = `s${write % 4}`
			const expected = one.service(service)?.revision ?? 0
			await one.commit(commitOf(service, [item(service, 'x', write)], expected, `${round}-${write}`))
		}
		await back.start()
		for (let look = 0; look < 3; look++) {
			const later = await open(t, back.address, { replicas: 3 })
			t.deepEqual(later.services(), one.services())
			await later.close()
		}
	}
})

test('a bucket that holds what is not ours is not touched', async t => {
	const server = await jetstream(t)
	const { kvm } = await stranger(t, server)
	const kv = await kvm.create(BUCKET)
	await kv.put('color', 'blue')
	const db = create(server.address)
	t.teardown(() => db.close())
	await t.throwsAsync(db.open(), { code: 'DATABASE_FAILED', message: /somebody else's/ })
	t.is((await kv.get('color'))!.string(), 'blue')
	t.is((await kv.status()).values, 1)
})

test('a bucket that forgets is refused', async t => {
	const server = await jetstream(t)
	const { kvm } = await stranger(t, server)
	await kvm.create(BUCKET, { ttl: 60_000 })
	const db = create(server.address)
	t.teardown(() => db.close())
	await t.throwsAsync(db.open(), { code: 'DATABASE_FAILED', message: /time to live/ })
})

const wrongEntries: ReadonlyArray<readonly [title: string, key: string, value: string | Uint8Array, RegExp]> =
	[
		['a newer format of the bucket', 'meta', '{"remoteTermConfig":2,"identity":"x"}', /format 2/],
		['a mark that is foreign', 'meta', 'hello', /mark is foreign/],
		['an entry that is no MessagePack', 's.a', 'hello', /service a .*cannot be read/],
		[
			'an entry of a newer format',
			's.a',
			Uint8Array.of(0x81, 0xb0, ...Buffer.from('remoteTermConfig'), 9),
			/format 9/,
		],
		['a key that is no service of ours', 's.=zz', 'x', /no key of a service/],
	]

for (const [title, key, value, message] of wrongEntries) {
	test(`${title} is a clear error when the database is opened`, async t => {
		const server = await jetstream(t)
		await (await open(t, server.address)).close()
		const { kvm } = await stranger(t, server)
		await (await kvm.open(BUCKET)).put(key, value)
		const db = create(server.address)
		t.teardown(() => db.close())
		await t.throwsAsync(db.open(), { code: 'DATABASE_FAILED', message })
	})
}

test('an entry that is overwritten with something else keeps the last good state, and writes say what is wrong', async t => {
	const server = await jetstream(t)
	const logger = recordingLogger()
	const db = await open(t, server.address, { logger })
	const { revision } = await db.commit(commitOf('a', [item('a', 'x')]))
	const { kvm } = await stranger(t, server)
	await (await kvm.open(BUCKET)).put('s.a', 'hello')
	await waitFor(() => logger.lines.some(([level]) => level === 'error'))
	t.is(db.get('a', 'x', '1.0.0').status, 'found')
	await t.throwsAsync(db.commit(commitOf('a', [item('a', 'y')], revision)), {
		code: 'DATABASE_FAILED',
		message: /cannot be read/,
	})
	await db.commit(commitOf('b', [item('b', 'x')]))
	t.is(db.size, 2)
})

test('a bucket that is deleted and made anew is noticed, and the last state is kept', async t => {
	const server = await jetstream(t)
	const { revision } = await (await open(t, server.address)).commit(commitOf('a', [item('a', 'x')]))
	const db = await open(t, server.address, { timeout: 500 })
	const { manager } = await stranger(t, server)
	await manager.streams.delete(`KV_${BUCKET}`)
	await waitFor(() => !db.connected)
	t.is(db.get('a', 'x', '1.0.0').status, 'found')
	await (await open(t, server.address)).commit(commitOf('b', [item('b', 'x')]))
	await t.throwsAsync(db.commit(commitOf('a', [item('a', 'y')], revision)), { code: 'DATABASE_FAILED' })
	t.is(db.get('a', 'x', '1.0.0').status, 'found')
	t.is(db.size, 1)
})

test('a connection that is lost while the database opens is made again, and it opens', async t => {
	const server = await jetstream(t)
	await (await open(t, server.address)).commit(commitOf('a', [item('a', 'x')]))
	const proxy = await startTcpProxy(t, () => server.port)
	await (await open(t, proxy.address)).close()
	const needed = proxy.sent
	for (const part of [0.5, 0.7, 0.9]) {
		proxy.breakAfter(Math.floor(needed * part))
		const before = proxy.sent
		const db = await open(t, proxy.address)
		t.is(db.size, 1)
		t.true(proxy.sent - before > needed, 'it was broken, and begun again')
	}
})

test('a deletion by a tool of NATS is a deletion', async t => {
	const server = await jetstream(t)
	const db = await open(t, server.address)
	await db.commit(commitOf('a', [item('a', 'x')]))
	const { kvm } = await stranger(t, server)
	await (await kvm.open(BUCKET)).delete('s.a')
	await waitFor(() => db.size === 0)
	await db.commit(commitOf('a', [item('a', 'x')]))
	t.is(db.size, 1)
})

test('nobody there, or no JetStream, is DATABASE_FAILED', async t => {
	const nobody = create(`127.0.0.1:${await closedPort()}`)
	await t.throwsAsync(nobody.open(), { code: 'DATABASE_FAILED' })
	await nobody.close()
	const { address } = await startNatsServer(t)
	const clock = new FakeClock()
	const without = create(address, { openTimeout: 30_000, clock })
	const refused = t.throwsAsync(without.open(), { code: 'DATABASE_FAILED', message: /JetStream/ })
	// It has been told that nobody answers, and waits a moment before it asks again.
	await waitFor(() => clock.timers.some(left => left < 1_000))
	await clock.advance(30_000)
	await refused
	await without.close()
})

test('before open a write is refused, after close too, and reads go on', async t => {
	const { address } = await jetstream(t)
	const db = create(address)
	await t.throwsAsync(db.commit(commitOf('a', [item('a', 'x')])), { code: 'NOT_STARTED' })
	await db.open()
	const writing = db.commit(commitOf('a', [item('a', 'x')]))
	await Promise.all([db.close(), db.close()])
	t.is((await writing).kind, 'committed')
	await t.throwsAsync(db.commit(commitOf('b', [item('b', 'x')])), { code: 'STOPPED' })
	t.is(db.get('a', 'x', '1.0.0').status, 'found')
})

test('close interrupts an open that waits for a silent server', async t => {
	const server = await jetstream(t)
	server.pause()
	const db = create(server.address, { connectTimeout: 60_000, openTimeout: 60_000 })
	const opening = db.open()
	await Promise.all([t.throwsAsync(opening, { code: 'STOPPED' }), db.close()])
	server.resume()
})

const wrong: ReadonlyArray<readonly [title: string, options: unknown]> = [
	['a bucket with a dot', { bucket: 'a.b' }],
	['two replicas', { replicas: 2 }],
	['no time', { timeout: 0 }],
	['a misspelt option', { server: 'x' }],
]

for (const [title, options] of wrong) {
	test(`${title} is refused at the door`, t => {
		t.throws(() => new NatsConfigDb(options as NatsConfigDbOptions), { code: 'INVALID_OPTION' })
	})
}

test('a bucket lies on three servers where three are named, and on one otherwise', t => {
	const replicasOf = (options: NatsConfigDbOptions): number => parseNatsConfigDbOptions(options).replicas
	t.is(replicasOf({ servers: ['n1', 'n2', 'n3'] }), 3)
	t.is(replicasOf({ servers: 'n1,n2,n3,n4' }), 3)
	t.is(replicasOf({ servers: ['n1', 'n2'] }), 1)
	t.is(replicasOf({}), 1)
	t.is(replicasOf({ servers: ['n1', 'n2', 'n3'], replicas: 1 }), 1)
})

test('close waits for what is being written no longer than one write may take, however many wait', async t => {
	const server = await startNatsServer(t, { jetstream: true })
	const db = await open(t, server.address, { timeout: 500 })
	await server.kill()
	const writes = Array.from({ length: 20 }, () =>
		db.commit(commitOf('orders', [item('orders', 'a')])).then(
			() => 'done',
			(error: unknown) => (error as RemoteTermError).code,
		),
	)
	await db.close()
	const codes = await Promise.all(writes)
	// Of those that waited none has begun.
	t.true(codes.filter(code => code === 'STOPPED').length >= 18, codes.join())
})
