import test from 'ava'
import { Packr } from 'msgpackr'
import { deflateSync, gzipSync } from 'node:zlib'
import { item, push, startGateway, TOKENS } from '../support/gateway.ts'

test('a push is stored, and everybody who may can read it', async t => {
	const { ask, audit } = await startGateway(t)
	const created = await ask('/v1/services/users', { method: 'PUT', token: TOKENS.push, json: push('1.0.0') })
	t.is(created.status, 201)
	t.like(created.body, { status: 'accepted', service: 'users', configVersion: '1.0.0', added: 1 })

	const again = await ask('/v1/services/users', { method: 'PUT', token: TOKENS.push, json: push('1.0.0') })
	t.is(again.status, 200)
	t.like(again.body, { status: 'skipped', reason: 'version_matches' })

	const updated = await ask('/v1/services/users', {
		method: 'PUT',
		token: TOKENS.push,
		json: push('1.1.0', [item('get_user', { version: '1.0.0' }), item('list_users')]),
	})
	t.is(updated.status, 200)
	t.like(updated.body, { previousVersion: '1.0.0', added: 2, removed: 1 })

	const { body } = await ask('/v1/services', { token: TOKENS.read })
	t.like((body['services'] as Record<string, object>)['users'], {
		...{ configVersion: '1.1.0', source: 'push', items: 2, pulled: false },
	})
	t.like((await ask('/v1/services/users', { token: TOKENS.read })).body, { configVersion: '1.1.0' })
	const items = (await ask('/v1/services/users/items', { token: TOKENS.read })).body['items'] as object[]
	t.is(items.length, 2)
	t.like(items[0], { disabled: false, item: { requestType: 'get_user', version: '1.0.0' } })

	t.deepEqual(
		audit.map(({ who, action, service, outcome, configVersion }) => [
			who,
			action,
			service,
			outcome,
			configVersion,
		]),
		[
			['pusher', 'push', 'users', 'accepted', '1.0.0'],
			['pusher', 'push', 'users', 'skipped', '1.0.0'],
			['pusher', 'push', 'users', 'accepted', '1.1.0'],
		],
	)
})

test('there may be so many items in all services together, and whoever goes has made room', async t => {
	const { ask } = await startGateway(t, { limits: { maxItemsInAll: 3 } })
	const put = (service: string, ...types: readonly string[]) =>
		ask(`/v1/services/${service}`, {
			...{ method: 'PUT', token: TOKENS.admin },
			json: push(
				'1.0.0',
				types.map(type => item(type, { service })),
			),
		})
	t.is((await put('users', 'a', 'b')).status, 201)
	const refused = await put('orders', 'a', 'b')
	t.is(refused.status, 413)
	t.like(refused.body, { code: 'TOO_LARGE' })
	t.regex(refused.body['detail'], /service orders .* 4 items in all, .* 3 \(maxItemsInAll\)/)
	t.is((await put('orders', 'a')).status, 201)
	t.is((await ask('/v1/services/users', { method: 'DELETE', token: TOKENS.admin })).status, 200)
	t.is((await put('others', 'a', 'b')).status, 201)
})

test('a push with a fault is refused as a whole, with every fault and its path', async t => {
	const { ask, audit } = await startGateway(t)
	const { status, body, headers } = await ask('/v1/services/users', {
		method: 'PUT',
		json: push('1.0.0', [item('ok'), item('bad', { target: 7 }), item('worse', { timeout: 1 })]),
	})
	t.is(status, 422)
	t.is(headers.get('content-type'), 'application/problem+json')
	t.like(body, { code: 'VALIDATION_FAILED', status: 422, title: 'Unprocessable Content' })
	const paths = (body.issues ?? []).map(({ path }) => path.join('/'))
	t.deepEqual(paths, ['items/1/target', 'items/2/timeout'])
	t.is((await ask('/v1/services/users/verify?version=1.0.0')).status, 404)
	t.is((await ask('/v1/services/users')).status, 404)
	t.like(audit[0], { action: 'push', outcome: 'refused', code: 'VALIDATION_FAILED' })
	const failures = (await ask('/v1/failures')).body['failures'] as object[]
	t.true(failures.length > 0)
	t.like(failures[0], { service: 'users', source: 'push' })
})

