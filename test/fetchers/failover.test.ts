import test from 'ava'
import { FailoverFetcher, type FailoverOptions } from '../../fetchers/failover.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { isNotModified, type FetchContext, type Fetcher, type Version } from '../../lib/core/fetcher.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { context as plainContext } from '../support/context.ts'
import { textOf } from '../support/download.ts'
import { recordingLogger, type RecordingLogger } from '../support/recording-logger.ts'
import { ScriptedSource, trouble, type SourceState } from '../support/scripted-source.ts'

interface Setup {
	readonly sources: readonly ScriptedSource[]
	readonly fetcher: FailoverFetcher
	readonly clock: FakeClock
	readonly logger: RecordingLogger
	readonly context: FetchContext
	/** As a term does: hands in what it holds, and holds what it could read. */
	refresh(): Promise<string>
	readonly held: () => Version | undefined
}

const setup = async (
	states: ReadonlyArray<SourceState | string>,
	options: Partial<FailoverOptions> = {},
): Promise<Setup> => {
	const sources = states.map(state => new ScriptedSource(state))
	const fetcher = new FailoverFetcher({
		sources: sources.map((source, index) => ({ name: 'abc'[index]!, fetcher: source })),
		...options,
	})
	const clock = new FakeClock()
	const logger = recordingLogger()
	const context = plainContext({ clock, logger })
	await fetcher.init(context)
	let known: Version | undefined
	const refresh = async (): Promise<string> => {
		const answer = await fetcher.downloadIfChanged(known, context)
		if (isNotModified(answer)) return 'not modified'
		const text = await textOf(answer)
		known = answer.version ?? `of the term's own making: ${text}`
		return text
	}
	return { sources, fetcher, clock, logger, context, refresh, held: () => known }
}

test('the first source that answers gives the content, marked as its own', async t => {
	const { sources, refresh, held } = await setup(['one', 'two'])
	t.is(await refresh(), 'one')
	t.is(held(), 'a|"one"')
	t.is(sources[1]!.asked.length, 0)
})

const codes: ReadonlyArray<readonly [RemoteTermError, fails: boolean]> = [
	[trouble('FETCH_FAILED'), true],
	[trouble('FETCH_TIMEOUT'), true],
	[trouble('FETCH_INCOMPLETE'), true],
	[trouble('FETCH_THROTTLED', { status: 429 }), true],
	[trouble('FETCH_STATUS', { status: 500 }), true],
	[trouble('FETCH_STATUS', { status: 599 }), true],
	[trouble('FETCH_STATUS', { status: 400 }), false],
	[trouble('FETCH_STATUS', { status: 304 }), false],
	[trouble('FETCH_STATUS'), false],
	[trouble('FETCH_NOT_FOUND', { status: 404 }), false],
	[trouble('FETCH_DENIED', { status: 403 }), false],
	[trouble('FETCH_REDIRECT'), false],
	[trouble('DIGEST_MISMATCH'), false],
]

for (const [error, fails] of codes) {
	const what = `${error.code}${error.status === undefined ? '' : ` ${error.status}`}`
	test(`${what} ${fails ? 'makes' : 'does not make'} the next source be asked`, async t => {
		const { sources, refresh } = await setup(['one', 'two'])
		sources[0]!.trouble = error
		if (fails) t.is(await refresh(), 'two')
		else {
			t.is(await t.throwsAsync(refresh()), error)
			t.is(sources[1]!.asked.length, 0)
		}
	})
}

test('an error that is none of ours counts as a failure of the network', async t => {
	const { sources, refresh } = await setup(['one', 'two'])
	sources[0]!.trouble = new TypeError('fetch failed')
	t.is(await refresh(), 'two')
})

