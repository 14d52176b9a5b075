import { gzipSync } from 'node:zlib'
import type { RequestListener } from 'node:http'
import test, { type ExecutionContext } from 'ava'
import { z } from 'zod'
import { HttpFetcher } from '../../fetchers/http.ts'
import type { ErrorCode } from '../../lib/core/errors.ts'
import type { RemoteTermOptions } from '../../lib/term/options.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { serveOrigin } from '../support/origin.ts'
import { closedPort } from '../support/ports.ts'
import { next, RatesTerm, type Rates } from '../support/terms.ts'

/** Bytes as they go over the wire, status line and all. */
const raw =
	(...parts: string[]): RequestListener =>
	request => {
		for (const part of parts) request.socket.write(part)
		request.socket.end()
	}

const answer =
	(status: number, body: Uint8Array | string = '', headers: Record<string, string> = {}): RequestListener =>
	(_request, response) => {
		response.writeHead(status, headers).end(body)
	}

const good = gzipSync('{"EUR":1}')
const corrupt = Buffer.from(gzipSync('{"EUR":1,"USD":2}'))
corrupt[corrupt.length - 6]! ^= 0xff
/** 64 MiB of zeros in 64 KiB: more than these terms may inflate. */
const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20))

interface Fault {
	readonly title: string
	readonly code: ErrorCode | readonly ErrorCode[]
	readonly behave: RequestListener
	readonly options?: Partial<RemoteTermOptions<Rates>>
	/** The fault is that nothing happens, so time must pass. */
	readonly stalls?: boolean
}

const faults: Fault[] = [
	{
		title: 'a reset in mid-body',
		// Some versions of Node report the reset, others only the end.
		code: ['FETCH_INCOMPLETE', 'FETCH_FAILED'],
		behave: request => {
			request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"EUR"', () =>
				request.socket.resetAndDestroy(),
			)
		},
	},
	{
		title: 'a body shorter than its Content-Length',
		code: 'FETCH_INCOMPLETE',
		behave: raw('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"EUR":3}'),
	},
	{ title: 'headers that never come', code: 'FETCH_TIMEOUT', stalls: true, behave: () => {} },
	{
		title: 'a body that stops coming',
		stalls: true,
		code: 'FETCH_TIMEOUT',
		behave: request => {
			request.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{')
		},
	},
	{ title: '204', code: 'FETCH_STATUS', behave: answer(204) },
	{ title: 'an empty 200', code: 'EMPTY_BODY', behave: answer(200) },
	{ title: 'a gzip of nothing', code: 'EMPTY_BODY', behave: answer(200, gzipSync('')) },
	{
		title: 'an HTML error page with status 200',
		code: 'DESERIALIZE_FAILED',
		behave: answer(200, '<!doctype html><title>Oops</title>', { 'content-type': 'text/html' }),
	},
	{ title: '404', code: 'FETCH_NOT_FOUND', behave: answer(404, 'no such thing') },
	{ title: '403', code: 'FETCH_DENIED', behave: answer(403, 'go away') },
	{ title: '429', code: 'FETCH_THROTTLED', behave: answer(429, '', { 'retry-after': '30' }) },
	{ title: '500', code: 'FETCH_STATUS', behave: answer(500, 'boom') },
	{ title: 'a redirect loop', code: 'FETCH_REDIRECT', behave: answer(302, '', { location: '/' }) },
	{ title: 'truncated gzip', code: 'INFLATE_FAILED', behave: answer(200, good.subarray(0, good.length - 5)) },
	{
		title: 'truncated gzip as content coding',
		code: 'INFLATE_FAILED',
		behave: answer(200, good.subarray(0, good.length - 5), { 'content-encoding': 'gzip' }),
	},
	{ title: 'gzip with a wrong checksum', code: 'INFLATE_FAILED', behave: answer(200, corrupt) },
	{
		title: 'an announced body over the limit',
		code: 'TOO_LARGE',
		behave: answer(200, JSON.stringify({ EUR: 1, note: 'x'.repeat(5_000) }), { 'content-length': '5020' }),
		options: { maxBytes: 1_000 },
	},
	{
		title: 'a chunked body over the limit',
		code: 'TOO_LARGE',
		behave: (_request, response) => {
			response.write('{"EUR":1')
			response.end('x'.repeat(5_000))
		},
		options: { maxBytes: 1_000 },
	},
	{
		title: 'a bomb',
		code: 'INFLATED_TOO_LARGE',
		behave: answer(200, bomb),
		options: { maxInflatedBytes: 2 ** 20 },
	},
	{ title: 'invalid JSON', code: 'DESERIALIZE_FAILED', behave: answer(200, '{"EUR":') },
	{
		title: 'invalid UTF-8',
		code: 'DESERIALIZE_FAILED',
		behave: answer(200, Buffer.from([0x22, 0xff, 0x22])),
	},
	{
		title: 'a document that does not fit the schema',
		code: 'VALIDATION_FAILED',
		behave: answer(200, '{"EUR":"one"}'),
	},
]

const setup = async (t: ExecutionContext, options: Partial<RemoteTermOptions<Rates>> = {}) => {
	const origin = await serveOrigin(t)
	origin.publish('{"EUR":1}')
	const clock = new FakeClock()
	const term = new RatesTerm({
		fetcher: new HttpFetcher({ url: origin.url, headersTimeout: 10_000, bodyTimeout: 10_000 }),
		schema: z.record(z.string(), z.number()),
		refreshInterval: 600_000,
		clock,
		logger: false,
		...options,
	})
	t.teardown(() => term.stop())
	await term.start()
	return { origin, clock, term }
}

