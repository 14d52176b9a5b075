import { channel } from 'node:diagnostics_channel'
import test from 'ava'
import { createTerm } from '../../lib/term/create-term.ts'
import type { Health } from '../../lib/term/health.ts'
import { createMetrics, type MetricsOptions } from '../../lib/metrics/index.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { parseExposition, sampleOf } from '../support/exposition.ts'
import { ScriptedSource, trouble } from '../support/scripted-source.ts'
import { healthy } from '../support/health.ts'
import type { ExecutionContext } from 'ava'

const setup = (t: ExecutionContext, name: string, options: MetricsOptions = {}) => {
	const clock = new FakeClock()
	const source = new ScriptedSource({ content: '{"EUR":1}', version: '"1"' })
	const schedule = { refreshInterval: 60_000, jitter: 0, staleAfter: 200_000, random: () => 0 }
	const term = createTerm({ name, fetcher: source, clock, logger: false, ...schedule })
	const metrics = createMetrics({ terms: [term], ...options })
	t.teardown(() => {
		metrics.close()
		return term.stop()
	})
	const read = (metric: string, labels: Readonly<Record<string, string>> = {}): number | undefined =>
		sampleOf(parseExposition(metrics.text()), `remote_term_${metric}`, { term: name, ...labels })
	return { clock, source, term, metrics, read }
}

test('a registered term has its series from the beginning, at 0', t => {
	const { read } = setup(t, 'unborn')
	for (const outcome of ['updated', 'unchanged', 'failed']) t.is(read('refreshes_total', { outcome }), 0)
	t.is(read('received_bytes_total'), 0)
	t.is(read('ready'), 0)
	t.is(read('status', { status: 'idle' }), 1)
	t.is(read('status', { status: 'ready' }), 0)
	t.is(read('age_seconds'), undefined)
	t.is(read('next_refresh_timestamp_seconds'), undefined)
})

test('refreshes are counted by outcome and by what failed', async t => {
	const { clock, source, term, read } = setup(t, 'counted')
	await term.start()
	await term.update()
	source.trouble = trouble('FETCH_DENIED')
	await term.update()
	source.trouble = trouble('FETCH_TIMEOUT')
	await clock.advance(500)
	source.trouble = undefined
	source.state = { content: '{"EUR":22}', version: '"2"' }
	await clock.advance(1_000)
	t.is(read('refreshes_total', { outcome: 'updated' }), 2)
	t.is(read('refreshes_total', { outcome: 'unchanged' }), 1)
	t.is(read('refreshes_total', { outcome: 'failed' }), 2)
	t.is(read('refresh_failures_total', { code: 'FETCH_DENIED' }), 1)
	t.is(read('refresh_failures_total', { code: 'FETCH_TIMEOUT' }), 1)
	t.is(read('refresh_retries_total'), 2)
	t.is(read('received_bytes_total'), 19)
	t.is(read('inflated_bytes_total'), 19)
	t.is(read('status_changes_total', { status: 'ready' }), 2)
	t.is(read('status_changes_total', { status: 'failing' }), 1)
	t.is(read('refresh_duration_seconds_count', { outcome: 'updated' }), 2)
	t.is(read('refresh_step_duration_seconds_count', { step: 'ask' }), 3)
	t.is(read('refresh_step_duration_seconds_count', { step: 'put' }), 2)
})

test('durations, and the time that the event loop was kept, are in seconds', async t => {
	let now = 0
	const clock = Object.assign(new FakeClock(), { monotonic: () => now })
	const term = createTerm({
		name: 'slow',
		fetcher: new ScriptedSource('x'),
		clock,
		logger: false,
		deserialize: () => {
			now += 300
			return 'value'
		},
	})
	const metrics = createMetrics()
	t.teardown(() => {
		metrics.close()
		return term.stop()
	})
	term.on('updated', () => void (now += 30))
	term.on('unchanged', () => void (now += 4_000))
	await term.start()
	await term.update()
	const families = parseExposition(metrics.text())
	const read = (name: string, labels: Readonly<Record<string, string>>): number | undefined =>
		sampleOf(families, `remote_term_${name}`, { term: 'slow', ...labels })
	t.is(read('refresh_duration_seconds_sum', { outcome: 'updated' }), 0.3)
	t.is(read('refresh_duration_seconds_bucket', { outcome: 'updated', le: '0.25' }), 0)
	t.is(read('refresh_duration_seconds_bucket', { outcome: 'updated', le: '0.5' }), 1)
	t.is(read('refresh_step_duration_seconds_sum', { step: 'deserialize' }), 0.3)
	t.is(read('event_loop_blocked_seconds_sum', { part: 'deserialize' }), 0.3)
	t.is(read('event_loop_blocked_seconds_sum', { part: 'notify' }), 0.03)
	t.is(read('event_loop_blocked_max_seconds', {}), 4)
})

test('news that was out before the first refresh has no lag; what comes after it has', async t => {
	const { clock, source, term, read } = setup(t, 'lagging')
	source.state = { content: '1', version: '"1"', publishedAt: clock.now() - 86_400_000 }
	await term.start()
	t.is(read('propagation_lag_seconds_count'), undefined)
	source.state = { content: '2', version: '"2"', publishedAt: clock.now() + 20_000 }
	await clock.advance(60_000)
	t.is(read('propagation_lag_seconds_sum'), 40)
	source.state = { content: '3', version: '"3"', publishedAt: clock.now() + 1_000_000 }
	await clock.advance(60_000)
	t.is(read('propagation_lag_seconds_sum'), 40)
	t.is(read('propagation_lag_seconds_bucket', { le: '1' }), 1)
	t.is(read('propagation_lag_seconds_count'), 2)
})