test('failoverOn adds codes, or asks a function', async t => {
	for (const failoverOn of [
		['FETCH_NOT_FOUND'] as const,
		(error: RemoteTermError) => error.code === 'FETCH_NOT_FOUND',
	]) {
		const { sources, refresh } = await setup(['one', 'two'], { failoverOn })
		sources[0]!.trouble = trouble('FETCH_NOT_FOUND')
		t.is(await refresh(), 'two')
		sources[1]!.trouble = trouble('FETCH_DENIED')
		await t.throwsAsync(refresh(), { code: 'FETCH_DENIED' })
	}
})

test('each source is asked about its own versions only', async t => {
	const { sources, refresh } = await setup([
		{ content: 'one', publishedAt: 1 },
		{ content: 'two', publishedAt: 2 },
	])
	t.is(await refresh(), 'one')
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await refresh(), 'two')
	t.is(await refresh(), 'not modified')
	t.deepEqual(sources[0]!.asked, [undefined, '"one"'])
	t.deepEqual(sources[1]!.asked, [undefined, '"two"'])
})

test('a version of an earlier process is asked of its own source, and of no other', async t => {
	const { sources, fetcher, context } = await setup(['one', 'two'])
	t.true(isNotModified(await fetcher.downloadIfChanged('a|"one"', context)))
	t.deepEqual(sources[0]!.asked, ['"one"'])

	const other = await setup(['one', 'two'])
	other.sources[0]!.trouble = trouble('FETCH_FAILED')
	t.true(isNotModified(await other.fetcher.downloadIfChanged('b|"two"', other.context)))
	t.deepEqual(other.sources[0]!.asked, [undefined])
	t.deepEqual(other.sources[1]!.asked, ['"two"'])
})

test('a version of no source of ours is asked of none', async t => {
	const { sources, fetcher, context } = await setup(['one'])
	t.is(await textOf(await fetcher.downloadIfChanged('gone|"one"', context)), 'one')
	t.is(await textOf(await fetcher.downloadIfChanged('"one"', context)), 'one')
	t.deepEqual(sources[0]!.asked, [undefined, undefined])
})

test('not-modified is a success: nobody else is asked', async t => {
	const { sources, refresh } = await setup(['one', 'two'])
	await refresh()
	t.is(await refresh(), 'not modified')
	t.is(sources[1]!.asked.length, 0)
})

test('not-modified is a success of the second source too', async t => {
	const { sources, refresh } = await setup([
		{ content: 'one', publishedAt: 1 },
		{ content: 'two', publishedAt: 2 },
		'three',
	])
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await refresh(), 'two')
	t.is(await refresh(), 'not modified')
	t.is(sources[2]!.asked.length, 0)
})

test('not-modified in answer to an unconditional request is a failure of that source', async t => {
	const { sources, refresh } = await setup(['one', 'two'])
	sources[0]!.downloadIfChanged = async () => ({ notModified: true })
	t.is(await refresh(), 'two')
})

test('after a failover the source that answered is asked first, until recoverAfter has passed', async t => {
	const { sources, clock, refresh, held } = await setup(
		[
			{ content: 'one', publishedAt: 1 },
			{ content: 'two', publishedAt: 2 },
		],
		{ recoverAfter: 5000 },
	)
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await refresh(), 'two')
	sources[0]!.trouble = undefined
	sources[0]!.state = { content: 'three', publishedAt: 3 }
	await clock.advance(4999)
	t.is(await refresh(), 'not modified')
	t.is(sources[0]!.asked.length, 1)
	await clock.advance(1)
	t.is(await refresh(), 'three')
	t.is(held(), 'a|"three"')
	t.is(await refresh(), 'not modified')
	t.is(sources[1]!.asked.length, 2, 'back to the preferred one')
})

test('a preferred source that still fails costs one attempt per recoverAfter', async t => {
	const { sources, clock, refresh } = await setup(['one', 'two'], { recoverAfter: 5000 })
	sources[0]!.trouble = trouble('FETCH_FAILED')
	await refresh()
	await clock.advance(5000)
	t.is(await refresh(), 'not modified')
	t.is(await refresh(), 'not modified')
	t.is(sources[0]!.asked.length, 2)
})

