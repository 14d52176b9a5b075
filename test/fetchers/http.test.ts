import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import type { Server } from 'node:http'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as zlib from 'node:zlib'
import test from 'ava'
import { Agent, ProxyAgent } from 'undici'
import { HttpFetcher } from '../../fetchers/http.ts'
import { createHttpClient as createFetchOnlyClient } from '../../fetchers/http-request/fetch.ts'
import { faultOf } from '../../fetchers/http-request/fault.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { isNotModified } from '../../lib/core/fetcher.ts'
import { context } from '../support/context.ts'
import { serve, serveRaw } from '../support/serve.ts'
import { RatesTerm } from '../support/terms.ts'
import { asBody, creator, everythingIn, refused, textOf } from './http-suite.ts'

const create = creator({})
const url = 'http://127.0.0.1/'

/** The connections that a server has had, and those that it still has. */
const countConnections = (server: Server): { total: number; open: Set<Socket> } => {
	const counted = { total: 0, open: new Set<Socket>() }
	server.on('connection', (socket: Socket) => {
		counted.total++
		counted.open.add(socket)
		socket.once('close', () => counted.open.delete(socket))
	})
	return counted
}

test('a loop of 304s uses one connection', async t => {
	const { url, server } = await serve(t, (request, response) => {
		response.setHeader('etag', '"x"')
		if (request.headers['if-none-match']) response.writeHead(304).end()
		else response.end('x'.repeat(1_000_000))
	})
	const connections = countConnections(server)
	const fetcher = await create(t, { url })
	await textOf(await fetcher.download(context()))
	for (let round = 0; round < 50; round++)
		t.true(isNotModified(await fetcher.downloadIfChanged('"x"', context())))
	t.is(connections.total, 1)
})

test('a 304 may announce the length of what it does not send', async t => {
	const { url } = await serve(t, (_request, response) =>
		response.writeHead(304, { 'content-length': '1000000' }).end(),
	)
	const fetcher = await create(t, { url })
	for (let round = 0; round < 3; round++)
		t.true(isNotModified(await fetcher.downloadIfChanged('"x"', context())))
})

test('errors, redirects and short bodies given up keep the connection', async t => {
	const { url, server } = await serve(t, (request, response) => {
		if (request.url === '/') response.writeHead(302, { location: '/there' }).end('moved')
		else response.writeHead(503).end('x'.repeat(10_000))
	})
	const connections = countConnections(server)
	const fetcher = await create(t, { url })
	for (let round = 0; round < 10; round++) {
		await refused(t, () => fetcher.download(context()), 'FETCH_STATUS')
	}
	t.is(connections.total, 1)

	const small = await serve(t, (_request, response) => response.end('body'))
	const counted = countConnections(small.server)
	const other = await create(t, { url: small.url })
	for (let round = 0; round < 10; round++) await asBody(await other.download(context())).cancel!()
	t.is(counted.total, 1)
})

test('an error page that is long, or never ends, costs its connection and not much time', async t => {
	const closing: Array<Promise<unknown>> = []
	const { url } = await serve(t, (request, response) => {
		closing.push(new Promise(resolve => request.socket.once('close', resolve)))
		response.writeHead(500).write('x'.repeat(1000))
		if (request.url === '/long') response.end('x'.repeat(5_000_000))
	})
	for (const path of ['/endless', '/long']) {
		const fetcher = await create(t, { url: new URL(path, url), bodyTimeout: 30 })
		await refused(t, () => fetcher.download(context()), 'FETCH_STATUS', { status: 500 })
	}
	t.is((await Promise.all(closing)).length, 2)
})

test('close ends the connections that the fetcher has opened', async t => {
	const { url, server } = await serve(t, (_request, response) => response.end('body'))
	const connections = countConnections(server)
	const fetcher = new HttpFetcher({ url })
	await fetcher.init()
	await textOf(await fetcher.download(context()))
	const [socket] = connections.open
	const gone = once(socket!, 'close')
	await fetcher.close()
	await gone
	await refused(t, () => fetcher.download(context()), 'NOT_STARTED')
	await t.notThrowsAsync(fetcher.close())
})

