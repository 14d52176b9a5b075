import { getEventListeners } from 'node:events'
import { gzipSync } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import { RemoteTermError } from '../../lib/core/errors.ts'
import type { Fetcher } from '../../lib/core/fetcher.ts'
import type { PutInfo } from '../../lib/term/events.ts'
import type { RemoteTermOptions } from '../../lib/term/options.ts'
import { RemoteTerm } from '../../lib/term/remote-term.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { FakeFetcher } from '../../lib/testing/fake-fetcher.ts'
import { next, ratesTerm, RatesTerm, type Rates } from '../support/terms.ts'

const MINUTE = 60_000

const setup = (
	t: ExecutionContext,
	options: Partial<RemoteTermOptions<Rates>> = {},
	fetcher = new FakeFetcher('{"EUR":1}'),
) => ratesTerm(t, fetcher, options)

const codeOf = (error: unknown): string | undefined =>
	error instanceof RemoteTermError ? error.code : undefined

test('start resolves with a value in place', async t => {
	const { term } = setup(t)
	t.is(term.get(), undefined)
	t.is(await term.start(), term)
	t.deepEqual(term.get(), { EUR: 1 })
	t.is(term.version, '1')
	t.is(term.name, 'RatesTerm')
})

test('start rejects with the cause when no value can be had, and leaves nothing running', async t => {
	const { term, fetcher, clock } = setup(t)
	fetcher.fail('FETCH_FAILED')
	const error = await t.throwsAsync(term.start())
	t.is(codeOf(error), 'FETCH_FAILED')
	t.is(clock.pendingTimers, 0)
	t.is(term.health().status, 'idle')
	t.is(term.health().nextRefreshAt, undefined)
})

test('a start that has failed may be tried again, and sets up once', async t => {
	let setUps = 0
	class Counting extends RatesTerm {
		protected override setup(): void {
			setUps++
		}
	}
	const fetcher = new FakeFetcher('{"EUR":1}')
	fetcher.fail('FETCH_FAILED')
	const term = new Counting({ fetcher, clock: new FakeClock(), logger: false })
	t.teardown(() => term.stop())
	await t.throwsAsync(term.start())
	await term.start()
	t.deepEqual(term.get(), { EUR: 1 })
	t.is(setUps, 1)
	t.is(fetcher.calls.filter(({ method }) => method === 'init').length, 1)
})

test('callers of start share one start', async t => {
	const { term, fetcher } = setup(t)
	await Promise.all([term.start(), term.start(), term.start()])
	t.is(fetcher.calls.filter(({ method }) => method === 'downloadIfChanged').length, 1)
})

test('a lazy start returns at once, and ready tells when the value has come', async t => {
	const { term, fetcher } = setup(t, { lazyInit: true })
	const hanging = fetcher.hang()
	await term.start()
	t.is(term.get(), undefined)
	t.is(term.health().status, 'starting')
	const ready = term.ready()
	await hanging.taken
	hanging.respond('{"EUR":2}')
	await ready
	t.deepEqual(term.get(), { EUR: 2 })
})

test('a lazy term whose source is down keeps trying', async t => {
	const { term, fetcher, clock } = setup(t, { lazyInit: true })
	fetcher.fail('FETCH_FAILED')
	fetcher.fail('FETCH_FAILED')
	const failed = next(term, 'failed')
	await term.start()
	await failed
	t.is(term.health().status, 'failing')
	t.false(term.health().ready)
	const ready = term.ready()
	await clock.advance(MINUTE)
	await ready
	t.deepEqual(term.get(), { EUR: 1 })
})

test('ready rejects when its signal is aborted or the term stops', async t => {
	const { term, fetcher } = setup(t, { lazyInit: true })
	fetcher.hang()
	await term.start()
	const controller = new AbortController()
	const given = term.ready({ signal: controller.signal })
	controller.abort()
	t.is(codeOf(await t.throwsAsync(given)), 'STOPPED')
	const stopped = term.ready()
	await term.stop()
	t.is(codeOf(await t.throwsAsync(stopped)), 'STOPPED')
	t.is(codeOf(await t.throwsAsync(term.ready())), 'STOPPED')
})

