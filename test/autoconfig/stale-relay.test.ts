import test, { type ExecutionContext } from 'ava'
import type { AutoConfigPublisher } from '../../lib/autoconfig/publisher.ts'
import { deleteMessage, patchMessage, putMessage } from '../../lib/autoconfig/messages.ts'
import { relayStream, type RelayedItem } from '../../lib/autoconfig/relay.ts'
import type { StreamManager } from '../../lib/autoconfig/stream-manager.ts'
import type { CommonStreamOptions } from '../../lib/autoconfig/stream-options.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { serveStream, status } from './stream-server.ts'
import { connect, fact, item, publish, stateOf, type Published } from './publisher-support.ts'

interface Relay extends Published {
	readonly manager: StreamManager<RelayedItem>
}

/** A gateway in the middle. */
const relay = (
	t: ExecutionContext,
	url: URL,
	options: Partial<CommonStreamOptions<RelayedItem>> = {},
): Relay => {
	const { publisher, clock } = publish(t)
	const manager = relayStream(publisher as unknown as AutoConfigPublisher<RelayedItem>, {
		...{ url, clock, logger: silentLogger, random: () => 0, startTimeout: null },
		...options,
	})
	t.teardown(() => manager.close())
	return { publisher, clock, manager }
}

const FROM_ELSEWHERE = 'another-7'

const ask = ({ publisher }: Relay, lastEventId?: string): Response =>
	publisher.handle(
		new Request('http://gateway/', {
			headers: lastEventId === undefined ? {} : { 'last-event-id': lastEventId },
		}),
	)

test('a relay that has only what was on its disk sets nobody back who has been elsewhere', async t => {
	const lastGood = { directory: await temporaryFolder(t), name: 'upstream' }
	const server = await serveStream(t, putMessage({ items: { a: item(1), gone: item(1) } }))
	const before = relay(t, server.url, { lastGood })
	await before.manager.start()
	await before.manager.close()

	server.greeting = [putMessage({ items: { a: item(2) } })]
	server.answers.push(status(503))
	const after = relay(t, server.url, { lastGood })
	t.deepEqual(await after.manager.start(), { source: 'last-good' })
	t.true(after.publisher.status().isStale)
	const refused = ask(after, FROM_ELSEWHERE)
	t.is(refused.status, 503)
	t.is(refused.headers.get('retry-after'), '1')
	t.is(((await refused.json()) as { code: string }).code, 'UNAVAILABLE')
	t.is(after.publisher.status().refused.stale, 1)
	const newcomer = connect(after.publisher)
	await newcomer.until('the put', () => newcomer.events.length === 1)
	t.deepEqual([...newcomer.state.keys()], ['a', 'gone'], 'better than nothing for whoever has nothing')

	await fact('it waits to ask again', () => after.clock.timers.includes(1_000))
	await after.clock.advance(1_000)
	await fact('the stream was heard', () => !after.publisher.status().isStale)
	const back = connect(after.publisher, { lastEventId: FROM_ELSEWHERE })
	await back.until('the put', () => back.events.length === 1)
	t.deepEqual([...back.state], [['a', item(2)]])
	await newcomer.until('the new state', () => !newcomer.state.has('gone'))
	t.deepEqual(newcomer.state, stateOf(after.publisher))
})

test('a relay that is cut off serves those whom it has served before, and newcomers', async t => {
	const server = await serveStream(t, putMessage({ items: { a: item(1) } }))
	const one = relay(t, server.url)
	await one.manager.start()
	const client = connect(one.publisher)
	await client.until('the put', () => client.events.length === 1)
	await client.leave()
	server.answers.push(status(500))
	server.cut()
	await fact('it is cut off', () => one.publisher.status().isStale)
	t.is(ask(one, FROM_ELSEWHERE).status, 503)
	t.is(ask(one, client.lastEventId).status, 200)
	t.is(ask(one).status, 200)

	// A server that goes on where it was sends no put.
	server.greeting = [patchMessage('items', 'a', item(2))]
	for (const delay of [1_000, 2_000]) {
		await fact('it waits to ask again', () => one.clock.timers.includes(delay))
		await one.clock.advance(delay)
	}
	await fact('it is heard again', () => !one.publisher.status().isStale)
	t.is(ask(one, FROM_ELSEWHERE).status, 200)
	t.is(one.publisher.versionOf('a'), 2)
})

test('what was deleted above stays deleted below, though the relay in between has it on its disk', async t => {
	const lastGood = { directory: await temporaryFolder(t), name: 'upstream' }
	const head = await serveStream(t, putMessage({ items: { kept: item(1), gone: item(1) } }))
	const first = relay(t, head.url, { lastGood })
	await first.manager.start()
	await first.manager.close()

	// The one that follows sees more than it saves: it is killed.
	const second = relay(t, head.url)
	await second.manager.start()
	let middle = second
	const door = await serveStream(t)
	const open = (): void =>
		void door.answers.push((request, response) => {
			const answer = ask(middle, request.headers['last-event-id'] as string | undefined)
			response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' })
			void (async () => {
				for await (const chunk of answer.body!) response.write(chunk as Uint8Array)
				response.end()
			})().catch(() => response.destroy())
		})
	open()
	const tail = relay(t, door.url)
	await tail.manager.start()
	head.send(deleteMessage('items', 'gone', 2), patchMessage('items', 'later', item(3)))
	const state = (): unknown => [...tail.manager.entries()].map(([id, , version]) => [id, version])
	const NEWEST = [
		['kept', 1],
		['later', 3],
	]
	await fact('it came through', () => JSON.stringify(state()) === JSON.stringify(NEWEST))

	head.answers.push(...Array.from({ length: 3 }, () => status(503)))
	const third = relay(t, head.url, { lastGood })
	t.deepEqual(await third.manager.start(), { source: 'last-good' })
	t.is(third.publisher.size, 2)
	middle = third
	for (let i = 0; i < 3; i++) open()
	await second.manager.close()
	await second.publisher.close()
	for (const delay of [1_000, 2_000]) {
		await fact('the tail waits', () => tail.clock.timers.includes(delay))
		await tail.clock.advance(delay)
	}
	await fact('it was asked to come back', () => tail.manager.status.lastError?.statusCode === 503)
	t.deepEqual(state(), NEWEST)
	t.is(tail.manager.get('gone'), undefined)
})