test('a lower version is refused unless it is forced', async t => {
	const { ask } = await startGateway(t)
	const put = (path: string, version: string) => ask(path, { method: 'PUT', json: push(version) })
	t.is((await put('/v1/services/users', '2.0.0')).status, 201)
	const refused = await put('/v1/services/users', '1.9.0')
	t.is(refused.status, 409)
	t.is(refused.body.code, 'DOWNGRADE_REFUSED')
	t.is((await put('/v1/services/users?force=true', '1.9.0')).status, 200)
	t.like((await ask('/v1/services/users/verify?version=1.9.0')).body, { status: 'matched' })
	t.is((await put('/v1/services/users?force=yes', '1.9.0')).status, 400)
	t.is((await put('/v1/services/users?forced=true', '3.0.0')).status, 400)
	t.is((await put('/v1/services/users?force=true&force=true', '3.0.0')).status, 400)
})

test('verify tells a match from another version and from a service that is unknown', async t => {
	const { ask } = await startGateway(t)
	await ask('/v1/services/users', { method: 'PUT', json: push('1.0.0') })
	const verify = (path: string) => ask(path, { token: TOKENS.push })
	t.deepEqual((await verify('/v1/services/users/verify?version=1.0.0')).body as object, { status: 'matched' })
	t.deepEqual((await verify('/v1/services/users/verify?version=2')).body as object, {
		...{ status: 'mismatch', stored: '1.0.0' },
	})
	const unknown = await verify('/v1/services/none/verify?version=2')
	t.deepEqual([unknown.status, unknown.body as object], [404, { status: 'not_found' }])
	t.is((await verify('/v1/services/users/verify')).status, 400)
})

test('an item is found by its version, or as the highest that no operator has disabled', async t => {
	const { ask, audit } = await startGateway(t)
	const items = ['9.0.0', '10.0.0', '10.1.0-rc.1'].map(version => item('get_user', { version }))
	await ask('/v1/services/users', { method: 'PUT', json: push('1', items) })
	const at = '/v1/services/users/items/get_user'
	t.is((await ask(at)).body['version'], '10.1.0-rc.1')
	t.is((await ask(`${at}?version=9.0.0`)).body['version'], '9.0.0')
	t.is((await ask(`${at}?version=1.0.0`)).status, 404)

	const disabled = await ask(`${at}/10.1.0-rc.1/disabled`, { method: 'PUT' })
	t.deepEqual([disabled.status, disabled.body as object], [200, { status: 'changed' }])
	t.is((await ask(at)).body['version'], '10.0.0')
	t.is((await ask(`${at}?version=10.1.0-rc.1`)).body.code, 'DISABLED')
	t.is((await ask('/v1/services/users?force=true', { method: 'PUT', json: push('1', items) })).status, 200)
	t.is((await ask(at)).body['version'], '10.0.0', 'a push does not enable what an operator has disabled')
	t.like((await ask(`${at}/10.1.0-rc.1/disabled`, { method: 'DELETE' })).body, { status: 'changed' })
	t.like((await ask(`${at}/10.1.0-rc.1/disabled`, { method: 'DELETE' })).body, { status: 'unchanged' })
	t.is((await ask(at)).body['version'], '10.1.0-rc.1')
	t.is((await ask(`${at}/7.0.0/disabled`, { method: 'PUT' })).status, 404)
	t.deepEqual(
		audit
			.filter(({ action }) => action !== 'push')
			.map(({ action, outcome, version }) => [action, outcome, version]),
		[
			['disable', 'changed', '10.1.0-rc.1'],
			['enable', 'changed', '10.1.0-rc.1'],
			['enable', 'unchanged', '10.1.0-rc.1'],
		],
	)
})

test('a service that is deleted is gone with its items', async t => {
	const { ask, audit } = await startGateway(t)
	await ask('/v1/services/users', { method: 'PUT', json: push('1.0.0') })
	const deleted = await ask('/v1/services/users', { method: 'DELETE' })
	t.deepEqual(deleted.body as object, { status: 'deleted', service: 'users', removed: 1 })
	t.is((await ask('/v1/services/users/items')).status, 404)
	t.is((await ask('/v1/services/users', { method: 'DELETE' })).status, 404)
	t.like(audit.at(-1), { who: 'operator', action: 'delete', outcome: 'deleted' })
})

