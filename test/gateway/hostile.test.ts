import { gzipSync } from 'node:zlib'
import type { Socket } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { push, raw, startGateway, TOKENS, type RawAnswer, type RunningGateway } from '../support/gateway.ts'

const limits = { maxBodyBytes: 64 * 1024, maxInflatedBytes: 256 * 1024 }

/** Every refusal is a problem, and costs nothing that is stored. */
const refused = async (
	t: ExecutionContext,
	{ ask }: RunningGateway,
	body: string | Uint8Array,
	headers: Readonly<Record<string, string>>,
	status: number,
	code: string,
): Promise<void> => {
	const answer = await ask('/v1/services/users', { method: 'PUT', body, headers })
	t.is(answer.status, status, answer.text)
	t.is(answer.headers.get('content-type'), 'application/problem+json')
	t.like(answer.body, { status, code })
	t.true(answer.text.length < 4_096, 'the refusal is small')
	t.is((await ask('/v1/services/users')).status, 404)
}

const json = { 'content-type': 'application/json' }

test('JSON that nests too deep is refused before it is parsed', async t => {
	const gateway = await startGateway(t, { limits })
	const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
	await refused(t, gateway, deep(30_000), json, 400, 'DESERIALIZE_FAILED')
	await refused(t, gateway, '{"a":'.repeat(65) + '1' + '}'.repeat(65), json, 400, 'DESERIALIZE_FAILED')
	await refused(t, gateway, deep(30_000).slice(0, 30_000), json, 400, 'DESERIALIZE_FAILED')
	const args = `{"nodes":["n"],"configVersion":"1","items":[${'['.repeat(62)}${']'.repeat(62)}]}`
	await refused(t, gateway, args, json, 422, 'VALIDATION_FAILED')
	// Brackets within a string nest nothing.
	const text = {
		...push('1', [{ ...item, requestType: 'a', nodes: 'local', target: `/${'[{'.repeat(200)}` }]),
	}
	t.is((await gateway.ask('/v1/services/users', { method: 'PUT', json: text })).status, 201)
})
const item = { service: 'users' }

test('MessagePack that nests too deep, or claims more than there is, is refused', async t => {
	const gateway = await startGateway(t, { limits })
	const msgpack = { 'content-type': 'application/msgpack' }
	await refused(t, gateway, new Uint8Array(30_000).fill(0x91), msgpack, 400, 'DESERIALIZE_FAILED')
	const billions = new Uint8Array([0xdd, 0xff, 0xff, 0xff, 0xff])
	await refused(t, gateway, billions, msgpack, 400, 'DESERIALIZE_FAILED')
	// An extension that a decoder might make something of.
	await refused(t, gateway, new Uint8Array([0xd4, 0x73, 0x00]), msgpack, 400, 'DESERIALIZE_FAILED')
	// Bytes are nothing that JSON could say again.
	const bytes = new Uint8Array([0x81, 0xa1, 0x61, 0xc4, 0x01, 0xff])
	await refused(t, gateway, bytes, msgpack, 422, 'VALIDATION_FAILED')
})

test('numbers that are none, and numbers beyond all bounds, are refused', async t => {
	const gateway = await startGateway(t, { limits })
	const withTimeout = (timeout: string): string =>
		`{"nodes":["n"],"configVersion":"1","items":[{"requestType":"a","service":"users","nodes":"local","target":"/a","timeout":${timeout}}]}`
	for (const number of ['1e999', '-1e999', '9'.repeat(50_000), '1e-999'])
		await refused(t, gateway, withTimeout(number), json, 422, 'VALIDATION_FAILED')
	for (const number of ['NaN', 'Infinity', '0x10', '01', '1e'])
		await refused(t, gateway, withTimeout(number), json, 400, 'DESERIALIZE_FAILED')
})

