import { once } from 'node:events'
import { copyFile, readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import anyTest, { type ExecutionContext } from 'ava'
import { Agent, request } from 'undici'
import { MemoryConfigDb } from '../../lib/config/memory.ts'
import { ConfigPusher } from '../../lib/config/index.ts'
import type { PushConfig } from '../../lib/config/push-config.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import type { Certificate, CertificateSource } from '../../lib/gateway/certificate.ts'
import { createGateway, type Gateway } from '../../lib/gateway/gateway.ts'
import type { GatewayOptions } from '../../lib/gateway/options.ts'
import type { FunConfig } from '../../lib/config/fun-config.ts'
import { command, startCommand, temporaryFolder } from '../support/command.ts'
import { push, tokens, TOKENS } from '../support/gateway.ts'
import { createCertificates, opensslTest, type Certificates } from '../support/openssl.ts'
import { recordingLogger } from '../support/recording-logger.ts'

const test = opensslTest()

const pemOf = async ({ certFile, keyFile }: Certificates): Promise<Certificate> => ({
	cert: await readFile(certFile, 'utf8'),
	key: await readFile(keyFile, 'utf8'),
})

const listen = async (
	t: ExecutionContext,
	tls: CertificateSource,
	options: Partial<GatewayOptions<FunConfig>> = {},
): Promise<{ gateway: Gateway; url: string; port: number }> => {
	const gateway = createGateway({
		...{ db: new MemoryConfigDb({ logger: silentLogger }), tokens, logger: silentLogger },
		...options,
	})
	t.teardown(() => gateway.close())
	return { gateway, ...(await gateway.listen({ port: 0, tls })) }
}

/** A client that trusts this authority, and no other. */
const trusting = async (t: ExecutionContext, { caFile }: Certificates): Promise<Agent> => {
	const agent = new Agent({ connect: { ca: await readFile(caFile, 'utf8') } })
	t.teardown(() => agent.destroy())
	return agent
}

const statusOf = async (url: string, dispatcher: Agent): Promise<number> => {
	const { statusCode, body } = await request(`${url}/healthz`, { dispatcher })
	await body.dump()
	return statusCode
}

test('a gateway speaks TLS to those who trust its certificate, and HTTP to nobody', async t => {
	const certificates = await createCertificates(t)
	const { url, port } = await listen(t, await pemOf(certificates))
	t.regex(url, /^https:\/\/127\.0\.0\.1:\d+$/)
	const dispatcher = await trusting(t, certificates)
	t.is(await statusOf(url, dispatcher), 200)
	await t.throwsAsync(fetch(`${url}/healthz`), { message: 'fetch failed' }, 'who does not know the authority')
	await t.throwsAsync(fetch(`http://127.0.0.1:${port}/healthz`))
	const old = connectTls({
		...{ port, host: '127.0.0.1', ca: await readFile(certificates.caFile) },
		...{ minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
	})
	t.truthy((await once(old, 'error'))[0], 'TLS 1.1 is too old')

	const pusher = new ConfigPusher({ url, token: TOKENS.push, dispatcher, logger: false })
	t.teardown(() => pusher.close())
	const config = { service: 'users', ...push('1.0.0') } as PushConfig
	t.is((await pusher.push(config)).status, 'accepted')
	t.is(await statusOf(url, dispatcher), 200, 'whatever strangers said meanwhile')
})

test('whoever needs no token needs none over TLS', async t => {
	const certificates = await createCertificates(t)
	const { url } = await listen(t, await pemOf(certificates), { tokens: [], allowAnonymous: 'loopback' })
	const { statusCode, body } = await request(`${url}/v1/services`, {
		dispatcher: await trusting(t, certificates),
	})
	t.deepEqual([statusCode, await body.json()], [200, { services: {} }])
})

test('a certificate is replaced while connections stay, and half of a pair changes nothing', async t => {
	const [before, after] = [await createCertificates(t), await createCertificates(t)]
	const [old, fresh] = [await pemOf(before), await pemOf(after)]
	let current: Certificate | Error = old
	const logger = recordingLogger()
	const source = (): Certificate => {
		if (current instanceof Error) throw current
		return current
	}
	const { gateway, url } = await listen(t, source, {
		...{ logger, timeouts: { keepAlive: 600_000 } },
	})
	const known = await trusting(t, before)
	const freshClient = async (): Promise<number> => statusOf(url, await trusting(t, after))
	t.is(await statusOf(url, known), 200)

	current = { cert: fresh.cert, key: old.key }
	await gateway.reloadCertificate()
	await gateway.reloadCertificate()
	current = new Error('no such file')
	await gateway.reloadCertificate()
	t.is(await statusOf(url, await trusting(t, before)), 200)
	await t.throwsAsync(freshClient())
	t.deepEqual(
		logger.lines.map(([level, message]) => [level, message.replace(/:.*/s, '')]),
		[['error', 'The certificate stays as it was']],
	)
	t.false(JSON.stringify(logger.lines).includes('PRIVATE KEY'))

	current = fresh
	await gateway.reloadCertificate()
	t.is(await freshClient(), 200)
	t.deepEqual(logger.lines.at(-1), ['info', 'The certificate can be read again'])
	t.is(await statusOf(url, known), 200, 'a connection that is open keeps what it began with')
	await t.throwsAsync(async () => statusOf(url, await trusting(t, before)))
})

test('what is no certificate with its key is refused, and nothing of the key is quoted', async t => {
	const [one, other] = [await pemOf(await createCertificates(t)), await pemOf(await createCertificates(t))]
	const wrong: ReadonlyArray<readonly [tls: unknown, said: RegExp]> = [
		[{ cert: one.cert, key: other.key }, /key values mismatch/],
		[{ cert: one.cert }, /`tls\.key` to be PEM/],
		[{ cert: 'cert.pem', key: one.key }, /`tls\.cert` to be PEM/],
		[{ cert: one.cert.replace(/\n./, '\n!'), key: one.key }, /certificate with its private key/],
		[{ ...one, ca: one.cert }, /ca/],
		['cert.pem', /`tls` to be an object/],
		[async () => Promise.reject(new Error('gone')), /gone/],
	]
	for (const [tls, said] of wrong) {
		const gateway = createGateway({ db: new MemoryConfigDb(), tokens, logger: silentLogger })
		t.teardown(() => gateway.close())
		const error = await t.throwsAsync(gateway.listen({ port: 0, tls: tls as Certificate }))
		t.regex(error.message, said)
		t.false(error.message.includes(one.key.split('\n')[1]!))
		// It may be told again, and better.
		t.regex((await gateway.listen({ port: 0, tls: one })).url, /^https:/)
	}
})

test('who connects and says nothing is cut off, and holds nobody up who closes', async t => {
	const tls = await pemOf(await createCertificates(t))
	const silent = async (port: number): Promise<{ readonly closed: Promise<unknown> }> => {
		const socket = connect(port, '127.0.0.1')
		t.teardown(() => void socket.destroy())
		socket.on('error', () => {})
		await once(socket, 'connect')
		return { closed: once(socket, 'close') }
	}
	const quick = await listen(t, tls, { timeouts: { headers: 200 } })
	await (
		await silent(quick.port)
	).closed

	// Its handshake would be waited for longer than a test may take.
	const slow = await listen(t, tls, { timeouts: { headers: 600_000, drain: 100 } })
	const { closed } = await silent(slow.port)
	await Promise.all([slow.gateway.close(), closed])
	t.pass()
})

anyTest('a certificate cannot be read from files that are not there', async t => {
	const args = ['serve', '--memory', '--allow-anonymous', '--port', '0', '--tls-cert', '/nowhere/cert.pem']
	const half = await command(t, args)
	t.is(half.code, 2)
	t.regex(half.err, /tls\.keyFile/)
	const missing = await command(t, [...args, '--tls-key', '/nowhere/key.pem'])
	t.is(missing.code, 2)
	t.regex(missing.err, /Cannot read the (?:certificate|key) in \/nowhere/)
})

test('serve speaks TLS, and the commands trust an authority of NODE_EXTRA_CA_CERTS', async t => {
	const [before, after] = [await createCertificates(t), await createCertificates(t)]
	const folder = temporaryFolder(t)
	const [certFile, keyFile] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
	const install = async (from: Certificates): Promise<void> => {
		await copyFile(from.certFile, certFile)
		await copyFile(from.keyFile, keyFile)
	}
	await install(before)
	const { child, line } = startCommand(t, ['serve', '--memory', '--port', '0', '--tls-key', keyFile], {
		env: { REMOTE_TERM_GATEWAY_TOKEN: TOKENS.admin, REMOTE_TERM_GATEWAY_TLS_CERT_FILE: certFile },
	})
	const url = (await line('listening')).split(/\s+/)[1]!
	const env = { REMOTE_TERM_GATEWAY: url, REMOTE_TERM_TOKEN: TOKENS.admin }
	const status = (ca: Certificates | undefined) =>
		command(t, ['status', '--timeout', '60s'], {
			env: { ...env, ...(ca && { NODE_EXTRA_CA_CERTS: ca.caFile }) },
		})
	const known = await status(before)
	t.is(known.code, 0, known.err)
	t.regex(known.out, /^gateway {2}ready/)
	const unknown = await status(undefined)
	t.is(unknown.code, 1)
	t.regex(unknown.err, /\(FETCH_FAILED\)\n {2}hint: .*NODE_EXTRA_CA_CERTS/)

	await install(after)
	child.kill('SIGHUP')
	while ((await status(after)).code !== 0);
	t.is((await status(before)).code, 1)
})