test('start ends in time when the source hangs', async t => {
	const { term, fetcher, clock } = setup(t, { startTimeout: 5_000 })
	const { taken } = fetcher.hang()
	const starting = t.throwsAsync(term.start())
	await taken
	await clock.advance(5_000)
	const error = await starting
	t.is(codeOf(error), 'TIMEOUT')
	t.regex(error.message, /RatesTerm to start within 5000 ms \(startTimeout\)/)
	t.is(clock.pendingTimers, 0)
})

test('start ends in time when setup hangs', async t => {
	class Hanging extends RatesTerm {
		protected override setup(): Promise<void> {
			return new Promise(() => {})
		}
	}
	const clock = new FakeClock()
	const term = new Hanging({ fetcher: new FakeFetcher('{}'), clock, startTimeout: 5_000, logger: false })
	t.teardown(() => term.stop())
	const starting = t.throwsAsync(term.start())
	await clock.advance(5_000)
	t.is(codeOf(await starting), 'TIMEOUT')
})

test('a failing setup fails the start, even with a bundled value', async t => {
	class Failing extends RatesTerm {
		protected override setup(): void {
			throw new Error('no database')
		}
	}
	const term = new Failing({
		fetcher: new FakeFetcher('{}'),
		initial: { EUR: 9 },
		clock: new FakeClock(),
		logger: false,
	})
	t.teardown(() => term.stop())
	const error = await t.throwsAsync(term.start())
	t.is(codeOf(error), 'SETUP_FAILED')
	t.is((error.cause as Error).message, 'no database')
})

test('a refresh ends in time when the source hangs, and the next one is scheduled', async t => {
	const { term, fetcher, clock } = setup(t, { timeout: 2_000 })
	await term.start()
	const { taken } = fetcher.hang()
	const updating = term.update()
	await taken
	await clock.advance(2_000)
	const outcome = await updating
	t.is(outcome.error?.code, 'TIMEOUT')
	t.is(clock.timers.length, 2, 'the next refresh, and the moment when the value goes stale')
	t.deepEqual(term.get(), { EUR: 1 })
})

test('what was given up is not put in place after all', async t => {
	let release!: () => void
	class Slow extends RatesTerm {
		slow = false
		protected override validate(): Promise<void> | undefined {
			return this.slow ? new Promise(resolve => (release = resolve)) : undefined
		}
	}
	const fetcher = new FakeFetcher('{"EUR":1}')
	const clock = new FakeClock()
	const term = new Slow({ fetcher, clock, timeout: 1_000, logger: false })
	t.teardown(() => term.stop())
	await term.start()
	term.slow = true
	fetcher.respond('{"EUR":2}')
	const updating = term.update()
	await clock.advance(1_000)
	t.is((await updating).status, 'failed')
	release()
	await clock.advance(0)
	t.deepEqual(term.get(), { EUR: 1 })
	t.is(term.version, '1')
})

test('concurrent updates share one flight and its outcome', async t => {
	const { term, fetcher } = setup(t)
	await term.start()
	const hanging = fetcher.hang()
	const updates = [term.update(), term.update(), term.update()]
	await hanging.taken
	hanging.respond('{"EUR":2}', { version: '2' })
	const outcomes = await Promise.all(updates)
	t.is(new Set(outcomes).size, 1)
	t.is(outcomes[0]!.status, 'updated')
})

test('a thousand manual updates leave one timer for the next refresh', async t => {
	const { term, clock, fetcher } = setup(t, { staleAfter: null })
	await term.start()
	for (let again = 0; again < 1_000; again++) await term.update()
	t.deepEqual(clock.timers, [MINUTE])
	const { length } = fetcher.calls
	await clock.advance(MINUTE)
	t.is(fetcher.calls.length, length + 1)
})

test('a manual update puts the next refresh off by a whole interval', async t => {
	const { term, clock } = setup(t, { staleAfter: null })
	await term.start()
	await clock.advance(MINUTE - 1)
	await term.update()
	t.deepEqual(clock.timers, [MINUTE])
})

