import { createServer, type RequestListener } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { getRequestListener } from '@hono/node-server'
import test, { type ExecutionContext } from 'ava'
import express from 'express'
import { withExpress } from '../../examples/gateway/express.ts'
import { withFastify } from '../../examples/gateway/fastify.ts'
import { withHono } from '../../examples/gateway/hono.ts'
import { MemoryConfigDb } from '../../lib/config/memory.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { answer, type Route } from '../../lib/gateway/route.ts'
import { createGateway, type Gateway } from '../../lib/gateway/gateway.ts'
import { answered, push, requestOf, tokens, type Answered, type Asked } from '../support/gateway.ts'

/** Streams a line, and no other until the gateway closes or the client leaves. */
const stream = (left: () => void): Route => ({
	method: 'GET',
	path: '/stream',
	scopes: ['read'],
	operation: { id: 'stream', summary: 'Lines', answers: { 200: { description: 'Them' } } },
	handle: ({ request, closing }) => {
		request.signal.addEventListener('abort', left, { once: true })
		const encoder = new TextEncoder()
		const gone = new AbortController()
		const body = new ReadableStream<Uint8Array>({
			start: controller => {
				controller.enqueue(encoder.encode('first\n'))
				const end = (): void => {
					controller.enqueue(encoder.encode('last\n'))
					controller.close()
				}
				closing.addEventListener('abort', end, { once: true, signal: gone.signal })
			},
			cancel: () => gone.abort(),
		})
		return new Response(body, { headers: { 'content-type': 'text/plain' } })
	},
})

