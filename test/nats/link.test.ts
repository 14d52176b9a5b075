import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { asDatabaseError, asFetchError, asTransportError, faultOf } from '../../lib/nats/errors.ts'
import { NatsLink, type NatsLinkEvents } from '../../lib/nats/link.ts'
import { parseNatsOptions, type NatsOptions } from '../../lib/nats/options.ts'
import type { Lifetime } from '../support/lifetime.ts'
import { natsTest, startNatsCluster, startNatsServer } from '../support/nats-server.ts'
import { createNatsAuthority } from '../support/nats-authority.ts'
import { closedPort } from '../support/ports.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { temporaryFolder } from '../support/temporary.ts'
import { createCertificates } from '../support/certificates.ts'
import { waitFor } from '../support/wait.ts'

const test = natsTest()

const open = async (t: Lifetime, options: NatsOptions): Promise<NatsLink> => {
	const settings = parseNatsOptions({ connectTimeout: 30_000, ...options })
	const link = await NatsLink.open(settings, { owner: 'The test' })
	t.teardown(() => link.close())
	return link
}

const echo = async (link: NatsLink): Promise<string> => {
	const subject = `echo.${process.hrtime.bigint()}`
	const subscription = link.connection.subscribe(subject, {
		callback: (_, message) => void message.respond(message.data),
	})
	const answer = await link.connection.request(subject, 'hello', { timeout: 5000 })
	subscription.unsubscribe()
	return answer.string()
}

test('it connects, and what is published arrives', async t => {
	const server = await startNatsServer(t)
	const link = await open(t, { servers: server.address, name: 'me' })
	t.is(await echo(link), 'hello')
	t.true(link.connected)
})

test('it connects with a token, and without one it is refused without quoting any', async t => {
	const server = await startNatsServer(t, { config: 'authorization { token: "a-secret-of-the-test" }' })
	t.is(await echo(await open(t, { servers: server.address, token: 'a-secret-of-the-test' })), 'hello')
	const refused = await t.throwsAsync(open(t, { servers: server.address, token: 'another-secret-thing' }))
	t.is(faultOf(refused), 'denied')
	const error = asFetchError(refused, `Cannot connect to ${server.address}`)
	t.is(error.code, 'FETCH_DENIED')
	t.notRegex(String(error) + String(error.cause), /secret/)
	t.is(asDatabaseError(refused, 'x').code, 'DATABASE_FAILED')
	t.is(asTransportError(refused, 'x').code, 'TRANSPORT_FAILED')
})

test('it connects with a user and a password', async t => {
	const server = await startNatsServer(t, { config: 'authorization { user: me, password: "p@ss:word" }' })
	t.is(
		await echo(await open(t, { servers: `nats://${server.address}`, user: 'me', pass: 'p@ss:word' })),
		'hello',
	)
})

test('a server that has waited too long for us to say who we are has not refused us', async t => {
	const config = 'debug: true\nauthorization { token: "a-secret-of-the-test", timeout: 0.05 }'
	const server = await startNatsServer(t, { config })
	const proxy = await startTcpProxy(t, () => server.port)
	proxy.hold()
	const connecting = open(t, { servers: proxy.address, token: 'a-secret-of-the-test' })
	await waitFor(() => /authentication timeout/i.test(server.log))
	proxy.release()
	const late = await t.throwsAsync(connecting)
	t.is(faultOf(late), 'timeout')
	t.is(asFetchError(late, 'x').code, 'FETCH_TIMEOUT')
})

