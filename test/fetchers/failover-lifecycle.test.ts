import test from 'ava'
import { FailoverFetcher, type FailoverOptions } from '../../fetchers/failover.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { isNotModified, type FetchContext } from '../../lib/core/fetcher.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { context as plainContext } from '../support/context.ts'
import { asBody, textOf } from '../support/download.ts'
import { ScriptedSource, trouble } from '../support/scripted-source.ts'

const setup = (
	contents: readonly string[],
	options: Partial<FailoverOptions> = {},
): {
	sources: readonly ScriptedSource[]
	fetcher: FailoverFetcher
	clock: FakeClock
	controller: AbortController
	context: FetchContext
} => {
	const sources = contents.map(content => new ScriptedSource(content))
	const fetcher = new FailoverFetcher({
		sources: sources.map((source, index) => ({ name: 'abc'[index]!, fetcher: source })),
		...options,
	})
	const clock = new FakeClock()
	const controller = new AbortController()
	return { sources, fetcher, clock, controller, context: plainContext({ clock, signal: controller.signal }) }
}

test('a source that keeps silent gives way to the next after attemptTimeout', async t => {
	const { sources, fetcher, clock, context } = setup(['one', 'two'], { attemptTimeout: 3000 })
	await fetcher.init(context)
	sources[0]!.trouble = 'silence'
	const pending = fetcher.download(context)
	await clock.advance(2999)
	t.is(sources[1]!.asked.length, 0)
	await clock.advance(1)
	t.is(await textOf(await pending), 'two')
	t.is(clock.pendingTimers, 0)
	t.is(await textOf(await fetcher.download(context)), 'two')
	t.is(sources[0]!.asked.length, 1, 'and is not waited for a second time')
})

test('a source that does not heed the signal is left behind all the same, and its late body given up', async t => {
	const { sources, fetcher, clock, context } = setup(['one', 'two'])
	await fetcher.init(context)
	const [source] = sources
	let arrive = (): void => {}
	const gate = new Promise<void>(resolve => (arrive = resolve))
	source!.downloadIfChanged = async (known, linked) => {
		await gate
		return ScriptedSource.prototype.downloadIfChanged.call(source, known, linked)
	}
	const pending = fetcher.download(context)
	await clock.advance(10_000)
	t.is(await textOf(await pending), 'two')
	arrive()
	await clock.advance(0)
	t.is(source!.asked.length, 1)
	t.is(source!.openBodies, 0)
})

test('attemptTimeout does not limit the reading of the body', async t => {
	const { fetcher, clock, context } = setup(['one'])
	await fetcher.init(context)
	const download = await fetcher.download(context)
	await clock.advance(60_000)
	t.is(await textOf(download), 'one')
})

test('an abort is no reason to ask the next source', async t => {
	const { sources, fetcher, clock, controller, context } = setup(['one', 'two'])
	await fetcher.init(context)
	sources[0]!.trouble = 'silence'
	const pending = fetcher.download(context)
	await clock.advance(0)
	const reason = new RemoteTermError('STOPPED', 'The term was stopped')
	controller.abort(reason)
	t.is(await t.throwsAsync(pending), reason)
	t.is(sources[1]!.asked.length, 0)
	t.is(clock.pendingTimers, 0)
	t.is(await t.throwsAsync(fetcher.download(context)), reason)
	t.is(sources[0]!.asked.length, 1, 'after it nobody is asked')
	sources[0]!.trouble = undefined
	t.is(
		await textOf(await fetcher.download(plainContext({ clock }))),
		'one',
		'nor is it held against the source',
	)
})

test('a source during whose silence the term’s own limit ran out is not the first to be asked again', async t => {
	for (const where of ['trouble', 'bodyTrouble'] as const) {
		const { sources, fetcher, clock, controller, context } = setup(['one', 'two'])
		await fetcher.init(context)
		sources[0]![where] = 'silence'
		const pending = fetcher.download(context).then(textOf)
		await clock.advance(0)
		controller.abort(new RemoteTermError('TIMEOUT', 'The refresh took too long'))
		await t.throwsAsync(pending, { code: 'TIMEOUT' })
		t.is(sources[1]!.asked.length, 0)
		t.is(await textOf(await fetcher.download(plainContext({ clock }))), 'two')
	}
})