test('a lagging replica that steps in changes nothing', async t => {
	const { sources, refresh, held, logger } = await setup([
		{ content: 'new', publishedAt: 2000 },
		{ content: 'old', publishedAt: 1000 },
	])
	t.is(await refresh(), 'new')
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await refresh(), 'not modified')
	t.is(held(), 'a|"new"')
	t.is(sources[1]!.openBodies, 0)
	t.true(logger.lines.some(([level, message]) => level === 'warn' && message.includes('lags behind')))
	t.is(await refresh(), 'not modified')
	t.deepEqual(sources[1]!.asked, [undefined, '"old"'], 'and is not downloaded again')
	t.is(sources[0]!.asked.length, 2, 'nor is the failing one tried each time')
	t.is(logger.lines.filter(([, message]) => message.includes('lags behind')).length, 1)
	sources[1]!.state = { content: 'catching up', publishedAt: 1500 }
	t.is(await refresh(), 'not modified')
	sources[1]!.state = { content: 'newer', publishedAt: 3000 }
	t.is(await refresh(), 'newer')
})

test('a preferred source that comes back with older content does not take over', async t => {
	const { sources, clock, refresh } = await setup(
		[
			{ content: 'one', publishedAt: 1000 },
			{ content: 'two', publishedAt: 2000 },
		],
		{ recoverAfter: 5000 },
	)
	t.is(await refresh(), 'one')
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await refresh(), 'two')
	sources[0]!.trouble = undefined
	await clock.advance(5000)
	t.is(await refresh(), 'not modified', 'it still holds what it held before')
	sources[1]!.state = { content: 'three', publishedAt: 3000 }
	t.is(await refresh(), 'three', 'so the other is still listened to')
	await clock.advance(5000)
	sources[0]!.state = { content: 'two, at last', publishedAt: 2000 }
	t.is(await refresh(), 'not modified')
	await clock.advance(5000)
	sources[0]!.state = { content: 'three, at last', publishedAt: 3000 }
	t.is(await refresh(), 'three, at last')
})

test('behind a source that lags, the next one is asked', async t => {
	const { sources, refresh } = await setup([
		{ content: 'two', publishedAt: 2000 },
		{ content: 'one', publishedAt: 1000 },
		{ content: 'three', publishedAt: 3000 },
	])
	t.is(await refresh(), 'two')
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await refresh(), 'three')
})

test('a replica of unknown age does not replace what is in place before it moves', async t => {
	const { sources, refresh, logger } = await setup(['one', 'a bundled default'])
	t.is(await refresh(), 'one')
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await refresh(), 'not modified')
	t.is(await refresh(), 'not modified')
	t.is(logger.lines.filter(([, message]) => message.includes('does not tell how old')).length, 1)
	sources[1]!.state = { content: 'it moved' }
	t.is(await refresh(), 'it moved')
})

test('acceptUndated takes it at once', async t => {
	const { sources, refresh } = await setup(['one', 'two'], { acceptUndated: true })
	await refresh()
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await refresh(), 'two')
})

test('started from a stopgap, the preferred source takes over when it comes back', async t => {
	const { sources, clock, refresh } = await setup(['one', 'a bundled default'])
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await refresh(), 'a bundled default')
	sources[0]!.trouble = undefined
	await clock.advance(60_000)
	t.is(await refresh(), 'one')
	t.is(await refresh(), 'not modified')
	t.deepEqual(sources[0]!.asked, [undefined, undefined, '"one"'])
})

test('a date from the future counts as none', async t => {
	const { sources, refresh } = await setup([
		{ content: 'one', publishedAt: Date.UTC(2099, 0) },
		{ content: 'two', publishedAt: 2000 },
	])
	await refresh()
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await refresh(), 'not modified')
	sources[1]!.state = { content: 'three', publishedAt: 3000 }
	t.is(await refresh(), 'three', 'and does not keep out what others publish')
})

