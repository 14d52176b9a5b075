import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { MemoryConfigDb } from '../../lib/config/memory.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { createGateway } from '../../lib/gateway/gateway.ts'
import { readTokenFile } from '../../lib/gateway/settings/token-file.ts'
import { bearerOf, TokenRing, type TokenSpec } from '../../lib/gateway/tokens.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { push, requestOf, answered, startGateway, TOKENS, tokens, type Asked } from '../support/gateway.ts'
import { recordingLogger } from '../support/recording-logger.ts'
import { temporaryFolder } from '../support/temporary.ts'

const put = { method: 'PUT', json: push('1') } as const

/** SPEC §4.8: with a token configured, and without one. */
const matrix: ReadonlyArray<readonly [what: string, asked: Asked, status: number]> = [
	['the right token', { ...put, token: TOKENS.push }, 201],
	['no token', { ...put, token: null }, 401],
	['an empty token', { ...put, token: null, headers: { authorization: 'Bearer ' } }, 401],
	['a wrong token', { ...put, token: `${TOKENS.push}x` }, 401],
	['the beginning of a token', { ...put, token: TOKENS.push.slice(0, -1) }, 401],
	[
		'a token that is no bearer',
		{ ...put, token: null, headers: { authorization: `Basic ${TOKENS.push}` } },
		401,
	],
	['a token of another scope', { ...put, token: TOKENS.read }, 403],
]
for (const [what, asked, status] of matrix) {
	test(`a push with ${what} is answered with ${status}`, async t => {
		const { ask, gateway } = await startGateway(t)
		const answer = await ask('/v1/services/users', asked)
		t.is(answer.status, status)
		t.is(gateway.db.services().length, status === 201 ? 1 : 0)
		if (status === 201) return
		const challenge = answer.headers.get('www-authenticate') ?? ''
		t.regex(challenge, /^Bearer realm="remote-term"/)
		t.is(
			/error="(\w+)"/.exec(challenge)?.[1],
			asked.token === null && asked.headers === undefined
				? undefined
				: status === 403
					? 'insufficient_scope'
					: 'invalid_token',
		)
		for (const token of Object.values(TOKENS)) t.false(answer.text.includes(token.slice(0, 20)))
	})
}

test('without tokens nobody is let in, and a gateway that would do that refuses to be made', async t => {
	const db = new MemoryConfigDb()
	t.throws(() => createGateway({ db }), { code: 'INVALID_OPTION', message: /lets nobody in/ })
	t.throws(() => createGateway({ db, tokens: [] }), { code: 'INVALID_OPTION' })
	const open = await startGateway(t, { tokens: [], allowAnonymous: 'loopback' })
	t.is((await open.ask('/v1/services/users', { ...put, token: null })).status, 201)
	t.is(
		(await open.ask('/v1/services/users', { ...put, token: TOKENS.push })).status,
		401,
		'a token that nobody has',
	)
	t.is(open.audit[0]?.who, 'anonymous')
})

test('what is open to this machine is open to no other, nor to a page with a name of its own', async t => {
	const { gateway, port } = await startGateway(t, { tokens: [], allowAnonymous: 'loopback' })
	const ask = async (url: string, address: string): Promise<number> =>
		(await gateway.fetch(requestOf(url, { token: null }), { address })).status
	t.is(await ask(`http://localhost:${port}/v1/status`, '127.0.0.1'), 200)
	t.is(await ask(`http://[::1]:${port}/v1/status`, '::1'), 200)
	t.is(await ask(`http://localhost:${port}/v1/status`, '::ffff:127.0.0.1'), 200)
	t.is(await ask(`http://localhost:${port}/v1/status`, '192.0.2.1'), 401)
	t.is(await ask(`http://rebound.example:${port}/v1/status`, '127.0.0.1'), 401)
	const other = createGateway({
		...{ db: new MemoryConfigDb(), allowAnonymous: 'loopback', logger: silentLogger },
	})
	t.teardown(() => other.close())
	await t.throwsAsync(other.listen({ host: '0.0.0.0', port: 0 }), { code: 'INVALID_OPTION' })
})

