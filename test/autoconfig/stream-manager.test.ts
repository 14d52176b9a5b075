import test, { type ExecutionContext } from 'ava'
import {
	deleteMessage,
	patchMessage,
	putMessage,
	reconnectMessage,
	type WireMessage,
} from '../../lib/autoconfig/messages.ts'
import { envRep, follow, serveStream, type Calls } from './stream-server.ts'
import { fact } from './support.ts'

const envs = (...reps: ReadonlyArray<ReturnType<typeof envRep>>): Record<string, unknown> =>
	Object.fromEntries(reps.map(rep => [rep.envID, rep]))
const put = (...reps: ReadonlyArray<ReturnType<typeof envRep>>): WireMessage =>
	putMessage({ environments: envs(...reps) })
const patch = (rep: ReturnType<typeof envRep>, id = rep.envID): WireMessage =>
	patchMessage('environments', id, rep)
const remove = (id: string, version: number): WireMessage => deleteMessage('environments', id, version)
const named = (id: string, version: number, envName: string): ReturnType<typeof envRep> =>
	envRep(id, version, { envName })

const filterRep = (key: string, version: number): unknown => ({ projKey: 'p', key, version })

/** Ends each script, so that what does nothing has had its chance to do something. */
const END = patch(envRep('end', 1))
const ENDED = ['add', 'end', 'end name'] as const

const scripts: Readonly<
	Record<string, { readonly messages: readonly WireMessage[]; readonly calls: Calls }>
