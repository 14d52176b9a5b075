import { createServer } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import test from 'ava'
import { StaticFetcher } from '../../fetchers/static.ts'
import { StreamFetcher, type StreamFetcherOptions } from '../../fetchers/stream.ts'
import { AutoConfigPublisher, type ItemKind, type RelayedItem } from '../../lib/autoconfig/index.ts'
import { isValue } from '../../lib/core/fetcher.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { RemoteTerm } from '../../lib/index.ts'
import { conforms } from '../support/conformance.ts'
import { context } from '../support/context.ts'
import { Span, type Lifetime } from '../support/lifetime.ts'
import { fact } from '../autoconfig/support.ts'

const quick = { base: 20, cap: 50, extendedBase: 20, extendedCap: 50 }

interface Source {
	readonly publisher: AutoConfigPublisher<RelayedItem>
	readonly url: string
	/** Ends all streams, and refuses others until `up`. */
	down(): void
	up(): void
	options(more?: Partial<StreamFetcherOptions>): StreamFetcherOptions
}

const serve = async (t: Lifetime): Promise<Source> => {
	const publisher = new AutoConfigPublisher<RelayedItem>({ logger: silentLogger })
	let isDown = false
	const listener = getRequestListener(
		request => (isDown ? new Response(null, { status: 503 }) : publisher.handle(request)),
		{ overrideGlobalObjects: false },
	)
	const server = createServer((incoming, outgoing) => void listener(incoming, outgoing)).listen(
		0,
		'127.0.0.1',
	)
	await once(server, 'listening')
	t.teardown(async () => {
		await publisher.close()
		server.close()
		server.closeAllConnections()
	})
	const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
	return {
		...{ publisher, url },
		down() {
			isDown = true
			server.closeAllConnections()
		},
		up: () => void (isDown = false),
		options: more => ({ url, retry: quick, logger: silentLogger, coalesce: 1, ...more }),
	}
}

const valueOf = (content: Uint8Array, version: number): RelayedItem => ({ version, bytes: [...content] })

/** The bytes are the item; their version is not a part of it. */
const bytes: ItemKind<unknown> = {
	collection: 'items',
	parse: raw => ({ item: (raw as RelayedItem)['bytes'], version: (raw as { version: number }).version }),
}

for (const id of ['it', undefined]) {
	conforms(test, id === undefined ? 'all items' : 'one item', {
		async create(content) {
			const span = new Span()
			const { publisher, options } = await serve(span)
			let version = 1
			publisher.put([['it', valueOf(content, version), version]])
			const fetcher = new StreamFetcher<unknown>({
				...(options() as StreamFetcherOptions<unknown>),
				...{ id, kind: bytes },
			})
			const now = async (): Promise<string> => fetcher.currentVersion(context()).catch(() => 'none')
			const changed = async (before: string): Promise<void> => {
				while ((await now()) === before) await new Promise(resolve => void setTimeout(resolve, 1))
			}
			return {
				fetcher,
				async publish(content) {
					const before = await now()
					publisher.upsert('it', valueOf(content, ++version), version)
					await changed(before)
				},
				async unpublish() {
					const before = await now()
					publisher.delete('it', ++version)
					await changed(before)
				},
				dispose: () => span.end(),
			}
		},
		// Where nothing is left of all items there is an empty map.
		capabilities: { watch: true, unpublish: id !== undefined },
		expectedValue: content => (id === undefined ? new Map([['it', [...content]]]) : [...content]),
	})
}

class Items extends RemoteTerm<ReadonlyMap<string, RelayedItem>> {
	protected override deserialize(body: Uint8Array): ReadonlyMap<string, RelayedItem> {
		const items = JSON.parse(Buffer.from(body).toString()) as Record<string, RelayedItem>
		return new Map(Object.entries(items))
	}
}

test('a term is kept hot by a stream, without polling', async t => {
	const { publisher, options } = await serve(t)
	publisher.put([['a', { version: 1, value: 'one' }, 1]])
	const fetcher = new StreamFetcher(options())
	const term = new Items({ fetcher, refreshInterval: null, logger: silentLogger })
	t.teardown(() => term.stop())
	await term.start()
	t.deepEqual(term.get(), new Map([['a', { version: 1, value: 'one' }]]))
	const before = term.get()
	publisher.upsert('a', { version: 2, value: 'two' }, 2)
	await fact('the change is there', () => term.get()?.get('a')?.['value'] === 'two')
	t.is(before?.get('a')?.['value'], 'one', 'a value that was handed out stays as it was')
	publisher.upsert('b', { version: 1 }, 1)
	publisher.delete('a', 3)
	await fact('both changes are there', () => term.get()?.has('b') === true && !term.get()!.has('a'))
	t.is(fetcher.status.state, 'VALID')
})

