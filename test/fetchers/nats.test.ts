import anyTest from 'ava'
import { jetstream } from '@nats-io/jetstream'
import { Kvm } from '@nats-io/kv'
import { Objm } from '@nats-io/obj'
import { NatsFetcher, type NatsFetcherOptions } from '../../fetchers/nats.ts'
import { collect } from '../../lib/core/bytes.ts'
import type { DownloadedBody } from '../../lib/core/fetcher.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { NatsLink } from '../../lib/nats/link.ts'
import { parseNatsOptions } from '../../lib/nats/options.ts'
import { createTerm } from '../../lib/term/create-term.ts'
import { text } from '../../lib/codecs/text.ts'
import { conforms } from '../support/conformance.ts'
import { context } from '../support/context.ts'
import { Span, type Lifetime } from '../support/lifetime.ts'
import { natsSerialTest, natsTest, startNatsCluster, startNatsServer } from '../support/nats-server.ts'
import { closedPort } from '../support/ports.ts'
import { waitFor } from '../support/wait.ts'

const test = natsTest()
const serial = natsSerialTest()

const bytes = (content: string): Uint8Array => new TextEncoder().encode(content)

/** A machine under load takes its time, and no test is about that. */
const patient = { connectTimeout: 30_000 }

/** Whoever publishes. */
const publisher = async (t: Lifetime, servers: string | readonly string[], replicas = 1) => {
	const link = await NatsLink.open(parseNatsOptions({ servers, ...patient }), { owner: 'The publisher' })
	t.teardown(() => link.close())
	const client = jetstream(link.connection)
	return {
		client,
		manager: await client.jetstreamManager(),
		kv: await new Kvm(client).create('terms', { replicas }),
		objects: await new Objm(client).create('files', { replicas }),
	}
}

const start = async (t: Lifetime) => {
	const server = await startNatsServer(t, { jetstream: true })
	return { server, ...(await publisher(t, server.address)) }
}

const open = async (t: Lifetime, options: NatsFetcherOptions): Promise<NatsFetcher> => {
	const fetcher = new NatsFetcher({ reconnectBackoff: { base: 10, cap: 50 }, ...patient, ...options })
	t.teardown(() => fetcher.close())
	await fetcher.init(context())
	return fetcher
}

/** What `deepEqual` takes seconds for. */
const equal = (one: Uint8Array, other: Uint8Array): boolean => Buffer.from(one).equals(other)

const read = async ({ body }: DownloadedBody): Promise<Uint8Array> =>
	body instanceof Uint8Array ? body : collect(body)

/** One server for all of a conformance suite, with buckets of their own for each of its tests. */
const span = new Span()
anyTest.after.always(async () => {
	await span.end()
})
let shared: ReturnType<typeof start> | undefined
let buckets = 0
const own = async () => {
	const { server, manager, client } = await (shared ??= start(span))
	const bucket = `own-${buckets++}`
	return { servers: server.address, manager, client, bucket }
}

const options = { versions: 'content', conditional: true, watch: true, beside: true } as const

conforms(serial, 'A key', {
	capabilities: options,
	// A value is one message.
	largeBody: 900_000,
	create: async content => {
		const { servers, client, bucket } = await own()
		const kv = await new Kvm(client).create(bucket)
		await kv.put('rates.json', content)
		return {
			fetcher: new NatsFetcher({ servers, bucket, key: 'rates.json', ...patient }),
			publish: async next => void (await kv.put('rates.json', next)),
			publishBeside: async (suffix, next) => void (await kv.put(`rates.json${suffix}`, next)),
			unpublish: () => kv.delete('rates.json'),
		}
	},
})

conforms(serial, 'An object', {
	capabilities: options,
	create: async content => {
		const { servers, client, bucket, manager } = await own()
		const objects = await new Objm(client).create(bucket)
		const put = async (name: string, next: Uint8Array): Promise<void> =>
			void (await objects.putBlob({ name }, next))
		await put('rates 100%.json', content)
		const consumers = async (): Promise<number> => {
			const { state } = await manager.streams.info(`OBJ_${bucket}`)
			return state.consumer_count
		}
		return {
			fetcher: new NatsFetcher({ servers, bucket, object: 'rates 100%.json', ...patient }),
			publish: next => put('rates 100%.json', next),
			publishBeside: (suffix, next) => put(`rates 100%.json${suffix}`, next),
			unpublish: async () => void (await objects.delete('rates 100%.json')),
			openBodies: consumers,
		}
	},
})

