import test from 'ava'
import type { StreamEvent } from '../../lib/autoconfig/event-parser.ts'
import { Span } from '../support/lifetime.ts'
import { readCorpus } from '../support/corpora.ts'
import { serve } from '../support/serve.ts'
import { fact, record, scriptedServer } from './support.ts'

interface Case {
	readonly id: string
	/** In base64. */
	readonly chunks: readonly string[]
	readonly expect: {
		readonly events: readonly StreamEvent[]
		readonly retry: number | null
		readonly finalLastEventId: string
		readonly dispatchedBeforeEof: number
		readonly comments?: readonly string[]
	}
}

interface Scenario {
	readonly id: string
	readonly client?: { readonly readTimeoutMs?: number; readonly lastEventId?: string }
	readonly connections: ReadonlyArray<{
		readonly status?: number
		readonly headers?: Readonly<Record<string, string>>
		readonly expectRequest?: {
			readonly method?: string
			readonly accept?: string
			readonly cacheControl?: string
			readonly lastEventIdUtf8?: string | null
		}
		readonly send: readonly string[]
		readonly end: 'close' | 'abort' | 'hold'
	}>
	readonly expect: {
		readonly events: readonly StreamEvent[]
		readonly error?: boolean
		readonly reconnect?: boolean
		readonly reconnectDelayMs?: readonly [number, number]
	}
}

const corpus = readCorpus<{ readonly cases: readonly Case[]; readonly scenarios: readonly Scenario[] }>(
	'sse.json',
)
if (corpus === undefined) {
	// eslint-disable-next-line ava/no-skip-test, ava/no-inline-assertions
	test.skip('the corpus of server-sent events is not here', t => t.pass())
}
const { cases, scenarios } = corpus ?? { cases: [], scenarios: [] }

const split = (bytes: Buffer, size: number): Buffer[] => {
	const pieces: Buffer[] = []
	for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
	return pieces
}

/** A stream may not make us come back sooner than this. */
const SHORTEST_RETRY = 100

for (const { id, chunks, expect } of cases) {
	test(`${id}: however it is cut`, async t => {
		const asIs = chunks.map(chunk => Buffer.from(chunk, 'base64'))
		const whole = Buffer.concat(asIs)
		const cuts: Record<string, Buffer[]> = { 'as is': asIs, 'in one piece': [whole] }
		for (const size of [1, 2, 3, 7]) cuts[`in pieces of ${size}`] = split(whole, size)
		for (const [cut, pieces] of Object.entries(cuts)) {
			const span = new Span()
			const server = scriptedServer([{ chunks: pieces, end: 'hold' }])
			const { connection, clock, events, disconnects, comments } = record(span, {
				url: new URL('http://127.0.0.1/'),
				dispatcher: server.dispatcher,
			})
			connection.start()
			await fact('all of it was read', () => server.dealt === pieces.length)
			t.deepEqual(events, expect.events, `${cut}, while the stream stays open`)
			t.is(events.length, expect.dispatchedBeforeEof)
			// Nobody but us gets to see a comment, and no standard says whether the space before it belongs to it.
			const trimmed = (all: readonly string[]): string[] => all.map(comment => comment.trimStart())
			if (expect.comments !== undefined) t.deepEqual(trimmed(comments), trimmed(expect.comments), cut)
			server.end()
			await fact('the stream ended', () => disconnects.length === 1)
			t.is(events.length, expect.dispatchedBeforeEof, `${cut}: the end completes nothing`)
			t.is(clock.nextTimerIn, Math.max(SHORTEST_RETRY, expect.retry ?? 1000), cut)
			await clock.advance(clock.nextTimerIn ?? 0)
			await fact('it connected again', () => server.requests.length === 2)
			t.is(headerText(server.requests[1]?.['last-event-id']), expect.finalLastEventId, cut)
			await span.end()
		}
	})
}

/** UTF-8 in the bytes of a header, as it is on the wire. */
const headerText = (value: string | undefined): string => Buffer.from(value ?? '', 'latin1').toString()

