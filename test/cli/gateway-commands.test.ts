import { createHash } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { Packr } from 'msgpackr'
import {
	command,
	runInside as runAtOnce,
	startCommand,
	temporaryFolder,
	type Running,
} from '../support/command.ts'
import { item, push, startGateway, TOKENS } from '../support/gateway.ts'
import { closedPort } from '../support/ports.ts'
import { serve } from '../support/serve.ts'

/** A machine that does a lot besides may take longer to answer than a person would wait. */
const runInside: typeof runAtOnce = (args, options) =>
	runAtOnce(['push', 'verify', 'status'].includes(args[0]!) ? [...args, '--timeout', '60s'] : args, options)

const TOKEN = 'token-of-the-command-line-0123456789'
const config = (version: string): object => ({ service: 'users', ...push(version, [item('a'), item('b')]) })

const write = (t: ExecutionContext, name: string, content: unknown): string => {
	const path = join(temporaryFolder(t), name)
	writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
	return path
}

/** The gateway in a process of its own, with its URL. */
const startServing = async (
	t: ExecutionContext,
	args: readonly string[],
	env: Readonly<Record<string, string>> = {},
): Promise<Running & { readonly url: string }> => {
	const running = startCommand(t, ['serve', '--port', '0', ...args], { env })
	const line = await running.line('listening')
	return { ...running, url: line.split(/\s+/)[1]! }
}

test('serve, push, verify and status: from an empty folder to a service that survives a restart', async t => {
	const data = join(temporaryFolder(t), 'data')
	const file = write(t, 'users.json', config('1.0.0'))
	const first = await startServing(t, ['--data', data], { REMOTE_TERM_GATEWAY_TOKEN: TOKEN })
	t.is(await first.line('database'), `database   ${join(data, 'config.lmdb')}`)
	const env = { REMOTE_TERM_GATEWAY: first.url, REMOTE_TERM_TOKEN: TOKEN }
	const ask = (...args: readonly string[]) => runInside(args, { env })

	const unknown = await ask('verify', 'users', '1.0.0')
	t.is(unknown.code, 1)
	t.regex(unknown.err, /knows no service users \(FETCH_NOT_FOUND\)/)
	t.deepEqual(await ask('push', file), {
		...{ code: 0, err: '' },
		out: 'accepted  users 1.0.0 (revision 1): 2 added, 0 changed, 0 removed\n',
	})
	t.is((await ask('push', file)).out, 'skipped  users 1.0.0 (revision 1): the gateway has this version\n')
	t.like(JSON.parse((await ask('push', file, '--json')).out), { status: 'skipped' })
	t.like(JSON.parse((await ask('push', file, '--json', '--force')).out), { status: 'accepted' })
	t.deepEqual(await ask('verify', 'users', '1.0.0'), { code: 0, err: '', out: 'matched  users 1.0.0\n' })
	const mismatch = await ask('verify', 'users', '1.1.0')
	t.is(mismatch.code, 3)
	t.regex(mismatch.err, /to have the version 1\.1\.0, it has 1\.0\.0 \(VERSION_MISMATCH\)/)

	const older = await ask('push', write(t, 'older.json', config('0.9.0')))
	t.is(older.code, 3)
	t.regex(older.err, /\(DOWNGRADE_REFUSED\)/)
	const faulty = { service: 'users', ...push('2.0.0', [item('a', { target: 1 }), item('b', { timeout: 1 })]) }
	const refused = await ask('push', write(t, 'faulty.json', faulty))
	t.is(refused.code, 3)
	t.regex(
		refused.err,
		/^ {2}\/items\/0\/target: .*\n {2}\/items\/1\/timeout: .*\nremote-term: .*\(VALIDATION_FAILED\)/,
	)

	first.child.kill('SIGTERM')
	const ended = await first.ended
	t.deepEqual([ended.code, ended.signal], [0, null], ended.err)
	t.regex(ended.out, /ending {5}SIGTERM\nended/)
	const audit = ended.err.split('\n').filter(line => line.includes('"audit"'))
	t.is(audit.length, 6)
	t.like(JSON.parse(audit[0]!), {
		...{ level: 'info', message: 'token: push users: accepted' },
		audit: { who: 'token', address: '127.0.0.1', configVersion: '1.0.0', revision: 1 },
	})

	const second = await startServing(t, ['--data', data], { REMOTE_TERM_GATEWAY_TOKEN: TOKEN })
	const after = { REMOTE_TERM_GATEWAY: second.url, REMOTE_TERM_TOKEN: TOKEN }
	t.is((await runInside(['verify', 'users', '1.0.0'], { env: after })).code, 0)
	const shown = await runInside(['status'], { env: after })
	t.regex(
		shown.out,
		/^gateway {2}ready {2}version \S+ {2}1 service {2}2 items\n\nservice {2}version {2}revision.*\nusers {4}1\.0\.0 {4}2 /,
	)
	t.regex(
		shown.out,
		/\nstream {3}clients {2}items {2}last change.*\nserving {2}0 {8}2 {6}never {8}0 {10}0 {8}0\n/,
	)
	t.like(JSON.parse((await runInside(['status', '--json'], { env: after })).out), {
		gateway: { status: 'ready', items: 2 },
		stream: { state: 'serving', clients: 0, items: 2 },
	})
	for (const { out, err } of [ended, shown, refused, older]) t.false(`${out}${err}`.includes(TOKEN))
})