test('a key’s version is its revision and its time, so a bucket that is made anew is another one', async t => {
	const { server, kv, manager } = await start(t)
	await kv.put('a', 'old')
	const fetcher = await open(t, { servers: server.address, bucket: 'terms', key: 'a' })
	const first = await fetcher.currentVersion(context())
	t.regex(first, /^1@\d{4}-/)
	await manager.streams.delete('KV_terms')
	await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_NOT_FOUND' })
	await (await publisher(t, server.address)).kv.put('a', 'new')
	const second = (await fetcher.downloadIfChanged(first, context())) as DownloadedBody
	t.regex(second.version!, /^1@/)
	t.deepEqual(await read(second), bytes('new'))
})

test('a value of nearly a megabyte arrives', async t => {
	const { server, kv } = await start(t)
	const value = new Uint8Array(1_040_000).fill(7)
	await kv.put('a', value)
	const fetcher = await open(t, { servers: server.address, bucket: 'terms', key: 'a' })
	t.true(equal(await read((await fetcher.download(context())) as DownloadedBody), value))
})

test('an object has its digest and its size, and comes in chunks', async t => {
	const { server, objects } = await start(t)
	const content = new Uint8Array(5_000_000).map((_, index) => index * 31)
	await objects.putBlob({ name: 'a' }, content)
	const fetcher = await open(t, { servers: server.address, bucket: 'files', object: 'a' })
	const seen: number[] = []
	const download = (await fetcher.download({
		...context(),
		onProgress: (received, total) => void (seen.push(received), t.is(total, content.length)),
	})) as DownloadedBody
	t.is(download.size, content.length)
	t.is(download.digests?.[0]?.algorithm, 'sha-256')
	t.is(download.version, `sha-256:${download.digests![0]!.value}`)
	t.true(equal(await read(download), content))
	t.true(seen.length > 30)
	t.is(seen.at(-1), content.length)
})

test('an object that was damaged in the store is refused by the term, which keeps what it has', async t => {
	const { server, client, objects, manager } = await start(t)
	await objects.putBlob({ name: 'a' }, bytes('as it was published'))
	const fetcher = new NatsFetcher({ servers: server.address, bucket: 'files', object: 'a', ...patient })
	const term = createTerm<string>({ fetcher, deserialize: text, logger: silentLogger })
	t.teardown(() => term.stop())
	await term.start()
	// Damaged before it is announced, since the term watches: what it reads is damaged however fast it is.
	const { nuid } = await objects.putBlob({ name: 'elsewhere' }, bytes('another content!!!!'))
	const { seq } = (await manager.streams.getMessage('OBJ_files', { last_by_subj: `$O.files.C.${nuid}` }))!
	await manager.streams.deleteMessage('OBJ_files', seq, false)
	const subjectOf = (name: string): string => `$O.files.M.${Buffer.from(name).toString('base64')}`
	const told = { last_by_subj: subjectOf('elsewhere') }
	const { data } = (await manager.streams.getMessage('OBJ_files', told))!
	await client.publish(subjectOf('a'), data)
	const outcome = await term.update()
	t.is(outcome.status, 'failed')
	t.is(term.get(), 'as it was published')
})

test('what is published reaches every term by itself, and a deletion deletes nothing', async t => {
	const { server, kv } = await start(t)
	await kv.put('a', 'first')
	const terms = await Promise.all(
		[1, 2, 3].map(async () => {
			const fetcher = new NatsFetcher({ servers: server.address, bucket: 'terms', key: 'a', ...patient })
			const term = createTerm<string>({
				...{ fetcher, deserialize: text, logger: silentLogger },
				refreshInterval: 3_600_000,
				minRefreshInterval: 1,
			})
			t.teardown(() => term.stop())
			await term.start()
			return term
		}),
	)
	for (const value of ['second', 'third', 'fourth']) {
		await kv.put('a', value)
		await waitFor(() => terms.every(term => term.get() === value))
	}
	await kv.delete('a')
	await waitFor(() => terms.every(term => term.health().lastError?.code === 'FETCH_NOT_FOUND'))
	t.true(terms.every(term => term.get() === 'fourth'))
	await kv.put('a', 'fifth')
	await waitFor(() => terms.every(term => term.get() === 'fifth'))
	t.pass()
})