test('several downloads at once do not disturb each other', async t => {
	const { url } = await serve(t, (request, response) => {
		response.setHeader('etag', `"${request.url}"`)
		response.end(request.url!.repeat(20_000))
	})
	const one = await create(t, { url: new URL('/one', url) })
	const two = await create(t, { url: new URL('/two', url) })
	const bodies = await Promise.all(
		[one, two, one, two].map(async fetcher => textOf(await fetcher.downloadIfChanged(undefined, context()))),
	)
	t.deepEqual(
		bodies.map(body => body.slice(0, 8)),
		['/one/one', '/two/two', '/one/one', '/two/two'],
	)
	t.deepEqual(new Set(bodies.map(body => body.length)), new Set([80_000]))
})

test('nothing is left behind on the signal of the call', async t => {
	const { url } = await serve(t, (request, response) => {
		if (request.headers['if-none-match']) response.writeHead(304).end()
		else if (request.url === '/missing') response.writeHead(404).end('page')
		else response.setHeader('etag', '"x"').end('body')
	})
	let listeners = 0
	const { signal } = new AbortController()
	const counting = new Proxy(signal, {
		get(target, key) {
			if (key === 'addEventListener') listeners++
			if (key === 'removeEventListener') listeners--
			const value: unknown = Reflect.get(target, key)
			return typeof value === 'function' ? (value.bind(target) as unknown) : value
		},
	})
	const call = context({ signal: counting })
	const fetcher = await create(t, { url })
	await textOf(await fetcher.download(call))
	t.is(listeners, 0)
	await fetcher.downloadIfChanged('"x"', call)
	t.is(listeners, 0)
	await fetcher.currentVersion(call)
	await asBody(await fetcher.download(call)).cancel!()
	const missing = await create(t, { url: new URL('/missing', url) })
	await refused(t, () => missing.download(call), 'FETCH_NOT_FOUND')
	t.is(listeners, 0)
})

test('a proxy is used through the dispatcher, which stays open', async t => {
	const origin = await serve(t, (request, response) => response.end(`for ${request.headers.host}`))
	const tunnels: string[] = []
	const proxy = await serve(t, (_request, response) => response.writeHead(500).end())
	proxy.server.on('connect', (request, socket: Socket) => {
		tunnels.push(request.url!)
		if (request.headers['proxy-authorization'] === undefined) {
			socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n')
			return
		}
		const onward = connect(Number(origin.url.port), '127.0.0.1', () => {
			socket.write('HTTP/1.1 200 Connected\r\n\r\n')
			onward.pipe(socket).pipe(onward)
		})
		onward.on('error', () => socket.destroy())
		socket.on('error', () => onward.destroy())
		t.teardown(() => onward.destroy())
	})
	const dispatcher = new ProxyAgent({ uri: proxy.url.href, token: 'Basic eDp5' })
	t.teardown(() => dispatcher.destroy())
	const fetcher = new HttpFetcher({ url: 'http://data.example/file', dispatcher })
	await fetcher.init()
	t.is(await textOf(await fetcher.download(context())), 'for data.example')
	await fetcher.close()
	t.false((dispatcher as unknown as { destroyed: boolean }).destroyed)
	t.deepEqual(tunnels, ['data.example:80'])

	const anonymous = new ProxyAgent(proxy.url.href)
	t.teardown(() => anonymous.destroy())
	const denied = await create(t, { url: 'http://data.example/file', dispatcher: anonymous })
	await refused(t, () => denied.download(context()), 'FETCH_DENIED', { status: 407, message: /proxy/ })
})