test('what the term could not apply is offered again, by whichever source', async t => {
	const { sources, fetcher, context } = await setup([
		{ content: 'one', publishedAt: 1 },
		{ content: 'two', publishedAt: 2 },
	])
	const ask = async (known?: Version) => fetcher.downloadIfChanged(known, context)
	t.is(await textOf(await ask()), 'one')
	t.is(await textOf(await ask()), 'one', 'nothing is in place, so nothing is not-modified')
	sources[0]!.state = { content: 'three', publishedAt: 3 }
	t.is(await textOf(await ask('a|"one"')), 'three')
	t.is(await textOf(await ask('a|"one"')), 'three')
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await textOf(await ask('a|"one"')), 'two', 'the refused content does not set the date')
	t.is(await textOf(await ask('a|"one"')), 'two')
	t.true(isNotModified(await ask('b|"two"')))
})

test('sources without versions are told apart all the same', async t => {
	const { sources, refresh } = await setup([
		{ content: 'new', version: null, publishedAt: 2000 },
		{ content: 'old', version: null, publishedAt: 1000 },
	])
	t.is(await refresh(), 'new')
	t.is(await refresh(), 'new', 'the term finds out by digest that it has it')
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await refresh(), 'not modified')
	t.is(await refresh(), 'not modified')
})

test('a source that answers conditions with the same again is not modified', async t => {
	const { sources, refresh } = await setup(['one'])
	await refresh()
	const [source] = sources
	source!.downloadIfChanged = (_known, context) =>
		ScriptedSource.prototype.downloadIfChanged.call(source, undefined, context)
	t.is(await refresh(), 'not modified')
	t.is(source!.openBodies, 0)
})

test('a source without downloadIfChanged is asked for its version first', async t => {
	const calls: string[] = []
	const plain: Fetcher = {
		init: async () => {},
		currentVersion: async () => {
			calls.push('currentVersion')
			return '7'
		},
		download: async () => {
			calls.push('download')
			return { value: { seven: true }, version: '7' }
		},
	}
	const fetcher = new FailoverFetcher([plain])
	await fetcher.init(plainContext())
	t.deepEqual(await fetcher.downloadIfChanged(undefined, plainContext()), {
		value: { seven: true },
		version: '1|7',
	})
	t.true(isNotModified(await fetcher.downloadIfChanged('1|7', plainContext())))
	t.deepEqual(calls, ['download', 'currentVersion'])
	t.is(await fetcher.currentVersion(plainContext()), '1|7')
})

test('currentVersion and download fail over too', async t => {
	const { sources, fetcher, context } = await setup(['one', 'two'])
	sources[0]!.trouble = trouble('FETCH_FAILED')
	t.is(await fetcher.currentVersion(context), 'b|"two"')
	t.is(await textOf(await fetcher.download(context)), 'two')
	t.is(sources[0]!.asked.length, 1, 'and share what they learn')
})

test('when all fail, the preferred source’s code leads and every error is kept', async t => {
	const { sources, refresh } = await setup(['one', 'two', 'three'])
	const errors = [trouble('FETCH_STATUS', { status: 503 }), trouble('FETCH_TIMEOUT'), trouble('FETCH_FAILED')]
	for (const [index, error] of errors.entries()) sources[index]!.trouble = error
	const error = await t.throwsAsync(refresh(), { instanceOf: RemoteTermError })
	t.is(error.code, 'FETCH_STATUS')
	t.is(error.status, 503)
	t.is(error.retryAfter, undefined)
	t.true(error.cause instanceof AggregateError)
	t.deepEqual((error.cause as AggregateError).errors, errors)
	for (const part of ['a: FETCH_STATUS', 'b: FETCH_TIMEOUT', 'c: FETCH_FAILED']) {
		t.true(error.message.includes(part), error.message)
	}
	await t.throwsAsync(refresh(), { code: 'FETCH_STATUS' }, 'whoever is asked first')
})