test('it connects with credentials, and reads them anew for each connection', async t => {
	const [first, second] = [createNatsAuthority(), createNatsAuthority()]
	const server = await startNatsServer(t, { config: first.config })
	const folder = await temporaryFolder(t)
	const credentials = join(folder, 'user.creds')
	await writeFile(credentials, first.credentials())
	const link = await open(t, {
		...{ servers: server.address, credentials },
		reconnectBackoff: { base: 10, cap: 50 },
	})
	t.is(await echo(link), 'hello')
	let isBack = false
	link.on('reconnected', () => (isBack = true))
	// The keys are changed on both sides, and not at once: for a while, the server will not have us.
	await server.kill()
	await startNatsServer(t, { config: second.config, port: server.port })
	await writeFile(credentials, second.credentials())
	await waitFor(() => isBack)
	t.is(await echo(link), 'hello')
	const stranger = createNatsAuthority()
	const forged = join(folder, 'forged.creds')
	await writeFile(forged, stranger.credentials())
	const refused = await t.throwsAsync(open(t, { servers: server.address, credentials: forged }))
	t.is(faultOf(refused), 'denied')
	t.notRegex(String(refused), /eyJ|SU[A-Z2-7]{10}/)
})

test('credentials of which only half is written yet do not end a connection: the last good ones are used', async t => {
	const authority = createNatsAuthority()
	const server = await startNatsServer(t, { config: authority.config })
	const credentials = join(await temporaryFolder(t), 'user.creds')
	await writeFile(credentials, authority.credentials())
	const link = await open(t, {
		...{ servers: server.address, credentials },
		reconnectBackoff: { base: 10, cap: 50 },
	})
	const next = authority.credentials()
	const states = [
		'',
		next.slice(0, 40),
		next.slice(0, next.indexOf('BEGIN USER NKEY') + 30),
		next.slice(0, -40),
	]
	for (const half of states) {
		let isBack = false
		using _ = link.on('reconnected', () => (isBack = true))
		await writeFile(credentials, half)
		await server.kill()
		await server.start()
		await waitFor(() => isBack || link.closed)
		t.false(link.closed)
		t.is(await echo(link), 'hello')
	}
})

test('it connects with an NKey', async t => {
	const { createUser } = await import('@nats-io/transport-node').then(({ nkeys }) => nkeys)
	const user = createUser()
	const server = await startNatsServer(t, {
		config: `authorization { users: [ { nkey: ${user.getPublicKey()} } ] }`,
	})
	const nkey = new TextDecoder().decode(user.getSeed())
	t.is(await echo(await open(t, { servers: server.address, nkey })), 'hello')
})

test('it connects by TLS, and does not trust an authority that it was not told of', async t => {
	const tls = await createCertificates(t)
	const server = await startNatsServer(t, { tls })
	const { caFile } = tls
	t.is(await echo(await open(t, { servers: `tls://${server.address}`, tls: { caFile } })), 'hello')
	await t.throwsAsync(open(t, { servers: `tls://${server.address}` }), { message: /certificate/ })
})

test('it shows its own certificate to a server that wants to see one', async t => {
	const tls = await createCertificates(t)
	const server = await startNatsServer(t, { tls: { ...tls, verify: true } })
	const { address: servers } = server
	const { caFile, certFile, keyFile } = tls
	t.is(await echo(await open(t, { servers, tls: { caFile, certFile, keyFile } })), 'hello')
	await t.throwsAsync(open(t, { servers, tls: { caFile } }))
})

test('a server without TLS is not talked to where TLS was asked for', async t => {
	const server = await startNatsServer(t)
	const error = await t.throwsAsync(open(t, { servers: `tls://${server.address}` }))
	t.truthy(error)
})

test('nobody there is told at once, as what it is for the caller', async t => {
	const refused = await t.throwsAsync(open(t, { servers: `127.0.0.1:${await closedPort()}` }))
	t.is(faultOf(refused), 'lost')
	t.is(asFetchError(refused, 'Cannot connect').code, 'FETCH_FAILED')
})

test('connecting can be interrupted', async t => {
	const server = await startNatsServer(t)
	server.pause()
	const controller = new AbortController()
	const connecting = NatsLink.open(parseNatsOptions({ servers: server.address, connectTimeout: 60_000 }), {
		owner: 'The test',
		signal: controller.signal,
	})
	controller.abort()
	await t.throwsAsync(connecting, { code: 'STOPPED' })
	server.resume()
})