test('__proto__ and constructor change nobody', async t => {
	const { ask } = await startGateway(t, { limits })
	const polluted =
		'{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"nodes":["n"],"configVersion":"1","items":[]}'
	const answer = await ask('/v1/services/users', { method: 'PUT', body: polluted, headers: json })
	t.is(answer.status, 422)
	t.is(({} as { polluted?: number }).polluted, undefined)
	const inItem =
		'{"nodes":["n"],"configVersion":"1","items":[{"requestType":"a","service":"users","nodes":"local","target":"/a","\\u005f_proto__":{"disabled":true}}]}'
	t.is((await ask('/v1/services/users', { method: 'PUT', body: inItem, headers: json })).status, 201)
	t.like((await ask('/v1/services/users/items/a')).body, { disabled: false })
	t.is((await ask('/v1/services/__proto__/items')).status, 400)
	t.is((await ask('/v1/services/constructor/items')).status, 404)
})

test('what is no JSON is refused, and not quoted', async t => {
	const gateway = await startGateway(t, { limits })
	for (const body of ['{"secret-of-mine":', 'secret-of-mine', '\ufeff\ufeff{}', '{"a":"\u0001"}']) {
		await refused(t, gateway, body, json, 400, 'DESERIALIZE_FAILED')
		const { text } = await gateway.ask('/v1/services/users', { method: 'PUT', body, headers: json })
		t.false(text.includes('secret-of-mine'))
	}
	await refused(t, gateway, new Uint8Array([0x22, 0xff, 0x22]), json, 400, 'DESERIALIZE_FAILED')
	for (const body of ['null', '7', '"x"', '[]', '{}'])
		await refused(t, gateway, body, json, 422, 'VALIDATION_FAILED')
	await refused(t, gateway, '', json, 400, 'EMPTY_BODY')
})

test('another type or coding is 415, with what would do', async t => {
	const gateway = await startGateway(t, { limits })
	const body = JSON.stringify(push('1'))
	for (const type of [
		'text/plain',
		'application/x-www-form-urlencoded',
		'application/json; charset=utf-16',
		'*/*',
	])
		await refused(t, gateway, body, { 'content-type': type }, 415, 'UNSUPPORTED_MEDIA_TYPE')
	for (const coding of ['br', 'gzip, gzip', 'zstd', '__proto__'])
		await refused(t, gateway, body, { ...json, 'content-encoding': coding }, 415, 'UNSUPPORTED_MEDIA_TYPE')
	const { headers } = await gateway.ask('/v1/services/users', {
		method: 'PUT',
		...{ body, headers: { 'content-type': 'text/plain' } },
	})
	t.is(headers.get('accept'), 'application/json, application/msgpack, application/vnd.msgpack')
})

test('bad gzip is 400, and a bomb 413', async t => {
	const gateway = await startGateway(t, { limits })
	const gzip = { ...json, 'content-encoding': 'gzip' }
	const good = gzipSync(JSON.stringify(push('1')))
	const damaged = Buffer.from(good)
	damaged[damaged.length - 6]! ^= 0xff
	await refused(t, gateway, JSON.stringify(push('1')), gzip, 400, 'INFLATE_FAILED')
	await refused(t, gateway, good.subarray(0, -4), gzip, 400, 'INFLATE_FAILED')
	await refused(t, gateway, damaged, gzip, 400, 'INFLATE_FAILED')
	await refused(t, gateway, Buffer.concat([good, Buffer.from('more')]), gzip, 400, 'INFLATE_FAILED')
	// 48 MiB in 48 KiB.
	const bomb = gzipSync(Buffer.alloc(48 * 2 ** 20, 0x20))
	t.true(bomb.length < limits.maxBodyBytes)
	await refused(t, gateway, bomb, gzip, 413, 'INFLATED_TOO_LARGE')
})

const head = (more: string): string =>
	`PUT /v1/services/users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKENS.push}\r\nContent-Type: application/json\r\n${more}\r\n`

test('a body of 100 MB is refused by its length, before it is sent', async t => {
	const { port } = await startGateway(t)
	const {
		status,
		body,
		head: answer,
	} = await raw(t, port, socket => socket.write(head('Content-Length: 104857600\r\n')))
	t.is(status, 413)
	t.like(JSON.parse(body), { code: 'TOO_LARGE' })
	t.regex(answer, /^connection: close$/im)
})

