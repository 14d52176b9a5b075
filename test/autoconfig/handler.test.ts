import test from 'ava'
import { deleteMessage, patchMessage, putMessage } from '../../lib/autoconfig/messages.ts'
import { StreamManager } from '../../lib/autoconfig/stream-manager.ts'
import type { StreamManagerOptions } from '../../lib/autoconfig/stream-options.ts'
import type { ReceivedAll } from '../../lib/autoconfig/handler.ts'
import type { ItemKind } from '../../lib/autoconfig/item-kind.ts'
import type { StreamStatus } from '../../lib/autoconfig/status.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { envRep, follow, recordingHandler, serveStream, status } from './stream-server.ts'
import { fact } from './support.ts'

const three = putMessage({ environments: { a: envRep('a', 1), b: envRep('b', 1), c: envRep('c', 1) } })

test('no call begins before the one before it has ended', async t => {
	const server = await serveStream(t, three, patchMessage('environments', 'a', envRep('a', 2)))
	const log: string[] = []
	const release: Array<() => void> = []
	const slow = (name: string) => async (): Promise<void> => {
		log.push(`${name} begins`)
		await new Promise<void>(resolve => release.push(resolve))
		log.push(`${name} ends`)
	}
	const { manager } = follow(t, server.url, {
		handler: {
			addEnvironment: slow('add'),
			updateEnvironment: slow('update'),
			deleteEnvironment: slow('delete'),
			receivedAllEnvironments: slow('all'),
		},
	})
	void manager.start()
	for (let i = 1; i <= 5; i++) {
		await fact('the next call began', () => release.length === i)
		t.is(log.length, 2 * i - 1)
		release[i - 1]!()
	}
	await fact('all have ended', () => log.length === 10)
	t.deepEqual(
		log.filter(line => line.endsWith('begins')).map(line => line.split(' ')[0]),
		['add', 'add', 'add', 'all', 'update'],
	)
})

test('a handler that throws, rejects or hangs harms nobody', async t => {
	const server = await serveStream(t, three)
	const logger = recordingLogger()
	const { calls, handler } = recordingHandler()
	const { manager, clock } = follow(t, server.url, {
		logger,
		handlerTimeout: 5_000,
		handler: {
			...handler,
			addEnvironment({ envId }) {
				if (envId === 'a') throw new Error('not today')
				return envId === 'b' ? Promise.reject(new Error('nor tomorrow')) : new Promise(() => {})
			},
		},
	})
	const started = manager.start()
	await fact('the third is waited for', () => clock.timers.includes(5_000))
	await clock.advance(5_000)
	await started
	t.deepEqual(calls, [['all']])
	t.is(manager.size, 3)
	t.is(logger.lines.filter(([level]) => level === 'error').length, 3)
})

test('what is not valid keeps its last good value, blocks nobody, and is accepted when it is', async t => {
	const server = await serveStream(t, three)
	const refusals: unknown[] = []
	const { calls, handler } = recordingHandler()
	let forbidden = ''
	const { manager } = follow(t, server.url, {
		handler: { ...handler, refused: refused => void refusals.push([...refused]) },
		validate: ({ identifiers }) => identifiers.envName !== forbidden || 'the name is forbidden',
	})
	await manager.start()
	t.deepEqual(refusals, [[]])

	forbidden = 'bad'
	const changed = putMessage({
		environments: {
			a: envRep('a', 2, { envName: 'bad' }),
			b: envRep('b', 2),
			d: envRep('d', 1, { envName: 'bad' }),
		},
	})
	server.send(changed)
	await fact('it was received', () => calls.length === 7)
	t.deepEqual(calls.slice(4), [['update', 'b', 'b name'], ['delete', 'c'], ['all']])
	t.is(manager.get('a')?.identifiers.envName, 'a name')
	t.is(manager.versionOf('a'), 1)
	const both = [
		['/environments/a', 'the name is forbidden'],
		['/environments/d', 'the name is forbidden'],
	]
	t.deepEqual(refusals.slice(1), [both])
	t.deepEqual([...manager.refused], both)
	t.is(server.requests.length, 1, 'it is no reason to connect again')

	forbidden = ''
	server.send(patchMessage('environments', 'a', envRep('a', 2, { envName: 'bad' })))
	await fact('the same version is accepted', () => calls.length === 8)
	t.deepEqual(calls.at(-1), ['update', 'a', 'bad'])
	await fact('that was told', () => refusals.length === 3)
	t.deepEqual(refusals.at(-1), [both[1]])
	server.send(changed)
	await fact('it was received', () => calls.length === 10)
	t.deepEqual(refusals.at(-1), [])
})

