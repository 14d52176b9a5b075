import { Validator } from '@seriousme/openapi-schema-validator'
import test from 'ava'
import { MemoryConfigDb } from '../../lib/config/memory.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { createGateway } from '../../lib/gateway/gateway.ts'
import { answer, type Route } from '../../lib/gateway/route.ts'
import {
	item,
	push,
	requestOf,
	startGateway,
	tokens,
	TOKENS,
	type Answered,
	type Asked,
} from '../support/gateway.ts'
import { Contract, type OpenApi } from '../support/openapi.ts'
import { serveOrigin } from '../support/origin.ts'

test('the document is OpenAPI 3.1, and is what is served', async t => {
	const { ask, gateway } = await startGateway(t)
	const served = (await ask('/openapi.json', { token: TOKENS.read })).body as unknown as OpenApi
	t.is(served.openapi, '3.1.0')
	t.deepEqual(served as object, JSON.parse(JSON.stringify(gateway.openApi)))
	const { valid, errors } = await new Validator().validate(structuredClone(served) as never)
	t.true(valid, JSON.stringify(errors ?? '').slice(0, 2_000))
	const ids = Object.values(served.paths).flatMap(operations =>
		Object.values(operations).map(({ operationId }) => operationId),
	)
	t.is(new Set(ids).size, ids.length)
	t.is(ids.length, 19)
})

test('every route that exists is documented, and every one that is documented answers as it says', async t => {
	const origin = await serveOrigin(t)
	const document = (version: string): string =>
		JSON.stringify({ configVersion: version, items: [{ ...item('pulled'), service: 'pulled' }] })
	origin.publish(document('1'))
	const node = origin.url.origin
	const { ask, gateway, url } = await startGateway(t, {
		pull: { allowedOrigins: [node], refreshInterval: 60_000 },
		limits: { maxBodyBytes: 100_000 },
	})
	const contract = new Contract(gateway.openApi as unknown as OpenApi)
	const held = async (path: string, asked: Asked = {}): Promise<Answered> => {
		const answer = await ask(path, asked)
		const type = answer.headers.get('content-type')
		const body: unknown = type?.includes('json') ? answer.body : answer.text
		const bare = path.replace(/\?.*/, '')
		t.deepEqual(contract.faults(asked.method ?? 'GET', bare, answer.status, type, body), [], path)
		return answer
	}
	const put = (json: unknown, more: Asked = {}): Asked => ({ method: 'PUT', json, ...more })

	t.deepEqual(contract.bodyFaults('PUT', '/v1/services/users', push('1')), [])
	t.not(contract.bodyFaults('PUT', '/v1/services/users', { configVersion: '1' }).length, 0)

	await held('/v1/services/users', put(push('2.0.0')))
	await held('/v1/services/users', put(push('2.0.0')))
	await held('/v1/services/users', put(push('1.0.0')))
	await held('/v1/services/users', put({}))
	await held('/v1/services/users', put(push('3'), { token: null }))
	await held('/v1/services/users', put(push('3'), { token: TOKENS.read }))
	await held('/v1/services/users', {
		method: 'PUT',
		body: 'x',
		headers: { 'content-type': 'application/json' },
	})
	await held('/v1/services/users', { method: 'PUT', body: 'x', headers: { 'content-type': 'text/plain' } })
	await held('/v1/services/users', put({ a: ' '.repeat(200_000) }))
	await held('/v1/services/users', put({ ...push('4'), nodes: ['http://192.0.2.1'], target: '/a' }))
	const pulled = { nodes: [node], configVersion: '0', target: '/config' }
	await held('/v1/services/pulled', put({ ...pulled, items: [{ ...item('pulled'), service: 'pulled' }] }))
	await held('/v1/services')
	await held('/v1/services/users')
	await held('/v1/services/none')
	await held('/v1/services/users/verify?version=2.0.0')
	await held('/v1/services/users/verify?version=1')
	await held('/v1/services/none/verify?version=1')
	await held('/v1/services/users/verify')
	await held('/v1/services/users/items')
	await held('/v1/services/none/items')
	await held('/v1/services/users/items/get_user')
	await held('/v1/services/users/items/none')
	const flag = '/v1/services/users/items/get_user/0.0.0/disabled'
	await held(flag, { method: 'PUT' })
	await held('/v1/services/users/items/get_user')
	await held(flag, { method: 'DELETE' })
	await held(flag.replace('get_user', 'none'), { method: 'PUT' })
	await held(flag.replace('get_user', 'none'), { method: 'DELETE' })
	origin.publish(document('1'))
	t.like((await held('/v1/pulls/pulled', { method: 'POST' })).body, { status: 'updated', configVersion: '1' })
	t.like((await held('/v1/pulls/pulled?force=true', { method: 'POST' })).body, { service: 'pulled' })
	origin.misbehave((_, response) => response.writeHead(500).end())
	const failed = (await held('/v1/pulls/pulled', { method: 'POST' })).body
	t.like(failed, { status: 'failed', error: { code: 'FETCH_STATUS' } })
	await held('/v1/pulls/none', { method: 'POST' })
	const { pulls } = (await held('/v1/pulls')).body as unknown as { pulls: object[] }
	t.like(pulls[0], { service: 'pulled', status: 'failing', by: 'push', configVersion: '1' })
	await held('/v1/failures?source=push&limit=5&order=oldestFirst&service=users')
	await held('/v1/failures?limit=0')
	const status = (await held('/v1/status')).body
	t.like(status, { gateway: { status: 'ready', items: 2 } })
	await held('/metrics')
	const leave = new AbortController()
	const stream = await fetch(requestOf(`${url}/relay_auto_config`), { signal: leave.signal })
	t.deepEqual(
		contract.faults('GET', '/relay_auto_config', stream.status, stream.headers.get('content-type'), ''),
		[],
	)
	leave.abort()
	await held('/healthz')
	await held('/readyz')
	await held('/openapi.json')
	await held('/')
	await held('/v1/services/users', { method: 'DELETE' })
	await held('/v1/services/users', { method: 'DELETE' })

	const documented = Object.values(contract.document.paths).flatMap(operations =>
		Object.values(operations).map(({ operationId }) => operationId),
	)
	const answered = new Set(
		[...contract.seen].filter(one => /20[01]$/.test(one)).map(one => one.split(' ')[0]),
	)
	t.deepEqual([...answered].sort(), [...documented].sort(), 'each succeeded once at least')
	t.true(contract.seen.size >= 35, `${contract.seen.size} kinds of answers`)
})

