import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { HttpFetcher, type HttpFetcherOptions } from '../../fetchers/http.ts'
import type { HttpAbilities } from '../../fetchers/http-request/http-request.ts'
import { collect } from '../../lib/core/bytes.ts'
import { RemoteTermError, type ErrorCode } from '../../lib/core/errors.ts'
import {
	isNotModified,
	type Download,
	type DownloadedBody,
	type FetchContext,
	type NotModified,
} from '../../lib/core/fetcher.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { context } from '../support/context.ts'
import { closedPort } from '../support/ports.ts'
import { serve, serveRaw } from '../support/serve.ts'

export type Create = (t: ExecutionContext, options: HttpFetcherOptions) => Promise<HttpFetcher>

export const creator =
	(common: Partial<HttpFetcherOptions>): Create =>
	async (t, options) => {
		const fetcher = new HttpFetcher({ ...common, ...options })
		await fetcher.init()
		t.teardown(() => fetcher.close())
		return fetcher
	}

export const asBody = (answer: Download | NotModified): DownloadedBody => {
	if ('body' in answer) return answer
	throw new Error('expected a body')
}

export const textOf = async (answer: Download | NotModified): Promise<string> =>
	new TextDecoder().decode(await collect(asBody(answer).body as AsyncIterable<Uint8Array>))

export const refused = async (
	t: ExecutionContext,
	work: () => Promise<unknown>,
	code: ErrorCode,
	more: { status?: number; retryAfter?: number; message?: RegExp } = {},
): Promise<RemoteTermError> => {
	const error = await t.throwsAsync(work, { instanceOf: RemoteTermError })
	t.is(error.code, code, error.message)
	if ('status' in more) t.is(error.status, more.status)
	if ('retryAfter' in more) t.is(error.retryAfter, more.retryAfter)
	if (more.message) t.regex(error.message, more.message)
	return error
}

const respond =
	(status: number, headers: Record<string, string | string[]> = {}, body = ''): RequestListener =>
	(_request, response) => {
		response.writeHead(status, headers).end(body)
	}

/** A source as servers are: one ETag, 304 where it matches. */
const withEtag =
	(etag: string, body: string, headers: Record<string, string> = {}): RequestListener =>
	(request, response) => {
		response.setHeader('etag', etag)
		for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
		if (request.headers['if-none-match'] === etag) response.writeHead(304).end()
		else response.writeHead(200).end(body)
	}