test('each route takes the scope that it needs, and health takes none', async t => {
	const { ask } = await startGateway(t)
	await ask('/v1/services/users', put)
	const cases: ReadonlyArray<readonly [path: string, asked: Asked, push: number, read: number]> = [
		['/v1/services', {}, 403, 200],
		['/v1/services/users', {}, 403, 200],
		['/v1/services/users/verify?version=1', {}, 200, 200],
		['/v1/services/users/items', {}, 403, 200],
		['/v1/services/users', { method: 'DELETE' }, 403, 403],
		['/v1/services/users/items/get_user/0.0.0/disabled', { method: 'PUT' }, 403, 403],
		['/v1/pulls', {}, 403, 200],
		['/v1/pulls/users', { method: 'POST' }, 403, 403],
		['/v1/failures', {}, 403, 200],
		['/v1/status', {}, 403, 200],
		['/metrics', {}, 403, 200],
		['/openapi.json', {}, 200, 200],
	]
	for (const [path, asked, pusher, reader] of cases) {
		const what = `${asked.method ?? 'GET'} ${path}`
		t.is((await ask(path, { ...asked, token: TOKENS.push })).status, pusher, what)
		t.is((await ask(path, { ...asked, token: TOKENS.read })).status, reader, what)
		t.is((await ask(path, { ...asked, token: null })).status, 401, what)
	}
	for (const path of ['/healthz', '/readyz', '/']) t.is((await ask(path, { token: null })).status, 200)
})

test('a token may be for some services only', async t => {
	const token = 'token-of-billing-0123456789'
	const { ask } = await startGateway(t, {
		tokens: [
			...tokens,
			{ name: 'billing', scopes: ['push', 'read'], services: ['billing*', 'users'], token },
		],
	})
	const to = async (service: string): Promise<number> => {
		const items = [{ requestType: 'a', service, nodes: 'local', target: '/a' }]
		const json = { nodes: ['n'], configVersion: '1', items }
		return (await ask(`/v1/services/${service}`, { method: 'PUT', token, json })).status
	}
	t.deepEqual(
		[await to('billing'), await to('billing-eu'), await to('users'), await to('users2'), await to('orders')],
		[201, 201, 201, 403, 403],
	)
	// It hears of no others, either.
	const other = [{ requestType: 'a', service: 'orders', nodes: 'local', target: '/a' }]
	const json = { nodes: ['n'], configVersion: '1', items: other }
	t.is((await ask('/v1/services/orders', { method: 'PUT', token: TOKENS.admin, json })).status, 201)
	await ask('/v1/services/orders', { method: 'PUT', token: TOKENS.admin, json: { ...json, items: [{}] } })
	const listed = (await ask('/v1/services', { token })).body['services'] as object
	t.deepEqual(Object.keys(listed).sort(), ['billing', 'billing-eu', 'users'])
	t.is((await ask('/v1/failures', { token })).body['total'], 0)
	t.true(((await ask('/v1/failures')).body['total'] as number) > 0)
	t.false((await ask('/v1/status', { token })).text.includes('orders'))
	t.is((await ask('/v1/services/orders', { token })).status, 403)
})

test('a token is replaced without a restart, and for a while both are good', async t => {
	const { ask, gateway } = await startGateway(t)
	const fresh = 'another-token-0123456789abc'
	const ok = async (token: string): Promise<boolean> => (await ask('/v1/services', { token })).status === 200
	const specs: readonly TokenSpec[] = [...tokens, { name: 'reader', scopes: ['read'], token: fresh }]
	t.deepEqual([await ok(TOKENS.read), await ok(fresh)], [true, false])
	gateway.setTokens(specs)
	t.deepEqual([await ok(TOKENS.read), await ok(fresh)], [true, true])
	gateway.setTokens(specs.slice(-1))
	t.deepEqual([await ok(TOKENS.read), await ok(fresh)], [false, true])
	t.throws(() => gateway.setTokens([]), { code: 'INVALID_OPTION' })
	t.throws(() => gateway.setTokens([{ name: 'x', scopes: ['read'], token: 'short' }]), {
		code: 'INVALID_OPTION',
	})
	t.true(await ok(fresh), 'what cannot be used changes nothing')
})

