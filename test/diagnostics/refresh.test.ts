import { AsyncLocalStorage } from 'node:async_hooks'
import diagnosticsChannel, { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { z } from 'zod'
import { RemoteTermError } from '../../lib/core/errors.ts'
import {
	REFRESH_CHANNEL,
	STATUS_CHANNEL,
	type RefreshContext,
	type StatusChange,
} from '../../lib/term/channels.ts'
import { createTerm } from '../../lib/term/create-term.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { recordRefreshes } from '../support/channel-recorder.ts'
import { ScriptedSource, trouble } from '../support/scripted-source.ts'

const started = async (
	name: string,
	source = new ScriptedSource({ content: '{"EUR":1}', version: '"1"' }),
	options: Partial<Parameters<typeof createTerm>[0]> = {},
) => {
	const clock = new FakeClock()
	const term = createTerm({
		name,
		fetcher: source,
		clock,
		refreshInterval: 60_000,
		jitter: 0,
		random: () => 0.5,
		logger: false,
		...options,
	})
	return { clock, source, term }
}

test('a refresh is told from its beginning to its end, in one object that fills up', async t => {
	const { events } = recordRefreshes(t, 'told')
	const { clock, source, term } = await started('told')
	source.state = { ...source.state, publishedAt: clock.now() - 5_000 }
	t.teardown(() => term.stop())
	await term.start()

	t.deepEqual(
		events.map(({ channel }) => channel),
		['start', 'end', 'asyncStart', 'asyncEnd'],
	)
	t.is(new Set(events.map(({ context }) => context)).size, 1)
	const startedAt = clock.now()
	const first = { term: 'told', fetcher: 'ScriptedSource', trigger: 'start', startedAt, retry: 0 } as const
	t.deepEqual(events[0]?.then, first)
	t.deepEqual(events[1]?.then, first)
	const landed: RefreshContext = {
		...first,
		outcome: 'updated',
		durationMs: 0,
		version: '"1"',
		previousVersion: undefined,
		bytes: 9,
		inflatedBytes: 9,
		steps: { ask: 0, receive: 0, deserialize: 0, validate: 0, put: 0 },
		publishedAt: startedAt - 5_000,
		lagMs: 5_000,
	}
	t.deepEqual(events[2]?.then, landed)
	t.deepEqual(events[3]?.then, {
		...landed,
		blocked: { deserialize: 0, validate: 0, put: 0, notify: 0 },
		source: 'remote',
		consecutiveFailures: 0,
		nextRefreshAt: startedAt + 60_000,
	})
})

test('each refresh says what began it, and a retry says how often it was tried before', async t => {
	const { events } = recordRefreshes(t, 'triggered')
	let changed = (): void => {}
	const source = new ScriptedSource('{}')
	const watching = Object.assign(source, {
		watch(onChange: () => void): Disposable {
			changed = onChange
			return { [Symbol.dispose]() {} }
		},
	})
	const { clock, term } = await started('triggered', watching)
	t.teardown(() => term.stop())
	await term.start()
	await term.update()
	source.trouble = trouble('FETCH_FAILED')
	await clock.advance(60_000)
	await clock.advance(1_000)
	source.trouble = undefined
	changed()
	await clock.advance(1_000)
	await clock.advance(60_000)
	t.deepEqual(
		events
			.filter(({ channel }) => channel === 'asyncEnd')
			.map(({ then }) => [then.trigger, then.retry, then.outcome]),
		[
			['start', 0, 'updated'],
			['update', 0, 'unchanged'],
			['schedule', 0, 'failed'],
			['schedule', 1, 'failed'],
			['change', 2, 'unchanged'],
			['schedule', 0, 'unchanged'],
		],
	)
})

test('a failed refresh is an error too, with the next one in sight', async t => {
	const { events } = recordRefreshes(t, 'failing')
	const { clock, source, term } = await started('failing')
	t.teardown(() => term.stop())
	await term.start()
	source.trouble = trouble('FETCH_THROTTLED', { status: 429, retryAfter: 9_000 })
	await term.update()
	const [, , error, asyncStart, asyncEnd] = events.slice(4)
	t.deepEqual(
		[error, asyncStart, asyncEnd].map(event => event?.channel),
		['error', 'asyncStart', 'asyncEnd'],
	)
	t.like(error?.then, { outcome: 'failed', version: '"1"' })
	t.like(error?.then.error, { code: 'FETCH_THROTTLED', status: 429, retryAfter: 9_000, term: 'failing' })
	t.is(asyncEnd?.then.consecutiveFailures, 1)
	t.is(asyncEnd?.then.nextRefreshAt, clock.now() + 9_000)
})

test('a refresh that stop() cuts short ends for those who watch, too', async t => {
	const { events } = recordRefreshes(t, 'cut short')
	const { source, term } = await started('cut short')
	await term.start()
	source.trouble = 'silence'
	const update = term.update()
	await term.stop()
	t.is((await update).error?.code, 'STOPPED')
	t.is(events.at(-1)?.channel, 'asyncEnd')
	t.is(events.at(-1)?.then.error?.code, 'STOPPED')
	t.is(events.at(-1)?.then.nextRefreshAt, undefined)
})

test('a listener that begins the next refresh does not mix it up with the one that it is told of', async t => {
	const { events } = recordRefreshes(t, 'again')
	const { term } = await started('again')
	t.teardown(() => term.stop())
	let second: Promise<unknown> | undefined
	term.on('updated', () => {
		second = term.update()
	})
	await term.start()
	await second
	t.deepEqual(
		events.map(({ channel, then }) => `${channel} ${then.trigger}`),
		[
			'start start',
			'end start',
			'asyncStart start',
			'start update',
			'end update',
			'asyncEnd start',
			'asyncStart update',
			'asyncEnd update',
		],
	)
})

test('the time that our code and the user’s keep the event loop is told by its parts', async t => {
	const { events } = recordRefreshes(t, 'blocking')
	let now = 0
	const busy = (ms: number): void => void (now += ms)
	const clock = Object.assign(new FakeClock(), { monotonic: () => now })
	const schema = z.unknown().transform(value => {
		busy(4)
		return value
	})
	const { term } = await started('blocking', undefined, {
		clock,
		schema,
		deserialize: data => {
			busy(1)
			return data
		},
		validate: async () => {
			busy(16)
			await Promise.resolve()
			busy(32)
		},
	})
	t.teardown(() => term.stop())
	term.on('updated', () => busy(64))
	await term.start()
	t.deepEqual(events.at(-1)?.then.blocked, { deserialize: 1, validate: 20, put: 0, notify: 64 })
	t.like(events.at(-1)?.then.steps, { deserialize: 1, validate: 52 })
})

test('an override of put counts until it gives its promise back', async t => {
	const { events } = recordRefreshes(t, 'SlowPut')
	let now = 0
	const clock = Object.assign(new FakeClock(), { monotonic: () => now })
	const { RemoteTerm } = await import('../../lib/term/remote-term.ts')
	class SlowPut extends RemoteTerm<string> {
		protected override deserialize = String
		protected override async put(): Promise<void> {
			now += 8
			await Promise.resolve()
			now += 100
		}
	}
	const term = new SlowPut({ fetcher: new ScriptedSource('x'), clock, logger: false })
	t.teardown(() => term.stop())
	await term.start()
	t.is(events.at(-1)?.then.blocked?.put, 8)
	t.is(events.at(-1)?.then.steps?.put, 108)
})

test('what runs within a refresh sees the stores that are bound to its start', async t => {
	const store = new AsyncLocalStorage<string>()
	const { start } = diagnosticsChannel.tracingChannel(REFRESH_CHANNEL) as unknown as {
		start: {
			bindStore(bound: AsyncLocalStorage<string>, transform: (context: RefreshContext) => string): void
			unbindStore(bound: AsyncLocalStorage<string>): void
		}
	}
	start.bindStore(store, ({ term, trigger }) => `${term} ${trigger}`)
	t.teardown(() => start.unbindStore(store))
	const seen: Array<string | undefined> = []
	const { term } = await started('stored', undefined, {
		deserialize: async data => {
			await Promise.resolve()
			seen.push(store.getStore())
			return data
		},
	})
	t.teardown(() => term.stop())
	term.on('updated', () => seen.push(store.getStore()))
	await term.start()
	t.deepEqual(seen, ['stored start', undefined])
})

// Serial, since a subscriber of any other test's would make it seen.
test.serial('who subscribes during a refresh sees the next one, whole', async t => {
	const { source, term } = await started('half')
	t.teardown(() => term.stop())
	await term.start()
	source.trouble = trouble('FETCH_FAILED')
	const running = term.update()
	const { events } = recordRefreshes(t, 'half')
	await running
	t.deepEqual(events, [])
	await term.update()
	t.deepEqual(
		events.map(({ channel }) => channel),
		['start', 'end', 'error', 'asyncStart', 'asyncEnd'],
	)
})

test('changes of status are published, the end of a term included', async t => {
	const changes: StatusChange[] = []
	const handler = (message: unknown): void => {
		if ((message as StatusChange).term === 'changing') changes.push(message as StatusChange)
	}
	subscribe(STATUS_CHANNEL, handler)
	t.teardown(() => unsubscribe(STATUS_CHANNEL, handler))
	const { clock, source, term } = await started('changing', undefined, { staleAfter: 90_000 })
	await term.start()
	const at = clock.now()
	source.trouble = trouble('FETCH_FAILED')
	await clock.advance(90_000)
	await term.stop()
	t.deepEqual(changes, [
		{ term: 'changing', status: 'starting', previous: 'idle', at },
		{ term: 'changing', status: 'ready', previous: 'starting', at },
		{ term: 'changing', status: 'failing', previous: 'ready', at: at + 60_000 },
		{ term: 'changing', status: 'stale', previous: 'failing', at: at + 90_000 },
		{ term: 'changing', status: 'stopped', previous: 'stale', at: at + 90_000 },
	])
})

const SECRET = 'hunter2-hunter2'

/** Whatever can be reached from it. */
const everything = (value: unknown, seen = new Set<unknown>()): string => {
	if (typeof value !== 'object' || value === null) return String(value)
	if (seen.has(value)) return ''
	seen.add(value)
	return Reflect.ownKeys(value)
		.map(key => `${String(key)}=${everything((value as Record<PropertyKey, unknown>)[key], seen)}`)
		.join('\n')
}

const leaks: ReadonlyArray<readonly [string, Partial<Parameters<typeof createTerm>[0]>, string]> = [
	[
		'a deserialize that quotes the document',
		{ deserialize: data => JSON.parse(new TextDecoder().decode(data)) as unknown },
		'Cannot deserialize leaky@"1": SyntaxError',
	],
	[
		'a validate that quotes the value',
		{
			deserialize: data => new TextDecoder().decode(data),
			validate: value => {
				throw new TypeError(`${String(value)} is bad`)
			},
		},
		'leaky@"1" is not valid: TypeError',
	],
	[
		'a validate that throws our own error, which passes unchanged',
		{
			deserialize: data => new TextDecoder().decode(data),
			validate: value => {
				throw new RemoteTermError('VALIDATION_FAILED', `The value is bad: ${String(value)}`)
			},
		},
		'The value is bad',
	],
	[
		'a schema whose issues quote the value',
		{
			deserialize: data => new TextDecoder().decode(data),
			schema: z.unknown().refine(() => false, { error: ({ input }) => `${String(input)} is bad` }),
		},
		'leaky@"1" does not fit its schema (1 issues)',
	],
	[
		'a setup that quotes what it was given',
		{
			setup: () => {
				throw new Error(`wrong password ${SECRET}`)
			},
		},
		'Cannot set up leaky: Error',
	],
	[
		'a throw of what is no error',
		{
			setup: () => {
				// eslint-disable-next-line @typescript-eslint/only-throw-error
				throw `wrong password ${SECRET}`
			},
		},
		'Cannot set up leaky: string',
	],
]

for (const [title, options, message] of leaks) {
	test.serial(`nothing of the value is published, not even by ${title}`, async t => {
		const { events } = recordRefreshes(t, 'leaky')
		const source = new ScriptedSource({ content: SECRET, version: '"1"' })
		const { term } = await started('leaky', source, options)
		t.teardown(() => term.stop())
		const error = await t.throwsAsync(term.start())
		t.true(everything(error).includes(SECRET), 'the error itself says all')
		t.is(events.at(-1)?.context.error?.message, message)
		for (const { context } of events) t.false(everything(context).includes(SECRET))
	})
}

test('what our own codecs say, which quotes nothing, is published as it is', async t => {
	const { events } = recordRefreshes(t, 'json')
	const { term } = await started('json', new ScriptedSource({ content: `{"a":${SECRET}}`, version: '"1"' }))
	t.teardown(() => term.stop())
	const error = await t.throwsAsync(term.start())
	t.is(events.at(-1)?.context.error?.message, error?.message)
	t.regex(error?.message ?? '', /not valid JSON: unexpected character at/)
	t.regex(events.at(-1)?.context.error?.stack ?? '', /^RemoteTermError: Cannot deserialize json.*\n +at /)
})

test('a secret value is nowhere in what an updated refresh publishes', async t => {
	const { events } = recordRefreshes(t, 'vault')
	const source = new ScriptedSource({ content: JSON.stringify({ password: SECRET }), version: '"1"' })
	const { term } = await started('vault', source)
	t.teardown(() => term.stop())
	await term.start()
	t.deepEqual(term.get(), { password: SECRET })
	t.is(events.length, 4)
	for (const { context } of events) t.false(everything(context).includes(SECRET))
})

test('a subscriber that throws ends in an uncaughtException of Node’s, and the refresh goes on', t => {
	const library = fileURLToPath(new URL('../../lib/index.js', import.meta.url))
	const program = `
		import { subscribe } from 'node:diagnostics_channel'
		import { createTerm } from ${JSON.stringify(library)}
		const caught = []
		process.on('uncaughtException', ({ message }) => caught.push(message))
		for (const part of ['start', 'end', 'asyncStart', 'asyncEnd', 'error'])
			subscribe('tracing:remote-term:refresh:' + part, () => { throw new Error(part) })
		subscribe('remote-term:status', ({ status }) => { throw new Error(status) })
		const fetcher = { async init() {}, async currentVersion() { return '1' }, async download() { return { value: 'here', version: '1' } } }
		const term = await createTerm({ fetcher, logger: false }).start()
		const { status } = await term.update()
		const { nextRefreshAt } = term.health()
		await term.stop()
		setImmediate(() => console.log(JSON.stringify({ value: term.get(), status, scheduled: nextRefreshAt > 0, caught })))
	`
	const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
		encoding: 'utf8',
	})
	const said = JSON.parse(stdout || stderr) as { caught: string[] }
	const { caught, ...rest } = said
	t.deepEqual(rest, { value: 'here', status: 'unchanged', scheduled: true } as unknown as typeof rest)
	const refresh = ['start', 'end', 'asyncStart', 'asyncEnd']
	t.deepEqual([...caught].sort(), ['starting', 'ready', 'stopped', ...refresh, ...refresh].sort())
})