test('a put in which nothing is valid completes nothing', async t => {
	const server = await serveStream(t, three)
	let isValid = false
	const { manager, calls } = follow(t, server.url, { validate: () => isValid || 'no' })
	const started = manager.start()
	await fact('all are refused', () => manager.refused.size === 3)
	t.deepEqual(calls, [])
	t.false(manager.isReady)
	isValid = true
	server.send(three)
	t.deepEqual(await started, { source: 'stream' })
	isValid = false
	server.send(putMessage({ environments: { a: envRep('a', 2) } }))
	await fact('it was received', () => calls.length === 7)
	t.deepEqual(
		calls.slice(4),
		[['delete', 'b'], ['delete', 'c'], ['all']],
		'with a last good value it is complete',
	)
})

test('a put in which nothing is valid, and nothing has a last good value, deletes nothing', async t => {
	const server = await serveStream(t, three)
	const { manager, calls } = follow(t, server.url, { validate: ({ envId }) => envId !== 'bad' || 'no' })
	await manager.start()
	server.send(putMessage({ environments: { bad: envRep('bad', 1) } }))
	await fact('it is refused', () => manager.refused.size === 1)
	server.send(patchMessage('environments', 'd', envRep('d', 1)))
	await fact('the stream goes on', () => manager.size === 4)
	t.deepEqual(calls.slice(3), [['all'], ['add', 'd', 'd name']])
	t.is(server.requests.length, 1)
})

test('what was refused, and is deleted before it was ever accepted, is refused no longer', async t => {
	const server = await serveStream(t, three)
	const refusals: unknown[] = []
	const { calls, handler } = recordingHandler()
	const { manager } = follow(t, server.url, {
		handler: { ...handler, refused: refused => void refusals.push([...refused.keys()]) },
		validate: ({ envId }) => envId !== 'bad' || 'no',
	})
	await manager.start()
	server.send(patchMessage('environments', 'bad', envRep('bad', 1)), deleteMessage('environments', 'bad', 2))
	await fact('both were told', () => refusals.length === 3)
	t.deepEqual(refusals, [[], ['/environments/bad'], []])
	t.is(manager.refused.size, 0)
	t.is(calls.length, 4)
})

test('a validation that throws refuses', async t => {
	const server = await serveStream(t, three)
	const { manager } = follow(t, server.url, {
		validate({ envId }) {
			if (envId === 'b') throw new Error('b confuses me')
			return true
		},
	})
	await manager.start()
	t.deepEqual([...manager.refused], [['/environments/b', 'b confuses me']])
	t.is(manager.size, 2)
})

test('more items than there may be are refused', async t => {
	const server = await serveStream(t, three)
	const { manager } = follow(t, server.url, { maxItems: 2 })
	await manager.start()
	t.deepEqual([...manager.refused.keys()], ['/environments/c'])
	server.send(deleteMessage('environments', 'a', 2), patchMessage('environments', 'c', envRep('c', 1)))
	await fact('there is room', () => manager.get('c') !== undefined)
	t.is(manager.refused.size, 0)
})

test('what a put replaces makes room for what it brings', async t => {
	const server = await serveStream(t, three)
	const { manager } = follow(t, server.url, { maxItems: 3 })
	await manager.start()
	const next = { d: envRep('d', 1), c: envRep('c', 1), e: envRep('e', 1), f: envRep('f', 1) }
	server.send(putMessage({ environments: next }))
	await fact('it was received', () => manager.get('a') === undefined)
	t.deepEqual([...manager.entries()].map(([id]) => id).sort(), ['c', 'd', 'e'])
	t.deepEqual([...manager.refused.keys()], ['/environments/f'])
})