test('a watch begins before there is anything to watch, and outlives its server', async t => {
	const { server, kv, manager } = await start(t)
	await manager.streams.delete('KV_terms')
	const fetcher = await open(t, { servers: server.address, bucket: 'terms', key: 'a' })
	let told = 0
	const watch = fetcher.watch(() => told++, context())
	const again = await publisher(t, server.address)
	await again.kv.put('a', 'x')
	await waitFor(() => told > 0)
	const before = told
	await server.kill()
	await server.start()
	await waitFor(() => told > before)
	await waitFor(async () => {
		const now = told
		await kv.put('a', 'y').catch(() => {})
		return told > now
	})
	watch[Symbol.dispose]()
	const ended = told
	await waitFor(() =>
		kv.put('a', 'z').then(
			() => true,
			() => false,
		),
	)
	t.is(told, ended)
})

test('while the server is away a request fails at once, and later it does not', async t => {
	const { server, kv } = await start(t)
	await kv.put('a', 'x')
	const fetcher = await open(t, { servers: server.address, bucket: 'terms', key: 'a' })
	await server.kill()
	await waitFor(async () => (await fetcher.download(context()).then(() => '', String)) !== '')
	await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_FAILED' })
	await server.start()
	await waitFor(() =>
		fetcher.download(context()).then(
			() => true,
			() => false,
		),
	)
	t.deepEqual(await read((await fetcher.download(context())) as DownloadedBody), bytes('x'))
})

test('a server that falls silent in the midst of an object is a timeout or a lost connection', async t => {
	const { server, objects } = await start(t)
	await objects.putBlob({ name: 'a' }, new Uint8Array(6_000_000))
	const fetcher = await open(t, {
		...{ servers: server.address, bucket: 'files', object: 'a' },
		requestTimeout: 1000,
	})
	const { body } = (await fetcher.download(context())) as DownloadedBody
	const iterator = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
	await iterator.next()
	server.pause()
	const rest = async (): Promise<void> => {
		while ((await iterator.next()).done !== true);
	}
	await t.throwsAsync(rest(), { code: 'FETCH_TIMEOUT' })
	server.resume()
})

test('an object that is replaced while it is read ends in an error, not in a mixture', async t => {
	const { server, objects } = await start(t)
	await objects.putBlob({ name: 'a' }, new Uint8Array(6_000_000))
	const fetcher = await open(t, { servers: server.address, bucket: 'files', object: 'a' })
	const { body } = (await fetcher.download(context())) as DownloadedBody
	const iterator = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
	await iterator.next()
	await objects.putBlob({ name: 'a' }, new Uint8Array(6_000_000).fill(1))
	const rest = async (): Promise<void> => {
		while ((await iterator.next()).done !== true);
	}
	await t.throwsAsync(rest(), { code: 'FETCH_INCOMPLETE' })
})

test('of a cluster it goes on with another server when one is killed', async t => {
	const servers = await startNatsCluster(t)
	const addresses = servers.map(({ address }) => address)
	const { kv } = await publisher(t, addresses, 3)
	await kv.put('a', 'first')
	const fetcher = new NatsFetcher({ servers: addresses, bucket: 'terms', key: 'a', ...patient })
	const term = createTerm<string>({
		...{ fetcher, deserialize: text, logger: silentLogger },
		refreshInterval: 3_600_000,
		minRefreshInterval: 1,
		backoff: { base: 20, cap: 200 },
	})
	t.teardown(() => term.stop())
	await term.start()
	await servers[0]!.kill()
	// A new leader takes 4 to 9 s where there is nothing else to do, and each put that nobody answers 5 s.
	const put = (): Promise<boolean> =>
		kv.put('a', 'second').then(
			() => true,
			() => false,
		)
	await waitFor(put, () => 'The cluster takes no more writes', 50_000)
	await waitFor(
		() => term.get() === 'second',
		() => `The term has not heard of it: ${JSON.stringify(term.health())}`,
		50_000,
	)
	t.is(term.get(), 'second')
})