test('a connection that is not made in time is FETCH_TIMEOUT', async t => {
	// The TLS handshake counts as connecting, and this server never says a word.
	const { url } = await serveRaw(t, () => {})
	const fetcher = await create(t, { url: `https://${url.host}/`, connectTimeout: 50 })
	await refused(t, () => fetcher.download(context()), 'FETCH_TIMEOUT')
})

test('a host without an address is FETCH_FAILED', async t => {
	const fetcher = await create(t, { url: 'http://nowhere.invalid/' })
	await refused(t, () => fetcher.download(context()), 'FETCH_FAILED', { message: /nowhere\.invalid/ })
})

test('a redirect from https to http is refused', async t => {
	const asked: string[] = []
	const fetcher = await create(t, {
		url: 'https://data.example/',
		fetch: async url => {
			asked.push(url)
			return new Response(null, { status: 302, headers: { location: 'http://data.example/?token=hush' } })
		},
	})
	const error = await refused(t, () => fetcher.download(context()), 'FETCH_REDIRECT', { message: /https:/ })
	t.notRegex(error.message, /hush/)
	t.deepEqual(asked, ['https://data.example/'])
})

test('a runtime that hides redirects makes them FETCH_REDIRECT', async t => {
	const fetcher = await create(t, {
		url,
		fetch: async () => Object.defineProperty(new Response(null), 'type', { value: 'opaqueredirect' }),
	})
	await refused(t, () => fetcher.download(context()), 'FETCH_REDIRECT', { message: /runtime/ })
})

test('a fetch that does not heed its signal is left behind all the same', async t => {
	const fetcher = await create(t, {
		url,
		bodyTimeout: 20,
		fetch: async () =>
			new Response(new ReadableStream({ start: stream => stream.enqueue(new Uint8Array(3)) })),
	})
	await refused(t, async () => textOf(await fetcher.download(context())), 'FETCH_TIMEOUT')
})

test('where there is only fetch, a dispatcher is an error', t => {
	const error = t.throws(() => createFetchOnlyClient({ connectTimeout: 1, dispatcher: new Agent() }), {
		instanceOf: RemoteTermError,
	})
	t.is(error.code, 'INVALID_OPTION')
})

test('what was on the wire is kept in no cause', t => {
	const raw = Object.assign(new Error('Not HTTP'), { code: 'HPE_INVALID', data: 'set-cookie: hush-hush' })
	for (const thrown of [
		raw,
		new TypeError('fetch failed', { cause: raw }),
		new Error('outer', { cause: raw }),
	]) {
		const fault = faultOf(thrown)
		t.notRegex(everythingIn(fault), /hush/)
		t.regex(everythingIn(fault.cause), /Not HTTP[^]*HPE_INVALID|HPE_INVALID[^]*Not HTTP/)
	}
	const harmless = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED', port: 1 })
	t.is(faultOf(harmless).cause, harmless, 'others stay whole')
})