test('retryAfter is the shortest, if every source names one', async t => {
	const { sources, refresh } = await setup(['one', 'two'])
	sources[0]!.trouble = trouble('FETCH_THROTTLED', { retryAfter: 9000 })
	sources[1]!.trouble = trouble('FETCH_THROTTLED', { retryAfter: 4000 })
	t.is((await t.throwsAsync<RemoteTermError>(refresh())).retryAfter, 4000)
	sources[1]!.trouble = trouble('FETCH_FAILED')
	t.is((await t.throwsAsync<RemoteTermError>(refresh())).retryAfter, undefined)
})

test('a source that asks for patience is left alone that long, while another is there', async t => {
	const { sources, clock, refresh } = await setup(['one', 'two'], { recoverAfter: 1000 })
	sources[0]!.trouble = trouble('FETCH_THROTTLED', { retryAfter: 30_000 })
	t.is(await refresh(), 'two')
	sources[1]!.trouble = trouble('FETCH_FAILED')
	await clock.advance(29_999)
	const error = await t.throwsAsync<RemoteTermError>(refresh())
	t.is(sources[0]!.asked.length, 1)
	t.is(error.code, 'FETCH_THROTTLED', 'its error still counts')
	await clock.advance(1)
	sources[0]!.trouble = undefined
	t.is(await refresh(), 'one')
})

test('a source that asks for a day is asked again after ten minutes', async t => {
	const { sources, clock, refresh } = await setup(['one', 'two'])
	sources[0]!.trouble = trouble('FETCH_THROTTLED', { retryAfter: 86_400_000 })
	sources[1]!.trouble = trouble('FETCH_FAILED')
	await t.throwsAsync(refresh())
	await clock.advance(599_999)
	await t.throwsAsync(refresh())
	t.is(sources[0]!.asked.length, 1)
	sources[0]!.trouble = undefined
	await clock.advance(1)
	t.is(await refresh(), 'one')
})

test('a source that fails for good does not hide one that answers', async t => {
	const { sources, clock, refresh } = await setup(['one', 'two'], { recoverAfter: 1000 })
	await refresh()
	sources[0]!.trouble = trouble('FETCH_FAILED')
	await refresh()
	sources[0]!.trouble = undefined
	sources[1]!.trouble = trouble('FETCH_NOT_FOUND')
	await t.throwsAsync(refresh(), { code: 'FETCH_NOT_FOUND' })
	await clock.advance(1000)
	t.is(await refresh(), 'not modified')
	t.is(await refresh(), 'not modified')
})

test('options are checked in the constructor', t => {
	const source = new ScriptedSource('one')
	for (const wrong of [
		[],
		{ sources: [] },
		{ sources: source },
		{},
		undefined,
		[undefined],
		[{ name: 'a', fetcher: {} }],
		[{ name: '', fetcher: source }],
		[
			{ name: 'a', fetcher: source },
			{ name: 'a', fetcher: source },
		],
		{ sources: [source], recoverAfter: -1 },
		{ sources: [source], attemptTimeout: 0 },
		{ sources: [source], acceptUndated: 'yes' },
		{ sources: [source], failoverOn: 404 },
		{ sources: [source], failoverOn: [404] },
		{ sources: [source], failOverOn: [] },
	]) {
		t.throws(() => new FailoverFetcher(wrong as never), { code: 'INVALID_OPTION' })
	}
	t.notThrows(() => new FailoverFetcher([source]))
})

test('state changes are logged, polls are not', async t => {
	const { sources, clock, refresh, logger } = await setup(['one', 'two'])
	sources[0]!.trouble = trouble('FETCH_FAILED')
	for (let round = 0; round < 5; round++) {
		await refresh()
		await clock.advance(60_000)
	}
	t.deepEqual(
		logger.lines.map(([level]) => level),
		['warn', 'info'],
	)
})