test('push reads MessagePack too: by the extension of the file, or where it is told', async t => {
	const { url } = await startGateway(t)
	const env = { REMOTE_TERM_GATEWAY: url, REMOTE_TERM_TOKEN: TOKENS.admin }
	const pack = (version: string): Buffer => new Packr({ useRecords: false }).pack(config(version))
	const folder = temporaryFolder(t)
	const [named, unnamed] = [join(folder, 'users.msgpack'), join(folder, 'users.config')]
	writeFileSync(named, pack('1.0.0'))
	writeFileSync(unnamed, pack('1.1.0'))
	t.regex((await runInside(['push', named], { env })).out, /^accepted {2}users 1\.0\.0/)
	const json = await runInside(['push', unnamed], { env })
	t.is(json.code, 3)
	t.regex(json.err, /DESERIALIZE_FAILED/)
	t.regex(
		(await runInside(['push', unnamed, '--codec', 'msgpack'], { env })).out,
		/^accepted {2}users 1\.1\.0/,
	)
	const stdin = Readable.from([pack('1.2.0')])
	t.regex(
		(await runInside(['push', '-', '--codec', 'msgpack'], { env, stdin })).out,
		/^accepted {2}users 1\.2\.0/,
	)
	t.is((await runInside(['push', named, '--codec', 'yaml'], { env })).code, 2)
})

test('push reads a pipe, and a token from a file that may be replaced', async t => {
	const { url } = await startGateway(t)
	const tokenFile = write(t, 'token', `${TOKENS.push}\n`)
	const stdin = Readable.from([Buffer.from(JSON.stringify(config('1.0.0')))])
	const pushed = await runInside(['push', '-', '--gateway', url, '--token-file', tokenFile], { stdin })
	t.deepEqual([pushed.code, pushed.err], [0, ''])
	const nothing = await runInside(['push', '-', '--gateway', url, '--token-file', tokenFile])
	t.regex(nothing.err, /\(DESERIALIZE_FAILED\)/)
	const missing = await runInside(['push', '-', '--gateway', url, '--token-file', '/nowhere/token'], {
		stdin: Readable.from([Buffer.from(JSON.stringify(config('1.0.1')))]),
	})
	t.is(missing.code, 2)
	t.regex(missing.err, /Cannot read --token-file \/nowhere\/token/)
	const wrong = await runInside(['verify', 'users', '1', '--gateway', url], {
		env: { REMOTE_TERM_TOKEN: 'wrong-token-0123456789' },
	})
	t.is(wrong.code, 1)
	t.regex(wrong.err, /\(FETCH_DENIED\)\n {2}hint: .*--token-file or REMOTE_TERM_TOKEN/)
	t.false(wrong.err.includes('wrong-token'))
})