const bad: ReadonlyArray<[string, Record<string, unknown>, RegExp]> = [
	['no url', { url: undefined }, /`url`/],
	['a url that is none', { url: 'hush-hush' }, /`url`.*no absolute URL/],
	['another protocol', { url: 'ftp://me:hush@host/' }, /`url`.*ftp:/],
	['a user that is not UTF-8', { url: 'http://%ff:hush@host/' }, /`url`.*UTF-8/],
	['an unknown option', { method: 'POST' }, /no option `method`/],
	['headers that are an array', { headers: ['hush'] }, /`headers`/],
	['a header that is no string', { headers: { 'x-key': 1 } }, /`headers\.x-key`/],
	['a header name with a space', { headers: { 'x key': 'hush' } }, /x key/],
	['a header with a line break', { headers: { 'x-key': 'hush\r\nb: c' } }, /`headers\.x-key`/],
	['a header beyond Latin-1', { headers: { 'x-key': 'hush \u{1f600}' } }, /`headers\.x-key`/],
	['a header that is ours', { headers: { 'If-None-Match': '"x"' } }, /if-none-match/],
	['an empty token', { bearerToken: '' }, /`bearerToken`.*empty/],
	['a token with a line break', { bearerToken: 'hush\n' }, /`bearerToken`/],
	['a token that is no string', { bearerToken: 5 }, /`bearerToken`.*number/],
	['two credentials', { bearerToken: 'hush', headers: { authorization: 'hush' } }, /only one of/],
	['a user beside a token', { url: 'http://me:hush@host/', bearerToken: 'hush' }, /only one of/],
	['a dispatcher that is none', { dispatcher: {} }, /`dispatcher`/],
	['a fetch that is none', { fetch: 'fetch' }, /`fetch`/],
	['fetch beside a dispatcher', { fetch, dispatcher: new Agent() }, /only one of/],
	['a headersTimeout of 0', { headersTimeout: 0 }, /`headersTimeout`/],
	['a bodyTimeout that is a string', { bodyTimeout: '5s' }, /`bodyTimeout`/],
	['an endless connectTimeout', { connectTimeout: Infinity }, /`connectTimeout`/],
	['half a redirect', { maxRedirects: 0.5 }, /`maxRedirects`/],
	['an allowRedirectTo that is a list', { allowRedirectTo: [] }, /`allowRedirectTo`/],
	['bounds that cross', { minRefreshInterval: 2, maxRefreshInterval: 1 }, /`minRefreshInterval`/],
	['an unknown encoding', { acceptEncoding: ['lzma'] }, /`acceptEncoding`/],
]
for (const [what, options, message] of bad) {
	test(`${what} is INVALID_OPTION, and no secret is shown`, t => {
		const error = t.throws(() => new HttpFetcher({ url: 'http://host/', ...options }), {
			instanceOf: RemoteTermError,
			message,
		})
		t.is(error.code, 'INVALID_OPTION')
		t.notRegex(error.message, /hush/)
	})
}

test('no encoding at all asks for plain bytes', async t => {
	const { url } = await serve(t, (request, response) => response.end(request.headers['accept-encoding']))
	const fetcher = await create(t, { url, acceptEncoding: [] })
	t.is(await textOf(await fetcher.download(context())), 'identity')
})

const { zstdCompressSync } = zlib as { zstdCompressSync?: (data: string) => Uint8Array }

test('what this Node can undo is asked for, its best coding first', async t => {
	let asked: string | undefined
	const { url } = await serve(t, (request, response) => {
		asked = request.headers['accept-encoding']
		const best = asked?.split(', ')[0]
		const content = '{"EUR":1}'
		response
			.writeHead(200, { 'content-encoding': best })
			.end(best === 'zstd' ? zstdCompressSync!(content) : zlib.gzipSync(content))
	})
	const term = new RatesTerm({ fetcher: new HttpFetcher({ url }), refreshInterval: null })
	t.teardown(() => term.stop())
	await term.start()
	t.is(asked, zstdCompressSync === undefined ? 'gzip' : 'zstd, gzip')
	t.deepEqual(term.get(), { EUR: 1 })
})

test('what a given fetch can undo is unknown, so gzip alone is asked for', async t => {
	const { url } = await serve(t, (request, response) => response.end(request.headers['accept-encoding']))
	const fetcher = await create(t, { url, fetch })
	t.is(await textOf(await fetcher.download(context())), 'gzip')
})

test('only the Node client imports what a runtime without Node lacks', async t => {
	const built = dirname(fileURLToPath(import.meta.resolve('../../fetchers/http.js')))
	const files = (await readdir(built, { recursive: true })).filter(file => /^http.*\.js$/.test(file))
	t.true(files.includes('http-request/undici.js'))
	for (const file of files) {
		if (file === 'http-request/undici.js') continue
		const imports = (await readFile(`${built}/${file}`, 'utf8')).match(/from '[^.][^']*'/g) ?? []
		for (const one of imports) t.regex(one, /'(#http-request|#inflate|http-cache-semantics)'/, file)
	}
})