test('an unchanged source is told apart from a failing one, and nothing is put', async t => {
	const { term, fetcher } = setup(t)
	await term.start()
	const before = term.get()
	const outcome = await term.update()
	t.like(outcome, { status: 'unchanged', version: '1' })
	t.is(term.get(), before)
	t.is(fetcher.calls.at(-1)!.known, '1')
})

test('a fetcher of the minimal kind is asked for its version first, and the version of the download counts', async t => {
	const versions = ['1', '1', '2-announced']
	let downloads = 0
	const fetcher: Fetcher = {
		init: async () => {},
		currentVersion: async () => versions[Math.min(downloads + asked++, 2)]!,
		download: async () => ({ body: Buffer.from(`{"EUR":${++downloads}}`), version: `${downloads}` }),
	}
	let asked = 0
	const clock = new FakeClock()
	const term = new RatesTerm({ fetcher, clock, logger: false })
	t.teardown(() => term.stop())
	await term.start()
	t.is(asked, 0, 'nothing is held, so there is nothing to compare')
	t.is((await term.update()).status, 'unchanged')
	t.is((await term.update()).status, 'updated')
	t.is(term.version, '2')
})

test('an empty body, a throwing validate and a throwing put leave everything as it was', async t => {
	class Picky extends RatesTerm {
		refuse: 'validate' | 'put' | undefined
		protected override validate(): void {
			if (this.refuse === 'validate') throw new Error('not today')
		}
		protected override put(term: Rates, info: PutInfo): void {
			if (this.refuse === 'put') throw new Error('disk full')
			void super.put(term, info)
		}
	}
	const fetcher = new FakeFetcher('{"EUR":1}')
	const term = new Picky({ fetcher, clock: new FakeClock(), logger: false })
	t.teardown(() => term.stop())
	await term.start()
	const before = term.get()

	for (const [refuse, code, body] of [
		[undefined, 'EMPTY_BODY', ''],
		[undefined, 'EMPTY_BODY', gzipSync('')],
		['validate', 'VALIDATION_FAILED', '{"EUR":2}'],
		['put', 'PUT_FAILED', '{"EUR":3}'],
	] as const) {
		term.refuse = refuse
		fetcher.respond(body)
		const outcome = await term.update()
		t.is(outcome.error?.code, code)
		t.is(term.get(), before)
		t.is(term.version, '1')
		t.not(term.health().nextRefreshAt, undefined)
	}
})

for (const code of ['VALIDATION_FAILED', 'DOWNGRADE_REFUSED'] as const) {
	test(`a put that refuses the content with ${code} is a verdict, and the version is asked about only`, async t => {
		class HandedOn extends RatesTerm {
			protected override put(term: Rates, info: PutInfo): void {
				if (term['EUR'] === 2) throw new RemoteTermError(code, 'The other gate says no')
				void super.put(term, info)
			}
		}
		const fetcher = new FakeFetcher('{"EUR":1}')
		const term = new HandedOn({ fetcher, clock: new FakeClock(), logger: false })
		t.teardown(() => term.stop())
		await term.start()
		fetcher.publish('{"EUR":2}')
		const refused = await term.update()
		t.is(refused.error?.code, code)
		t.deepEqual(term.get(), { EUR: 1 })
		t.is(term.health().refusedVersion, '2')
		await term.update()
		t.is(fetcher.calls.at(-1)?.known, '2')
		fetcher.publish('{"EUR":3}')
		t.is((await term.update()).status, 'updated')
	})
}

test('a put that failed is tried again with the same version', async t => {
	let broken = true
	class Elsewhere extends RatesTerm {
		protected override put(term: Rates, info: PutInfo): void {
			if (broken) throw new Error('store is down')
			void super.put(term, info)
		}
	}
	const term = new Elsewhere({
		fetcher: new FakeFetcher('{"EUR":1}'),
		lazyInit: true,
		clock: new FakeClock(),
		logger: false,
	})
	t.teardown(() => term.stop())
	await term.start()
	t.is((await term.update()).status, 'failed')
	t.is(term.version, undefined)
	broken = false
	t.is((await term.update()).status, 'updated')
	t.is(term.version, '1')
})