test('status shows the stream above, and what is wrong with it; and no stream where none is', async t => {
	const env = { REMOTE_TERM_TOKEN: TOKENS.read }
	const upstream = { url: `http://127.0.0.1:${await closedPort()}`, token: TOKENS.read }
	const relay = await startGateway(t, { stream: { upstream } })
	for (;;) {
		const { code, out } = await runInside(['status', '--gateway', relay.url], { env })
		t.is(code, 0)
		if (/\nupstream .*\n\w+ .*FETCH_FAILED: /.test(out)) break
	}
	const { url } = await startGateway(t, { stream: false })
	const { code, out } = await runInside(['status', '--gateway', url], { env })
	t.is(code, 0)
	t.notRegex(out, /stream/)
})

test('status stays with --watch until it is told to end', async t => {
	const { url } = await startGateway(t)
	const running = startCommand(t, ['status', '--watch', '--json', '--interval', '20ms', '--gateway', url], {
		env: { REMOTE_TERM_TOKEN: TOKENS.read },
	})
	await running.line('"ready"')
	running.child.kill('SIGINT')
	const { code, out } = await running.ended
	t.is(code, 0)
	for (const line of out.trim().split('\n')) t.like(JSON.parse(line), { gateway: { status: 'ready' } })
})

test('status --watch outlives a gateway that is gone for a while, but no token that is refused', async t => {
	let answers: ReadonlyArray<readonly [status: number, body: object]> = []
	const good = { gateway: { status: 'ready', version: '1', items: 0 }, services: [], pulls: [], failures: [] }
	const denied = { code: 'UNAUTHORIZED', detail: 'This token is not known' }
	const { url } = await serve(t, (request, response) => {
		const next = answers[0]
		answers = answers.slice(1)
		if (next === undefined) return void request.socket.destroy()
		response.writeHead(next[0], { 'content-type': 'application/json' }).end(JSON.stringify(next[1]))
	})
	const args = ['status', '--watch', '--json', '--interval', '20ms', '--gateway', url.href]
	const running = startCommand(t, args)
	await new Promise<void>(resolve => {
		let err = ''
		running.child.stderr!.on('data', (chunk: Buffer) => {
			err += chunk.toString()
			if (err.includes('(FETCH_FAILED)')) resolve()
		})
	})
	answers = [
		[200, good],
		[503, { code: 'STOPPED', detail: 'The gateway is about to end' }],
		[200, { ...good, gateway: { ...good.gateway, items: 7 } }],
		[401, denied],
	]
	await running.line('"items":7')
	const { code, err } = await running.ended
	t.is(code, 1)
	t.regex(err, /about to end.*\n/)
	t.regex(err, /This token is not known \(FETCH_DENIED\)\n {2}hint: [^\n]*\n$/)
})

test('what is no gateway is told from one', async t => {
	const { url } = await serve(t, (_, response) => response.end('{"hello":1}'))
	const status = await runInside(['status', '--gateway', url.href])
	t.is(status.code, 1)
	t.regex(status.err, /is --gateway right\? \(FETCH_STATUS\)/)
	const none = await runInside(['status', '--gateway', `http://127.0.0.1:${await closedPort()}`])
	t.regex(none.err, /\(FETCH_FAILED\)/)
})

test('tokens are read anew on SIGHUP', async t => {
	const sha256 = (token: string): string => createHash('sha256').update(token).digest('hex')
	const tokensOf = (token: string): string =>
		JSON.stringify([{ name: 'ci', scopes: ['read'], sha256: sha256(token) }])
	const path = write(t, 'tokens.json', tokensOf(TOKEN))
	const { url, child } = await startServing(t, ['--memory', '--tokens-file', path])
	const code = async (token: string): Promise<number> =>
		(await runInside(['status'], { env: { REMOTE_TERM_GATEWAY: url, REMOTE_TERM_TOKEN: token } })).code
	t.is(await code(TOKEN), 0)
	const fresh = 'a-fresh-token-for-the-command-line'
	writeFileSync(path, tokensOf(fresh))
	child.kill('SIGHUP')
	while ((await code(fresh)) !== 0);
	t.is(await code(TOKEN), 1)
})