test('while the stream is down the fallback is asked, and the stream again when it is back', async t => {
	const { publisher, options, down, up } = await serve(t)
	publisher.put([['a', { version: 1, value: 'streamed' }, 1]])
	const fallback = new StaticFetcher({ body: JSON.stringify({ a: { version: 1, value: 'polled' } }) })
	const fetcher = new StreamFetcher(options({ fallback, downAfter: 0 }))
	const term = new Items({ fetcher, refreshInterval: 20, minRefreshInterval: 1, logger: silentLogger })
	t.teardown(() => term.stop())
	const value = (): unknown => term.get()?.get('a')?.['value']
	await term.start()
	t.is(value(), 'streamed')
	down()
	await fact('the fallback’s value is there', () => value() === 'polled')
	publisher.upsert('a', { version: 2, value: 'streamed again' }, 2)
	up()
	await fact('the stream’s value is there', () => value() === 'streamed again')
})

test('without a fallback a stream that is down is a failure, and what was known stays', async t => {
	const { publisher, options, down } = await serve(t)
	publisher.put([['a', { version: 1, value: 1 }, 1]])
	const fetcher = new StreamFetcher(options({ downAfter: 0 }))
	const term = new Items({ fetcher, refreshInterval: null, logger: silentLogger })
	t.teardown(() => term.stop())
	await term.start()
	down()
	await fact('it is known', () => fetcher.status.state === 'INTERRUPTED')
	const outcome = await term.update()
	t.is(outcome.status, 'failed')
	t.true(outcome.status === 'failed' && outcome.error.code.startsWith('FETCH_'))
	t.is(term.get()?.size, 1)
})

test('a short interruption is no failure', async t => {
	const { publisher, options, down } = await serve(t)
	publisher.put([['a', { version: 1, value: 1 }, 1]])
	const fetcher = new StreamFetcher(options({ downAfter: 60_000 }))
	t.teardown(() => fetcher.close())
	await fetcher.init(context())
	const { version } = await fetcher.download(context())
	down()
	await fact('it is known', () => fetcher.status.state === 'INTERRUPTED')
	t.deepEqual(await fetcher.downloadIfChanged(version, context()), { notModified: true })
})

test('a stream that was never there fails with its own failure, or hands over to the fallback', async t => {
	const { url } = await serve(t)
	const options = { url, retry: quick, logger: silentLogger }
	const alone = new StreamFetcher(options)
	const backed = new StreamFetcher({
		...options,
		fallback: new StaticFetcher({ value: 'polled', version: '7' }),
	})
	for (const fetcher of [alone, backed]) {
		t.teardown(() => fetcher.close())
		await fetcher.init(context())
	}
	await t.throwsAsync(alone.download(context()), { code: 'FETCH_STATUS' })
	const download = await backed.download(context())
	t.deepEqual([isValue(download) && download.value, download.version], ['polled', 'fallback:7'])
	t.deepEqual(await backed.downloadIfChanged('fallback:7', context()), { notModified: true })
	t.is(await backed.currentVersion(context()), 'fallback:7')
})

test('close ends the stream and whoever waits for it', async t => {
	const server = createServer(() => {}).listen(0, '127.0.0.1')
	await once(server, 'listening')
	t.teardown(() => {
		server.close()
		server.closeAllConnections()
	})
	const fetcher = new StreamFetcher({
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		logger: silentLogger,
	})
	await fetcher.init(context())
	const waiting = fetcher.download(context())
	await Promise.all([fetcher.close(), t.throwsAsync(waiting, { code: 'STOPPED' })])
})

test('options are checked at the door', t => {
	const url = 'http://127.0.0.1:1'
	const wrong: object[] = [
		{ id: '' },
		{ fallback: {} },
		{ downAfter: -1 },
		{ coalesce: Number.NaN },
		{ unknown: 1 },
	]
	for (const options of wrong)
		t.throws(
			() => new StreamFetcher({ url, ...options }),
			{ code: 'INVALID_OPTION' },
			JSON.stringify(options),
		)
})