test('nobody there, wrong credentials and a server without JetStream are told apart', async t => {
	const place = { bucket: 'terms', key: 'a' }
	const nobody = new NatsFetcher({ ...place, servers: `127.0.0.1:${await closedPort()}` })
	await t.throwsAsync(nobody.init(context()), { code: 'FETCH_FAILED' })
	const { address } = await startNatsServer(t, { config: 'authorization { token: "a-long-secret" }' })
	const denied = new NatsFetcher({ ...place, servers: address, token: 'another-secret' })
	const error = await t.throwsAsync(denied.init(context()), { code: 'FETCH_DENIED' })
	t.notRegex(String(error), /secret/)
	const without = await open(t, { ...place, servers: address, token: 'a-long-secret' })
	await t.throwsAsync(without.download(context()), { message: /JetStream/ })
	await Promise.all([nobody.close(), denied.close()])
})

test('these permissions are enough', async t => {
	const server = await startNatsServer(t, {
		jetstream: true,
		config: `authorization { users: [
			{ user: admin, password: admin }
			{ user: reader, password: reader, permissions: {
				publish: ["$JS.API.STREAM.MSG.GET.*", "$JS.API.CONSUMER.CREATE.>", "$JS.API.CONSUMER.DELETE.>", "$JS.API.CONSUMER.MSG.NEXT.>", "$JS.FC.>"]
				subscribe: ["_INBOX.>"]
			} }
		] }`,
	})
	const link = await NatsLink.open(
		parseNatsOptions({ servers: server.address, user: 'admin', pass: 'admin', ...patient }),
		{
			owner: 'The publisher',
		},
	)
	t.teardown(() => link.close())
	const kv = await new Kvm(link.connection).create('terms')
	const objects = await new Objm(link.connection).create('files')
	await kv.put('a', 'x')
	await objects.putBlob({ name: 'a' }, new Uint8Array(1_000_000))
	const reader = { servers: server.address, user: 'reader', pass: 'reader' }
	const key = await open(t, { ...reader, bucket: 'terms', key: 'a' })
	t.deepEqual(await read((await key.download(context())) as DownloadedBody), bytes('x'))
	let told = 0
	key.watch(() => told++, context())
	await waitFor(() => told > 0)
	const before = told
	await kv.put('a', 'y')
	await waitFor(() => told > before)
	const object = await open(t, { ...reader, bucket: 'files', object: 'a' })
	t.is((await read((await object.download(context())) as DownloadedBody)).length, 1_000_000)
})

test('an init that was given up leaves no connection behind', async t => {
	const { server } = await start(t)
	const options = { servers: server.address, bucket: 'terms', key: 'a', name: 'given-up' }
	server.pause()
	const fetcher = new NatsFetcher(options)
	const aborting = new AbortController()
	const init = fetcher.init({ ...context(), signal: aborting.signal })
	aborting.abort()
	await t.throwsAsync(init, { code: 'STOPPED' })
	server.resume()
	await fetcher.close()
	await fetcher.init(context())
	await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_NOT_FOUND' })
	await fetcher.close()
	await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_FAILED' })
})

test('closing is idempotent, and nothing comes after it', async t => {
	const { server, kv } = await start(t)
	await kv.put('a', 'x')
	const fetcher = await open(t, { servers: server.address, bucket: 'terms', key: 'a' })
	let told = 0
	fetcher.watch(() => told++, context())
	await waitFor(() => told > 0)
	const beside = fetcher.beside('.sig')
	await beside.init(context())
	await fetcher.close()
	await fetcher.close()
	const ended = told
	await kv.put('a', 'y')
	await kv.put('a.sig', 'signature')
	t.deepEqual(await read((await beside.download(context())) as DownloadedBody), bytes('signature'))
	await beside.close()
	t.is(told, ended)
	await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_FAILED' })
})

const wrong: ReadonlyArray<readonly [title: string, options: unknown]> = [
	['no bucket', { key: 'a' }],
	['neither key nor object', { bucket: 'a' }],
	['both', { bucket: 'a', key: 'a', object: 'a' }],
	['a key with a wildcard', { bucket: 'a', key: 'a.*' }],
	['a key with an empty part', { bucket: 'a', key: 'a..b' }],
	['a bucket with a dot', { bucket: 'a.b', key: 'a' }],
	['an empty name', { bucket: 'a', object: '' }],
	['a misspelt option', { bucket: 'a', key: 'a', sever: 'x' }],
]

for (const [title, refused] of wrong) {
	test(`${title} is refused at the door`, t => {
		t.throws(() => new NatsFetcher(refused as NatsFetcherOptions), { code: 'INVALID_OPTION' })
	})
}