const listenOn = async (t: ExecutionContext, listener: RequestListener): Promise<string> => {
	const server = createServer(listener).listen(0, '127.0.0.1')
	await once(server, 'listening')
	t.teardown(() => {
		server.close()
		server.closeAllConnections()
	})
	return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const frameworks: ReadonlyArray<
	readonly [name: string, basePath: string, mount: (t: ExecutionContext, gateway: Gateway) => Promise<string>]
> = [
	['express', '', async (t, gateway) => listenOn(t, withExpress(gateway))],
	[
		'fastify',
		'/config',
		async (t, gateway) => {
			const app = withFastify(gateway)
			t.teardown(() => app.close())
			return app.listen({ port: 0, host: '127.0.0.1' })
		},
	],
	[
		'hono',
		'',
		async (t, gateway) => {
			const listener = getRequestListener(withHono(gateway).fetch, { overrideGlobalObjects: false })
			return listenOn(t, (incoming, outgoing) => void listener(incoming, outgoing))
		},
	],
]

for (const [name, basePath, mount] of frameworks) {
	test(`the gateway works within ${name}`, async t => {
		const gateway = createGateway({
			db: new MemoryConfigDb({ logger: silentLogger }),
			...{ tokens, basePath, logger: silentLogger },
			limits: { maxBodyBytes: 50_000 },
			failedAuthentications: { perSecond: 0.1, burst: 2 },
		})
		t.teardown(() => gateway.close())
		await gateway.start()
		const url = await mount(t, gateway)
		const ask = async (path: string, asked?: Asked): Promise<Answered> =>
			answered(await fetch(requestOf(`${url}/config${path}`, asked)))

		const body = gzipSync(JSON.stringify(push('1.0.0')))
		const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' }
		const pushed = await ask('/v1/services/users', { method: 'PUT', body, headers })
		t.is(pushed.status, 201, pushed.text)
		t.like((await ask('/v1/services/users')).body, { configVersion: '1.0.0' })
		t.is((await ask('/v1/services/users', { method: 'PUT', json: { a: 'x'.repeat(60_000) } })).status, 413)
		t.is((await ask('/v1/services/users', { method: 'PUT', body: 'x', headers: {} })).status, 415)
		t.is((await ask('/nowhere')).body.code, 'NOT_FOUND')
		t.regex((await ask('/')).text, /<title>remote-term gateway/)
		const own = await fetch(`${url}/hello`)
		t.deepEqual(await own.json(), { hello: name })

		// The address is known through the framework, so wrong tokens are bounded.
		t.is((await ask('/v1/services', { token: 'wrong' })).status, 401)
		t.is((await ask('/v1/services', { token: 'wrong' })).status, 401)
		t.is((await ask('/v1/services', { token: 'wrong' })).status, 429)
	})

	test(`streams within ${name} end with the client, and with the gateway`, async t => {
		let left!: () => void
		const hasLeft = new Promise<void>(resolve => (left = resolve))
		const gateway = createGateway({
			db: new MemoryConfigDb({ logger: silentLogger }),
			...{ tokens, basePath, logger: silentLogger, routes: [stream(() => left())] },
		})
		t.teardown(() => gateway.close())
		await gateway.start()
		const url = await mount(t, gateway)
		const read = async (signal: AbortSignal): Promise<ReadableStreamDefaultReader<Uint8Array>> => {
			const { headers } = requestOf(url)
			const { body } = await fetch(`${url}/config/stream`, { headers, signal })
			return body!.getReader()
		}
		const leaving = new AbortController()
		const first = await read(leaving.signal)
		t.is(Buffer.from((await first.read()).value!).toString(), 'first\n')
		leaving.abort()
		await hasLeft

		const second = await read(new AbortController().signal)
		t.is(Buffer.from((await second.read()).value!).toString(), 'first\n')
		await gateway.close()
		t.is(Buffer.from((await second.read()).value!).toString(), 'last\n')
		t.true((await second.read()).done)
	})
}

test('a body parser in front is told from a client that sends nothing', async t => {
	const errors: string[] = []
	const gateway = createGateway({
		db: new MemoryConfigDb({ logger: silentLogger }),
		...{ tokens, logger: { ...silentLogger, error: (message: string) => void errors.push(message) } },
	})
	t.teardown(() => gateway.close())
	await gateway.start()
	const app = express().use(express.json()).use(gateway.listener)
	const url = await listenOn(t, app)
	const consumed = await answered(
		await fetch(requestOf(`${url}/v1/services/users`, { method: 'PUT', json: push('1') })),
	)
	t.is(consumed.status, 500)
	t.regex(consumed.body.detail, /no body parser may stand in front/)
	t.regex(errors.join(), /no body parser/)
	t.is((await fetch(requestOf(`${url}/v1/services`))).status, 200, 'what has no body works')
	const read = requestOf('http://x/v1/services/users', { method: 'PUT', json: push('1') })
	await read.text()
	t.regex((await answered(await gateway.fetch(read))).body.detail, /no body parser/)
})

test('under a base path, everything is there and nothing beside it', async t => {
	const gateway = createGateway({
		db: new MemoryConfigDb({ logger: silentLogger }),
		...{ tokens, basePath: '/a/config', logger: silentLogger },
		routes: [
			{
				method: 'GET',
				path: '/x',
				scopes: [],
				operation: { id: 'x', summary: 'x', answers: { 200: { description: 'x' } } },
				handle: () => answer({}),
			},
		],
	})
	t.teardown(() => gateway.close())
	await gateway.start()
	const status = async (path: string): Promise<number> =>
		(await gateway.fetch(requestOf(`http://x${path}`))).status
	t.is(await status('/a/config/healthz'), 200)
	t.is(await status('/a/config/'), 200)
	t.is(await status('/a/config/x'), 200)
	t.is(await status('/a/config/v1/services'), 200)
	t.is(await status('/healthz'), 404)
	t.is(await status('/a/configx'), 404)
	t.deepEqual((gateway.openApi as { servers?: unknown }).servers, [{ url: '/a/config' }])
	t.throws(() => createGateway({ db: new MemoryConfigDb(), tokens, basePath: 'config/' }), {
		code: 'INVALID_OPTION',
	})
})

test('a route hears that its client has left, however long ago the request was collected', async t => {
	let left!: () => void
	const hasLeft = new Promise<void>(resolve => (left = resolve))
	const gateway = createGateway({
		db: new MemoryConfigDb({ logger: silentLogger }),
		...{ tokens, logger: silentLogger, routes: [stream(() => left())] },
	})
	t.teardown(() => gateway.close())
	await gateway.start()
	const leaving = new AbortController()
	const { headers } = requestOf('http://localhost')
	// As frameworks do that hand on a copy: `Request` follows the signal of what it was made from.
	const { body } = await gateway.fetch(
		new Request('http://localhost/stream', { headers, signal: leaving.signal }),
	)
	const reader = body!.getReader()
	await reader.read()
	setFlagsFromString('--expose-gc')
	const collectGarbage = runInNewContext('gc') as () => void
	for (let turn = 0; turn < 5; turn += 1) {
		await new Promise(setImmediate)
		collectGarbage()
	}
	leaving.abort()
	await t.notThrowsAsync(hasLeft)
	await reader.cancel()
})