test('no path answers that is not documented', async t => {
	const { gateway, ask } = await startGateway(t)
	const { paths } = gateway.openApi as unknown as OpenApi
	for (const [path, operations] of Object.entries(paths)) {
		for (const method of ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS']) {
			const { status } = await ask(path.replaceAll(/\{\w+\}/g, 'x'), { method })
			t.is(status === 405, !(method.toLowerCase() in operations), `${method} ${path}: ${status}`)
		}
	}
})

const greeting: Route = {
	method: 'GET',
	path: '/v1/greetings/{name}',
	scopes: ['read'],
	operation: {
		id: 'greet',
		summary: 'A greeting',
		parameters: { name: { in: 'path', description: 'Whom', schema: { type: 'string' } } },
		answers: { 200: { description: 'It', schema: { type: 'object', required: ['hello'] } } },
	},
	handle: ({ params, identity }) => answer({ hello: params['name'], from: identity?.name }),
}

test('a route that is mounted is behind the same tokens, and in the same document', async t => {
	const { ask, gateway } = await startGateway(t, { routes: [greeting] })
	t.deepEqual((await ask('/v1/greetings/you')).body as object, { hello: 'you', from: 'operator' })
	t.is((await ask('/v1/greetings/you', { token: null })).status, 401)
	t.is((await ask('/v1/greetings/you', { token: TOKENS.push })).status, 403)
	const contract = new Contract(gateway.openApi as unknown as OpenApi)
	t.is(contract.find('GET', '/v1/greetings/you')?.operationId, 'greet')
	const db = new MemoryConfigDb()
	const make = (routes: readonly Route[]) => () => createGateway({ db, tokens, routes, logger: silentLogger })
	t.throws(make([greeting, greeting]), { code: 'INVALID_OPTION', message: /two routes/ })
	t.throws(make([{ ...greeting, path: '/v1/services/{x}' }]), {
		code: 'INVALID_OPTION',
		message: /two routes/,
	})
	t.throws(make([{ ...greeting, path: 'v1' }]), { code: 'INVALID_OPTION', message: /routes\.path/ })
})

test('a schema of one’s own has a document of its own', t => {
	const db = new MemoryConfigDb({ logger: silentLogger })
	const itemSchema = { type: 'object', properties: { price: { type: 'number' } } }
	const gateway = createGateway({ db, tokens, itemSchema, logger: silentLogger })
	t.teardown(() => gateway.close())
	const { components } = gateway.openApi as unknown as OpenApi
	t.deepEqual(components.schemas['Item'], itemSchema)
})