test('what a complete configuration has changed is said with it', async t => {
	const server = await serveStream(t, three)
	const received: ReceivedAll[] = []
	const { handler } = recordingHandler()
	const { manager } = follow(t, server.url, {
		handler: { ...handler, receivedAllEnvironments: one => void received.push(one) },
	})
	await manager.start()
	server.send(putMessage({ environments: { a: envRep('a', 2), b: envRep('b', 1), d: envRep('d', 1) } }))
	await fact('it was received', () => received.length === 2)
	t.deepEqual(received, [
		{ source: 'stream', added: 3, updated: 0, deleted: 0, refused: 0 },
		{ source: 'stream', added: 1, updated: 1, deleted: 1, refused: 0 },
	])
})

test('the status moves as the stream does, with the time of each move', async t => {
	const server = await serveStream(t, three)
	server.answers.push(status(500))
	const told: StreamStatus[] = []
	const { handler } = recordingHandler()
	const { manager, clock } = follow(t, server.url, {
		handler: { ...handler, statusChanged: one => void told.push(one) },
	})
	const now = clock.now()
	t.deepEqual(manager.status, { state: 'INITIALIZING', stateSince: now })
	void manager.start()
	await fact('it failed', () => told.length === 1)
	const lastError = told[0]?.lastError
	t.like(lastError, { kind: 'ERROR_RESPONSE', statusCode: 500, time: now })
	t.deepEqual(told[0], { state: 'INITIALIZING', stateSince: now, lastError: lastError! })
	await clock.advance(1_000)
	await fact('it is valid', () => told.length === 2)
	t.deepEqual(told[1], {
		state: 'VALID',
		stateSince: now + 1_000,
		lastError: lastError!,
		lastEventAt: now + 1_000,
	})
	await clock.advance(5_000)
	server.sendRaw('event: nobody knows\ndata\n\n')
	await fact('it was delivered', () => manager.status.lastEventAt === now + 6_000)
	t.is(manager.status.stateSince, now + 1_000)
	server.cut()
	await fact('it is interrupted', () => told.length === 3)
	t.like(told[2], { state: 'INTERRUPTED', stateSince: now + 6_000, lastError: { kind: 'NETWORK_ERROR' } })
	await manager.close()
	t.is(manager.status.state, 'OFF')
	t.is(told.length, 3, 'nobody is told after close')
})

test('after close there is no request, no call and no timer', async t => {
	const server = await serveStream(t, three)
	const { manager, clock, calls } = follow(t, server.url)
	await manager.start()
	const before = calls.length
	server.send(patchMessage('environments', 'a', envRep('a', 2)))
	const closed = manager.close()
	t.is(manager.close(), closed)
	await closed
	const after = calls.length
	t.true(after === before)
	t.is(clock.pendingTimers, 0)
	server.send(patchMessage('environments', 'a', envRep('a', 3)))
	await clock.advance(10 ** 8)
	t.is(calls.length, after)
	t.is(server.requests.length, 1)
	await t.throwsAsync(manager.start(), { code: 'STOPPED' })
})

test('close ends a backoff, and releases who waits for the start', async t => {
	const server = await serveStream(t)
	server.answers.push(status(500))
	const { manager, clock } = follow(t, server.url)
	const started = manager.start()
	await fact('it waits', () => clock.nextTimerIn === 1_000)
	await manager.close()
	t.deepEqual(await started, { source: 'none' })
	t.false(manager.isReady)
	t.is(clock.pendingTimers, 0)
	await clock.advance(10 ** 8)
	t.is(server.requests.length, 1)
})

test('close ends the connecting, and the waiting for a handler, even from within it', async t => {
	const silent = await serveStream(t)
	silent.answers.push(() => {})
	const connecting = follow(t, silent.url)
	void connecting.manager.start()
	await fact('it is connecting', () => silent.requests.length === 1)
	await connecting.manager.close()
	t.is(connecting.clock.pendingTimers, 0)

	const server = await serveStream(t, three)
	const { calls, handler } = recordingHandler()
	const { manager } = follow(t, server.url, {
		handler: {
			...handler,
			async addEnvironment() {
				calls.push(['add'])
				await manager.close()
			},
		},
	})
	t.deepEqual(await manager.start(), { source: 'none' })
	await manager.close()
	t.deepEqual(calls, [['add']])
})