> = {
	'a put adds what is new': {
		messages: [put(envRep('a', 1), envRep('b', 0))],
		calls: [['add', 'a', 'a name'], ['add', 'b', 'b name'], ['all']],
	},
	'a second put adds to what is there': {
		messages: [put(envRep('a', 1)), put(envRep('a', 1), envRep('b', 1))],
		calls: [['add', 'a', 'a name'], ['all'], ['add', 'b', 'b name'], ['all']],
	},
	'a put updates what has a higher version, and only that': {
		messages: [put(envRep('a', 1), envRep('b', 1)), put(named('a', 2, 'new'), named('b', 1, 'not'))],
		calls: [['add', 'a', 'a name'], ['add', 'b', 'b name'], ['all'], ['update', 'a', 'new'], ['all']],
	},
	'a put with a lower version of something leaves it as it is': {
		messages: [put(envRep('a', 5)), put(named('a', 4, 'old'))],
		calls: [['add', 'a', 'a name'], ['all'], ['all']],
	},
	'a put deletes what it does not list, after all else': {
		messages: [put(envRep('a', 1), envRep('b', 1)), put(envRep('c', 1), named('b', 2, 'new'))],
		calls: [
			['add', 'a', 'a name'],
			['add', 'b', 'b name'],
			['all'],
			['add', 'c', 'c name'],
			['update', 'b', 'new'],
			['delete', 'a'],
			['all'],
		],
	},
	'what a put has deleted is deleted once, and can come back': {
		messages: [
			put(envRep('a', 3), envRep('b', 1)),
			put(envRep('b', 1)),
			put(envRep('b', 1)),
			put(envRep('a', 3)),
		],
		calls: [
			['add', 'a', 'a name'],
			['add', 'b', 'b name'],
			['all'],
			['delete', 'a'],
			['all'],
			['all'],
			['add', 'a', 'a name'],
			['delete', 'b'],
			['all'],
		],
	},
	'an explicitly empty put is obeyed': {
		messages: [put(envRep('a', 1)), put()],
		calls: [['add', 'a', 'a name'], ['all'], ['delete', 'a'], ['all']],
	},
	'a put brings back what was deleted at a higher version': {
		messages: [put(envRep('a', 1)), remove('a', 9), put(envRep('a', 2))],
		calls: [['add', 'a', 'a name'], ['all'], ['delete', 'a'], ['add', 'a', 'a name'], ['all']],
	},
	'a put for another path is ignored, and completes nothing': {
		messages: [
			{
				event: 'put',
				data: JSON.stringify({ path: '/other', data: { environments: envs(envRep('a', 1)) } }),
			},
			{ event: 'put', data: JSON.stringify({ data: { environments: {} } }) },
		],
		calls: [],
	},
	'an entry under the id of another is ignored, and the others are not': {
		messages: [putMessage({ environments: { x: envRep('a', 1), b: envRep('b', 1) } })],
		calls: [['add', 'b', 'b name'], ['all']],
	},
	'an entry under a known id that says it is another does not delete the known one': {
		messages: [put(envRep('a', 1)), putMessage({ environments: { a: envRep('x', 7) } })],
		calls: [['add', 'a', 'a name'], ['all'], ['all']],
	},
	'a patch adds, and updates at a higher version': {
		messages: [
			patch(envRep('a', 1)),
			patch(named('a', 2, 'new')),
			patch(named('a', 2, 'no')),
			patch(named('a', 1, 'no')),
		],
		calls: [
			['add', 'a', 'a name'],
			['update', 'a', 'new'],
		],
	},
	'a patch from before a delete is ignored': {
		messages: [
			patch(envRep('a', 1)),
			remove('a', 3),
			patch(named('a', 2, 'no')),
			patch(named('a', 4, 'back')),
		],
		calls: [
			['add', 'a', 'a name'],
			['delete', 'a'],
			['add', 'a', 'back'],
		],
	},
	'after a delete that came first, a higher version is an add': {
		messages: [remove('a', 2), patch(named('a', 1, 'no')), patch(named('a', 3, 'yes'))],
		calls: [['add', 'a', 'yes']],
	},
	'a patch for a path that is not known is ignored': {
		messages: [
			{ event: 'patch', data: JSON.stringify({ path: '/segments/a', data: { version: 'x' } }) },
			{ event: 'patch', data: JSON.stringify({ path: 'environments/a', data: envRep('a', 1) }) },
			{ event: 'patch', data: JSON.stringify({ path: '/environments/', data: envRep('', 1) }) },
			{ event: 'patch', data: JSON.stringify({ path: '/environments/a/b', data: envRep('b', 1) }) },
		],
		calls: [],
	},
	'a patch whose environment says it is another is ignored': {
		messages: [patch(envRep('a', 1), 'b')],
		calls: [],
	},
	'a delete needs a higher version, happens once, and not to what is not there': {
		messages: [
			patch(envRep('a', 2)),
			remove('a', 2),
			remove('a', 1),
			remove('a', 3),
			remove('a', 3),
			remove('a', 4),
			remove('b', 1),
		],
		calls: [
			['add', 'a', 'a name'],
			['delete', 'a'],
		],
	},
	'a delete for a path that is not known is ignored': {
		messages: [
			patch(envRep('a', 1)),
			{ event: 'delete', data: JSON.stringify({ path: '/segments/a', version: 5 }) },
			{ event: 'delete', data: JSON.stringify({ path: 'a', version: 5 }) },
		],
		calls: [['add', 'a', 'a name']],
	},
	'filters come, go and never change': {
		messages: [
			putMessage({ environments: {}, filters: { 'p.a': filterRep('a', 1), 'p.b': filterRep('b', 1) } }),
			patchMessage('filters', 'p.a', filterRep('changed', 2)),
			patchMessage('filters', 'p.c', filterRep('c', 1)),
			deleteMessage('filters', 'p.a', 2),
			deleteMessage('filters', 'p.a', 3),
			patchMessage('filters', 'p.a', filterRep('a', 3)),
			putMessage({ environments: {}, filters: { 'p.a': filterRep('a', 2) } }),
			putMessage({ environments: {} }),
			putMessage({ environments: {}, filters: {} }),
		],
		calls: [
			['add filter', 'p.a', 'p', 'a'],
			['add filter', 'p.b', 'p', 'b'],
			['all'],
			['add filter', 'p.c', 'p', 'c'],
			['delete filter', 'p.a'],
			['add filter', 'p.a', 'p', 'a'],
			['delete filter', 'p.b'],
			['delete filter', 'p.c'],
			['all'],
			['all'],
			['delete filter', 'p.a'],
			['all'],
		],
	},
	'an id may be a name that every object has': {
		messages: [
			{
				event: 'put',
				data: `{"path":"/","data":{"environments":{"__proto__":${JSON.stringify(envRep('__proto__', 1))}}}}`,
			},
			patch(envRep('constructor', 1)),
			patch(named('__proto__', 2, 'new')),
			remove('__proto__', 3),
		],
		calls: [
			['add', '__proto__', '__proto__ name'],
			['all'],
			['add', 'constructor', 'constructor name'],
			['update', '__proto__', 'new'],
			['delete', '__proto__'],
		],
	},
	'an event of a type that is not known is ignored': {
		messages: [{ event: 'surprise' as 'put', data: 'anything' }],
		calls: [],
	},
}

