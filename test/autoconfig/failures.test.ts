import { connect } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { ProxyAgent } from 'undici'
import { putMessage } from '../../lib/autoconfig/messages.ts'
import { closedPort } from '../support/ports.ts'
import { serve, serveRaw } from '../support/serve.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { envRep, follow, onTheWire, serveStream, status } from './stream-server.ts'
import { fact, record } from './support.ts'

const WHOLE = putMessage({ environments: { a: envRep('a', 1) } })
const ADDED = [['add', 'a', 'a name'], ['all']]

const comesBack = test.macro({
	title: (_title, code: number, delay: number) =>
		`after ${code} it comes back in ${delay} ms, and all is well`,
	async exec(t: ExecutionContext, code: number, delay: number, expected: string) {
		const server = await serveStream(t, WHOLE)
		server.answers.push(status(code))
		const { manager, clock, calls } = follow(t, server.url)
		const started = manager.start()
		await fact('it waits', () => manager.status.lastError !== undefined && clock.pendingTimers === 1)
		t.like(manager.status, {
			state: 'INITIALIZING',
			lastError: { kind: 'ERROR_RESPONSE', statusCode: code, code: expected },
		})
		t.is(clock.nextTimerIn, delay)
		await clock.advance(delay - 1)
		t.is(server.requests.length, 1)
		await clock.advance(1)
		t.deepEqual(await started, { source: 'stream' })
		t.deepEqual(calls, ADDED)
		t.like(manager.status, { state: 'VALID', lastError: { statusCode: code } })
	},
})
for (const code of [400, 408, 500, 502, 503, 204]) test(comesBack, code, 1_000, 'FETCH_STATUS')
test(comesBack, 429, 1_000, 'FETCH_THROTTLED')
for (const code of [401, 403]) test(comesBack, code, 300_000, 'FETCH_DENIED')
for (const code of [404, 410]) test(comesBack, code, 300_000, 'FETCH_NOT_FOUND')
test(comesBack, 405, 300_000, 'FETCH_STATUS')

test('Retry-After is honoured', async t => {
	const server = await serveStream(t, WHOLE)
	server.answers.push(status(503, { 'retry-after': '7' }))
	const { manager, clock } = follow(t, server.url)
	void manager.start()
	await fact('it waits', () => clock.nextTimerIn === 7_000 && manager.status.lastError !== undefined)
	t.pass()
})

test('what is refused again and again is asked for at most once an hour, and said once, as an error', async t => {
	const server = await serveStream(t, WHOLE)
	server.answers.push(...Array.from({ length: 6 }, () => status(401)))
	const logger = recordingLogger()
	const { manager, clock } = follow(t, server.url, { logger })
	void manager.start()
	for (const delay of [300_000, 600_000, 1_200_000, 2_400_000, 3_600_000, 3_600_000]) {
		await fact('it waits', () => clock.nextTimerIn === delay)
		await clock.advance(delay)
	}
	await fact('it is there', () => manager.isReady)
	t.deepEqual(
		logger.lines.filter(([level]) => level !== 'debug').map(([level]) => level),
		['warn', 'error', 'info'],
	)
	t.false(JSON.stringify(logger.lines).includes('the-key'))
})

test('a key that is refused after the start is an interruption with a reason, and no end', async t => {
	const server = await serveStream(t, WHOLE)
	const { manager, clock, calls } = follow(t, server.url)
	await manager.start()
	server.answers.push(status(403))
	server.cut()
	await fact('it is interrupted', () => manager.status.state === 'INTERRUPTED' && clock.nextTimerIn === 1_000)
	const { stateSince } = manager.status
	await clock.advance(1_000)
	await fact(
		'it was refused',
		() => manager.status.lastError?.statusCode === 403 && clock.nextTimerIn === 300_000,
	)
	t.is(manager.status.stateSince, stateSince, 'it is the same interruption')
	t.is(manager.size, 1, 'and what is known stays')
	await clock.advance(300_000)
	await fact('it is valid', () => manager.status.state === 'VALID')
	t.deepEqual(calls, [...ADDED, ['all']])
})

test('a refused connection, a reset and half an answer are network errors', async t => {
	const port = await closedPort()
	const refused = follow(t, new URL(`http://127.0.0.1:${port}/`))
	void refused.manager.start()
	await fact('it failed', () => refused.manager.status.lastError?.kind === 'NETWORK_ERROR')
	t.is(refused.manager.status.lastError?.code, 'FETCH_FAILED')

	const { url: reset } = await serveRaw(t, socket => void socket.once('data', () => socket.resetAndDestroy()))
	const broken = follow(t, reset)
	void broken.manager.start()
	await fact('it failed', () => broken.manager.status.lastError?.kind === 'NETWORK_ERROR')

	const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n'
	let connections = 0
	const { url: half } = await serveRaw(t, socket => {
		socket.once('data', () => {
			const text = onTheWire(WHOLE)
			if (connections++ === 0) socket.end(head + text.slice(0, -10))
			else socket.write(head + text)
		})
	})
	const cut = follow(t, half)
	const started = cut.manager.start()
	await fact('it failed', () => cut.manager.status.lastError !== undefined && cut.clock.nextTimerIn === 1_000)
	t.deepEqual(cut.calls, [])
	await cut.clock.advance(1_000)
	await started
	t.deepEqual(cut.calls, ADDED)
})