/** Lets time pass until the work is done, 50 ms of it at each turn of the real event loop. */
const inTime = async <Result>(clock: FakeClock, work: Promise<Result>): Promise<Result> => {
	let pending = true
	const done = work.finally(() => (pending = false))
	while (pending) await clock.advance(50)
	return done
}

/** The law of every fault: the old value stays, the reason is told, the next refresh comes, and it heals. */
const survives = async (
	t: ExecutionContext,
	{ behave, code, options, stalls = false }: Omit<Fault, 'title'>,
): Promise<void> => {
	const { origin, clock, term } = await setup(t, options)
	const before = term.get()
	const { version } = term

	origin.misbehave(behave)
	const outcome = await (stalls ? inTime(clock, term.update()) : term.update())
	t.is(outcome.status, 'failed')
	t.true([code].flat().includes(outcome.error!.code), outcome.error!.code)
	t.is(term.get(), before, 'the very same value is in place')
	t.is(term.version, version)

	const health = term.health()
	t.is(health.lastError, outcome.error)
	t.is(health.lastError?.term, 'RatesTerm')
	t.is(health.status, 'failing')
	t.true(health.ready)
	t.is(health.consecutiveFailures, 1)
	t.true(health.nextRefreshAt! > clock.now(), 'the next refresh is scheduled')

	origin.publish('{"EUR":2}')
	const updated = next(term, 'updated')
	await clock.advance(health.nextRefreshAt! - clock.now())
	t.deepEqual((await updated).term, { EUR: 2 })
	t.is(term.health().status, 'ready')
	t.is(term.health().consecutiveFailures, 0)
}

for (const { title, ...fault } of faults) {
	test(`${title} leaves the old value, the reason and a scheduled refresh`, survives, fault)
}

test('a refused connection leaves the old value, the reason and a scheduled refresh', async t => {
	const { term, clock } = await setup(t)
	const port = await closedPort()
	const dead = new RatesTerm({
		fetcher: new HttpFetcher({ url: `http://127.0.0.1:${port}/` }),
		initial: { EUR: 9 },
		clock,
		logger: false,
	})
	t.teardown(() => dead.stop())
	await dead.start()
	t.deepEqual(dead.get(), { EUR: 9 })
	t.is(dead.health().lastError?.code, 'FETCH_FAILED')
	t.is(dead.health().source, 'initial')
	t.true(dead.health().nextRefreshAt! > clock.now())
	t.deepEqual(term.get(), { EUR: 1 })
})

test('Retry-After postpones the next refresh', async t => {
	const { origin, clock, term } = await setup(t)
	origin.misbehave(answer(429, '', { 'retry-after': '30' }))
	await term.update()
	t.true(term.health().nextRefreshAt! - clock.now() >= 30_000)
})

test('a bad publish is downloaded once, and then costs conditional requests', async t => {
	const { origin, term } = await setup(t)
	origin.publish('{"EUR":"one"}')
	t.is((await term.update()).status, 'failed')
	const bytes: Array<number | undefined> = []
	for (let again = 0; again < 5; again++) {
		const outcome = await term.update()
		t.is(outcome.error?.code, 'VALIDATION_FAILED', 'the reason is still told')
		bytes.push(outcome.bytes)
	}
	t.deepEqual(bytes, [undefined, undefined, undefined, undefined, undefined], 'nothing was downloaded again')
	t.is(term.health().refusedVersion, origin.requests.at(-1)!.headers['if-none-match'])
	t.deepEqual(term.get(), { EUR: 1 })
})

test('a source that takes its bad publish back is followed, and nothing is put again', async t => {
	const { origin, term } = await setup(t)
	const before = term.get()
	origin.publish('{"EUR":"one"}')
	await term.update()
	origin.publish('{"EUR":1}')
	t.is((await term.update()).status, 'unchanged')
	t.is(term.get(), before)
	t.is(term.health().refusedVersion, undefined)
})

test('a body damaged on its way is downloaded again, although its version is the same', async t => {
	const { origin, term } = await setup(t)
	const etag = '"two"'
	origin.misbehave(answer(200, corrupt, { etag }))
	t.is((await term.update()).status, 'failed')
	origin.publish(gzipSync('{"EUR":2}'), { etag })
	t.is((await term.update()).status, 'updated')
	t.deepEqual(term.get(), { EUR: 2 })
})

test('the same bytes under a new version move the version and not the value', async t => {
	const { origin, term } = await setup(t)
	const before = term.get()
	origin.publish('{"EUR":1}', { etag: '"renamed"' })
	t.is((await term.update()).status, 'unchanged')
	t.is(term.version, '"renamed"')
	t.is(term.get(), before)
	await term.update()
	t.is(origin.requests.at(-1)!.headers['if-none-match'], '"renamed"')
})

test('a source without validators is gone by its bytes', async t => {
	const { origin, term } = await setup(t)
	origin.misbehave(answer(200, '{"EUR":5}'))
	t.is((await term.update()).status, 'updated')
	t.regex(term.version!, /^sha-256:[0-9a-f]{64}$/)
	t.is((await term.update()).status, 'unchanged')
	t.is(origin.requests.at(-1)!.headers['if-none-match'], undefined)
})

test('no failure message shows a secret of the URL', async t => {
	const port = await closedPort()
	const term = new RatesTerm({
		fetcher: new HttpFetcher({
			url: `http://user:hunter2@127.0.0.1:${port}/rates?token=s3cr3t`,
			bearerToken: undefined,
		}),
		clock: new FakeClock(),
		logger: false,
	})
	t.teardown(() => term.stop())
	const error = await t.throwsAsync(term.start())
	t.notRegex(JSON.stringify([error, error?.message, error?.stack, term.health()]), /hunter2|s3cr3t/)
})