for (const [title, bodyTrouble, code] of [
	['breaks off with an error', trouble('FETCH_FAILED'), 'FETCH_FAILED'],
	['breaks off with a foreign error', new Error('terminated'), 'FETCH_FAILED'],
	['ends before its announced size', 'end', 'FETCH_INCOMPLETE'],
] as const) {
	test(`after a body that ${title} the next refresh begins with the next source`, async t => {
		const { sources, fetcher, clock, context } = setup(['one', 'two'])
		await fetcher.init(context)
		sources[0]!.bodyTrouble = bodyTrouble
		await t.throwsAsync(textOf(await fetcher.download(context)), { code })
		t.is(sources[0]!.openBodies, 0)
		t.is(await textOf(await fetcher.download(context)), 'two')
		sources[0]!.bodyTrouble = undefined
		await clock.advance(60_000)
		t.is(await textOf(await fetcher.download(context)), 'one')
	})
}

test('a body that is at fault itself is not held against its source', async t => {
	const { sources, fetcher, context } = setup(['one', 'two'])
	await fetcher.init(context)
	sources[0]!.bodyTrouble = trouble('DIGEST_MISMATCH')
	await t.throwsAsync(textOf(await fetcher.download(context)), { code: 'DIGEST_MISMATCH' })
	await t.throwsAsync(textOf(await fetcher.download(context)), { code: 'DIGEST_MISMATCH' })
	t.is(sources[1]!.asked.length, 0)
})

test('a body that is given up, or not read to its end, is released', async t => {
	const { sources, fetcher, context } = setup(['one', 'two'])
	await fetcher.init(context)
	await asBody(await fetcher.download(context)).cancel!()
	t.is(sources[0]!.openBodies, 0)
	for await (const chunk of asBody(await fetcher.download(context)).body as AsyncIterable<Uint8Array>) {
		t.true(chunk.length > 0)
		break
	}
	t.is(sources[0]!.openBodies, 0)
})

test('the signal is left without listeners', async t => {
	const { sources, fetcher, clock, context } = setup(['one', 'two'])
	let listeners = 0
	const signal = Object.assign(new EventTarget(), { aborted: false, reason: undefined })
	const { addEventListener, removeEventListener } = signal
	signal.addEventListener = (...args: Parameters<typeof addEventListener>) => {
		listeners++
		addEventListener.apply(signal, args)
	}
	signal.removeEventListener = (...args: Parameters<typeof removeEventListener>) => {
		listeners--
		removeEventListener.apply(signal, args)
	}
	const counted = { ...context, signal: signal as unknown as AbortSignal }
	await fetcher.init(counted)
	t.is(listeners, 0)
	const download = asBody(await fetcher.download(counted))
	t.is(listeners, 1, 'while the body is open, an abort must reach it')
	await textOf(download)
	t.is(listeners, 0)
	await asBody(await fetcher.download(counted)).cancel!()
	t.is(listeners, 0)
	sources[0]!.trouble = trouble('FETCH_FAILED')
	await textOf(await fetcher.download(counted))
	t.is(listeners, 0)
	t.is(clock.pendingTimers, 0)
})

test('init needs one source; the others are tried again when they are needed', async t => {
	const { sources, fetcher, clock, context } = setup(['one', 'two'])
	sources[0]!.initTrouble = trouble('FETCH_FAILED')
	await fetcher.init(context)
	t.is(await textOf(await fetcher.download(context)), 'two')
	t.is(sources[0]!.inits, 1)
	sources[0]!.initTrouble = undefined
	await clock.advance(60_000)
	t.is(await textOf(await fetcher.download(context)), 'one')
	t.is(sources[0]!.inits, 2)
	t.is(sources[1]!.inits, 1)
})

test('an init that never ends is bounded by attemptTimeout', async t => {
	const { sources, fetcher, clock, context } = setup(['one', 'two'], { attemptTimeout: 3000 })
	sources[0]!.initTrouble = 'silence'
	const pending = fetcher.init(context)
	await clock.advance(3000)
	await pending
	t.is(await textOf(await fetcher.download(context)), 'two')
})

test('where no source can be initialised init rejects, and the next init tries the missing ones', async t => {
	const { sources, fetcher, context } = setup(['one', 'two'])
	sources[0]!.initTrouble = trouble('FETCH_DENIED')
	sources[1]!.initTrouble = trouble('FETCH_FAILED')
	await t.throwsAsync(fetcher.init(context), {
		code: 'FETCH_DENIED',
		message: /a: FETCH_DENIED.*b: FETCH_FAILED/s,
	})
	sources[0]!.initTrouble = undefined
	await fetcher.init(context)
	t.is(await textOf(await fetcher.download(context)), 'one')
})

