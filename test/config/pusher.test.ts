import { inspect } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { ConfigPusher, type ConfigPusherOptions } from '../../lib/config/index.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { fun, push } from '../support/configs.ts'
import { closedPort } from '../support/ports.ts'
import { serve } from '../support/serve.ts'
import { reply, smallGateway } from '../support/small-gateway.ts'

const TOKEN = 'a-token-that-nobody-may-see-4711'

const pusherFor = (
	t: ExecutionContext,
	url: string | URL,
	options: Partial<ConfigPusherOptions> = {},
): ConfigPusher => {
	const pusher = new ConfigPusher({ url, logger: false, ...options })
	t.teardown(() => pusher.close())
	return pusher
}

test('a push is accepted, the same version skipped, and forced if wanted', async t => {
	const { url, receiver, seen } = await smallGateway(t)
	const pusher = pusherFor(t, url)
	t.deepEqual(await pusher.push(push('orders', '1.0.0')), {
		status: 'accepted',
		service: 'orders',
		configVersion: '1.0.0',
		previousVersion: undefined,
		...{ revision: 1, added: 1, changed: 0, removed: 0 },
	})
	t.is(receiver.verify('orders', '1.0.0').status, 'matched')
	t.like(await pusher.push(push('orders', '1.0.0')), { status: 'skipped', reason: 'version_matches' })
	t.like(await pusher.push(push('orders', '1.0.0', [fun('change')]), { force: true }), {
		status: 'accepted',
		previousVersion: '1.0.0',
		...{ added: 1, removed: 1 },
	})
	t.deepEqual(
		seen.map(({ method, url }) => `${method} ${url}`),
		['PUT /v1/services/orders', 'PUT /v1/services/orders', 'PUT /v1/services/orders?force=true'],
	)
})

test('verify tells the three cases apart', async t => {
	const { url } = await smallGateway(t)
	const pusher = pusherFor(t, url)
	t.deepEqual(await pusher.verify('orders', '1'), { status: 'not_found' })
	await pusher.push(push('orders', '1'))
	t.deepEqual(await pusher.verify('orders', '1'), { status: 'matched' })
	t.deepEqual(await pusher.verify('orders', '2'), { status: 'mismatch', stored: '1' })
})

test('a gateway behind a path is found there', async t => {
	const seen: string[] = []
	const { url } = await serve(t, (request, response) => {
		seen.push(request.url ?? '')
		reply(response, 200, { status: 'matched' })
	})
	for (const base of ['team/gateway', 'team/gateway/'])
		await pusherFor(t, new URL(base, url)).verify('a:b.c', '1 &2')
	t.deepEqual(seen, Array(2).fill('/team/gateway/v1/services/a%3Ab.c/verify?version=1+%262'))
})

test('what the gateway refuses is an error in its words, with every fault', async t => {
	const { url } = await smallGateway(t)
	const pusher = pusherFor(t, url)
	const bad = push('orders', '1', [fun('ok'), { requestType: 'bad', nodes: [] } as never])
	const refused = await t.throwsAsync(pusher.push(bad), { instanceOf: RemoteTermError })
	t.is(refused.code, 'VALIDATION_FAILED')
	t.is(refused.status, 422)
	t.true(refused.issues!.some(({ path }) => path.join('/').startsWith('items/1/')))
	await pusher.push(push('orders', '2.0.0'))
	await t.throwsAsync(pusher.push(push('orders', '1.0.0')), { code: 'DOWNGRADE_REFUSED' })
	const pulled = push('other', '1', undefined, { target: '/x' })
	await t.throwsAsync(pusher.push(pulled), { code: 'ORIGIN_REFUSED' })
})

