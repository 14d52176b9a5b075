import test from 'ava'
import fc from 'fast-check'
import { addressKey, forwardedAddress, isLoopbackHost } from '../../lib/gateway/address.ts'
import { RateLimit } from '../../lib/gateway/rate-limit.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { requestOf, startGateway, TOKENS } from '../support/gateway.ts'

test('a token has so many requests, and then one as often as the limit says', async t => {
	const clock = new FakeClock()
	const { gateway } = await startGateway(t, { clock, rateLimit: { perSecond: 2, burst: 3 } })
	const ask = (token: string): Promise<Response> =>
		gateway.fetch(requestOf('http://x/v1/services', { token }))
	for (const left of [2, 1, 0]) {
		const { status, headers } = await ask(TOKENS.read)
		t.is(status, 200)
		t.regex(headers.get('ratelimit') ?? '', new RegExp(`^"token";r=${left};t=\\d$`))
		t.is(headers.get('ratelimit-policy'), '"token";q=3;w=2')
	}
	const refused = await ask(TOKENS.read)
	t.is(refused.status, 429)
	t.is(refused.headers.get('retry-after'), '1')
	t.like(await refused.json(), { code: 'RATE_LIMITED' })
	t.is((await ask(TOKENS.admin)).status, 200, 'another token has its own')
	await clock.advance(499)
	t.is((await ask(TOKENS.read)).status, 429)
	await clock.advance(1)
	t.is((await ask(TOKENS.read)).status, 200)
	t.is((await ask(TOKENS.read)).status, 429)
	t.regex(await (await ask(TOKENS.admin)).text(), /services/)
	const metrics = await (await gateway.fetch(requestOf('http://x/metrics'))).text()
	t.regex(metrics, /^remote_term_gateway_rate_limited_total\{by="token"\} 3$/m)
})

test('an address that brings wrong tokens is not listened to for a while, whatever it brings', async t => {
	const clock = new FakeClock()
	const { gateway } = await startGateway(t, { clock, failedAuthentications: { perSecond: 0.1, burst: 3 } })
	const ask = async (token: string | null, address: string): Promise<number> =>
		(await gateway.fetch(requestOf('http://x/v1/services', { token }), { address })).status
	for (const _ of [1, 2, 3]) t.is(await ask('wrong-token-0123456789abcd', '192.0.2.7'), 401)
	t.is(await ask('wrong-token-0123456789abcd', '192.0.2.7'), 429)
	t.is(await ask(TOKENS.read, '192.0.2.7'), 429, 'a guess that is right is not told from one that is wrong')
	t.is(await ask(TOKENS.read, '192.0.2.8'), 200)
	await clock.advance(10_000)
	t.is(await ask(TOKENS.read, '192.0.2.7'), 200)
	t.is(await ask(null, '192.0.2.7'), 401)
	t.is(await ask(null, '192.0.2.7'), 429)
	t.is(
		(await gateway.fetch(requestOf('http://x/healthz', { token: null }), { address: '192.0.2.7' })).status,
		200,
	)
})

test('behind proxies of ours, the client is whom the outermost of them has talked to', t => {
	t.is(forwardedAddress('203.0.113.9', '10.0.0.1', 0), '10.0.0.1')
	t.is(forwardedAddress('203.0.113.9', '10.0.0.1', 1), '203.0.113.9')
	t.is(
		forwardedAddress('1.1.1.1, 203.0.113.9', '10.0.0.1', 1),
		'203.0.113.9',
		'what the client says is no proof',
	)
	t.is(forwardedAddress('1.1.1.1, 203.0.113.9, 10.0.0.2', '10.0.0.1', 2), '203.0.113.9')
	t.is(forwardedAddress('unknown', '10.0.0.1', 1), '10.0.0.1')
	t.is(forwardedAddress(null, '10.0.0.1', 1), '10.0.0.1')
	t.is(forwardedAddress(null, undefined, 1), undefined)
})

test('addresses of one subscriber are one', t => {
	t.is(addressKey('::ffff:192.0.2.1'), '192.0.2.1')
	t.is(addressKey('2001:db8:1:2::1'), addressKey('2001:db8:1:2:ffff::9'))
	t.not(addressKey('2001:db8:1:2::1'), addressKey('2001:db8:1:3::1'))
	t.is(addressKey('x'.repeat(1_000)).length, 64)
	for (const host of ['localhost', '127.0.0.1', '[::1]', '::1', '127.9.9.9'])
		t.true(isLoopbackHost(host), host)
	for (const host of ['example.com', '0.0.0.0', '10.0.0.1', 'localhost.example', '[::]'])
		t.false(isLoopbackHost(host), host)
})

test('no sequence of requests is allowed more than the burst and what has flowed in since', t => {
	const limits = fc.record({
		perSecond: fc.double({ min: 0.01, max: 1_000, noNaN: true }),
		burst: fc.double({ min: 1, max: 100, noNaN: true }),
	})
	fc.assert(
		fc.property(limits, fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 200 }), (limit, pauses) => {
			let now = 0
			const clock = Object.assign(new FakeClock(), { monotonic: () => now })
			const bucket = new RateLimit('limit', limit, clock)
			let allowed = 0
			for (const pause of pauses) {
				now += pause
				const peeked = bucket.peek('a').allowed
				const taken = bucket.take('a')
				if (taken.allowed !== peeked) return false
				if (taken.allowed) allowed++
				else if (taken.retryAfter > 1_000 / limit.perSecond + 1e-6) return false
			}
			return allowed <= limit.burst + (now * limit.perSecond) / 1_000 + 1e-6
		}),
	)
	t.pass()
})

test('what is remembered of addresses is bounded', t => {
	const bucket = new RateLimit('limit', { perSecond: 1, burst: 1 }, new FakeClock())
	for (let n = 0; n < 30_000; n++) bucket.take(`address ${n}`)
	t.is(bucket.size, 10_000)
	t.false(bucket.take('address 29999').allowed)
	t.true(bucket.take('address 0').allowed)
})