test('a wrong option of any source is an error at once, not when that source is needed', async t => {
	const { sources, fetcher, context } = setup(['one', 'two'])
	sources[1]!.initTrouble = trouble('INVALID_OPTION')
	await t.throwsAsync(fetcher.init(context), { code: 'INVALID_OPTION' })
})

test('an abort during init has its own reason', async t => {
	const { sources, fetcher, controller, context } = setup(['one'])
	sources[0]!.initTrouble = 'silence'
	const pending = fetcher.init(context)
	controller.abort(new RemoteTermError('TIMEOUT', 'The start took too long'))
	await t.throwsAsync(pending, { code: 'TIMEOUT' })
})

test('close closes every source, and says what did not close', async t => {
	const { sources, fetcher, context } = setup(['one', 'two', 'three'])
	await fetcher.init(context)
	sources[0]!.closeTrouble = new Error('stuck')
	await t.throwsAsync(fetcher.close(), { message: 'stuck' })
	t.deepEqual(
		sources.map(({ closes }) => closes),
		[1, 1, 1],
	)
})

test('without a source that can tell there is nothing to watch', t => {
	t.is(setup(['one', 'two']).fetcher.watch, undefined)
})

test('every source that can tell is watched, those that come to life later included', async t => {
	const { sources, clock, context } = setup(['one', 'two', 'three'])
	const watched = new Map<number, () => void>()
	for (const index of [0, 1]) {
		Object.assign(sources[index]!, {
			watch: (onChange: () => void): Disposable => {
				watched.set(index, onChange)
				return { [Symbol.dispose]: () => void watched.delete(index) }
			},
		})
	}
	const fetcher = new FailoverFetcher([...sources])
	sources[0]!.initTrouble = trouble('FETCH_FAILED')
	await fetcher.init(context)
	let changes = 0
	const watch = fetcher.watch!(() => changes++, context)
	t.deepEqual([...watched.keys()], [1])
	watched.get(1)!()
	t.is(changes, 1)
	sources[0]!.initTrouble = undefined
	await clock.advance(60_000)
	await textOf(await fetcher.download(context))
	t.deepEqual([...watched.keys()], [1, 0])
	const late = watched.get(0)!
	late()
	t.is(changes, 2)
	watch[Symbol.dispose]()
	t.is(watched.size, 0)
	late()
	t.is(changes, 2, 'after the end nothing is called')
})

test('a source that cannot be watched does not keep the others from it', async t => {
	const { sources, context } = setup(['one', 'two'])
	let watches = 0
	Object.assign(sources[0]!, {
		watch: () => {
			throw new Error('too many watchers')
		},
	})
	Object.assign(sources[1]!, {
		watch: () => {
			watches++
			return { [Symbol.dispose]: () => {} }
		},
	})
	const fetcher = new FailoverFetcher([...sources])
	await fetcher.init(context)
	fetcher.watch!(() => {}, context)[Symbol.dispose]()
	t.is(watches, 1)
})

test('a failover fetcher is a source like any other', async t => {
	const sources = ['one', 'two', 'three'].map(content => new ScriptedSource(content))
	const inner = new FailoverFetcher([sources[0]!, sources[1]!])
	const fetcher = new FailoverFetcher([inner, sources[2]!])
	const context = plainContext({ clock: new FakeClock() })
	await fetcher.init(context)
	const { version } = asBody(await fetcher.download(context))
	t.is(version, '1|1|"one"')
	t.true(isNotModified(await fetcher.downloadIfChanged(version, context)))
	sources[0]!.trouble = trouble('FETCH_FAILED')
	sources[1]!.trouble = trouble('FETCH_FAILED')
	t.is(await textOf(await fetcher.download(context)), 'three')
})

test('progress reaches the term', async t => {
	const { sources, fetcher, context } = setup(['one'])
	await fetcher.init(context)
	const seen: unknown[] = []
	sources[0]!.downloadIfChanged = async (_known, linked) => {
		linked.onProgress?.(1, 3)
		return { value: 1, version: 'x' }
	}
	await fetcher.download({ ...context, onProgress: (received, total) => seen.push([received, total]) })
	t.deepEqual(seen, [[1, 3]])
})
