import test from 'ava'
import { deleteMessage, patchMessage, putMessage } from '../../lib/autoconfig/messages.ts'
import { relayStream, type RelayedItem } from '../../lib/autoconfig/relay.ts'
import type { AutoConfigPublisher } from '../../lib/autoconfig/publisher.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { envRep, serveStream } from './stream-server.ts'
import { connect, fact, item, publish, type Item } from './publisher-support.ts'

test('a relay passes versions and deletions on as they are', async t => {
	const server = await serveStream(t, putMessage({ items: { a: item(7), b: item(3) } }))
	const { publisher, clock } = publish(t)
	const manager = relayStream(publisher as unknown as AutoConfigPublisher<RelayedItem>, {
		...{ url: server.url, clock, logger: silentLogger, random: () => 0, startTimeout: null },
	})
	t.teardown(() => manager.close())
	t.false(publisher.isReady)
	await manager.start()
	t.true(publisher.isReady)
	t.deepEqual([publisher.versionOf('a'), publisher.versionOf('b')], [7, 3])
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)

	server.send(
		patchMessage('items', 'a', item(9)),
		deleteMessage('items', 'b', 12),
		deleteMessage('items', 'c', 5),
	)
	await client.until('both', () => client.events.length === 3)
	t.is(client.events[1]?.data, patchMessage('items', 'a', item(9)).data)
	t.is(client.events[2]?.data, deleteMessage('items', 'b', 12).data)
	t.is(publisher.versionOf('b'), 12)

	// What a put removes leaves nothing behind, here as there; and what it lists is there again.
	server.send(putMessage({ items: { b: item(4) } }))
	await client.until('b and no a', () => client.state.has('b') && !client.state.has('a'))
	t.is(client.events.at(-1)?.type, 'put')
	t.is(publisher.versionOf('a'), undefined)
	server.send(patchMessage('items', 'a', item(9, 'again')))
	await client.until('a again', () => client.state.has('a'))
	t.deepEqual(
		client.state,
		new Map<string, Item>([
			['b', item(4)],
			['a', item(9, 'again')],
		]),
	)
})

test('a relay waits for what it follows, and keeps it while that is away', async t => {
	const server = await serveStream(t)
	const { publisher, clock } = publish(t)
	const manager = relayStream(publisher as unknown as AutoConfigPublisher<RelayedItem>, {
		...{ url: server.url, clock, logger: silentLogger, random: () => 0, startTimeout: null },
	})
	t.teardown(() => manager.close())
	const started = manager.start()
	await fact('it asked', () => server.requests.length === 1)
	t.is(publisher.handle(new Request('http://gateway/')).status, 503)
	server.send(putMessage({ items: { a: item(1) } }))
	await started
	server.answers.push((_request, response) => response.writeHead(503).end())
	server.cut()
	await fact('it is known', () => manager.status.state === 'INTERRUPTED')
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	t.deepEqual([...client.state.keys()], ['a'])
})

test('environments are passed on as LaunchDarkly sends them, and one under another’s id is not', async t => {
	const a = envRep('a', 1)
	const server = await serveStream(t, putMessage({ environments: { a, b: envRep('x', 1) } }))
	const { publisher, clock } = publish(t, { collection: 'environments' })
	const manager = relayStream(publisher as unknown as AutoConfigPublisher<RelayedItem>, {
		...{ url: server.url, clock, logger: silentLogger, random: () => 0, startTimeout: null },
	})
	t.teardown(() => manager.close())
	await manager.start()
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	t.is(client.events[0]?.data, putMessage({ environments: { a } }).data)
})
