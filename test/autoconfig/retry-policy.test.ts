import test from 'ava'
import { isRefusal, RETRY_DEFAULTS, RetryPolicy } from '../../lib/autoconfig/retry-policy.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'

const policy = (random = 0): RetryPolicy => new RetryPolicy(RETRY_DEFAULTS, () => random)
const network = new RemoteTermError('FETCH_FAILED', 'refused')
const answered = (status: number, retryAfter?: number): RemoteTermError =>
	new RemoteTermError('FETCH_STATUS', 'no', { status, retryAfter })
const delays = (one: RetryPolicy, error: RemoteTermError | undefined, count: number): number[] =>
	Array.from({ length: count }, () => one.failed(error, 0).delay)

test('the delay doubles from a second to thirty', t => {
	t.deepEqual(delays(policy(), network, 7), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
})

test('chance takes up to half of a delay away', t => {
	t.deepEqual(delays(policy(0.5), network, 2), [750, 1_500])
	t.deepEqual(delays(policy(0.999), network, 1), [500.5])
})

test('a refusal leads to the extended curve, once', t => {
	const one = policy()
	t.deepEqual(one.failed(network, 0), { delay: 1_000, becameExtended: false })
	t.deepEqual(one.failed(answered(401), 0), { delay: 300_000, becameExtended: true })
	t.deepEqual(one.failed(answered(403), 0), { delay: 600_000, becameExtended: false })
	t.is(one.failed(network, 0).delay, 1_200_000, 'nothing says yet that it is well again')
	t.deepEqual(delays(one, answered(404), 3), [2_400_000, 3_600_000, 3_600_000])
})

test('which answers are refusals', t => {
	const statuses = [200, 301, 400, 401, 402, 403, 404, 405, 408, 410, 418, 429, 451, 500, 502, 503]
	t.deepEqual(statuses.filter(isRefusal), [401, 402, 403, 404, 405, 410, 418, 451])
	t.false(isRefusal(undefined))
})

test('a usable event leads back to the normal curve', t => {
	const one = policy()
	delays(one, answered(401), 3)
	one.connecting()
	one.usable(0)
	t.deepEqual(one.failed(network, 1), { delay: 1_000, becameExtended: false })
	t.deepEqual(one.failed(answered(401), 1), { delay: 300_000, becameExtended: true })
})

test('health is a minute since the first usable event, not since the last', t => {
	const one = policy()
	delays(one, network, 4)
	one.connecting()
	one.usable(1_000)
	one.usable(60_900)
	t.is(one.failed(network, 60_999).delay, 16_000, 'a millisecond too early')
	one.connecting()
	one.usable(100_000)
	one.usable(159_999)
	t.is(one.failed(network, 160_000).delay, 1_000)
	t.is(one.failed(network, 260_000).delay, 2_000, 'without a connection there is no health')
})

test('a connection without an event has no health, however long it lasts', t => {
	const one = policy()
	delays(one, network, 2)
	one.connecting()
	t.is(one.failed(network, 10 ** 9).delay, 4_000)
})

test('the stream’s retry is where the normal curve begins, and does not touch the extended one', t => {
	const one = policy()
	one.suggest(3_000)
	t.deepEqual(delays(one, network, 2), [3_000, 6_000])
	t.is(one.failed(answered(401), 0).delay, 300_000)
	one.connecting()
	one.usable(0)
	t.is(one.failed(network, 0).delay, 3_000, 'and holds until there is another')
	one.suggest(200)
	t.is(one.failed(network, 0).delay, 400)
})

test('a retry beyond the cap is the cap; one that is too short or too long is neither', t => {
	const one = policy()
	one.suggest(45_000)
	t.deepEqual(delays(one, network, 2), [45_000, 45_000])
	one.suggest(0)
	t.is(policy().failed(network, 0).delay, 1_000)
	const hasty = policy()
	hasty.suggest(0)
	t.is(hasty.failed(network, 0).delay, 100)
	const tardy = policy()
	tardy.suggest(1e30)
	t.is(tardy.failed(network, 0).delay, 3_600_000)
})

test('a server that says how long to wait is heard, within an hour', t => {
	t.is(policy().failed(answered(503, 20_000), 0).delay, 20_000)
	t.is(policy().failed(answered(503, 20), 0).delay, 1_000)
	t.is(policy().failed(answered(429, 1e12), 0).delay, 3_600_000)
})