test('a body may be MessagePack, and compressed', async t => {
	const { ask } = await startGateway(t)
	const packr = new Packr({ useRecords: false })
	const text = (version: string): Buffer => Buffer.from(JSON.stringify(push(version)))
	const bodies: ReadonlyArray<readonly [Uint8Array, Record<string, string>]> = [
		[packr.pack(push('1')), { 'content-type': 'application/msgpack' }],
		[packr.pack(push('2')), { 'content-type': 'application/vnd.msgpack' }],
		[gzipSync(text('3')), { 'content-type': 'application/json', 'content-encoding': 'gzip' }],
		[deflateSync(text('4')), { 'content-type': 'application/json', 'content-encoding': 'deflate' }],
		[gzipSync(packr.pack(push('5'))), { 'content-type': 'application/msgpack', 'content-encoding': 'gzip' }],
		[text('6'), { 'content-type': 'application/json; charset="UTF-8"' }],
	]
	for (const [index, [body, headers]] of bodies.entries()) {
		const answer = await ask('/v1/services/users', { method: 'PUT', body, headers })
		t.is(answer.status, index === 0 ? 201 : 200, answer.text)
		t.is(answer.body['configVersion'], String(index + 1))
	}
})

test('the body is of the service that the path names', async t => {
	const { ask } = await startGateway(t)
	const other = await ask('/v1/services/users', { method: 'PUT', json: { ...push('1'), service: 'orders' } })
	t.is(other.status, 422)
	t.deepEqual(other.body.issues?.[0]?.path, ['service'])
	const same = await ask('/v1/services/users', { method: 'PUT', json: { ...push('1'), service: 'users' } })
	t.is(same.status, 201)
	for (const name of ['__proto__', 'a%20b', '%2e%2e%2fusers', 'x'.repeat(129), '%00'])
		t.is((await ask(`/v1/services/${name}`, { method: 'PUT', json: push('1') })).status, 400, name)
})

test('what is nowhere is 404, and what is somewhere else 405 with what would do', async t => {
	const { ask } = await startGateway(t)
	const nowhere = await ask('/v2/services')
	t.deepEqual([nowhere.status, nowhere.body.code], [404, 'NOT_FOUND'])
	const wrong = await ask('/v1/services/users', { method: 'POST', json: {} })
	t.deepEqual([wrong.status, wrong.body.code], [405, 'METHOD_NOT_ALLOWED'])
	t.is(wrong.headers.get('allow'), 'GET, PUT, DELETE, HEAD')
	const head = await ask('/v1/services', { method: 'HEAD' })
	t.deepEqual([head.status, head.text], [200, ''])
})

test('a push that cannot be read is among the failures, with nothing of its content', async t => {
	const { ask } = await startGateway(t, { limits: { maxBodyBytes: 2_000 } })
	const put = (body: string, headers: Readonly<Record<string, string>>) =>
		ask('/v1/services/users', {
			method: 'PUT',
			body,
			headers: { 'content-type': 'application/json', ...headers },
		})
	await put('{"secret-in-the-body": ', {})
	await put('{"secret-in-the-body": ', {})
	await put('no gzip', { 'content-encoding': 'gzip' })
	await put('x'.repeat(3_000), {})
	await put('items: []', { 'content-type': 'application/yaml' })
	await put('{"service":"others"}', {})
	const { body, text } = await ask('/v1/failures?service=users&source=push')
	const failures = body['failures'] as ReadonlyArray<{ count: number; reasons: readonly string[] }>
	t.deepEqual(
		failures.map(({ count, reasons }) => [count, reasons[0]!.split(':')[0]]),
		[
			[1, 'VALIDATION_FAILED'],
			[1, 'UNSUPPORTED_MEDIA_TYPE'],
			[1, 'TOO_LARGE'],
			[1, 'INFLATE_FAILED'],
			[2, 'DESERIALIZE_FAILED'],
		],
	)
	t.false(text.includes('secret-in-the-body'))
})
