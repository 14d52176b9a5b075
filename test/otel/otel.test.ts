import { createServer } from 'node:http'
import { context as contextApi, diag, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import {
	AggregationTemporality,
	InMemoryMetricExporter,
	MeterProvider,
	PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics'
import {
	BasicTracerProvider,
	InMemorySpanExporter,
	SimpleSpanProcessor,
	type ReadableSpan,
} from '@opentelemetry/sdk-trace-base'
import test, { type ExecutionContext } from 'ava'
import { ATTRIBUTES, METRICS } from '../../lib/otel/names.ts'
import { instrument, type InstrumentOptions } from '../../lib/otel/index.ts'
import { createTerm } from '../../lib/term/create-term.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { ScriptedSource, trouble } from '../support/scripted-source.ts'

// The tests are serial, since each instruments the whole process. This is what an application's SDK does once in it.
contextApi.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())

const setup = async (t: ExecutionContext, name: string, options: InstrumentOptions = {}) => {
	const clock = new FakeClock()
	const source = new ScriptedSource({ content: '{"EUR":1}', version: '"1"' })
	const schedule = { refreshInterval: 60_000, jitter: 0, random: () => 0 }
	const term = createTerm({ name, fetcher: source, clock, logger: false, ...schedule })

	const spanExporter = new InMemorySpanExporter()
	const tracerProvider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spanExporter)] })
	const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
	const reader = new PeriodicExportingMetricReader({ exporter: metricExporter, exportIntervalMillis: 1e9 })
	const meterProvider = new MeterProvider({ readers: [reader] })
	const ended = await instrument({ tracerProvider, meterProvider, terms: [term], ...options })
	t.teardown(async () => {
		ended[Symbol.dispose]()
		await term.stop()
		await tracerProvider.shutdown()
		await meterProvider.shutdown()
	})

	const spans = (): readonly ReadableSpan[] =>
		spanExporter.getFinishedSpans().filter(({ attributes }) => attributes['remote_term.name'] === name)
	/** The newest value of a metric for this term, and for these attributes. */
	const metric = async (
		wanted: string,
		attributes: Readonly<Record<string, string>> = {},
	): Promise<unknown> => {
		await reader.forceFlush()
		const all =
			metricExporter
				.getMetrics()
				.at(-1)
				?.scopeMetrics.flatMap(({ metrics }) => metrics) ?? []
		const expected = { 'remote_term.name': name, ...attributes }
		return all
			.find(({ descriptor }) => descriptor.name === wanted)
			?.dataPoints.find(
				point =>
					JSON.stringify(Object.entries(point.attributes).sort()) ===
					JSON.stringify(Object.entries(expected).sort()),
			)?.value
	}
	return { clock, source, term, spans, metric, ended, tracerProvider }
}

test.serial('a refresh is a span that says how it went', async t => {
	const { clock, source, term, spans } = await setup(t, 'spanned')
	source.state = { ...source.state, publishedAt: clock.now() - 2_000 }
	await term.start()
	const [span] = spans()
	t.is(span?.name, 'refresh spanned')
	t.deepEqual(span?.attributes, {
		'remote_term.name': 'spanned',
		'remote_term.fetcher': 'ScriptedSource',
		'remote_term.trigger': 'start',
		'remote_term.retry': 0,
		'remote_term.outcome': 'updated',
		'remote_term.version': '"1"',
		'remote_term.source': 'remote',
		'remote_term.body.size': 9,
		'remote_term.body.inflated_size': 9,
		'remote_term.propagation_lag': 2,
		'remote_term.consecutive_failures': 0,
		'remote_term.step.ask': 0,
		'remote_term.step.receive': 0,
		'remote_term.step.deserialize': 0,
		'remote_term.step.validate': 0,
		'remote_term.step.put': 0,
		'remote_term.blocked.deserialize': 0,
		'remote_term.blocked.validate': 0,
		'remote_term.blocked.put': 0,
		'remote_term.blocked.notify': 0,
	})
	t.is(span?.status.code, SpanStatusCode.UNSET)
	t.is(span?.instrumentationScope.name, 'remote-term')
})