for (const [title, { messages, calls: expected }] of Object.entries(scripts)) {
	test(title, async t => {
		const server = await serveStream(t, ...messages, END)
		const { manager, calls } = follow(t, server.url)
		void manager.start()
		await fact('the script has ended', () => calls.some(call => call[1] === 'end'))
		t.deepEqual(calls, [...expected, ENDED])
		t.is(server.requests.length, 1, 'it is no reason to connect again')
	})
}

test('the request says who asks for what', async t => {
	const server = await serveStream(t, put())
	const { manager } = follow(t, new URL('/base/', server.url))
	await manager.start()
	t.is(server.requests[0]?.url, '/base/relay_auto_config?rpacProtocolVersion=2')
	t.like(server.requests[0]?.headers, {
		authorization: 'the-key',
		accept: 'text/event-stream',
		'cache-control': 'no-cache',
	})
	t.false('last-event-id' in (server.requests[0]?.headers ?? {}))
})

test('the first version of the protocol is not named', async t => {
	const server = await serveStream(t, put())
	const { manager } = follow(t, server.url, { protocolVersion: 1 })
	await manager.start()
	t.is(server.requests[0]?.url, '/relay_auto_config')
})

test('a start resolves with the first complete configuration, and not before', async t => {
	const server = await serveStream(t, patch(envRep('a', 1)))
	const { manager, called } = follow(t, server.url)
	let isStarted = false
	const started = manager.start().then(result => {
		isStarted = true
		return result
	})
	await called(1)
	t.false(isStarted)
	t.false(manager.isReady)
	server.send(put(envRep('a', 1)))
	t.deepEqual(await started, { source: 'stream' })
	t.true(manager.isReady)
	t.deepEqual(await manager.start(), { source: 'stream' })
	t.is(server.requests.length, 1)
})

test('what is missing has the zero value of its type, and what is new is passed over', async t => {
	const server = await serveStream(t)
	const { manager } = follow(t, server.url)
	server.greeting = [
		putMessage({
			environments: {
				a: { envID: 'a', sdkKeys: [{ value: 'x' }], defaultTtl: 3, mobKey: null, sdkKey: { value: 's' } },
			},
		}),
	]
	await manager.start()
	t.deepEqual(manager.get('a'), {
		envId: 'a',
		identifiers: { envKey: '', envName: '', projKey: '', projName: '' },
		sdkKey: 's',
		mobileKey: '',
		ttl: 180_000,
		secureMode: false,
	})
	t.is(manager.versionOf('a'), 0)
	t.is(manager.size, 1)
	t.deepEqual(
		[...manager.entries()].map(([id, , version]) => [id, version]),
		[['a', 0]],
	)
})

test('a reconnect goes through the delay, and takes no error', async t => {
	const server = await serveStream(t, put(envRep('a', 1)))
	const { manager, clock } = follow(t, server.url)
	await manager.start()
	server.send(reconnectMessage())
	await fact('it waits to connect again', () => clock.nextTimerIn === 1000)
	t.like(manager.status, { state: 'INTERRUPTED', lastError: undefined })
	await clock.advance(999)
	t.is(server.requests.length, 1)
	await clock.advance(1)
	await fact('it connected again', () => server.requests.length === 2)
	await fact('it is valid again', () => manager.status.state === 'VALID')
})