test('a second signal ends the gateway at once', async t => {
	const { url, child, ended } = await startServing(t, ['--memory', '--allow-anonymous'])
	// A push whose body does not come keeps the first signal waiting.
	const controller = new AbortController()
	t.teardown(() => controller.abort())
	const body = new ReadableStream({ start: stream => stream.enqueue(Buffer.from('{')) })
	const pending = fetch(`${url}/v1/services/users`, {
		...{ method: 'PUT', body, duplex: 'half', signal: controller.signal },
		headers: { 'content-type': 'application/json' },
	})
	const cut = t.throwsAsync(pending)
	for (;;) {
		const text = await (await fetch(`${url}/metrics`)).text()
		if (/^remote_term_gateway_requests_in_flight\{\} 2$/m.test(text)) break
	}
	child.kill('SIGTERM')
	await new Promise<void>(resolve => {
		let out = ''
		child.stdout!.on('data', (chunk: Buffer) => {
			out += chunk.toString()
			if (out.includes('ending')) resolve()
		})
	})
	child.kill('SIGTERM')
	t.is((await ended).code, 143)
	await cut
})

const mistakes: ReadonlyArray<readonly [args: readonly string[], said: RegExp]> = [
	[['push'], /missing required argument 'FILE'/],
	[['push', 'x.json'], /Expected --gateway.*REMOTE_TERM_GATEWAY does the same/s],
	[['push', '/nowhere/x.json', '--gateway', 'http://x'], /Cannot read \/nowhere\/x\.json/],
	[['verify', 'users', '--gateway', 'http://x'], /missing required argument 'VERSION'/],
	[['verify', 'a b', '1', '--gateway', 'http://x'], /Expected `service` to be 1 to 128 letters/],
	[['status', '--gateway', 'ftp://x'], /Expected `url`/],
	[['status', '--interval', 'soon'], /'soon' is invalid/],
	[['serve', '--port', '70000', '--memory'], /'70000' is invalid.*port/],
	[['serve'], /data: expected one of data, memory and nats.*tokens: expected token/],
	[
		['serve', '--memory', '--data', '/x', '--allow-anonymous'],
		/--data: expected one of.*got --data and --memory/,
	],
	[['serve', '--allow-anonymous', 'everyone'], /loopback, anywhere/],
	[['serve', '--config', '/nowhere/gateway.json'], /Cannot read the configuration \/nowhere\/gateway\.json/],
	[['serve', '--memory', '--allow-anonymous', '--host', '192.0.2.1'], /needs a loopback address/],
	[['serve', '--memory', '--allow-anonymous', '--allow-origin', 'x'], /allowedOrigins/],
	[['serve', '--memory', '--tokens-file', '/nowhere/tokens.json'], /Cannot read the tokens in \/nowhere/],
]
for (const [args, said] of mistakes) {
	test(`remote-term ${args.join(' ')} is a mistake that is explained`, async t => {
		const { code, out, err } = await runInside(args)
		t.is(code, args.includes('/nowhere/x.json') ? 1 : 2, err)
		t.is(out, '')
		t.regex(err, /^remote-term: .* \((?:INVALID_OPTION|FETCH_NOT_FOUND)\)\n(?: {2}hint: .*\n)?$/)
		t.regex(err, said)
	})
}

for (const name of ['serve', 'push', 'verify', 'status']) {
	test(`remote-term ${name} --help teaches by examples`, async t => {
		const { code, out } = await runInside([name, '--help'])
		t.is(code, 0)
		t.regex(out, new RegExp(`Examples:\\n[^]* {2}\\$ remote-term ${name} `))
		t.regex(out, /Exit codes:[^]*docs\/gateway\.md/)
	})
}

test('an address that is taken is exit code 1, and a folder that cannot be is 5', async t => {
	const { port } = await startGateway(t)
	const taken = await command(t, ['serve', '--memory', '--allow-anonymous', '--port', String(port)])
	t.is(taken.code, 1)
	t.regex(taken.err, /EADDRINUSE.*\(TRANSPORT_FAILED\)/)
	const file = write(t, 'file', 'not a folder')
	const broken = await command(t, ['serve', '--allow-anonymous', '--port', '0', '--data', file])
	t.is(broken.code, 5, broken.err)
	t.regex(broken.err, /\(DATABASE_FAILED\)/)
	t.true(existsSync(file))
})