test.serial('a failed refresh is an error with its code, its HTTP status and an exception', async t => {
	const { source, term, spans } = await setup(t, 'faulty')
	await term.start()
	source.trouble = trouble('FETCH_THROTTLED', { status: 429, cause: new Error('hunter2') })
	await term.update()
	const span = spans().at(-1)
	t.like(span?.attributes, { 'error.type': 'FETCH_THROTTLED', 'http.response.status_code': 429 })
	t.is(span?.attributes['remote_term.version'], '"1"')
	t.deepEqual(span?.status, { code: SpanStatusCode.ERROR, message: 'FETCH_THROTTLED, says the test' })
	const [exception] = span?.events ?? []
	t.is(exception?.name, 'exception')
	t.like(exception?.attributes, {
		'exception.type': 'FETCH_THROTTLED',
		'exception.message': 'FETCH_THROTTLED, says the test',
	})
	t.false(JSON.stringify(exception).includes('hunter2'))
})

test.serial('nothing of the value is in a span, even where the user’s code quotes it', async t => {
	const { spans, tracerProvider } = await setup(t, 'not this one')
	const term = createTerm({
		name: 'leaky span',
		fetcher: new ScriptedSource({ content: 'hunter2', version: '"1"' }),
		logger: false,
		deserialize: data => JSON.parse(new TextDecoder().decode(data)) as unknown,
	})
	t.teardown(() => term.stop())
	const exporter = new InMemorySpanExporter()
	const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
	using _ended = await instrument({ tracerProvider: provider })
	const error = await t.throwsAsync(term.start())
	t.regex(error?.message ?? '', /hunter2/)
	const [span] = exporter.getFinishedSpans().filter(({ name }) => name === 'refresh leaky span')
	const { attributes, events, status } = span!
	t.is(status.message, 'Cannot deserialize leaky span@"1": SyntaxError')
	t.false(JSON.stringify({ attributes, events, status }).includes('hunter2'))
	t.deepEqual(spans(), [])
	await provider.shutdown()
	t.truthy(tracerProvider)
})

test.serial('who stops a term during a refresh has not met an error, and the span ends', async t => {
	const { source, term, spans } = await setup(t, 'interrupted')
	await term.start()
	source.trouble = 'silence'
	const running = term.update()
	await term.stop()
	await running
	t.is(spans().at(-1)?.attributes['error.type'], 'STOPPED')
	t.is(spans().at(-1)?.status.code, SpanStatusCode.UNSET)
	t.deepEqual(spans().at(-1)?.events, [])
})

test.serial(
	'what a refresh does is its child; update() is a child of its caller; what the schedule begins is a root',
	async t => {
		const { clock, source, term, spans, tracerProvider } = await setup(t, 'family')
		const seen: Array<string | undefined> = []
		const ask = source.downloadIfChanged.bind(source)
		source.downloadIfChanged = async (known, fetchContext) => {
			await Promise.resolve()
			seen.push(trace.getActiveSpan()?.spanContext().spanId)
			return ask(known, fetchContext)
		}
		const request = tracerProvider.getTracer('app').startSpan('GET /')
		await contextApi.with(trace.setSpan(contextApi.active(), request), async () => {
			await term.start()
			await term.update()
		})
		request.end()
		await clock.advance(60_000)
		const [start, update, scheduled] = spans()
		t.deepEqual(
			seen,
			[start, update, scheduled].map(span => span?.spanContext().spanId),
		)
		const parent = request.spanContext().spanId
		t.deepEqual(
			[start, update, scheduled].map(span => span?.parentSpanContext?.spanId),
			[parent, parent, undefined],
		)
		t.not(scheduled?.spanContext().traceId, request.spanContext().traceId)
		t.is(scheduled?.attributes['remote_term.trigger'], 'schedule')
		t.is(trace.getActiveSpan(), undefined)
	},
)

test.serial('a real request within a refresh is made in its context', async t => {
	const { HttpFetcher } = await import('../../fetchers/http.ts')
	const { spans } = await setup(t, 'over http')
	const server = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1')
	await new Promise(resolve => server.once('listening', resolve))
	t.teardown(() => server.close())
	const { port } = server.address() as { port: number }
	let active: string | undefined
	const term = createTerm({
		name: 'over http',
		logger: false,
		fetcher: new HttpFetcher({
			url: `http://127.0.0.1:${port}/`,
			headers: async () => {
				active = trace.getActiveSpan()?.spanContext().spanId
				return {}
			},
		}),
	})
	await term.start()
	await term.stop()
	t.is(active, spans()[0]?.spanContext().spanId)
	t.is(spans()[0]?.attributes['remote_term.fetcher'], 'HttpFetcher')
})