for (const [status, value, code] of [
	[401, {}, 'FETCH_DENIED'],
	[403, {}, 'FETCH_DENIED'],
	[403, { code: 'ORIGIN_REFUSED' }, 'ORIGIN_REFUSED'],
	[404, {}, 'FETCH_NOT_FOUND'],
	[409, {}, 'CONFLICT'],
	[409, { code: 'DOWNGRADE_REFUSED' }, 'DOWNGRADE_REFUSED'],
	[413, {}, 'TOO_LARGE'],
	[415, {}, 'FETCH_STATUS'],
	[422, {}, 'VALIDATION_FAILED'],
	[429, {}, 'FETCH_THROTTLED'],
	[500, { code: 'STOPPED' }, 'FETCH_STATUS'],
	[503, { code: 'DATABASE_FAILED' }, 'DATABASE_FAILED'],
	[422, { code: 7, issues: 'none', detail: ['x'] }, 'VALIDATION_FAILED'],
	[422, null, 'VALIDATION_FAILED'],
	[204, undefined, 'FETCH_STATUS'],
	[200, '<html>', 'FETCH_STATUS'],
	[200, { status: 'accepted' }, 'FETCH_STATUS'],
] as const) {
	test(`${status} with ${JSON.stringify(value)} is ${code}`, async t => {
		const gateway = await smallGateway(t)
		gateway.answer((_request, response) => reply(response, status, value, true))
		await t.throwsAsync(pusherFor(t, gateway.url).push(push('orders', '1')), { code })
	})
}

test('an answer about another service is none', async t => {
	const gateway = await smallGateway(t)
	const accepted = {
		status: 'accepted',
		service: 'other',
		configVersion: '1',
		revision: 1,
		added: 1,
		changed: 0,
		removed: 0,
	}
	gateway.answer((_request, response) => reply(response, 200, accepted))
	await t.throwsAsync(pusherFor(t, gateway.url).push(push('orders', '1')), { code: 'FETCH_STATUS' })
})

test('Retry-After is handed on, and a 404 of something else is no "not found"', async t => {
	const gateway = await smallGateway(t)
	gateway.answer((_request, response) => response.writeHead(429, { 'retry-after': '7' }).end())
	gateway.answer((_request, response) => response.writeHead(404).end('<html>'))
	const pusher = pusherFor(t, gateway.url)
	const throttled = await t.throwsAsync(pusher.push(push('orders', '1')), { code: 'FETCH_THROTTLED' })
	t.like(throttled, { retryAfter: 7_000 })
	await t.throwsAsync(pusher.verify('orders', '1'), { code: 'FETCH_NOT_FOUND' })
})

test('a gateway that cannot be reached is a failed fetch (SPEC §4.8)', async t => {
	const pusher = pusherFor(t, `http://127.0.0.1:${await closedPort()}`)
	await t.throwsAsync(pusher.push(push('orders', '1')), { code: 'FETCH_FAILED' })
	await t.throwsAsync(pusher.verify('orders', '1'), { code: 'FETCH_FAILED' })
})

test('a gateway that hangs, with its headers or within its body, is given up in time', async t => {
	const clock = new FakeClock()
	const gateway = await smallGateway(t)
	const pusher = pusherFor(t, gateway.url, { clock, timeout: 3_000 })
	gateway.answer(() => {})
	gateway.answer((_request, response) => response.writeHead(200).write('{'))
	for (const count of [1, 2]) {
		const failed = t.throwsAsync(pusher.push(push('orders', '1')), { code: 'FETCH_TIMEOUT' })
		await gateway.reached(count)
		await clock.advance(3_000)
		await failed
		t.is(clock.pendingTimers, 0)
	}
})

test('a signal, and close, end what is under way', async t => {
	const gateway = await smallGateway(t)
	const pusher = pusherFor(t, gateway.url)
	const controller = new AbortController()
	gateway.answer(() => {})
	const aborted = t.throwsAsync(pusher.push(push('orders', '1'), { signal: controller.signal }), {
		code: 'STOPPED',
	})
	await gateway.reached(1)
	controller.abort()
	await aborted
	gateway.answer(() => {})
	const closed = t.throwsAsync(pusher.push(push('orders', '1')), { code: 'STOPPED' })
	await gateway.reached(2)
	await pusher.close()
	await closed
	await pusher.close()
	await t.throwsAsync(pusher.verify('orders', '1'), { code: 'STOPPED' })
	t.throws(() => pusher.pushOnStartup(push('orders', '1')), { code: 'STOPPED' })
	await t.throwsAsync(pusher.push(push('orders', '1'), { signal: AbortSignal.abort() }), { code: 'STOPPED' })
})

