import { once } from 'node:events'
import test from 'ava'
import { fact } from '../autoconfig/support.ts'
import { item, push, requestOf, startGateway, TOKENS, tokens } from '../support/gateway.ts'
import { contentsOf, followGateway, openUnread } from './stream-client.ts'

const put = (json: unknown): { readonly method: string; readonly json: unknown } => ({ method: 'PUT', json })

test('what is pushed flows out, and so do its changes, flags and removals', async t => {
	const { ask, url } = await startGateway(t)
	t.is((await ask('/relay_auto_config')).body.code, 'NOT_STARTED', 'nothing is known, which is not nothing')
	await ask('/v1/services/users', put(push('1.0.0', [item('get_user'), item('list')])))
	const client = followGateway(t, url, TOKENS.read)
	t.deepEqual(await client.start(), { source: 'stream' })
	t.deepEqual(Object.keys(contentsOf(client)), ['users:get_user@0.0.0', 'users:list@0.0.0'])
	const held = (id: string) => client.get(id) as unknown as { disabled: boolean; item: { target: string } }

	await ask('/v1/services/users', put(push('1.1.0', [item('get_user', { target: '/two' })])))
	await fact(
		'the push arrived',
		() => client.size === 1 && held('users:get_user@0.0.0').item.target === '/two',
	)
	await ask('/v1/services/users/items/get_user/0.0.0/disabled', { method: 'PUT' })
	await fact('the flag arrived', () => held('users:get_user@0.0.0').disabled)
	await ask('/v1/services/users', { method: 'DELETE' })
	await fact('it is gone', () => client.size === 0)
	await ask('/v1/services/users', put(push('1.0.0', [item('get_user')])))
	await fact('it is back', () => client.size === 1)
	t.is(client.status.state, 'VALID')

	const { stream } = (await ask('/v1/status')).body as unknown as { stream: object }
	t.like(stream, { state: 'serving', items: 1, clients: 1, refused: 1, dropped: 0 })
	t.true((stream as { connected: number }).connected >= 1)
	t.is(typeof (stream as { lastChangeAt: unknown }).lastChangeAt, 'number')
	const metrics = (await ask('/metrics')).text
	t.regex(metrics, /^remote_term_gateway_stream_clients\{\} 1$/m)
	t.regex(metrics, /^remote_term_gateway_stream_events_total\{event="delete"\} 2$/m)
	t.regex(metrics, /^remote_term_gateway_stream_refusals_total\{reason="starting"\} 1$/m)
})

test('a token is taken as it is, or as a bearer, and it takes the scope read', async t => {
	const { ask, url } = await startGateway(t)
	await ask('/v1/services/users', put(push('1.0.0')))
	const statusOf = async (
		authorization: string | undefined,
		path = '/relay_auto_config',
	): Promise<number> => {
		const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
		const response = await fetch(`${url}${path}`, { headers })
		await response.body?.cancel()
		return response.status
	}
	t.is(await statusOf(TOKENS.read), 200)
	t.is(await statusOf(`Bearer ${TOKENS.read}`), 200)
	t.is(await statusOf(TOKENS.read, '/relay_auto_config?rpacProtocolVersion=2'), 200)
	t.is(await statusOf(TOKENS.push), 403)
	t.is(await statusOf(undefined), 401)
	t.is(await statusOf(TOKENS.read.slice(1)), 401)
	t.is(await statusOf(`Basic ${TOKENS.read}`), 401)
	t.is(await statusOf(TOKENS.read, '/v1/services'), 401, 'nowhere else')
	const head = await fetch(requestOf(`${url}/relay_auto_config`, { method: 'HEAD' }))
	t.deepEqual([head.status, head.headers.get('content-type')], [200, 'text/event-stream'])
})

test('a token for some services gets these, and hears nothing of others', async t => {
	const limited = {
		name: 'some',
		scopes: ['read'],
		services: ['us*'],
		token: 'some-token-0123456789abcdef',
	} as const
	const { ask, url, gateway } = await startGateway(t, { tokens: [...tokens, limited] })
	await ask('/v1/services/users', put(push('1.0.0')))
	const orders = (version: string): object => ({
		...push(version),
		items: [{ ...item('get_order'), service: 'orders', target: `/${version}` }],
	})
	t.is((await ask('/v1/services/orders', put(orders('1.0.0')))).status, 201)
	const all = followGateway(t, url, TOKENS.read)
	const some = followGateway(t, url, limited.token)
	await Promise.all([all.start(), some.start()])
	t.deepEqual([all.size, some.size], [2, 1])
	await ask('/v1/services/orders', put(orders('2.0.0')))
	await ask('/v1/services/users', put(push('2.0.0', [item('another')])))
	await fact('both have the last change', () =>
		[all, some].every(client => client.get('users:another@0.0.0') !== undefined),
	)
	t.deepEqual(Object.keys(contentsOf(some)), ['users:another@0.0.0'])

	// A token that is withdrawn takes its streams with it.
	gateway.setTokens(tokens)
	await fact('the stream has ended', () => some.status.lastError?.statusCode === 401)
	t.is(all.status.state, 'VALID')
})

test('a client that does not read is dropped, and costs the others nothing', async t => {
	const { ask, url } = await startGateway(t, {
		stream: { maxClientBytes: 200_000 },
	})
	const big = (n: number): object =>
		push(
			`1.0.${n}`,
			Array.from({ length: 500 }, (_, i) => item(`type_${i}`, { target: `/${'x'.repeat(1_000)}${n}` })),
		)
	t.is((await ask('/v1/services/users', put(big(0)))).status, 201)
	const client = followGateway(t, url, TOKENS.read)
	await client.start()
	const unread = await openUnread(t, url, TOKENS.read)
	const closed = new Promise<void>(resolve => void unread.once('close', resolve))
	const dropped = async (): Promise<boolean> =>
		/stream_ends_total\{reason="slow"\} 1$/m.test((await ask('/metrics')).text)
	let n = 0
	while (!(await dropped())) {
		if (++n > 200) throw new Error('It was never dropped')
		const before = client.versionOf('users:type_499@0.0.0')
		t.is((await ask('/v1/services/users', put(big(n)))).status, 200)
		await fact('the other one has it', () => client.versionOf('users:type_499@0.0.0') !== before)
	}
	unread.resume()
	await closed
	t.false(unread.complete, 'the connection was broken, and not ended')
	await fact('one stream is left', () => client.status.state === 'VALID')
	t.regex((await ask('/metrics')).text, /^remote_term_gateway_stream_clients\{\} 1$/m)
	t.like((await ask('/v1/status')).body['stream'], { clients: 1, connected: 2, dropped: 1 })
})

test('close ends the streams before it waits, those too that nobody reads', async t => {
	// So long that nothing but the streams' own end can explain that it ends.
	const { ask, url, gateway } = await startGateway(t, { timeouts: { drain: 600_000 } })
	await ask('/v1/services/users', put(push('1.0.0')))
	const client = followGateway(t, url, TOKENS.read)
	await client.start()
	const unread = await openUnread(t, url, TOKENS.read)
	unread.resume()
	const ended = once(unread, 'end')
	await gateway.close()
	await ended
	t.true(unread.complete, 'ended as it should, and not by the limit of the drain, which breaks connections')
})

test('a stream can be left out', async t => {
	const { ask } = await startGateway(t, { stream: false })
	t.is((await ask('/relay_auto_config')).status, 404)
	t.false('stream' in (await ask('/v1/status')).body)
})