test.serial('refreshes are measured, in seconds and bytes', async t => {
	const { clock, source, term, metric } = await setup(t, 'measured')
	await term.start()
	source.state = { content: '{"EUR":2}', version: '"2"', publishedAt: clock.now() - 90_000 }
	await term.update()
	source.trouble = trouble('FETCH_FAILED')
	await term.update()
	t.like(await metric(METRICS.duration.name, { 'remote_term.outcome': 'updated' }), { count: 2, sum: 0 })
	t.like(
		await metric(METRICS.duration.name, { 'remote_term.outcome': 'failed', 'error.type': 'FETCH_FAILED' }),
		{ count: 1 },
	)
	t.like(await metric(METRICS.steps.name, { 'remote_term.step': 'ask' }), { count: 2 })
	t.like(await metric(METRICS.blocked.name, { 'remote_term.part': 'put' }), { count: 2 })
	t.like(await metric(METRICS.blocked.name, { 'remote_term.part': 'notify' }), { count: 2 })
	t.like(await metric(METRICS.lag.name), { count: 1, sum: 90 })
	t.deepEqual(
		((await metric(METRICS.lag.name)) as { buckets: { boundaries: number[] } }).buckets.boundaries,
		[...METRICS.lag.buckets],
	)
	t.is(await metric(METRICS.received.name), 18)
	t.is(await metric(METRICS.inflated.name), 18)
	t.is(await metric(METRICS.ready.name), 1)
	t.is(await metric(METRICS.stale.name), 0)
	t.is(await metric(METRICS.consecutiveFailures.name), 1)
	source.trouble = undefined
	await term.rollback()
	t.is(
		await metric(METRICS.recalls.name, {
			'remote_term.trigger': 'rollback',
			'remote_term.outcome': 'updated',
		}),
		1,
	)
	t.like(await metric(METRICS.duration.name, { 'remote_term.outcome': 'updated' }), { count: 2 })
})

test.serial('after disposal nothing is traced or measured, and a span under way is ended', async t => {
	const { source, term, spans, metric, ended } = await setup(t, 'disposed')
	await term.start()
	source.trouble = 'silence'
	const running = term.update()
	ended[Symbol.dispose]()
	ended[Symbol.dispose]()
	t.is(spans().length, 2)
	await term.stop()
	await running
	t.is(spans().length, 2)
	t.like(await metric(METRICS.duration.name, { 'remote_term.outcome': 'updated' }), { count: 1 })
	t.is(await metric(METRICS.ready.name), undefined)
})

test.serial('a tracer that throws harms no refresh, and the SDK’s own log hears of it', async t => {
	const said: unknown[] = []
	const note = (...args: unknown[]): void => void said.push(args[0])
	diag.setLogger(
		{ error: note, warn: note, info: () => {}, debug: () => {}, verbose: () => {} },
		{ suppressOverrideMessage: true },
	)
	t.teardown(() => diag.disable())
	const thrower = (): never => {
		throw new Error('no spans today')
	}
	const tracerProvider = { getTracer: () => ({ startSpan: thrower, startActiveSpan: thrower }) }
	const { term } = await setup(t, 'unlucky', { tracerProvider })
	await term.start()
	t.deepEqual(term.get(), { EUR: 1 })
	t.true(said.includes('remote-term could not trace a refresh'))
})

test.serial('options are checked at the door', async t => {
	for (const options of [{ tracerProvider: {} }, { meterProvider: 1 }, { terms: {} }, { tracer: {} }])
		await t.throwsAsync(instrument(options as unknown as InstrumentOptions), { code: 'INVALID_OPTION' })
})

test.serial('without providers the global ones are used, which may do nothing', async t => {
	using _ended = await instrument()
	const term = createTerm({ name: 'global', fetcher: new ScriptedSource('{}'), logger: false })
	t.teardown(() => term.stop())
	await t.notThrowsAsync(term.start())
})

test.serial(
	'attributes and metrics have distinct names, and each metric only attributes that there are',
	t => {
		const names = Object.values(ATTRIBUTES).map(([name]) => name)
		t.is(new Set(names).size, names.length)
		const metrics = Object.values(METRICS)
		t.is(new Set(metrics.map(({ name }) => name)).size, metrics.length)
		for (const { name, attributes } of metrics) {
			t.regex(name, /^remote_term(\.[a-z_]+)+$/)
			for (const attribute of attributes) t.true(attribute in ATTRIBUTES)
		}
	},
)