test('a body of 100 MB without a length is refused as soon as it is too large', async t => {
	const { port } = await startGateway(t, { limits })
	let sent = 0
	const chunk = `4000\r\n${' '.repeat(0x4000)}\r\n`
	const { status, body, socket } = await raw(t, port, socket => {
		socket.write(head('Transfer-Encoding: chunked\r\n'))
		const pour = (): void => {
			while (sent < 100_000_000 && !socket.destroyed) {
				sent += 0x4000
				if (!socket.write(chunk)) {
					socket.once('drain', pour)
					return
				}
			}
		}
		pour()
	})
	t.is(status, 413)
	t.like(JSON.parse(body), { code: 'TOO_LARGE' })
	await closed(socket)
	t.true(sent < 100_000_000, `${sent} bytes were taken`)
})

const closed = (socket: Socket): Promise<void> =>
	new Promise(resolve => {
		if (socket.closed) resolve()
		else socket.once('close', () => resolve())
	})

test('a body that drips is 408, and its connection ends', async t => {
	const { port } = await startGateway(t, { timeouts: { body: 300 } })
	const slow = await raw(t, port, socket => {
		socket.write(head('Content-Length: 1000\r\n'))
		const drip = setInterval(() => socket.write(' '), 20)
		t.teardown(() => clearInterval(drip))
		socket.on('close', () => clearInterval(drip))
	})
	t.is(slow.status, 408)
	t.like(JSON.parse(slow.body), { code: 'REQUEST_TIMEOUT' })
	await closed(slow.socket)
})

test('headers that drip are 408, too', async t => {
	const { port } = await startGateway(t, { timeouts: { headers: 300 } })
	const slow = await raw(t, port, socket => {
		socket.write('GET /healthz HTTP/1.1\r\n')
		const drip = setInterval(() => socket.write('X'), 50)
		t.teardown(() => clearInterval(drip))
		socket.on('close', () => clearInterval(drip))
	})
	t.is(slow.status, 408)
	await closed(slow.socket)
})

test('a body that ends early changes nothing', async t => {
	const { port, ask } = await startGateway(t)
	const socket = await new Promise<Socket>(resolve => {
		void raw(t, port, one => {
			one.write(`${head('Content-Length: 100000\r\n')}${JSON.stringify(push('1'))}`)
			resolve(one)
		}).catch(() => {})
	})
	socket.destroy()
	await closed(socket)
	t.is((await ask('/v1/services/users')).status, 404)
})