const malformed: Readonly<Record<string, string>> = {
	'a put that is no JSON': onLine('put', '{sorry'),
	'a patch that is no JSON': onLine('patch', '{sorry'),
	'a delete that is no JSON': onLine('delete', '{sorry'),
	'a put with a number in place of the data': onLine('put', '{"path":"/","data":3}'),
	'a put with an environment that is a number': onLine('put', '{"path":"/","data":{"environments":{"a":3}}}'),
	'a put whose path is a number': onLine('put', '{"path":3,"data":{"environments":{}}}'),
	'a put without environments': onLine('put', '{"path":"/","data":{}}'),
	'a put with filters, and without environments': onLine('put', '{"path":"/","data":{"filters":{}}}'),
	'a put with environments that are null': onLine('put', '{"path":"/","data":{"environments":null}}'),
	'a put with environments in an array': onLine('put', '{"path":"/","data":{"environments":[]}}'),
	'a put with something behind it': onLine('put', '{"path":"/","data":{"environments":{}}} x'),
	'a patch whose path is a number': onLine('patch', '{"path":3,"data":{}}'),
	'a patch with an environment that is a number': onLine('patch', '{"path":"/environments/a","data":3}'),
	'a patch without data': onLine('patch', '{"path":"/environments/a"}'),
	'a patch with a version that is none': onLine(
		'patch',
		'{"path":"/environments/a","data":{"envID":"a","version":1.5}}',
	),
	'a patch with a key that is a number': onLine(
		'patch',
		'{"path":"/environments/a","data":{"envID":"a","sdkKey":{"value":1}}}',
	),
	'a delete whose version is a string': onLine('delete', '{"path":"/environments/a","version":"1"}'),
	'a delete that is an array': onLine('delete', '[]'),
}

function onLine(event: string, data: string): string {
	return `id: 7\nevent: ${event}\ndata: ${data}\n\n`
}

const beginsAnew = test.macro({
	title: (title = '') => `${title} changes nothing, and the stream is begun anew, from the beginning`,
	async exec(t: ExecutionContext, raw: string) {
		const server = await serveStream(t, put(envRep('kept', 1)))
		const { manager, clock, calls } = follow(t, server.url)
		await manager.start()
		server.sendRaw('id: 6\nevent: other\ndata\n\n')
		server.sendRaw(raw)
		await fact(
			'it waits to connect again',
			() => manager.status.state === 'INTERRUPTED' && clock.nextTimerIn === 1000,
		)
		t.like(manager.status, { lastError: { kind: 'INVALID_DATA', code: 'DESERIALIZE_FAILED' } })
		t.deepEqual(calls, [['add', 'kept', 'kept name'], ['all']])
		server.greeting = [put(envRep('kept', 1), envRep('a', 1))]
		await clock.advance(1000)
		await fact('it got the whole again', () => calls.length === 4)
		t.is(server.requests.length, 2)
		t.false('last-event-id' in (server.requests[1]?.headers ?? {}), 'the server must not go on behind it')
		t.like(manager.status, { state: 'VALID', lastError: { kind: 'INVALID_DATA' } })
	},
})
for (const [title, raw] of Object.entries(malformed)) test(title, beginsAnew, raw)

test('bytes that are not UTF-8 are malformed', async t => {
	const server = await serveStream(t, put(envRep('kept', 1)))
	const { manager, calls } = follow(t, server.url)
	await manager.start()
	server.answers.length = 0
	server.sendRaw('event: patch\ndata: ')
	server.sendBytes(Uint8Array.of(0xff, 0x0a, 0x0a))
	await fact('it is interrupted', () => manager.status.state === 'INTERRUPTED')
	t.is(manager.status.lastError?.kind, 'INVALID_DATA')
	t.is(calls.length, 2)
})

test('an event beyond the limit is not read to its end', async t => {
	const server = await serveStream(t, put(envRep('kept', 1)))
	const { manager } = follow(t, server.url, { maxEventBytes: 10_000 })
	await manager.start()
	server.sendRaw(`event: patch\ndata: ${'x'.repeat(20_000)}`)
	await fact('it is interrupted', () => manager.status.state === 'INTERRUPTED')
	t.like(manager.status.lastError, { kind: 'INVALID_DATA', code: 'TOO_LARGE' })
	t.is(manager.size, 1)
})

test('what came before an event that is too large came, though both came at once', async t => {
	const server = await serveStream(t)
	const { manager, calls } = follow(t, server.url, { maxEventBytes: 10_000 })
	void manager.start()
	await fact('it is connected', () => server.requests.length === 1)
	const { event, data } = put(envRep('a', 1))
	server.sendRaw(`event: ${event}\ndata: ${data}\n\nevent: patch\ndata: ${'x'.repeat(20_000)}`)
	await fact('it is interrupted', () => manager.status.state === 'INTERRUPTED')
	t.is(manager.status.lastError?.code, 'TOO_LARGE')
	t.deepEqual(calls, [['add', 'a', 'a name'], ['all']])
})