/** What every HTTP client behind `HttpFetcher` has to pass. Where clients differ, `abilities` says how. */
export const httpSuite = (client: string, abilities: HttpAbilities, create: Create): void => {
	const title = (sentence: string): string => `${client}: ${sentence}`

	test(title('a 200 is downloaded with its ETag, its size and every byte'), async t => {
		const { url } = await serve(
			t,
			respond(200, { etag: '"one"', 'content-length': '5', 'cache-control': 'max-age=60' }, 'hello'),
		)
		const answer = asBody(await (await create(t, { url })).download(context()))
		t.is(answer.version, '"one"')
		t.is(answer.size, 5)
		t.is(answer.encoding, undefined)
		t.is(answer.freshFor, 60_000)
		t.is(answer.usableFor, undefined)
		t.is(await textOf(answer), 'hello')
	})

	for (const etag of ['"x"', 'W/"x"', '"W/x"', '""', '"a-gzip"', '"\u00e9"']) {
		test(title(`the ETag ${etag} goes back as it came and is answered with 304`), async t => {
			const { url } = await serve(t, withEtag(etag, 'body'))
			const fetcher = await create(t, { url })
			const first = asBody(await fetcher.downloadIfChanged(undefined, context()))
			t.is(await textOf(first), 'body')
			t.is(first.version, etag)
			t.true(isNotModified(await fetcher.downloadIfChanged(first.version, context())))
		})
	}

	test(title('a version from an earlier process makes the request conditional'), async t => {
		const { url } = await serve(t, withEtag('"kept"', 'body', { 'cache-control': 'max-age=7' }))
		const answer = await (await create(t, { url })).downloadIfChanged('"kept"', context())
		t.deepEqual(answer, { notModified: true, freshFor: 7000 })
	})

	test(title('Last-Modified is the version where there is no ETag'), async t => {
		const changed = 'Wed, 01 Jan 2020 00:00:00 GMT'
		const { url } = await serve(t, (request, response) => {
			response.setHeader('last-modified', changed)
			if (request.headers['if-modified-since'] === changed) response.writeHead(304).end()
			else response.end('body')
		})
		const fetcher = await create(t, { url })
		const answer = asBody(await fetcher.download(context()))
		t.is(answer.version, changed)
		t.is(await textOf(answer), 'body')
		t.true(isNotModified(await fetcher.downloadIfChanged(changed, context())))
		t.is(await fetcher.currentVersion(context()), changed)
	})

	test(title('what is no validator is never sent as one'), async t => {
		const seen: IncomingMessage['headers'][] = []
		const { url } = await serve(t, (request, response) => {
			seen.push(request.headers)
			response.end('body')
		})
		const fetcher = await create(t, { url })
		const junk = ['sha-256:abc', '"a"\r\nx: y', 'yesterday', '', '"a", "b"', '*', `"${'x'.repeat(5000)}"`]
		for (const known of junk) t.is(await textOf(await fetcher.downloadIfChanged(known, context())), 'body')
		t.is(seen.length, junk.length)
		for (const headers of seen) {
			t.false('if-none-match' in headers)
			t.false('if-modified-since' in headers)
			t.false('x' in headers)
		}
	})

	test(title('a body without a validator has no version'), async t => {
		const { url } = await serve(t, respond(200, {}, 'body'))
		const fetcher = await create(t, { url })
		const answer = asBody(await fetcher.download(context()))
		t.is(answer.version, undefined)
		t.is(await textOf(answer), 'body')
		t.not(await fetcher.currentVersion(context()), await fetcher.currentVersion(context()))
	})

	const refusals: ReadonlyArray<[number, ErrorCode]> = [
		[201, 'FETCH_STATUS'],
		[203, 'FETCH_STATUS'],
		[204, 'FETCH_STATUS'],
		[206, 'FETCH_STATUS'],
		[300, 'FETCH_STATUS'],
		[304, 'FETCH_STATUS'],
		[400, 'FETCH_STATUS'],
		[401, 'FETCH_DENIED'],
		[403, 'FETCH_DENIED'],
		[404, 'FETCH_NOT_FOUND'],
		[407, 'FETCH_DENIED'],
		[410, 'FETCH_NOT_FOUND'],
		[429, 'FETCH_THROTTLED'],
		[500, 'FETCH_STATUS'],
		[503, 'FETCH_STATUS'],
	]
	for (const [status, code] of refusals) {
		// Fetch standard: a 407 is a network error where no proxy was asked.
		const hidden = status === 407 && !abilities.rawBody
		test(
			title(`status ${status} is ${hidden ? 'FETCH_FAILED' : code}, and its page is not quoted`),
			async t => {
				const { url } = await serve(t, respond(status, {}, status === 204 || status === 304 ? '' : 'a page'))
				const fetcher = await create(t, { url })
				for (const ask of [
					() => fetcher.download(context()),
					() => fetcher.downloadIfChanged(undefined, context()),
					() => fetcher.currentVersion(context()),
				]) {
					const error = await refused(
						t,
						ask,
						hidden ? 'FETCH_FAILED' : code,
						hidden ? {} : { status, retryAfter: undefined },
					)
					t.notRegex(error.message, /a page/)
				}
			},
		)
	}

	const waits: ReadonlyArray<[string, string | string[], number | undefined]> = [
		['seconds', '120', 120_000],
		['zero seconds', '0', 0],
		['a date', 'Thu, 01 Jan 2026 00:00:30 GMT', 30_000],
		['a date that is past', 'Thu, 01 Jan 2025 00:00:30 GMT', 0],
		['too many seconds', '999999999999', 86_400_000],
		['a fraction', '1.5', undefined],
		['a negative number', '-1', undefined],
		['junk', 'soon', undefined],
	]
	for (const [what, value, retryAfter] of waits) {
		test(title(`Retry-After with ${what} asks for ${retryAfter} ms`), async t => {
			const call = context({ clock: new FakeClock() })
			const { url } = await serve(t, respond(429, { 'retry-after': value }))
			await refused(t, async () => (await create(t, { url })).download(call), 'FETCH_THROTTLED', {
				status: 429,
				retryAfter,
			})
			const busy = await serve(t, respond(503, { 'retry-after': value }))
			await refused(t, async () => (await create(t, { url: busy.url })).download(call), 'FETCH_STATUS', {
				status: 503,
				retryAfter,
			})
		})
	}

	test(title('an empty 200 is an empty body, for the gate to refuse'), async t => {
		const { url } = await serve(t, respond(200, { 'content-length': '0' }))
		const answer = asBody(await (await create(t, { url })).download(context()))
		t.is(answer.size, 0)
		t.is(await textOf(answer), '')
	})

	test(title('a refused connection is FETCH_FAILED'), async t => {
		const fetcher = await create(t, { url: `http://127.0.0.1:${await closedPort()}/` })
		await refused(t, () => fetcher.download(context()), 'FETCH_FAILED', { message: /ECONNREFUSED/ })
	})

	test(title('an answer that is no HTTP is FETCH_FAILED, and is kept in no cause'), async t => {
		const { url } = await serveRaw(t, socket => socket.end('HTTP/1.1 2OO\r\nset-cookie: hush-hush\r\n\r\n'))
		const fetcher = await create(t, { url })
		const error = await refused(t, () => fetcher.download(context()), 'FETCH_FAILED')
		t.false(everythingIn(error).includes('hush-hush'))
	})

	test(title('a connection closed before the headers is FETCH_FAILED'), async t => {
		const { url } = await serveRaw(t, socket => socket.once('data', () => socket.end()))
		const fetcher = await create(t, { url })
		await refused(t, () => fetcher.download(context()), 'FETCH_FAILED')
	})

	const framings = ['content-length: 100\r\n\r\nhello', 'transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n']
	if (abilities.strictFraming) framings.push('\r\nhello')
	for (const framing of framings) {
		test(title(`a reset within the body is FETCH_FAILED: ${JSON.stringify(framing)}`), async t => {
			let reset = (): void => {}
			const { url } = await serveRaw(t, socket =>
				socket.once('data', () => {
					socket.write(`HTTP/1.1 200 OK\r\n${framing}`)
					reset = () => socket.resetAndDestroy()
				}),
			)
			const fetcher = await create(t, { url })
			const { body } = asBody(await fetcher.download(context()))
			const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
			await chunks.next()
			const reading = refused(t, () => chunks.next(), 'FETCH_FAILED', { message: /ECONNRESET/ })
			reset()
			await reading
		})
	}

	test(
		title(
			'a body longer than its Content-Length is not taken for longer, and is refused where it is noticed',
		),
		async t => {
			const { url } = await serveRaw(t, socket =>
				socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nhello')),
			)
			const fetcher = await create(t, { url })
			const reading = async (): Promise<string> => textOf(await fetcher.download(context()))
			if (abilities.strictFraming) await refused(t, reading, 'FETCH_INCOMPLETE', { message: /More bytes/ })
			else t.is(await reading(), 'hel')
		},
	)

	test(title('a body shorter than its Content-Length is FETCH_INCOMPLETE'), async t => {
		const { url } = await serveRaw(t, socket =>
			socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhello')),
		)
		const fetcher = await create(t, { url })
		await refused(t, async () => textOf(await fetcher.download(context())), 'FETCH_INCOMPLETE')
	})

	test(title('chunks that end without the last one are FETCH_INCOMPLETE'), async t => {
		const { url } = await serveRaw(t, socket =>
			socket.once('data', () =>
				socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'),
			),
		)
		const fetcher = await create(t, { url })
		await refused(t, async () => textOf(await fetcher.download(context())), 'FETCH_INCOMPLETE')
	})

	test(title('whole chunks are a whole body, with trailers or without'), async t => {
		for (const end of ['0\r\n\r\n', '0\r\nx-checksum: 1\r\n\r\n']) {
			const { url } = await serveRaw(t, socket =>
				socket.once('data', () =>
					socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n${end}`),
				),
			)
			const answer = asBody(await (await create(t, { url })).download(context()))
			t.is(answer.size, undefined)
			t.is(await textOf(answer), 'hello')
		}
	})

	test(title('headers that never end are FETCH_TIMEOUT, on the clock of the call'), async t => {
		const clock = new FakeClock()
		let arrived = (): void => {}
		const asked = new Promise<void>(resolve => (arrived = resolve))
		const { url } = await serveRaw(t, socket =>
			socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\nx-slow: ', () => arrived())),
		)
		const fetcher = await create(t, { url, headersTimeout: 5000 })
		const asking = refused(t, () => fetcher.download(context({ clock })), 'FETCH_TIMEOUT', {
			message: /5000 ms/,
		})
		await asked
		t.is(clock.nextTimerIn, 5000)
		await clock.advance(5000)
		await asking
		t.is(clock.pendingTimers, 0)
	})

	test(title('a body that goes silent is FETCH_TIMEOUT, on the clock of the call'), async t => {
		const clock = new FakeClock()
		const { url } = await serve(t, (_request, response) => {
			response.writeHead(200, { 'content-length': '100' }).write('hello')
		})
		const fetcher = await create(t, { url, bodyTimeout: 3000 })
		const { body } = asBody(await fetcher.download(context({ clock })))
		t.is(clock.pendingTimers, 0, 'nobody reads yet')
		const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
		t.false((await chunks.next()).done)
		const reading = refused(t, () => chunks.next(), 'FETCH_TIMEOUT', { message: /3000 ms/ })
		await clock.advance(3000)
		await reading
		t.is(clock.pendingTimers, 0)
	})

	test(title('short limits hold on the system clock'), async t => {
		const silent = await serveRaw(t, () => {})
		const fetcher = await create(t, { url: silent.url, headersTimeout: 30 })
		await refused(t, () => fetcher.download(context()), 'FETCH_TIMEOUT')
		const stalled = await serve(t, (_request, response) => {
			response.writeHead(200).write('hello')
		})
		const slow = await create(t, { url: stalled.url, bodyTimeout: 30 })
		await refused(t, async () => textOf(await slow.download(context())), 'FETCH_TIMEOUT')
	})

	test(title('an abort rejects with its reason, before the headers and within the body'), async t => {
		const reason = new RemoteTermError('TIMEOUT', 'The refresh took too long')
		const silent = await serveRaw(t, socket => socket.once('data', () => controller.abort(reason)))
		let controller = new AbortController()
		const fetcher = await create(t, { url: silent.url })
		const call = (): FetchContext => context({ signal: controller.signal })
		t.is(await t.throwsAsync(fetcher.download(call())), reason)

		controller = new AbortController()
		const half = await serve(t, (_request, response) => {
			response.writeHead(200, { 'content-length': '100' }).write('hello')
		})
		const reader = await create(t, { url: half.url })
		const { body } = asBody(await reader.download(call()))
		const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
		await chunks.next()
		const reading = t.throwsAsync(chunks.next())
		controller.abort(reason)
		t.is(await reading, reason)

		t.is(await t.throwsAsync(reader.download(call())), reason, 'aborted before it began')
	})

	test(title('a body that is given up closes its connection'), async t => {
		const { url } = await serve(t, (_request, response) => {
			response.writeHead(200, { 'content-length': '1000000' }).write('hello')
			response.socket!.once('close', () => gone())
		})
		let gone = (): void => {}
		const closed = (): Promise<void> => new Promise(resolve => (gone = resolve))
		const fetcher = await create(t, { url })

		const unread = closed()
		await asBody(await fetcher.download(context())).cancel!()
		await unread

		const stopped = closed()
		for await (const chunk of asBody(await fetcher.download(context())).body as AsyncIterable<Uint8Array>) {
			t.is(chunk.length, 5)
			break
		}
		await stopped

		const halfRead = closed()
		const { body, cancel } = asBody(await fetcher.download(context()))
		const chunks = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
		await chunks.next()
		const reading = refused(t, () => chunks.next(), 'STOPPED')
		await cancel!()
		await reading
		await halfRead
	})

	test(title('giving up a body that has been read does nothing'), async t => {
		const { url } = await serve(t, respond(200, {}, 'body'))
		const answer = asBody(await (await create(t, { url })).download(context()))
		t.is(await textOf(answer), 'body')
		await t.notThrowsAsync(async () => answer.cancel!())
	})

	test(title('Content-Encoding is the gate’s to undo, where the runtime leaves it alone'), async t => {
		const zipped = gzipSync('hello')
		let asked: string | string[] | undefined
		const { url } = await serve(t, (request, response) => {
			asked = request.headers['accept-encoding']
			response.writeHead(200, { 'content-encoding': 'GZIP', 'content-length': zipped.length }).end(zipped)
		})
		const answer = asBody(await (await create(t, { url })).download(context()))
		const bytes = await collect(answer.body as AsyncIterable<Uint8Array>)
		t.regex(String(asked), /^(zstd, )?gzip$/)
		t.is(answer.encoding, abilities.rawBody ? 'gzip' : undefined)
		t.is(answer.size, abilities.rawBody ? zipped.length : undefined)
		t.deepEqual(Buffer.from(bytes), abilities.rawBody ? zipped : Buffer.from('hello'))
	})

	test(title('a Content-Encoding that nobody can undo is FETCH_STATUS'), async t => {
		const { url } = await serve(t, respond(200, { 'content-encoding': 'aes128gcm' }, 'x'))
		const fetcher = await create(t, { url })
		await refused(t, () => fetcher.download(context()), 'FETCH_STATUS', { message: /Content-Encoding/ })
	})

	test(title('freshness is clamped, and a 304 renews and amends it'), async t => {
		const call = context({ clock: new FakeClock() })
		let cacheControl: string | undefined = 'max-age=60, stale-if-error=600'
		const { url } = await serve(t, (request, response) => {
			response.setHeader('etag', '"x"')
			if (cacheControl) response.setHeader('cache-control', cacheControl)
			if (request.headers['if-none-match']) response.writeHead(304).end()
			else response.setHeader('age', '20').end('body')
		})
		const fetcher = await create(t, { url, minRefreshInterval: 5000, maxRefreshInterval: 50_000 })
		const first = asBody(await fetcher.download(call))
		t.is(first.freshFor, 40_000)
		t.is(first.usableFor, 640_000)
		await textOf(first)
		cacheControl = undefined
		t.deepEqual(await fetcher.downloadIfChanged('"x"', call), {
			notModified: true,
			freshFor: 50_000,
			usableFor: 660_000,
		})
		cacheControl = 'no-cache'
		t.deepEqual(await fetcher.downloadIfChanged('"x"', call), { notModified: true, freshFor: 5000 })
		cacheControl = 'no-store'
		t.deepEqual(await fetcher.downloadIfChanged('"x"', call), { notModified: true, noStore: true })
	})

	test(title('304 after 304 says how fresh the content is now'), async t => {
		const clock = new FakeClock()
		const call = context({ clock })
		const expires = new Date(clock.now() + 60_000).toUTCString()
		let headers: Record<string, string> = { 'cache-control': 'max-age=60', age: '20' }
		const { url } = await serve(t, (request, response) => {
			response.sendDate = false
			response.writeHead(request.headers['if-none-match'] ? 304 : 200, { etag: '"x"', ...headers }).end()
		})
		const fetcher = await create(t, { url })
		await textOf(await fetcher.download(call))
		const ask = async (): Promise<number | undefined> =>
			((await fetcher.downloadIfChanged('"x"', call)) as NotModified).freshFor
		t.deepEqual([await ask(), await ask(), await ask()], [40_000, 40_000, 40_000])
		headers.age = '30'
		t.deepEqual([await ask(), await ask()], [30_000, 30_000])
		headers = { 'cache-control': 'public', expires }
		t.is(await ask(), 60_000)
		clock.jump(10_000)
		t.is(await ask(), 50_000)
		clock.jump(10_000)
		t.is(await ask(), 40_000)
		headers = {}
		t.is(await ask(), 40_000, 'what was stored holds on')
	})

	test(title('nonsense in the caching headers costs neither the body nor an error'), async t => {
		const { url } = await serve(
			t,
			respond(
				200,
				{
					age: ['old', '5'],
					'cache-control': ['x-max-age=9', 'max-age="ten, =,,;"'],
					expires: 'whenever',
					'last-modified': 'long ago',
					etag: 'unquoted',
					vary: ',',
					pragma: '\u00e9',
				},
				'body',
			),
		)
		const answer = asBody(await (await create(t, { url })).download(context()))
		t.is(answer.version, undefined)
		t.is(answer.freshFor, 0)
		t.is(await textOf(answer), 'body')
	})

	test(title('HEAD that is not allowed is replaced by GET'), async t => {
		for (const status of [405, 501]) {
			const methods: unknown[] = []
			const { url } = await serve(t, (request, response) => {
				methods.push(request.method)
				response.writeHead(request.method === 'HEAD' ? status : 200, { etag: '"x"' }).end('x'.repeat(200_000))
			})
			t.is(await (await create(t, { url })).currentVersion(context()), '"x"')
			t.deepEqual(methods, ['HEAD', 'GET'])
		}
	})

	test(title('a token is asked for with each request, and once more after a 401'), async t => {
		let valid = 'one'
		const seen: unknown[] = []
		const { url } = await serve(t, (request, response) => {
			seen.push(request.headers.authorization)
			response.writeHead(request.headers.authorization === `Bearer ${valid}` ? 200 : 401).end('body')
		})
		const tokens = ['one', 'one', 'two', 'two', 'two']
		const fetcher = await create(t, { url, bearerToken: async () => tokens.shift()! })
		t.is(await textOf(await fetcher.download(context())), 'body')
		valid = 'two'
		t.is(await textOf(await fetcher.download(context())), 'body')
		t.deepEqual(seen, ['Bearer one', 'Bearer one', 'Bearer two'])
		valid = 'three'
		await refused(t, () => fetcher.download(context()), 'FETCH_DENIED', { status: 401 })
		t.is(seen.length, 4, 'the same token is not tried twice')
		t.is(tokens.length, 0)
	})

	test(title('headers may be a function, and rotate too'), async t => {
		let key = 0
		const { url } = await serve(t, (request, response) => response.end(request.headers['x-key']))
		const fetcher = await create(t, { url, headers: () => ({ 'X-Key': String(++key) }) })
		t.is(await textOf(await fetcher.download(context())), '1')
		t.is(await textOf(await fetcher.download(context())), '2')
	})

	test(
		title('a function for credentials that fails, answers junk or hangs is an error without its secret'),
		async t => {
			const { url } = await serve(t, respond(200, {}, 'body'))
			const thrown = new Error('hush-hush')
			const throwing = await create(t, { url, bearerToken: () => Promise.reject(thrown) })
			const error = await refused(t, () => throwing.download(context()), 'FETCH_FAILED')
			t.is(error.cause, thrown)
			t.notRegex(error.message, /hush/)
			for (const options of [
				{ bearerToken: () => 'hush-hush\r\nx: y' },
				{ headers: () => ({ 'x-key': 'hush-hush\r\n' }) },
				{ headers: () => ({ authorization: 'hush-hush' }), bearerToken: () => 'hush-hush' },
			]) {
				const fetcher = await create(t, { url, ...options })
				t.notRegex((await refused(t, () => fetcher.download(context()), 'INVALID_OPTION')).message, /hush/)
			}
			const controller = new AbortController()
			const hanging = await create(t, { url, bearerToken: () => new Promise<string>(() => {}) })
			const asking = refused(t, () => hanging.download(context({ signal: controller.signal })), 'STOPPED')
			controller.abort()
			await asking
		},
	)

	test(title('user and password of the URL are sent as Basic and shown nowhere'), async t => {
		const seen: unknown[] = []
		const { url } = await serve(t, (request, response) => {
			seen.push(request.headers.authorization, request.url)
			response.writeHead(404).end()
		})
		const fetcher = await create(t, { url: `http://us%40er:p%C3%A4ss@${url.host}/x?token=hush#part` })
		const error = await refused(t, () => fetcher.download(context()), 'FETCH_NOT_FOUND')
		t.deepEqual(seen, [`Basic ${Buffer.from('us@er:päss').toString('base64')}`, '/x?token=hush'])
		t.regex(error.message, /127\.0\.0\.1:\d+\/x\?token=…/)
		t.notRegex(everythingIn(error), /hush|us%40er|us@er|p.{1,6}ss@/)
	})

	redirects(title, create)
}

const redirects = (title: (sentence: string) => string, create: Create): void => {
	const jump = (response: ServerResponse, to: string, status = 302): unknown =>
		response.writeHead(status, { location: to }).end('moved')

	for (const status of [301, 302, 303, 307, 308]) {
		test(title(`a ${status} is followed, with everything, within its origin`), async t => {
			const { url } = await serve(t, (request, response) => {
				if (request.url === '/') jump(response, 'there', status)
				else response.end(`${request.method} ${request.url} ${request.headers.authorization}`)
			})
			const fetcher = await create(t, { url, bearerToken: 'secret-token' })
			t.is(await textOf(await fetcher.download(context())), 'GET /there Bearer secret-token')
		})
	}

	test(title('credentials and headers stay with their origin, even if the way leads back'), async t => {
		const seen: Array<[string, IncomingMessage['headers']]> = []
		const other = await serve(t, (request, response) => {
			seen.push(['other', request.headers])
			jump(response, new URL('/back', url).href)
		})
		const { url } = await serve(t, (request, response) => {
			seen.push([request.url!, request.headers])
			if (request.url === '/') jump(response, other.url.href)
			else response.end('body')
		})
		const fetcher = await create(t, {
			url,
			bearerToken: 'secret-token',
			headers: { cookie: 'a=secret', 'X-Api-Key': 'secret' },
		})
		t.is(await textOf(await fetcher.download(context())), 'body')
		t.deepEqual(
			seen.map(([place]) => place),
			['/', 'other', '/back'],
		)
		t.is(seen[0]![1].authorization, 'Bearer secret-token')
		t.is(seen[0]![1]['x-api-key'], 'secret')
		t.notRegex(JSON.stringify(seen.slice(1)), /secret/)
	})

	test(title('a user in a Location is not taken for credentials'), async t => {
		let authorization: unknown
		const other = await serve(t, (request, response) => {
			authorization = request.headers.authorization
			response.end('body')
		})
		const { url } = await serve(t, (_request, response) =>
			jump(response, `http://me:secret@${other.url.host}/`),
		)
		t.is(await textOf(await (await create(t, { url })).download(context())), 'body')
		t.is(authorization, undefined)
	})

	test(title('a circle, too many hops and places where we do not go are FETCH_REDIRECT'), async t => {
		let target = ''
		const asked: unknown[] = []
		const { url } = await serve(t, (request, response) => {
			asked.push(request.url)
			if (request.url === '/') jump(response, target)
			else if (request.url === '/circle') jump(response, '/')
			else jump(response, `/hop${Number(request.url!.slice(4)) + 1}`)
		})
		const fetcher = await create(t, { url, maxRedirects: 2 })
		const refuse = async (to: string, message: RegExp, requests: number): Promise<void> => {
			target = to
			asked.length = 0
			await refused(t, () => fetcher.download(context()), 'FETCH_REDIRECT', { status: 302, message })
			t.is(asked.length, requests)
		}
		await refuse('/circle', /circle.*\/ → .*\/circle$/, 2)
		await refuse('/', /circle/, 1)
		await refuse('/hop1', /more than 2 times.*\/hop3: .* → .*\/hop1 → .*\/hop2$/, 3)
		await refuse('ftp://example.com/', /ftp:/, 1)
		await refuse('file:///etc/passwd', /file:/, 1)
		await refuse('data:,hello', /data:/, 1)
		await refuse('http://[', /no URL/, 1)
	})

	test(title('a redirect without a Location is FETCH_REDIRECT'), async t => {
		const { url } = await serve(t, respond(301))
		const fetcher = await create(t, { url })
		await refused(t, () => fetcher.download(context()), 'FETCH_REDIRECT', { message: /Location/ })
	})

	test(title('maxRedirects 0 follows none, allowRedirectTo only what it allows'), async t => {
		const { url } = await serve(t, (request, response) => {
			if (request.url === '/') jump(response, '/there')
			else response.end('body')
		})
		const none = await create(t, { url, maxRedirects: 0 })
		await refused(t, () => none.download(context()), 'FETCH_REDIRECT')
		const asked: string[] = []
		const picky = await create(t, { url, allowRedirectTo: to => asked.push(to.pathname) > 1 })
		await refused(t, () => picky.download(context()), 'FETCH_REDIRECT', { message: /allowRedirectTo/ })
		t.is(await textOf(await picky.download(context())), 'body')
		t.deepEqual(asked, ['/there', '/there'])
		const throwing = await create(t, {
			url,
			allowRedirectTo: () => {
				throw new Error('no idea')
			},
		})
		await refused(t, () => throwing.download(context()), 'FETCH_REDIRECT', { message: /no idea/ })
	})

	test(title('a validator goes to the URL that it came from, and to no other'), async t => {
		let target = '/v1?signature=1'
		const conditional: unknown[] = []
		const { url } = await serve(t, (request, response) => {
			if (request.headers['if-none-match']) conditional.push(request.url)
			if (request.url === '/') jump(response, target)
			// Two files that happen to have the same ETag.
			else withEtag('"1"', request.url!)(request, response)
		})
		const fetcher = await create(t, { url })
		t.is(await textOf(await fetcher.download(context())), '/v1?signature=1')
		target = '/v1?signature=2'
		t.true(isNotModified(await fetcher.downloadIfChanged('"1"', context())), 'the same path, signed anew')
		target = '/v2'
		t.is(await textOf(await fetcher.downloadIfChanged('"1"', context())), '/v2')
		t.deepEqual(conditional, ['/v1?signature=2'])
	})

	test(title('a date is not sent where the query differs'), async t => {
		let target = '/?v=2'
		const changed = { v1: 'Wed, 01 Jan 2020 00:00:00 GMT', v2: 'Thu, 02 Jan 2020 00:00:00 GMT' }
		const { url } = await serve(t, (request, response) => {
			if (request.url === '/') return void jump(response, target)
			response.setHeader('last-modified', request.url === '/?v=1' ? changed.v1 : changed.v2)
			if (request.headers['if-modified-since'] === changed.v2) response.writeHead(304).end()
			else response.end(request.url)
		})
		const fetcher = await create(t, { url })
		t.is(await textOf(await fetcher.download(context())), '/?v=2')
		t.true(isNotModified(await fetcher.downloadIfChanged(changed.v2, context())))
		target = '/?v=1'
		t.is(await textOf(await fetcher.downloadIfChanged(changed.v2, context())), '/?v=1', 'rolled back')
	})
}

/** All that an error holds, causes and non-enumerable properties too, for finding secrets in. */
export const everythingIn = (error: unknown, depth = 0): string => {
	if (typeof error !== 'object' || error === null || depth > 6) return String(error)
	return Object.getOwnPropertyNames(error)
		.map(key => `${key}: ${everythingIn((error as Record<string, unknown>)[key], depth + 1)}`)
		.join('\n')
}
