import type { LookupFunction } from 'node:net'
import test, { type ExecutionContext } from 'ava'
import { HttpFetcher } from '../../fetchers/http.ts'
import { createGuardedAgent } from '../../lib/config/http/guarded-agent.ts'
import { createOriginPolicy, type OriginPolicyOptions } from '../../lib/config/pull/origin-policy.ts'
import { collect } from '../../lib/core/bytes.ts'
import { context } from '../support/context.ts'
import { serve } from '../support/serve.ts'

/** A resolver that says what it is told to, in turn. */
const resolver = (...answers: readonly string[][]): LookupFunction & { readonly asked: string[] } => {
	const asked: string[] = []
	const lookup: LookupFunction = (hostname, { all }, callback) => {
		const addresses = answers[Math.min(asked.length, answers.length - 1)]!
		asked.push(hostname)
		const found = addresses.map(address => ({ address, family: address.includes(':') ? 6 : 4 }))
		if (all === true) callback(null, found)
		else callback(null, found[0]!.address, found[0]!.family)
	}
	return Object.assign(lookup, { asked })
}

const fetcherFor = async (
	t: ExecutionContext,
	url: string | URL,
	options: OriginPolicyOptions,
	lookup?: LookupFunction,
): Promise<HttpFetcher> => {
	const policy = createOriginPolicy(options)
	const dispatcher = createGuardedAgent(policy, { connectTimeout: 5_000, connections: 2, lookup })
	const fetcher = new HttpFetcher({ url, dispatcher, allowRedirectTo: to => policy.allows(to) })
	await fetcher.init()
	t.teardown(async () => {
		await fetcher.close()
		await dispatcher.destroy()
	})
	return fetcher
}

const bodyOf = async (fetcher: HttpFetcher): Promise<string> => {
	const answer = await fetcher.download(context())
	if (!('body' in answer)) throw new Error('Expected a body')
	const { body } = answer
	return Buffer.from(body instanceof Uint8Array ? body : await collect(body)).toString()
}

test('an address that the operator has allowed is connected to, and so is localhost', async t => {
	const { url } = await serve(t, (_request, response) => response.end('here'))
	t.is(await bodyOf(await fetcherFor(t, url, { allowedOrigins: [url.origin] })), 'here')
	const local = `http://localhost:${url.port}`
	const lookup = resolver(['127.0.0.1'])
	t.is(await bodyOf(await fetcherFor(t, local, { allowedOrigins: [local] }, lookup)), 'here')
	t.deepEqual(lookup.asked, ['localhost'])
})

test('an allowed name that resolves to loopback, private or link-local addresses is not connected to', async t => {
	let requests = 0
	const { url } = await serve(t, (_request, response) => {
		requests++
		response.end('secret')
	})
	const origin = `http://config.example.com:${url.port}`
	for (const address of [
		'127.0.0.1',
		'169.254.169.254',
		'10.0.0.1',
		'::1',
		'::ffff:127.0.0.1',
		'64:ff9b::7f00:1',
	]) {
		const lookup = resolver([address])
		const fetcher = await fetcherFor(t, origin, { allowedOrigins: [origin] }, lookup)
		const error = await t.throwsAsync(fetcher.download(context()), { code: 'ORIGIN_REFUSED' })
		t.regex(error.message, /config\.example\.com resolves to/)
	}
	t.is(requests, 0)
})

test('one bad address among good ones refuses the name, as chance would choose between them', async t => {
	const origin = 'http://config.example.com'
	const lookup = resolver(['1.1.1.1', '127.0.0.1'])
	const fetcher = await fetcherFor(t, origin, { allowedOrigins: [origin] }, lookup)
	await t.throwsAsync(fetcher.download(context()), { code: 'ORIGIN_REFUSED' })
})

test('a name that is rebound between two requests is looked at again when a connection is made', async t => {
	let requests = 0
	const { url } = await serve(t, (_request, response) => {
		requests++
		response.setHeader('connection', 'close').end('here')
	})
	const origin = `http://config.example.com:${url.port}`
	const lookup = resolver(['127.0.0.2'], ['127.0.0.1'])
	const allowed = { allowedOrigins: [origin], allowedAddresses: ['127.0.0.2'] }
	// The first address is the allowed one; nobody listens there on some systems, which is a failure of another kind.
	const fetcher = await fetcherFor(t, origin, allowed, lookup)
	await fetcher.download(context()).then(
		answer => ('cancel' in answer ? answer.cancel?.() : undefined),
		(error: unknown) => t.like(error, { code: 'FETCH_FAILED' }),
	)
	const before = requests
	await t.throwsAsync(fetcher.download(context()), { code: 'ORIGIN_REFUSED', message: /127\.0\.0\.1/ })
	t.is(lookup.asked.length, 2)
	t.is(requests, before)
})

test('a name within an allowed block is connected to', async t => {
	const { url } = await serve(t, (_request, response) => response.end('here'))
	const origin = `http://config.example.com:${url.port}`
	const allowed = { allowedOrigins: [origin], allowedAddresses: ['127.0.0.0/8'] }
	t.is(await bodyOf(await fetcherFor(t, origin, allowed, resolver(['127.0.0.1']))), 'here')
})

test('a redirect out of the allowed origins is not followed, whatever it leads to', async t => {
	let reached = 0
	const inner = await serve(t, (_request, response) => {
		reached++
		response.end('secret')
	})
	for (const location of [
		inner.url.href,
		'http://169.254.169.254/latest/meta-data/',
		`http://localhost:${inner.url.port}/`,
		`http://[::ffff:7f00:1]:${inner.url.port}/`,
		'file:///etc/passwd',
		'//attacker.test/',
	]) {
		const { url } = await serve(t, (_request, response) => response.writeHead(302, { location }).end())
		const fetcher = await fetcherFor(t, url, { allowedOrigins: [url.origin] })
		await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_REDIRECT' }, location)
	}
	t.is(reached, 0)
})

test('a redirect to an allowed name is followed, and its address checked like any other', async t => {
	const { url: target } = await serve(t, (_request, response) => response.end('there'))
	const named = `http://other.example.com:${target.port}`
	const { url } = await serve(t, (_request, response) =>
		response.writeHead(307, { location: `${named}/x` }).end(),
	)
	const allowedOrigins = [url.origin, named]
	const bound = resolver(['127.0.0.1'])
	const refused = await fetcherFor(t, url, { allowedOrigins }, bound)
	await t.throwsAsync(refused.download(context()), { code: 'ORIGIN_REFUSED', message: /other\.example\.com/ })
	const allowed = { allowedOrigins, allowedAddresses: ['127.0.0.0/8'] }
	t.is(await bodyOf(await fetcherFor(t, url, allowed, resolver(['127.0.0.1']))), 'there')
})

test('the agent itself refuses an origin that is not allowed, whoever asks it', async t => {
	const { url } = await serve(t, (_request, response) => response.end('secret'))
	const fetcher = await fetcherFor(t, url, { allowedOrigins: ['http://127.0.0.1:1'] })
	await t.throwsAsync(fetcher.download(context()), { code: 'ORIGIN_REFUSED', message: /no allowed origin/ })
})

test('a name that cannot be resolved is a failed fetch', async t => {
	const origin = 'http://config.example.com'
	const lookup: LookupFunction = (_hostname, _options, callback) =>
		callback(Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' }), [])
	const fetcher = await fetcherFor(t, origin, { allowedOrigins: [origin] }, lookup)
	await t.throwsAsync(fetcher.download(context()), { code: 'FETCH_FAILED' })
})