test('a file of tokens is read anew by itself, and half a file locks nobody out', async t => {
	const path = join(await temporaryFolder(t), 'tokens.json')
	const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex')
	const write = (token: string): Promise<void> =>
		writeFile(path, JSON.stringify([{ name: 'ci', scopes: ['read'], sha256: sha256(token) }]))
	await write(TOKENS.read)
	const clock = new FakeClock()
	const logger = recordingLogger()
	const { gateway } = await startGateway(t, { tokens: () => readTokenFile(path), clock, logger })
	const ok = async (token: string): Promise<boolean> =>
		(await gateway.fetch(requestOf('http://x/v1/services', { token }))).status === 200
	t.true(await ok(TOKENS.read))

	await writeFile(path, '[{"name":"ci","scopes":["read"],"sha2')
	await gateway.reloadTokens()
	await gateway.reloadTokens()
	t.true(await ok(TOKENS.read))
	const errors = logger.lines.filter(([level]) => level === 'error')
	t.is(errors.length, 1, 'said once')
	t.regex(errors[0]![1], /^The tokens stay as they were: .*not valid JSON$/)

	const fresh = 'another-token-0123456789abc'
	await write(fresh)
	t.false(await ok('token-that-nobody-has-0123456789'), 'arms the one timer of the audit log')
	const before = clock.pendingTimers
	await clock.advance(5_000)
	while (!(await ok(fresh))) await new Promise(resolve => setImmediate(resolve))
	t.false(await ok(TOKENS.read))
	t.is(clock.pendingTimers, before, 'one timer, whoever asked')
})

test('tokens that are asked for and never come leave all as it was, and are asked for again', async t => {
	const never = (): Promise<never> => new Promise(() => {})
	const clock = new FakeClock()
	const logger = recordingLogger()
	const specs = (token: string): TokenSpec[] => [{ name: 'ci', scopes: ['read'], token }]
	let source = async (): Promise<TokenSpec[]> => specs(TOKENS.read)
	const { gateway } = await startGateway(t, { tokens: () => source(), clock, logger })
	const ok = async (token: string): Promise<boolean> =>
		(await gateway.fetch(requestOf('http://x/v1/services', { token }))).status === 200
	source = never
	const reloading = gateway.reloadTokens()
	await clock.advance(30_000)
	await reloading
	t.true(await ok(TOKENS.read))
	t.deepEqual(
		logger.lines.filter(([level]) => level === 'error').map(([, message]) => message),
		['The tokens stay as they were: Expected the tokens within 30000 ms, and there was no answer'],
	)
	const fresh = 'another-token-0123456789abc'
	source = async () => specs(fresh)
	await gateway.reloadTokens()
	t.true(await ok(fresh))

	const other = createGateway({ db: new MemoryConfigDb(), tokens: never, clock, logger })
	const starting = t.throwsAsync(other.start(), { code: 'TIMEOUT' })
	await clock.advance(30_000)
	await starting
	await other.close()
})

test('no token reaches a log, an error, the audit log or a status', async t => {
	const logger = recordingLogger()
	const { ask, audit } = await startGateway(t, { logger })
	const seen: string[] = []
	for (const token of [...Object.values(TOKENS), 'a-wrong-token-0123456789ab']) {
		for (const path of [
			'/v1/status',
			'/v1/services',
			'/metrics',
			'/openapi.json',
			'/v1/failures',
			'/nowhere',
		])
			seen.push((await ask(path, { token })).text)
		await ask('/v1/services/users', { ...put, token })
	}
	seen.push(JSON.stringify(logger.lines), JSON.stringify(audit))
	const secrets = [...Object.values(TOKENS), 'a-wrong-token-0123456789ab']
	for (const text of seen)
		for (const secret of secrets) t.false(text.includes(secret.slice(0, 12)), text.slice(0, 200))
})