test('put and get together move the value elsewhere, a bundled one too', async t => {
	const store = new Map<string, Rates>()
	const infos: PutInfo[] = []
	class Stored extends RatesTerm {
		protected override async put(term: Rates, info: PutInfo): Promise<void> {
			infos.push(info)
			await Promise.resolve()
			store.set('rates', term)
		}
		override get(): Rates | undefined {
			return store.get('rates')
		}
	}
	const fetcher = new FakeFetcher('{"EUR":1}')
	const term = new Stored({ fetcher, initial: { EUR: 0 }, clock: new FakeClock(), logger: false })
	t.teardown(() => term.stop())
	await term.start()
	t.deepEqual(term.get(), { EUR: 1 })
	t.deepEqual(
		infos.map(({ source, version, previousVersion }) => ({ source, version, previousVersion })),
		[
			{ source: 'initial', version: undefined, previousVersion: undefined },
			{ source: 'remote', version: '1', previousVersion: undefined },
		],
	)
})

test('a deserialize that returns nothing is a mistake, not a value', async t => {
	class Forgetful extends RemoteTerm<Rates> {
		protected override deserialize(): Rates {
			return undefined as unknown as Rates
		}
	}
	const term = new Forgetful({ fetcher: new FakeFetcher('{}'), clock: new FakeClock(), logger: false })
	t.teardown(() => term.stop())
	t.is(codeOf(await t.throwsAsync(term.start())), 'DESERIALIZE_FAILED')
})

test('a bundled value is in place from the beginning and gives way to the source', async t => {
	const { term, fetcher, clock } = setup(t, { initial: { EUR: 0 } })
	t.deepEqual(term.get(), { EUR: 0 })
	t.is(term.health().source, 'initial')
	t.is(term.version, undefined)
	fetcher.fail('FETCH_FAILED')
	await term.start()
	t.deepEqual(term.get(), { EUR: 0 })
	t.is(term.health().status, 'failing')
	await clock.advance(MINUTE)
	t.deepEqual(term.get(), { EUR: 1 })
	t.is(term.health().source, 'remote')
})

test('a ready value skips deserialize and is validated', async t => {
	const fetcher = new FakeFetcher()
	fetcher.publishValue({ EUR: 4 }, { version: 'v' })
	const { term } = setup(t, {}, fetcher)
	await term.start()
	t.deepEqual(term.get(), { EUR: 4 })
	t.is((await term.update()).status, 'unchanged')
})

test('a listener that throws, and one whose promise rejects, harm nobody', async t => {
	const errors: unknown[] = []
	const { term, fetcher, clock } = setup(t, {
		logger: { debug() {}, info() {}, warn() {}, error: message => void errors.push(message) },
	})
	term.on('updated', () => {
		throw new Error('bad listener')
	})
	term.on('updated', async () => Promise.reject(new Error('bad async listener')))
	let heard = 0
	term.on('updated', () => heard++)
	await term.start()
	fetcher.publish('{"EUR":2}')
	await clock.advance(MINUTE)
	t.is(heard, 2)
	t.is(errors.length, 4)
	t.deepEqual(term.get(), { EUR: 2 })
})

test('a logger that throws harms nobody', async t => {
	const thrower = (): never => {
		throw new Error('bad logger')
	}
	const { term, fetcher } = setup(t, {
		logger: { debug: thrower, info: thrower, warn: thrower, error: thrower },
	})
	await term.start()
	fetcher.fail()
	t.is((await term.update()).status, 'failed')
	t.is((await term.update()).status, 'unchanged')
})

