import test from 'ava'
import { ConfigPusher, MemoryConfigDb } from '../../lib/config/index.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { createGateway } from '../../lib/gateway/gateway.ts'
import { fun, push } from '../support/configs.ts'
import { parseExposition } from '../support/exposition.ts'
import { startGateway, TOKENS, tokens } from '../support/gateway.ts'
import { waitFor } from '../support/wait.ts'
import { closedPort } from '../support/ports.ts'
import { serve } from '../support/serve.ts'

test('a service that announces itself is told again to a gateway that has come back with nothing', async t => {
	const port = await closedPort()
	const url = `http://127.0.0.1:${port}`
	const pusher = new ConfigPusher({
		...{ url, token: TOKENS.push, logger: false, verifyInterval: 20, backoff: { base: 5, cap: 20 } },
	})
	t.teardown(() => pusher.close())
	// The service is there before its gateway.
	pusher.pushOnStartup(push('orders', '1.4.0', [fun('create'), fun('cancel')]))
	for (let life = 1; life <= 3; life++) {
		const outcomes: string[] = []
		const gateway = createGateway({
			...{ db: new MemoryConfigDb({ logger: silentLogger }), tokens, rateLimit: false, logger: silentLogger },
			audit: ({ who, outcome }) => outcomes.push(`${who} ${outcome}`),
		})
		t.teardown(() => gateway.close())
		await gateway.listen({ port })
		await waitFor(() => gateway.receiver.verify('orders', '1.4.0').status === 'matched')
		t.is(gateway.db.items('orders').length, 2)
		// It goes on looking, and pushes no second time.
		await waitFor(async () => {
			const headers = { authorization: `Bearer ${TOKENS.read}` }
			const metrics = parseExposition(await (await fetch(`${url}/metrics`, { headers })).text())
			const samples = metrics.get('remote_term_gateway_requests_total')?.samples ?? []
			const looks = samples.find(
				({ labels }) => labels['route']?.endsWith('/verify') === true && labels['status'] === '200',
			)
			return (looks?.value ?? 0) >= 2
		})
		t.deepEqual(outcomes, ['pusher accepted'])
		await gateway.close()
	}
})

test('a push may ask to be pulled from an origin that is allowed, and is then kept up with', async t => {
	let version = 1
	let isBroken = false
	const seen: string[] = []
	const origin = await serve(t, (request, response) => {
		seen.push(request.url ?? '')
		const items = Array.from({ length: version }, (_, index) => fun(`v${version}_${index}`))
		const document = {
			configVersion: `${version}.0.0`,
			items: isBroken ? [...items, { requestType: 'bad' }] : items,
		}
		response.setHeader('content-type', 'application/json').end(JSON.stringify(document))
	})
	const { gateway, url, ask } = await startGateway(t, {
		pull: {
			...{ allowedOrigins: [origin.url.origin], allowedAddresses: ['127.0.0.1/32'] },
			...{ refreshInterval: 20, minRefreshInterval: 1, backoff: { base: 5, cap: 20 } },
		},
	})
	const pusher = new ConfigPusher({ url, token: TOKENS.push, logger: false })
	t.teardown(() => pusher.close())
	const nodes = [origin.url.origin]
	t.like(
		await pusher.push(
			push('orders', '0.9.0', [fun('first')], { nodes, target: '/config', args: { of: 'orders' } }),
		),
		{ status: 'accepted' },
	)
	await waitFor(() => gateway.receiver.verify('orders', '1.0.0').status === 'matched')
	version = 2
	await waitFor(() => gateway.receiver.verify('orders', '2.0.0').status === 'matched')
	t.deepEqual(
		gateway.db.items('orders').map(({ item }) => item.requestType),
		['v2_0', 'v2_1'],
	)
	t.true(seen.every(path => path === '/config?of=orders'))
	isBroken = true
	version = 3
	await waitFor(async () => (await ask('/v1/pulls')).text.includes('"status":"failing"'))
	t.is(gateway.receiver.verify('orders', '2.0.0').status, 'matched', 'what was good stays')
	t.true(((await ask('/v1/failures?source=pull')).body['total'] as number) > 0)
	isBroken = false
	await waitFor(() => gateway.receiver.verify('orders', '3.0.0').status === 'matched')
	t.like((await ask('/v1/services/orders')).body, { source: 'pull', pulled: true, configVersion: '3.0.0' })
})

test('a push may not have the gateway ask anybody else', async t => {
	const origin = await serve(t, (_request, response) => response.end('{}'))
	let asked = 0
	origin.server.on('connection', () => asked++)
	const { url, ask, gateway } = await startGateway(t, {
		pull: { allowedOrigins: ['https://orders.example.com'] },
	})
	const config = push('orders', '1.0.0', [fun('create')], { nodes: [origin.url.origin], target: '/config' })
	const { status, headers, body } = await ask('/v1/services/orders', { method: 'PUT', json: config })
	t.is(status, 403)
	t.is(headers.get('content-type'), 'application/problem+json')
	t.like(body, { status: 403, title: 'Forbidden', code: 'ORIGIN_REFUSED' })
	const pusher = new ConfigPusher({ url, token: TOKENS.push, logger: false })
	t.teardown(() => pusher.close())
	const refused = await t.throwsAsync(pusher.push(config), { instanceOf: RemoteTermError })
	t.is(refused.code, 'ORIGIN_REFUSED')
	t.is(gateway.db.services().length, 0)
	t.is(((await ask('/v1/pulls')).body['pulls'] as unknown[]).length, 0)
	t.is(asked, 0)
})