test('an answer is read no further than it has to be', async t => {
	const gateway = await smallGateway(t)
	gateway.answer((_request, response) => {
		response.writeHead(200)
		const more = (error?: Error | null): void => {
			// What is written to nobody fails at once, and would do so without end.
			if (!error) response.write(Buffer.alloc(64 * 1024), more)
		}
		more()
	})
	const pusher = pusherFor(t, gateway.url, { maxResponseBytes: 100_000 })
	await t.throwsAsync(pusher.push(push('orders', '1')), { code: 'TOO_LARGE', message: /100000 bytes/ })
})

test('a redirect is not followed: no token goes elsewhere', async t => {
	const reached: string[] = []
	const other = await serve(t, (request, response) => {
		reached.push(request.headers.authorization ?? 'none')
		response.end()
	})
	const gateway = await smallGateway(t)
	for (const status of [301, 302, 303, 307, 308])
		gateway.answer((_request, response) =>
			response.writeHead(status, { location: `${other.url.href}?key=s3cret` }).end(),
		)
	const pusher = pusherFor(t, gateway.url, { token: TOKEN })
	for (let i = 0; i < 5; i++) {
		const error = await t.throwsAsync(pusher.push(push('orders', '1')), { code: 'FETCH_REDIRECT' })
		t.notRegex(error.message, /s3cret/)
	}
	t.deepEqual(reached, [])
})

test('a token goes along, is asked for each time, and once more after a 401', async t => {
	const gateway = await smallGateway(t)
	gateway.tokens.add('second')
	const given: string[] = []
	const token = ({ signal }: { signal: AbortSignal }): Promise<string> => {
		t.false(signal.aborted)
		given.push(given.length === 0 ? 'first' : 'second')
		return Promise.resolve(given.at(-1)!)
	}
	const pusher = pusherFor(t, gateway.url, { token })
	t.like(await pusher.push(push('orders', '1')), { status: 'accepted' })
	t.deepEqual(given, ['first', 'second'])
	gateway.tokens.clear()
	gateway.tokens.add('third')
	await t.throwsAsync(pusher.push(push('orders', '2')), { code: 'FETCH_DENIED' })
	t.is(gateway.seen.length, 3)
	gateway.tokens.add('fixed')
	t.like(await pusherFor(t, gateway.url, { token: 'fixed' }).push(push('orders', '2')), {
		status: 'accepted',
	})
	await t.throwsAsync(pusherFor(t, gateway.url).push(push('orders', '3')), { code: 'FETCH_DENIED' })
})

test('a token is in no error, log, status or options error, even where the gateway repeats it', async t => {
	const lines: unknown[] = []
	const log = (...line: unknown[]): void => void lines.push(line)
	const gateway = await smallGateway(t)
	const repeat = { detail: `bad token ${TOKEN}`, issues: [{ path: [TOKEN], message: TOKEN }] }
	for (let i = 0; i < 3; i++) gateway.answer((_request, response) => reply(response, 422, repeat, true))
	const pusher = pusherFor(t, gateway.url, {
		token: TOKEN,
		logger: { debug: log, info: log, warn: log, error: log },
		verifyInterval: null,
	})
	const error = await t.throwsAsync(pusher.push(push('orders', '1')), { code: 'VALIDATION_FAILED' })
	const announcement = pusher.pushOnStartup(push('orders', '1'), { maxAttempts: 1 })
	const announced = await t.throwsAsync(announcement.accepted)
	const dead = pusherFor(t, `http://127.0.0.1:${await closedPort()}`, { token: TOKEN })
	const unreachable = await t.throwsAsync(dead.push(push('orders', '1')))
	const wrong = t.throws(() => new ConfigPusher({ url: gateway.url, token: `${TOKEN}\n` }))
	const all = inspect([error, announced, unreachable, wrong, lines, announcement.status(), pusher], {
		depth: 10,
	})
	t.notRegex(all, new RegExp(TOKEN))
	t.regex(error.message, /…4711/)
})

test('a token function that fails is a failed push, without its words', async t => {
	const gateway = await smallGateway(t)
	const token = (): never => {
		throw new Error(`vault said ${TOKEN}`)
	}
	const error = await t.throwsAsync(pusherFor(t, gateway.url, { token }).push(push('orders', '1')), {
		code: 'FETCH_FAILED',
	})
	t.notRegex(error.message, new RegExp(TOKEN))
	const empty = pusherFor(t, gateway.url, { token: () => '' })
	await t.throwsAsync(empty.push(push('orders', '1')), { code: 'INVALID_OPTION' })
	t.is(gateway.seen.length, 0)
})