test('close before start, and a start that is not needed', async t => {
	const server = await serveStream(t)
	const { manager } = follow(t, server.url)
	await manager.close()
	await t.throwsAsync(manager.start(), { code: 'STOPPED' })
	t.is(server.requests.length, 0)
	t.is(manager.status.state, 'OFF')
})

interface Rule {
	readonly limit: number
}

const rules: ItemKind<Rule> = {
	collection: 'rules',
	parse(raw) {
		const { limit, rev } = raw as { limit?: unknown; rev?: unknown }
		if (typeof limit !== 'number') throw new TypeError('a rule needs a limit')
		return { item: { limit }, version: Number(rev ?? 0) }
	},
	validate: ({ limit }) => limit >= 0 || 'a limit is not negative',
}

test('any other kind of item is followed in the same way, by neutral names', async t => {
	const server = await serveStream(
		t,
		putMessage({ rules: { a: { limit: 1, rev: 1 }, b: { limit: -1 } }, environments: { x: envRep('x', 1) } }),
		patchMessage('rules', 'a', { limit: 2, rev: 2 }),
		patchMessage('environments', 'x', envRep('x', 2)),
		deleteMessage('rules', 'a', 3),
	)
	const calls: unknown[] = []
	const clock = new FakeClock()
	const manager = new StreamManager({
		...{ url: server.url, clock, random: () => 0, logger: silentLogger },
		kind: rules,
		handler: {
			add: (id, { limit }) => void calls.push(['add', id, limit]),
			update: (id, { limit }) => void calls.push(['update', id, limit]),
			delete: id => void calls.push(['delete', id]),
			receivedAll: ({ refused }) => void calls.push(['all', refused]),
		},
	})
	t.teardown(() => manager.close())
	await manager.start()
	await fact('all was told', () => calls.length === 4)
	t.deepEqual(calls, [
		['add', 'a', 1],
		['all', 1],
		['update', 'a', 2],
		['delete', 'a'],
	])
	server.send(patchMessage('rules', 'c', { limit: 'none' }))
	await fact('the shape is wrong', () => manager.status.lastError?.kind === 'INVALID_DATA')
	t.is(clock.nextTimerIn, 1_000)
})

const { handler } = recordingHandler()
const url = 'http://127.0.0.1/'
const wrong: Readonly<Record<string, object>> = {
	url: { url: 'nowhere', handler },
	'url with a password': { url: 'http://me:secret@127.0.0.1/', handler },
	'url of a file': { url: 'file:///etc', handler },
	path: { url, handler, path: 'x' },
	handler: { url, handler: { addEnvironment: () => {} } },
	'handler of another kind': { url, kind: rules, handler },
	'no handler': { url },
	kind: {
		url,
		kind: { collection: 'a/b', parse: () => {} },
		handler: { add() {}, update() {}, delete() {} },
	},
	token: { url, handler, token: 'secret\n' },
	'no token': { url, handler, token: '' },
	headers: { url, handler, headers: { 'x y': 'secret' } },
	'value of a header': { url, handler, headers: { x: 'secret\r\n' } },
	readTimeout: { url, handler, readTimeout: 0 },
	startTimeout: { url, handler, startTimeout: -1 },
	maxEventBytes: { url, handler, maxEventBytes: 1.5 },
	'a misspelt option': { url, handler, readTimeOut: 5 },
	retry: { url, handler, retry: { base: 0 } },
	'a misspelt retry': { url, handler, retry: { bse: 5 } },
	protocolVersion: { url, handler, protocolVersion: 0 },
	lastGood: { url, handler, lastGood: { directory: '' } },
	'key of lastGood': { url, handler, lastGood: { directory: '/nowhere', key: 'secret' } },
}
for (const [title, options] of Object.entries(wrong)) {
	test(`a wrong option is said at the door: ${title}`, t => {
		const error = t.throws(() => new StreamManager(options as StreamManagerOptions), {
			code: 'INVALID_OPTION',
		})
		t.notRegex(error?.message ?? '', /secret/)
	})
}