test('what is no token is refused by name, and never quoted', t => {
	const secret = 'not\u00e4-token-secret-0123456789'
	const wrong: ReadonlyArray<readonly [unknown, RegExp]> = [
		['x', /`tokens` to be an array/],
		[[null], /`tokens\[0\]` to be an object/],
		[[{ name: 'a b', scopes: ['read'], token: TOKENS.read }], /tokens\[0\]\.name/],
		[[{ name: 'a', scopes: [], token: TOKENS.read }], /tokens\[0\]\.scopes/],
		[[{ name: 'a', scopes: ['write'], token: TOKENS.read }], /push, read, admin/],
		[[{ name: 'a', scopes: ['read'] }], /either `token` or `sha256`/],
		[[{ name: 'a', scopes: ['read'], token: TOKENS.read, sha256: 'x' }], /either `token` or `sha256`/],
		[[{ name: 'a', scopes: ['read'], token: secret }], /24 to 1024 visible ASCII characters/],
		[[{ name: 'a', scopes: ['read'], sha256: secret }], /64 hexadecimal digits/],
		[[{ name: 'a', scopes: ['read'], services: ['*a'], token: TOKENS.read }], /tokens\[0\]\.services/],
		[[...tokens, { ...tokens[1]!, name: 'twin' }], /'twin' is there twice/],
	]
	for (const [specs, message] of wrong) {
		const error = t.throws(() => new TokenRing(specs as TokenSpec[]), { code: 'INVALID_OPTION', message })
		t.false(error.message.includes(secret) || error.message.includes(TOKENS.read))
	}
})

test('tokens are compared in constant time, by construction', t => {
	const source = readFileSync(new URL('../../../lib/gateway/tokens.ts', import.meta.url), 'utf8')
	const body = source.slice(source.indexOf('identify(presented'), source.indexOf('const sha256'))
	// Digests, so that lengths are equal; each of them, whether one has fitted before or not.
	t.regex(body, /timingSafeEqual\(entry\.digest, digest\)/)
	t.notRegex(body, /break|return found[^;\n]*\n.*for|===/)
	const ring = new TokenRing(tokens)
	t.is(ring.identify(TOKENS.push)?.name, 'pusher')
	t.is(ring.identify(''), undefined)
	t.is(ring.size, 3)
})

test('the Authorization header is read as RFC 6750 has it', t => {
	const cases: ReadonlyArray<readonly [string | null, string | undefined]> = [
		[null, undefined],
		['Bearer abc', 'abc'],
		['bearer  abc ', 'abc'],
		['Bearer', ''],
		['Bearer a b', ''],
		['Basic abc', ''],
		[`Bearer ${'a'.repeat(1_025)}`, ''],
	]
	for (const [header, token] of cases) t.is(bearerOf(header), token, String(header))
})

test('before it has started, a gateway tells nothing but that', async t => {
	const gateway = createGateway({ db: new MemoryConfigDb(), tokens, logger: silentLogger })
	t.teardown(() => gateway.close())
	const ask = async (path: string): Promise<{ status: number; body: object }> =>
		answered(await gateway.fetch(requestOf(`http://x${path}`)))
	t.is((await ask('/healthz')).status, 200)
	t.like((await ask('/readyz')).body, { status: 'starting', database: false })
	t.like(await ask('/v1/services'), { status: 503, body: { code: 'NOT_STARTED' } })
	await gateway.start()
	t.is((await ask('/v1/services')).status, 200)
	t.like(await ask('/readyz'), { status: 200, body: { status: 'ready', database: true, pulls: true } })
})