test('a stream that is silent for five minutes is dead; a comment is a sign of life', async t => {
	const server = await serveStream(t, WHOLE)
	const { manager, clock } = follow(t, server.url)
	await manager.start()
	await fact('it waits for more', () => clock.nextTimerIn === 300_000)
	await clock.advance(299_999)
	server.sendRaw(':still here\n')
	await fact('it waits anew', () => clock.nextTimerIn === 300_000)
	await clock.advance(299_999)
	t.is(manager.status.state, 'VALID')
	await clock.advance(1)
	await fact('it is interrupted', () => manager.status.state === 'INTERRUPTED')
	t.like(manager.status.lastError, { kind: 'NETWORK_ERROR', code: 'FETCH_TIMEOUT' })
})

test('a server that never answers is given up after the connect timeout', async t => {
	const { url } = await serve(t, () => {})
	const { manager, clock } = follow(t, url, { connectTimeout: 5_000 })
	void manager.start()
	await fact('it waits for the answer', () => clock.nextTimerIn === 5_000)
	await clock.advance(5_000)
	await fact('it failed', () => manager.status.lastError?.code === 'FETCH_TIMEOUT')
	t.is(clock.nextTimerIn, 1_000)
})

test('an answer of another type is no stream', async t => {
	const server = await serveStream(t, WHOLE)
	server.answers.push((_request, response) =>
		response.writeHead(200, { 'content-type': 'text/html' }).end(onTheWire(WHOLE)),
	)
	server.answers.push((_request, response) =>
		response
			.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
			.end(onTheWire(WHOLE)),
	)
	const { manager, clock, calls } = follow(t, server.url)
	void manager.start()
	for (const delay of [1_000, 2_000]) {
		await fact('it waits', () => clock.nextTimerIn === delay)
		t.like(manager.status.lastError, { kind: 'INVALID_DATA', code: 'DESERIALIZE_FAILED' })
		t.deepEqual(calls, [])
		await clock.advance(delay)
	}
	await fact('it is there', () => manager.isReady)
})

test('a redirect to another origin gets no credentials', async t => {
	const elsewhere = await serveStream(t, WHOLE)
	const server = await serveStream(t)
	server.answers.push(status(307, { location: new URL('/there?x=1', elsewhere.url).href }))
	const { manager } = follow(t, server.url, { headers: { 'X-Api-Key': 'another secret' } })
	await manager.start()
	t.is(server.requests[0]?.headers['x-api-key'], 'another secret')
	const [request] = elsewhere.requests
	t.is(request?.url, '/there?x=1')
	t.false('authorization' in (request?.headers ?? {}))
	t.false('x-api-key' in (request?.headers ?? {}))
	t.is(request?.headers.accept, 'text/event-stream')
})

test('a redirect within the origin keeps them, and the next connection asks the first address again', async t => {
	const server = await serveStream(t, WHOLE)
	server.answers.push(status(301, { location: '/moved' }))
	const { manager, clock } = follow(t, server.url)
	await manager.start()
	t.is(server.requests[1]?.url, '/moved')
	t.is(server.requests[1]?.headers.authorization, 'the-key')
	server.cut()
	await fact('it waits', () => clock.nextTimerIn === 1_000)
	await clock.advance(1_000)
	await fact('it connected again', () => server.requests.length === 3)
	t.is(server.requests[2]?.url, '/relay_auto_config?rpacProtocolVersion=2')
})

test('redirects without end, or to something that is not HTTP, are failures', async t => {
	const server = await serveStream(t)
	const loop = status(302, { location: '/again' })
	server.answers.push(
		...Array.from({ length: 6 }, () => loop),
		status(302, { location: 'file:///etc/passwd' }),
	)
	const { manager, clock } = follow(t, server.url)
	void manager.start()
	await fact('it failed', () => clock.nextTimerIn === 1_000)
	t.is(manager.status.lastError?.code, 'FETCH_REDIRECT')
	t.is(server.requests.length, 6)
	await clock.advance(1_000)
	await fact('it failed again', () => clock.nextTimerIn === 2_000)
	t.is(manager.status.lastError?.code, 'FETCH_REDIRECT')
})