test('rollbacks are counted apart, as they say nothing about the source', async t => {
	const { source, term, read } = setup(t, 'recalled')
	await term.start()
	source.state = { content: '{"EUR":2}', version: '"2"' }
	await term.update()
	t.is((await term.rollback()).status, 'updated')
	t.is((await term.rollback()).status, 'failed')
	t.is(read('refreshes_total', { outcome: 'updated' }), 2)
	t.is(read('refreshes_total', { outcome: 'failed' }), 0)
	t.is(read('recalls_total', { trigger: 'rollback', outcome: 'updated' }), 1)
	t.is(read('recalls_total', { trigger: 'rollback', outcome: 'failed' }), 1)
})

test('gauges say how a term is doing at the moment of the scrape', async t => {
	const { clock, source, term, read } = setup(t, 'gauged')
	await term.start()
	t.is(read('ready'), 1)
	t.is(read('age_seconds'), 0)
	t.is(read('next_refresh_timestamp_seconds'), clock.now() / 1000 + 60)
	source.trouble = trouble('FETCH_FAILED')
	await clock.advance(90_000)
	t.is(read('age_seconds'), 90)
	t.is(read('stale'), 0)
	t.is(read('consecutive_failures'), term.health().consecutiveFailures)
	t.is(read('status', { status: 'failing' }), 1)
	await clock.advance(150_000)
	t.is(read('stale'), 1)
	t.is(read('status', { status: 'stale' }), 1)
	t.is(read('status', { status: 'failing' }), 0)
})

const health = (overrides: Partial<Health>): Health => ({
	...healthy,
	name: 'twin',
	since: 0,
	lastSuccessAt: 0,
	...overrides,
})

test('terms with one name make one series, that of the worst; and a removed one is gone', t => {
	const good = { name: 'twin', health: () => health({}) }
	const worse = {
		status: 'stale',
		ready: false,
		stale: true,
		ageMs: 9_000,
		nextRefreshAt: 30_000,
		consecutiveFailures: 3,
	} as const
	const bad = { name: 'twin', health: () => health(worse) }
	using metrics = createMetrics({ terms: [good] })
	const remove = metrics.add(bad)
	const read = (metric: string, labels: Readonly<Record<string, string>> = {}): number | undefined =>
		sampleOf(parseExposition(metrics.text()), `remote_term_${metric}`, { term: 'twin', ...labels })
	const gauges = ['ready', 'stale', 'age_seconds', 'consecutive_failures', 'next_refresh_timestamp_seconds']
	t.deepEqual(
		gauges.map(name => read(name)),
		[0, 1, 9, 3, 30],
	)
	t.is(read('status', { status: 'ready' }), 1)
	t.is(read('status', { status: 'stale' }), 1)
	remove()
	t.deepEqual(
		gauges.map(name => read(name)),
		[1, 0, 1, 0, 60],
	)
	t.is(read('status', { status: 'stale' }), 0)
})

test('more names than maxTerms share the series (other)', t => {
	const terms = ['a', 'b', 'c', 'd'].map(name => ({ name, health: () => health({ name }) }))
	using metrics = createMetrics({ terms, maxTerms: 2, prefix: 'app' })
	const ready = parseExposition(metrics.text()).get('app_ready')
	t.deepEqual(
		ready?.samples.map(({ labels }) => labels['term']),
		['a', 'b', '(other)'],
	)
})

test('names with quotes, backslashes and new lines come through', t => {
	const name = 'a "b" \\ c\nd'
	using metrics = createMetrics({ terms: [{ name, health: () => health({ name }) }] })
	t.is(sampleOf(parseExposition(metrics.text()), 'remote_term_ready', { term: name }), 1)
})

test('every term of the process is counted, registered or not, until the metrics are closed', async t => {
	const metrics = createMetrics()
	const term = createTerm({ name: 'stranger', fetcher: new ScriptedSource('{}'), logger: false })
	t.teardown(() => term.stop())
	const unchanged = (): number | undefined =>
		sampleOf(parseExposition(metrics.text()), 'remote_term_refreshes_total', {
			term: 'stranger',
			outcome: 'unchanged',
		})
	await term.start()
	await term.update()
	t.is(unchanged(), 1)
	metrics.close()
	metrics.close()
	await term.update()
	t.is(unchanged(), 1)
	t.false(parseExposition(metrics.text()).has('remote_term_ready'))
})

test('messages of another make, on the same channels, harm nobody', t => {
	using metrics = createMetrics()
	for (const message of [
		{},
		{ term: 'odd' },
		{ term: 'odd', outcome: 'failed', trigger: 'start', steps: null, error: null },
	])
		channel('tracing:remote-term:refresh:asyncEnd').publish(message)
	channel('remote-term:status').publish(Object.create(null) as object)
	t.notThrows(() => parseExposition(metrics.text()))
})

test('options are checked at the door', t => {
	for (const options of [
		{ prefix: '1st' },
		{ prefix: 'a-b' },
		{ prefix: '' },
		{ maxTerms: 0 },
		{ terms: {} },
		{ terms: [{ name: 'no health' }] },
		{ term: [] },
	])
		t.throws(() => createMetrics(options as unknown as MetricsOptions), { code: 'INVALID_OPTION' })
})