const malformed: ReadonlyArray<readonly [what: string, request: string, status: number]> = [
	['a flood of headers', `GET /healthz HTTP/1.1\r\nHost: x\r\n${'X-A: b\r\n'.repeat(20_000)}\r\n`, 431],
	['one large header', `GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ${'b'.repeat(100_000)}\r\n\r\n`, 431],
	['a large target', `GET /${'a'.repeat(100_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 431],
	['no HTTP', 'EHLO example.com\r\n\r\n', 400],
	['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', 400],
	['two lengths', `${head('Content-Length: 5\r\nContent-Length: 6\r\n')}hello`, 400],
	['a length and chunks', `${head('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n')}0\r\n\r\n`, 400],
	['a length that is none', `${head('Content-Length: -5\r\n')}`, 400],
	['a Host that is none', 'GET /healthz HTTP/1.1\r\nHost: a/../b@c\r\n\r\n', 400],
	['a backslash in the path', 'GET /v1\\..\\x HTTP/1.1\r\nHost: x\r\n\r\n', 400],
]
for (const [what, request, status] of malformed) {
	test(`${what}: refused with ${status}, and the gateway goes on`, async t => {
		const { port, ask } = await startGateway(t)
		const answer: RawAnswer = await raw(t, port, socket => socket.write(request))
		t.is(answer.status, status, answer.head)
		t.is((await ask('/healthz')).status, 200)
	})
}

test('an offer to speak another protocol, as some clients always make it, is passed over', async t => {
	const { port } = await startGateway(t)
	const answer = await raw(t, port, socket =>
		socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n'),
	)
	t.is(answer.status, 200)
})

test('HTTP/1.0 needs no Host, which lets nobody in who says by it that it is on this machine', async t => {
	const { port } = await startGateway(t, { tokens: [], allowAnonymous: 'loopback' })
	const ask = (path: string, more = '') =>
		raw(t, port, socket => socket.write(`GET ${path} HTTP/1.0\r\n${more}\r\n`))
	t.is((await ask('/healthz')).status, 200)
	t.is((await ask('/v1/services')).status, 401)
	t.is((await ask('/v1/services', 'Host: localhost\r\n')).status, 200)
})

test('connections beyond the limit are closed, and those within it go on', async t => {
	const { port } = await startGateway(t, { limits: { maxConnections: 2 } })
	const ping = 'GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'
	const first = await raw(t, port, socket => socket.write(ping))
	const second = await raw(t, port, socket => socket.write(ping))
	t.deepEqual([first.status, second.status], [200, 200])
	await t.throwsAsync(raw(t, port, socket => socket.write(ping)))
	first.socket.destroy()
	await closed(first.socket)
})

test('bodies together may take so much, and the next one is told to wait', async t => {
	const { port, ask } = await startGateway(t, {
		limits: { maxBodyBytes: 100_000, maxBytesInFlight: 100_000 },
	})
	const half = ' '.repeat(60_000)
	const waiting = await new Promise<Socket>(resolve => {
		raw(t, port, socket => {
			socket.write(head('Content-Length: 99999\r\n') + half, () => resolve(socket))
		}).catch(() => {})
	})
	// The first one is being read as soon as it counts.
	for (let bytes = 0; bytes < 60_000;) {
		const { text } = await ask('/metrics')
		bytes = Number(/^remote_term_gateway_body_bytes_in_flight\{\} (\d+)$/m.exec(text)?.[1])
	}
	const second = await ask('/v1/services/users', { method: 'PUT', body: half, headers: json })
	t.is(second.status, 503)
	t.is(second.headers.get('retry-after'), '1')
	waiting.destroy()
	for (let bytes = 1; bytes > 0;) {
		const { text } = await ask('/metrics')
		bytes = Number(/^remote_term_gateway_body_bytes_in_flight\{\} (\d+)$/m.exec(text)?.[1])
	}
	t.is((await ask('/v1/services/users', { method: 'PUT', json: push('1') })).status, 201)
})

test('who asks whether a body may be sent is refused without having sent it, if it is too large', async t => {
	const { port, url } = await startGateway(t, { limits })
	const head = (length: number, token: string = TOKENS.push): string =>
		[
			...['PUT /v1/services/users HTTP/1.1', `Host: 127.0.0.1:${port}`, `Authorization: Bearer ${token}`],
			...['Content-Type: application/json', `Content-Length: ${length}`, 'Expect: 100-continue', '', ''],
		].join('\r\n')
	const large = await raw(t, port, socket => socket.write(head(100_000_000)))
	t.is(large.status, 413, large.head)
	t.like(JSON.parse(large.body), { code: 'TOO_LARGE' })
	t.regex(large.head, /^connection: close$/im)
	const stranger = await raw(t, port, socket => socket.write(head(100_000_000, 'x'.repeat(30))))
	t.is(stranger.status, 401)
	// One that fits is asked for, and then taken.
	const body = JSON.stringify(push('1'))
	const first = await raw(t, port, socket => socket.write(head(body.length)))
	t.is(first.status, 100)
	const last = new Promise<string>(resolve => {
		first.socket.on('data', (text: string) => text.startsWith('HTTP/1.1 201') && resolve(text))
	})
	first.socket.write(body)
	t.regex(await last, /"accepted"/)
	t.is((await fetch(`${url}/healthz`)).status, 200)
})