/**
 * Where a browser gives up for ever, we come back after a delay: a service that has given up would never hear of the
 * repair. Nothing of such an answer is taken for an event either way.
 */
const comesBackAllTheSame = (scenario: Scenario): boolean => scenario.expect.reconnect === false

for (const scenario of scenarios) {
	test(`${scenario.id}${comesBackAllTheSame(scenario) ? ', except that we come back later' : ''}`, async t => {
		const { connections, expect, client } = scenario
		const seen: Array<{ readonly method: string; readonly headers: Record<string, unknown> }> = []
		let gotEvents = (): number => 0
		const { url } = await serve(t, (request, response) => {
			const answer = connections[seen.length]
			seen.push({ method: request.method ?? '', headers: request.headers })
			if (answer === undefined)
				return void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(':')
			const headers = Object.entries(answer.headers ?? { 'content-type': 'text/event-stream' })
			for (const [name, value] of headers)
				response.setHeader(name, value === '<second url>' ? new URL('/second', url).href : value)
			response.writeHead(answer.status ?? 200)
			response.flushHeaders()
			const before = gotEvents()
			for (const text of answer.send) response.write(text)
			if (answer.end === 'close') response.end()
			else if (answer.end === 'abort')
				void fact(
					'the events arrived',
					() => gotEvents() >= before + answer.send.join('').split('\n\n').length - 1,
				)
					.catch(() => {})
					.then(() => response.destroy())
		})
		const { connection, clock, events, disconnects } = record(t, {
			url,
			...(client?.readTimeoutMs !== undefined && { readTimeout: client.readTimeoutMs }),
			...(client?.lastEventId !== undefined && { lastEventId: client.lastEventId }),
		})
		gotEvents = () => events.length
		connection.start()

		const isRedirected = (status = 200): boolean => status >= 301 && status <= 308
		for (const [i, { status, headers, end }] of connections.entries()) {
			await fact(`request ${i + 1} came`, () => seen.length > i)
			const goesOn = isRedirected(status) && (headers?.['location'] ?? '') !== ''
			const isLast = i === connections.length - 1
			if (goesOn || (end === 'hold' && isLast)) continue
			if (end === 'hold') {
				await fact('its events arrived', () => events.length === expect.events.length)
				await fact('only the read timeout waits', () => clock.pendingTimers === 1)
				await clock.advance(client?.readTimeoutMs ?? 0)
			}
			const due = disconnects.length + (disconnects.length > i ? 0 : 1)
			await fact('it noticed the end', () => disconnects.length >= due && clock.pendingTimers === 1)
			const delay = clock.nextTimerIn ?? 0
			if (expect.reconnectDelayMs !== undefined && i === 0) {
				const [least, most] = expect.reconnectDelayMs
				t.true(delay >= least && delay <= most, `${delay} ms`)
			}
			if (!isLast) await clock.advance(delay)
		}

		await fact('the events arrived', () => events.length >= expect.events.length)
		t.deepEqual(events, expect.events)
		for (const [i, { expectRequest }] of connections.entries()) {
			const { method, headers } = seen[i]!
			if (expectRequest?.method !== undefined) t.is(method, expectRequest.method)
			if (expectRequest?.accept !== undefined) t.is(headers['accept'], expectRequest.accept)
			if (expectRequest?.cacheControl !== undefined)
				t.is(headers['cache-control'], expectRequest.cacheControl)
			if (expectRequest?.lastEventIdUtf8 !== undefined)
				t.is(headerText(headers['last-event-id'] as string | undefined), expectRequest.lastEventIdUtf8 ?? '')
		}
		if (expect.error === true) t.true(disconnects[0] instanceof Error)
		if (expect.error === false) t.deepEqual(disconnects, [])
		if (comesBackAllTheSame(scenario)) {
			await clock.advance(clock.nextTimerIn ?? 0)
			await fact('it came back', () => seen.length === connections.length + 1)
		}
	})
}