test('the token is asked for before each connection, and one that fails is a failure like any other', async t => {
	const server = await serveStream(t, WHOLE)
	const tokens = ['one', new Error('secret store: hunter2'), 'two\r\nx: y', '', 'three']
	const logger = recordingLogger()
	const { manager, clock } = follow(t, server.url, {
		logger,
		token: () => {
			const next = tokens.shift()
			return typeof next === 'string' ? Promise.resolve(next) : Promise.reject(next ?? new Error('none'))
		},
	})
	await manager.start()
	server.cut()
	for (const delay of [1_000, 2_000, 4_000, 8_000]) {
		await fact('it waits', () => clock.nextTimerIn === delay)
		if (delay > 1_000) t.like(manager.status.lastError, { kind: 'UNKNOWN', code: 'SETUP_FAILED' })
		await clock.advance(delay)
	}
	await fact('it is back', () => manager.status.state === 'VALID')
	t.deepEqual(
		server.requests.map(({ headers }) => headers.authorization),
		['one', 'three'],
	)
	t.false(JSON.stringify([manager.status, logger.lines]).includes('hunter2'))
})

test('a token that never comes is given up, too', async t => {
	const server = await serveStream(t, WHOLE)
	const { manager, clock } = follow(t, server.url, {
		token: () => new Promise(() => {}),
		connectTimeout: 5_000,
	})
	void manager.start()
	await fact('it waits for the token', () => clock.nextTimerIn === 5_000)
	await clock.advance(5_000)
	await fact('it failed', () => manager.status.lastError?.code === 'FETCH_TIMEOUT')
	t.is(server.requests.length, 0)
})

test('an id goes back as it came, save for one that no header can hold', async t => {
	const ids = ['é…🥌', 'tab\tbed', 'x'.repeat(3_000), 'plain']
	const seen: Array<string | undefined> = []
	const { url } = await serve(t, (request, response) => {
		const id = request.headers['last-event-id']
		seen.push(typeof id === 'string' ? Buffer.from(id, 'latin1').toString() : undefined)
		response.writeHead(200, { 'content-type': 'text/event-stream' })
		response.end(`id: ${ids[seen.length - 1] ?? ''}\ndata\n\n`)
	})
	const { connection, clock, disconnects } = record(t, { url })
	connection.start()
	for (let i = 1; i <= ids.length; i++) {
		await fact('it ended', () => disconnects.length === i && clock.pendingTimers === 1)
		await clock.advance(clock.nextTimerIn ?? 0)
	}
	await fact('it came again', () => seen.length === ids.length + 1)
	t.deepEqual(seen, [undefined, 'é…🥌', undefined, undefined, 'plain'])
})

test('a start that takes too long says why, and may be waited for again', async t => {
	const server = await serveStream(t)
	server.answers.push(status(503))
	const { manager, clock } = follow(t, server.url, { startTimeout: 1_500 })
	const first = manager.start()
	await fact('it failed', () => manager.status.lastError !== undefined && clock.timers.includes(1_000))
	const [error] = await Promise.all([t.throwsAsync(first), clock.advance(1_500)])
	t.like(error, { code: 'TIMEOUT', status: 503 })
	t.regex(error?.message ?? '', /503/)
	await fact('it is connected, and nothing comes', () => server.requests.length === 2)
	await Promise.all([t.throwsAsync(manager.start(), { code: 'TIMEOUT' }), clock.advance(1_500)])
	const third = manager.start()
	server.send(WHOLE)
	t.deepEqual(await third, { source: 'stream' })
})

test('a signal ends the waiting, and not the stream', async t => {
	const server = await serveStream(t)
	const { manager } = follow(t, server.url)
	const controller = new AbortController()
	const started = manager.start({ signal: controller.signal })
	await fact('it is connected', () => server.requests.length === 1)
	controller.abort()
	await t.throwsAsync(started, { code: 'STOPPED' })
	await t.throwsAsync(manager.start({ signal: controller.signal }), { code: 'STOPPED' })
	server.send(WHOLE)
	t.deepEqual(await manager.start(), { source: 'stream' })
})

test('a stream goes through a proxy, which is not closed with it', async t => {
	const server = await serveStream(t, WHOLE)
	const { url: proxyUrl, server: proxy } = await serve(t, (_request, response) =>
		response.writeHead(502).end(),
	)
	const tunnels: string[] = []
	proxy.on('connect', ({ url = '' }, socket) => {
		tunnels.push(url)
		const [host, port] = url.split(':')
		const through = connect(Number(port), host, () => {
			socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
			through.pipe(socket).pipe(through)
		})
		t.teardown(() => through.destroy())
		through.on('error', () => socket.destroy())
		socket.on('error', () => through.destroy())
	})
	const dispatcher = new ProxyAgent({ uri: proxyUrl.href, proxyTunnel: true })
	t.teardown(() => dispatcher.destroy())
	const first = follow(t, server.url, { dispatcher })
	await first.manager.start()
	await first.manager.close()
	const second = follow(t, server.url, { dispatcher })
	await second.manager.start()
	t.true(tunnels.length >= 1)
	t.true(tunnels.every(target => target === server.url.host))
	t.is(server.requests.length, 2)
	t.is(server.requests[0]?.headers.authorization, 'the-key')
})