test('it comes back after its server did, and says so', async t => {
	const server = await startNatsServer(t)
	const link = await open(t, { servers: server.address, reconnectBackoff: { base: 10, cap: 50 } })
	const seen: (keyof NatsLinkEvents)[] = []
	link.on('disconnected', () => seen.push('disconnected'))
	link.on('reconnected', () => seen.push('reconnected'))
	await server.kill()
	await waitFor(() => seen.includes('disconnected'))
	t.false(link.connected)
	await server.start()
	await waitFor(() => seen.includes('reconnected'))
	t.true(link.connected)
	t.is(await echo(link), 'hello')
	t.deepEqual(seen, ['disconnected', 'reconnected'])
})

test('a server that is stopped without a word is found out by its silence', async t => {
	const server = await startNatsServer(t)
	const link = await open(t, { servers: server.address, pingInterval: 100 })
	let disconnected = false
	link.on('disconnected', () => (disconnected = true))
	server.pause()
	await waitFor(() => disconnected)
	server.resume()
	// With so little patience, it may be lost more than once on a machine under load.
	await waitFor(() =>
		echo(link).then(
			answer => answer === 'hello',
			() => false,
		),
	)
	t.true(link.connected)
})

test('closing is idempotent and ends a connection whose server is away', async t => {
	const server = await startNatsServer(t)
	const link = await open(t, { servers: server.address })
	let told = 0
	link.on('closed', () => told++)
	link.on('disconnected', () => told++)
	const { connection } = link
	server.pause()
	await Promise.all([link.close(), link.close()])
	await link.close()
	t.true(connection.isClosed())
	t.true(link.closed)
	t.is(told, 0)
	server.resume()
})

test('of a cluster it takes another server when one is killed', async t => {
	const servers = await startNatsCluster(t)
	const link = await open(t, { servers: servers.map(({ address }) => address) })
	const mine = servers.find(({ port }) => link.connection.getServer().endsWith(`:${port}`))!
	let reconnected = ''
	link.on('reconnected', ({ server }) => (reconnected = server))
	await mine.kill()
	await waitFor(() => reconnected !== '')
	t.not(reconnected, mine.address)
	t.is(await echo(link), 'hello')
})

test('a file that holds no credentials is an error that names it', async t => {
	const folder = await temporaryFolder(t)
	const path = join(folder, 'user.creds')
	await t.throwsAsync(open(t, { credentials: path }), { code: 'INVALID_OPTION', message: /user\.creds/ })
	await writeFile(path, 'nothing of the kind, but a-secret')
	const error = await t.throwsAsync(open(t, { credentials: path }), { code: 'INVALID_OPTION' })
	t.notRegex(String(error), /a-secret/)
})

const wrong: ReadonlyArray<readonly [title: string, options: unknown, message: RegExp]> = [
	['no servers', { servers: [] }, /servers/],
	['a URL of another scheme', { servers: 'http://example.com' }, /nats:\/\/host/],
	['a URL with a path', { servers: ['nats://example.com/a'] }, /servers\[0\]/],
	['a URL with a password', { servers: 'nats://me:hidden@example.com' }, /options of their own/],
	['two kinds of credentials', { token: 'hidden', user: 'me' }, /token/],
	['a password of nobody', { pass: 'hidden' }, /pass/],
	['an empty token', { token: '' }, /token/],
	['a seed that is none', { nkey: 'UAhidden' }, /nkey/],
	['a misspelt option of TLS', { tls: { cafile: 'x' } }, /cafile/],
	['a certificate twice', { tls: { ca: 'hidden', caFile: 'x' } }, /tls\.ca/],
	['no time to connect', { connectTimeout: 0 }, /connectTimeout/],
	['a backoff of nothing', { reconnectBackoff: { base: 0, cap: 1 } }, /reconnectBackoff\.base/],
	['a prefix with a wildcard', { inboxPrefix: 'a.*' }, /inboxPrefix/],
]

for (const [title, options, message] of wrong) {
	test(`${title} is refused at the door`, t => {
		const error = t.throws(() => parseNatsOptions(options as NatsOptions), {
			instanceOf: RemoteTermError,
			code: 'INVALID_OPTION',
			message,
		})
		t.notRegex(error.message, /hidden/)
	})
}
