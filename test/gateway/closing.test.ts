import test from 'ava'
import { MemoryConfigDb } from '../../lib/config/memory.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { createGateway } from '../../lib/gateway/gateway.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { item, push, raw, startGateway, tokens, TOKENS } from '../support/gateway.ts'
import { closedPort } from '../support/ports.ts'

/** A gateway whose check of an item takes until the test says so. */
const deferred = (): { promise: Promise<void>; resolve: () => void } => {
	let resolve!: () => void
	const promise = new Promise<void>(settle => (resolve = settle))
	return { promise, resolve }
}

test('closing finishes what is under way, refuses what comes, and leaves nothing behind', async t => {
	const [checking, go] = [deferred(), deferred()]
	const db = new MemoryConfigDb({ logger: silentLogger })
	const { gateway, ask, port } = await startGateway(t, {
		db,
		policy: async () => {
			checking.resolve()
			await go.promise
			return true as const
		},
	})
	// A connection that stays open meanwhile.
	const kept = await raw(t, port, socket => socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n'))
	t.is(kept.status, 200)
	const pushed = ask('/v1/services/users', { method: 'PUT', json: push('1.0.0') })
	await checking.promise
	const busy = raw(t, port, socket =>
		socket.write('GET /readyz HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\n\r\n'),
	)
	t.is((await busy).status, 200)

	const closed = gateway.close()
	t.is(gateway.close(), closed, 'closing twice is closing once')
	t.true(gateway.closing.aborted)
	const readiness = await gateway.fetch(new Request('http://x/readyz'))
	t.is(readiness.status, 503)
	t.like(await readiness.json(), { status: 'closing' })
	t.is((await gateway.fetch(new Request('http://x/healthz'))).status, 200)
	await t.throwsAsync(ask('/healthz'))

	go.resolve()
	const answer = await pushed
	t.is(answer.status, 201)
	t.is(answer.headers.get('connection'), 'close')
	await closed
	t.is(db.service('users')?.configVersion, '1.0.0', 'what was acknowledged is there')
	await t.throwsAsync(gateway.start(), { code: 'STOPPED' })
	await t.throwsAsync(gateway.listen({ port: 0 }))
})

test('what does not end in time is ended', async t => {
	const checking = deferred()
	const { gateway, ask } = await startGateway(t, {
		timeouts: { drain: 200 },
		policy: async () => {
			checking.resolve()
			return new Promise<true>(() => {})
		},
	})
	const pushed = ask('/v1/services/users', { method: 'PUT', json: push('1.0.0') })
	const cut = t.throwsAsync(pushed)
	await checking.promise
	await gateway.close()
	await cut
	t.is(gateway.db.services().length, 0)
})

test('streams are told that the gateway closes, and end by themselves', async t => {
	const encoder = new TextEncoder()
	const { gateway, url } = await startGateway(t, {
		// So long that nothing but the stream's own end can explain that it ends.
		timeouts: { drain: 600_000 },
		routes: [
			{
				method: 'GET',
				path: '/stream',
				scopes: ['read'],
				operation: { id: 'stream', summary: 'Lines', answers: { 200: { description: 'Them' } } },
				handle: ({ closing }) =>
					new Response(
						new ReadableStream<Uint8Array>({
							start: stream => {
								stream.enqueue(encoder.encode('first\n'))
								closing.addEventListener('abort', () => {
									stream.enqueue(encoder.encode('goodbye\n'))
									stream.close()
								})
							},
						}),
					),
			},
		],
	})
	const { body } = await fetch(`${url}/stream`, { headers: { authorization: `Bearer ${TOKENS.read}` } })
	const reader = body!.getReader()
	t.is(Buffer.from((await reader.read()).value).toString(), 'first\n')
	const closed = gateway.close()
	t.is(Buffer.from((await reader.read()).value).toString(), 'goodbye\n')
	t.true((await reader.read()).done)
	await closed
})

test('a client that has half a request on its way holds nobody up', async t => {
	const { gateway, port } = await startGateway(t, { timeouts: { drain: 100 } })
	const cut = t.throwsAsync(raw(t, port, socket => socket.write('GET /healthz HTTP/1.1\r\nHost')))
	while (!(await metric(gateway, 'connections'))) await new Promise(resolve => setImmediate(resolve))
	await gateway.close()
	await cut
})

const metric = async (
	gateway: { fetch: (request: Request) => Promise<Response> },
	name: string,
): Promise<number> => {
	const headers = { authorization: `Bearer ${TOKENS.read}` }
	const text = await (await gateway.fetch(new Request('http://x/metrics', { headers }))).text()
	return Number(new RegExp(`^remote_term_gateway_${name}\\{\\} (\\d+)$`, 'm').exec(text)?.[1])
}

test('a gateway that was never started closes, and one that is starting does so first', async t => {
	const make = (): ReturnType<typeof createGateway> =>
		createGateway({ db: new MemoryConfigDb({ logger: silentLogger }), tokens, logger: silentLogger })
	await t.notThrowsAsync(make().close())
	const starting = make()
	const started = t.throwsAsync(starting.start(), { code: 'STOPPED' })
	await starting.close()
	await started
})

test('a gateway that cannot open its database says so, and one that cannot listen, too', async t => {
	const db = new MemoryConfigDb({ logger: silentLogger })
	const broken = createGateway({
		db: Object.assign(Object.create(db) as typeof db, {
			open: async () => {
				throw new Error('no disk')
			},
			close: async () => {},
		}),
		...{ tokens, logger: silentLogger },
	})
	t.teardown(() => broken.close())
	await t.throwsAsync(broken.listen({ port: 0 }), { message: 'no disk' })

	const { port } = await startGateway(t)
	const other = createGateway({ db: new MemoryConfigDb(), tokens, logger: silentLogger })
	t.teardown(() => other.close())
	await t.throwsAsync(other.listen({ port }), { code: 'TRANSPORT_FAILED', message: /EADDRINUSE/ })
	await t.notThrowsAsync(other.listen({ port: await closedPort() }))
	await t.throwsAsync(other.listen({ port: 0 }), { code: 'INVALID_OPTION' })
})

test('whoever closes while it is about to listen is left with nothing that listens', async t => {
	const port = await closedPort()
	for (const isStarted of [false, true]) {
		const gateway = createGateway({ db: new MemoryConfigDb(), tokens, logger: silentLogger })
		if (isStarted) await gateway.start()
		const listening = t.throwsAsync(gateway.listen({ port }), { code: 'STOPPED' })
		await gateway.close()
		await listening
	}
	const twice = createGateway({ db: new MemoryConfigDb(), tokens, logger: silentLogger })
	t.teardown(() => twice.close())
	const first = twice.listen({ port })
	await t.throwsAsync(twice.listen({ port: 0 }), { code: 'INVALID_OPTION', message: /listens already/ })
	t.is((await first).port, port)
})

test('closing leaves no timer', async t => {
	const clock = new FakeClock()
	const { gateway } = await startGateway(t, { clock, tokens: () => tokens })
	t.is(clock.pendingTimers, 1, 'the tokens are asked for again')
	await gateway.fetch(
		new Request('http://x/v1/services/users', {
			method: 'PUT',
			headers: { authorization: `Bearer ${TOKENS.push}`, 'content-type': 'application/json' },
			body: JSON.stringify(push('1', [item('a')])),
		}),
	)
	await gateway.close()
	t.is(clock.pendingTimers, 0)
})

test('readiness waits until every service has been pulled once, or tried', async t => {
	const nowhere = `http://127.0.0.1:${await closedPort()}`
	const { gateway, ask } = await startGateway(t, {
		pull: {
			allowedOrigins: [nowhere],
			services: [{ service: 'users', nodes: [nowhere], target: '/config' }],
		},
	})
	for (;;) {
		const { status, body } = await ask('/readyz')
		t.is(body['pulls'], status === 200)
		if (status === 200) break
	}
	const { pulls } = (await ask('/v1/pulls')).body as unknown as { pulls: object[] }
	t.like(pulls[0], {
		service: 'users',
		status: 'failing',
		by: 'operator',
		lastError: { code: 'FETCH_FAILED' },
	})
	t.is(await metric(gateway, 'ready'), 1)
})