test('large bodies are compressed, and either format arrives as what was pushed', async t => {
	const gateway = await smallGateway(t)
	const many = Array.from({ length: 500 }, (_, index) => fun(`type-${index}`))
	const sizes: number[] = []
	for (const format of ['json', 'msgpack'] as const) {
		const pusher = pusherFor(t, gateway.url, { format })
		await pusher.push(push(`small-${format}`, '1'))
		t.is(gateway.seen.at(-1)?.headers['content-encoding'], undefined)
		t.like(await pusher.push(push(`large-${format}`, '1', many)), { added: 500 })
		t.is(gateway.seen.at(-1)?.headers['content-encoding'], 'gzip')
		sizes.push(gateway.seen.at(-1)!.body.length)
		await pusherFor(t, gateway.url, { format, gzipAbove: null }).push(push(`plain-${format}`, '1', many))
		t.true(gateway.seen.at(-1)!.body.length > sizes.at(-1)!)
	}
	t.deepEqual(
		gateway.db.items('large-msgpack').map(({ item: { requestType } }) => requestType),
		gateway.db.items('large-json').map(({ item: { requestType } }) => requestType),
	)
})

test('what cannot be written, or has no service or version, is an error before anything is sent', async t => {
	const gateway = await smallGateway(t)
	const pusher = pusherFor(t, gateway.url)
	const circle: Record<string, unknown> = { ...push('orders', '1') }
	circle['items'] = [circle]
	for (const wrong of [
		circle,
		'x',
		123,
		null,
		{},
		{ service: 'orders' },
		{ service: '../x', configVersion: '1' },
	])
		await t.throwsAsync(pusher.push(wrong as never), { code: 'INVALID_OPTION' })
	await t.throwsAsync(pusher.verify('', '1'), { code: 'INVALID_OPTION' })
	await t.throwsAsync(pusher.verify('orders', ''), { code: 'INVALID_OPTION' })
	t.is(gateway.seen.length, 0)
})

test('fromServiceConfig makes a push, and says what is missing (SPEC §4.8)', t => {
	const items = [fun('create')]
	t.deepEqual(ConfigPusher.fromServiceConfig('orders', ['a'], items, { configVersion: '1', target: '/x' }), {
		...{ service: 'orders', nodes: ['a'], items, configVersion: '1', target: '/x' },
	})
	const make =
		(...args: unknown[]) =>
		() =>
			(ConfigPusher.fromServiceConfig as (...args: unknown[]) => unknown)(...args)
	for (const [args, message] of [
		[['orders', ['a'], items, {}], /configVersion/],
		[['orders', ['a'], items, { configVersion: '' }], /configVersion/],
		[['orders', ['a'], items], /options/],
		[['orders', [], items, { configVersion: '1' }], /nodes/],
		[['orders', ['a'], [], { configVersion: '1' }], /items/],
		[['', ['a'], items, { configVersion: '1' }], /service/],
		[['orders', ['a'], items, { configVersion: '1', targets: '/x' }], /targets/],
	] as const)
		t.throws(make(...args), { code: 'INVALID_OPTION', message })
})

test('options are checked at the door', t => {
	const make = (more: object) => () => new ConfigPusher({ url: 'https://gateway.example.com', ...more })
	t.notThrows(make({}))
	for (const [more, message] of [
		[{ url: 'gateway' }, /url/],
		[{ url: 'ftp://gateway' }, /ftp/],
		[{ url: 'https://me:secret@gateway' }, /token/],
		[{ url: 'https://gateway/?x=secret' }, /query/],
		[{ token: 7 }, /token/],
		[{ token: 'with blank' }, /token/],
		[{ timeout: 0 }, /timeout/],
		[{ format: 'xml' }, /format/],
		[{ gzipAbove: -1 }, /gzipAbove/],
		[{ verifyInterval: 0 }, /verifyInterval/],
		[{ backoff: { base: 9, cap: 8 } }, /backoff/],
		[{ jitter: 2 }, /jitter/],
		[{ dispatcher: {} }, /dispatcher/],
		[{ retries: 3 }, /retries/],
	] as const) {
		const error = t.throws(make(more), { code: 'INVALID_OPTION', message })
		t.notRegex(error.message, /secret/)
	}
})