test('an outage is logged when it begins and when it ends, however long it lasts', async t => {
	const lines: string[] = []
	const line =
		(level: string) =>
		(message: string): void =>
			void lines.push(`${level}: ${message}`)
	const { term, fetcher, clock } = setup(t, {
		staleAfter: null,
		logger: { debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') },
	})
	await term.start()
	for (let poll = 0; poll < 25; poll++) {
		fetcher.fail('FETCH_FAILED')
		fetcher.fail('FETCH_TIMEOUT')
	}
	await clock.advance(120 * MINUTE)
	t.deepEqual(lines, [
		'info: RatesTerm has a new value',
		'warn: RatesTerm cannot be refreshed; the value in place stays: Failed with FETCH_FAILED, as the test wants it',
		`warn: RatesTerm cannot be refreshed; the value in place stays: ${term.health().lastError!.message}`,
		'info: RatesTerm is refreshed again, after 50 failures',
	])
})

test('a value that nobody confirms goes stale, is served all the same, and those who watch hear of it', async t => {
	const { term, fetcher, clock } = setup(t, { staleAfter: 90_000, backoff: { base: MINUTE, cap: MINUTE } })
	await term.start()
	const statuses: string[] = []
	term.on('status', ({ status, previous }) => statuses.push(`${previous} → ${status}`))
	for (let poll = 0; poll < 4; poll++) fetcher.fail('FETCH_FAILED')
	await clock.advance(90_000)
	t.is(term.health().status, 'stale')
	t.true(term.health().stale)
	t.is(term.health().ageMs, 90_000)
	t.deepEqual(term.get(), { EUR: 1 })
	await clock.advance(4 * MINUTE)
	t.is(term.health().status, 'ready')
	t.deepEqual(statuses, ['ready → failing', 'failing → stale', 'stale → ready'])
})

test('age is measured by a clock that does not jump', async t => {
	const { term, clock } = setup(t)
	await term.start()
	clock.jump(-86_400_000)
	await clock.advance(1_000)
	t.is(term.health().ageMs, 1_000)
	clock.jump(2 * 86_400_000)
	t.is(term.health().status, 'ready')
	t.true(term.health().nextRefreshAt! - clock.now() < MINUTE)
})

test('health can be shown as JSON, and holds the last error after recovery', async t => {
	const { term, fetcher, clock } = setup(t)
	await term.start()
	fetcher.fail('FETCH_TIMEOUT')
	await term.update()
	await term.update()
	const health = JSON.parse(JSON.stringify(term.health())) as Record<string, unknown>
	t.like(health, {
		name: 'RatesTerm',
		status: 'ready',
		ready: true,
		version: '1',
		source: 'remote',
		lastSuccessAt: clock.now(),
		ageMs: 0,
		stale: false,
		refreshing: false,
		nextRefreshAt: clock.now() + MINUTE,
		consecutiveFailures: 0,
		lastError: { code: 'FETCH_TIMEOUT', term: 'RatesTerm' },
		lastErrorAt: clock.now(),
	})
})

test('update before start and after stop is a failure that says so', async t => {
	const { term } = setup(t)
	const before = await term.update()
	t.is(before.error?.code, 'NOT_STARTED')
	await term.stop()
	const after = await term.update()
	t.is(after.error?.code, 'STOPPED')
	t.is(codeOf(await t.throwsAsync(term.start())), 'STOPPED')
})

test('stop aborts what is in flight, calls nobody back, and leaves no timer', async t => {
	const { term, fetcher, clock } = setup(t)
	await term.start()
	const heard: string[] = []
	for (const event of ['updated', 'unchanged', 'failed', 'status', 'progress'] as const)
		term.on(event, () => heard.push(event))
	const hanging = fetcher.hang()
	const updating = term.update()
	const { signal } = await hanging.taken
	await term.stop()
	t.true(signal!.aborted)
	const outcome = await updating
	t.is(outcome.error?.code, 'STOPPED')
	hanging.respond('{"EUR":7}')
	await clock.advance(10 * MINUTE)
	t.deepEqual(heard, [])
	t.is(clock.pendingTimers, 0)
	t.deepEqual(term.get(), { EUR: 1 }, 'the last value can still be read')
	t.is(term.health().status, 'stopped')
	t.is(fetcher.calls.filter(({ method }) => method === 'close').length, 1)
})

test('stop is idempotent, and works before start', async t => {
	const { term, fetcher } = setup(t)
	await Promise.all([term.stop(), term.stop()])
	t.is(fetcher.calls.length, 0, 'what was not initialised is not closed')
})

test('stop during start rejects the start', async t => {
	const { term, fetcher } = setup(t)
	const hanging = fetcher.hang()
	const starting = t.throwsAsync(term.start())
	await hanging.taken
	await term.stop()
	t.is(codeOf(await starting), 'STOPPED')
})

test('a fetcher that does not close holds stop up no longer than its limit', async t => {
	const fetcher = new FakeFetcher('{}', { close: () => new Promise(() => {}) })
	const { term, clock } = setup(t, {}, fetcher)
	await term.start()
	const stopping = term.stop()
	await clock.advance(5_000)
	await stopping
	t.is(clock.pendingTimers, 0)
})

test('aborting the signal stops the term, and the term lets go of the signal', async t => {
	const controller = new AbortController()
	const { term } = setup(t, { signal: controller.signal })
	await term.start()
	controller.abort()
	t.is(term.health().status, 'stopped')

	const other = new AbortController()
	const stopped = setup(t, { signal: other.signal }).term
	await stopped.stop()
	t.is(getEventListeners(other.signal, 'abort').length, 0)
})

test('leaving an await using scope stops the term', async t => {
	const { term } = setup(t)
	{
		await using scoped = await term.start()
		t.deepEqual(scoped.get(), { EUR: 1 })
	}
	t.is(term.health().status, 'stopped')
})

test('a source that can tell is refreshed when it tells', async t => {
	const { term, fetcher, clock } = setup(t)
	await term.start()
	await clock.advance(10_000)
	const updated = next(term, 'updated')
	fetcher.publish('{"EUR":5}')
	await clock.advance(0)
	t.deepEqual((await updated).term, { EUR: 5 })
})

test('init that fails is called again with the next refresh', async t => {
	let attempts = 0
	const fetcher = new FakeFetcher('{"EUR":1}', {
		init: () => {
			if (++attempts < 3) throw new RemoteTermError('FETCH_FAILED', 'no credentials yet')
		},
	})
	const { term, clock } = setup(t, { lazyInit: true }, fetcher)
	const ready = term.ready()
	await term.start()
	await clock.advance(MINUTE)
	await ready
	t.is(attempts, 3)
})

test('a mistake in the options of the fetcher is not hidden by a bundled value', async t => {
	const fetcher = new FakeFetcher('{}', {
		init: () => {
			throw new RemoteTermError('INVALID_OPTION', 'no such region')
		},
	})
	const { term } = setup(t, { initial: { EUR: 0 } }, fetcher)
	t.is(codeOf(await t.throwsAsync(term.start())), 'INVALID_OPTION')
})

test('what the source says about staleness is used unless the user says otherwise', async t => {
	const { term, fetcher, clock } = setup(t, { refreshInterval: null })
	fetcher.respond('{"EUR":1}', { freshFor: 10_000, usableFor: 15_000 })
	await term.start()
	t.is(term.health().nextRefreshAt! - clock.now(), 10_500, 'its freshness and half the jitter')
	for (let poll = 0; poll < 20; poll++) fetcher.fail('FETCH_FAILED')
	await clock.advance(15_000)
	t.is(term.health().status, 'stale')
})

test('a refresh during which the source changes is on record like any other', async t => {
	const { term, fetcher } = setup(t)
	await term.start()

	fetcher.fail('FETCH_FAILED')
	const failing = term.update()
	fetcher.publish('{"EUR":2}')
	const { error } = await failing
	t.is(error?.code, 'FETCH_FAILED')
	t.is(term.health().lastError, error)
	t.is(term.health().status, 'failing')
	t.is(term.health().consecutiveFailures, 1)

	const succeeding = term.update()
	fetcher.publish('{"EUR":3}')
	t.is((await succeeding).status, 'updated')
	t.is(term.health().status, 'ready')
	t.is(term.health().consecutiveFailures, 0)
})
