import test from 'ava'
import { collect } from '../../lib/core/bytes.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import type { Download, NotModified } from '../../lib/core/fetcher.ts'
import { FakeClock, FakeFetcher } from '../../lib/testing/index.ts'
import { context } from '../support/context.ts'

const textOf = async (answer: Download | NotModified): Promise<string> => {
	if (!('body' in answer)) throw new Error('no body')
	const { body } = answer
	return new TextDecoder().decode(body instanceof Uint8Array ? body : await collect(body))
}

const versionOf = (answer: Download | NotModified) => ('version' in answer ? answer.version : undefined)

const ask = async (fetcher: FakeFetcher, known?: string, overrides = {}) =>
	fetcher.downloadIfChanged!(known, context(overrides))

test('with nothing published, there is nothing', async t => {
	const fetcher = new FakeFetcher()
	await t.throwsAsync(ask(fetcher), { code: 'FETCH_NOT_FOUND' })
	await t.throwsAsync(fetcher.currentVersion(context()), { code: 'FETCH_NOT_FOUND' })
})

test('versions count up, whether contents are published or scripted', async t => {
	const fetcher = new FakeFetcher('a')
	t.is(versionOf(await ask(fetcher)), '1')
	t.is(fetcher.respond('b').version, '2')
	t.is(fetcher.publish('c'), '3')
	t.is(versionOf(await ask(fetcher)), '2')
	t.is(versionOf(await ask(fetcher)), '3')
})

test('a script is followed in its order, and then what is held answers again', async t => {
	const fetcher = new FakeFetcher('held', { watch: false })
	const error = new RemoteTermError('FETCH_STATUS', 'teapot', { status: 418 })
	fetcher.respond('scripted', { version: 'x', freshFor: 5_000, encoding: 'gzip' })
	fetcher.respondValue({ a: 1 }, { version: 'y', usableFor: 7 })
	fetcher.notModified({ freshFor: 9 })
	fetcher.fail(error)
	fetcher.fail('FETCH_TIMEOUT')
	t.is(fetcher.pendingAnswers, 5)

	const { body, ...rest } = (await ask(fetcher, 'x')) as { body: Uint8Array }
	t.deepEqual(rest, { version: 'x', freshFor: 5_000, encoding: 'gzip', size: 8 } as object)
	t.is(new TextDecoder().decode(body), 'scripted')
	t.like(await ask(fetcher), { value: { a: 1 }, version: 'y', usableFor: 7 })
	t.deepEqual(await ask(fetcher), { notModified: true, freshFor: 9 })
	await t.throwsAsync(ask(fetcher), { is: error })
	await t.throwsAsync(ask(fetcher), { code: 'FETCH_TIMEOUT', instanceOf: RemoteTermError })
	t.is(await textOf(await ask(fetcher)), 'held')
	t.is(fetcher.pendingAnswers, 0)
})

test('a call that hangs does as it is told, once', async t => {
	const fetcher = new FakeFetcher('held')
	const hanging = fetcher.hang()
	const asking = ask(fetcher, 'known')
	const call = await hanging.taken
	t.is(call.method, 'downloadIfChanged')
	t.is(call.known, 'known')
	hanging.respond('told', { version: 'told' })
	hanging.fail('FETCH_FAILED')
	const answer = await asking
	t.is(versionOf(answer), 'told')
	t.is(await textOf(answer), 'told')

	const failing = fetcher.hang()
	failing.fail('FETCH_DENIED')
	await t.throwsAsync(ask(fetcher), { code: 'FETCH_DENIED' })
	const unchanged = fetcher.hang()
	unchanged.notModified({ freshFor: 1 })
	t.deepEqual(await ask(fetcher), { notModified: true, freshFor: 1 })
	const valued = fetcher.hang()
	valued.respondValue(7, { version: 'seven' })
	t.like(await ask(fetcher), { value: 7, version: 'seven' })
})

test('a call that hangs ends with its signal', async t => {
	const fetcher = new FakeFetcher('held')
	const reason = new RemoteTermError('TIMEOUT', 'too late')
	const aborting = new AbortController()
	const hanging = fetcher.hang()
	const asking = ask(fetcher, undefined, { signal: aborting.signal })
	await hanging.taken
	aborting.abort(reason)
	await t.throwsAsync(asking, { is: reason })
	t.is(await textOf(await ask(fetcher)), 'held')
})

test('an answer can take its time, on the clock of the call', async t => {
	const fetcher = new FakeFetcher()
	const clock = new FakeClock()
	fetcher.respond('late', { after: 500 })
	fetcher.fail('FETCH_FAILED', { after: 100 })
	let answered = false
	const asking = ask(fetcher, undefined, { clock }).finally(() => (answered = true))
	await clock.advance(499)
	t.false(answered)
	await clock.advance(1)
	t.is(await textOf(await asking), 'late')
	const failing = t.throwsAsync(ask(fetcher, undefined, { clock }), { code: 'FETCH_FAILED' })
	await clock.advance(100)
	await failing
	t.is(clock.pendingTimers, 0)
})

test('a body can break off or hang after its last byte', async t => {
	const fetcher = new FakeFetcher()
	fetcher.respond('{"half":', { then: 'FETCH_INCOMPLETE', size: 20 })
	const broken = await ask(fetcher)
	t.like(broken, { size: 20 })
	const seen: string[] = []
	const reading = async (): Promise<void> => {
		for await (const chunk of (broken as { body: AsyncIterable<Uint8Array> }).body)
			seen.push(new TextDecoder().decode(chunk))
	}
	await t.throwsAsync(reading, { code: 'FETCH_INCOMPLETE' })
	t.deepEqual(seen, ['{"half":'])

	fetcher.respond('slow', { then: 'hang' })
	const aborting = new AbortController()
	const hanging = await ask(fetcher, undefined, { signal: aborting.signal })
	t.is(fetcher.openBodies, 1)
	const reason = new RemoteTermError('TIMEOUT', 'too late')
	const read = textOf(hanging)
	aborting.abort(reason)
	await t.throwsAsync(read, { is: reason })
	t.is(fetcher.openBodies, 0)
})

test('a body of chunks streams, and its source is told when it is given up', async t => {
	const fetcher = new FakeFetcher()
	let returned = 0
	const chunks = async function* () {
		try {
			yield Uint8Array.of(1)
			yield Uint8Array.of(2)
		} finally {
			returned += 1
		}
	}
	fetcher.respond(chunks())
	fetcher.respond([Uint8Array.of(1), Uint8Array.of(2, 3)])
	const given = (await ask(fetcher)) as { body: AsyncIterable<Uint8Array> }
	for await (const chunk of given.body) {
		t.deepEqual(chunk, Uint8Array.of(1))
		break
	}
	await new Promise(setImmediate)
	t.is(returned, 1)
	await t.throwsAsync(collect(given.body), { code: 'STOPPED' })
	const whole = (await ask(fetcher)) as { body: AsyncIterable<Uint8Array> }
	t.deepEqual(await collect(whole.body), Uint8Array.of(1, 2, 3))
})

test('without downloadIfChanged, currentVersion looks at the script and download takes it', async t => {
	const fetcher = new FakeFetcher('held', { conditional: false })
	t.is(fetcher.downloadIfChanged, undefined)
	fetcher.respond('scripted', { version: 'x' })
	t.is(await fetcher.currentVersion(context()), 'x')
	t.is(await fetcher.currentVersion(context()), 'x')
	t.is(await textOf(await fetcher.download(context())), 'scripted')

	fetcher.notModified()
	t.is(await fetcher.currentVersion(context()), '1')
	fetcher.fail('FETCH_THROTTLED')
	await t.throwsAsync(fetcher.currentVersion(context()), { code: 'FETCH_THROTTLED' })

	const hanging = fetcher.hang()
	const asking = fetcher.currentVersion(context())
	await hanging.taken
	hanging.respond('told', { version: 'told' })
	t.is(await asking, 'told')
	t.is(await textOf(await fetcher.download(context())), 'told')
	t.is(await textOf(await fetcher.download(context())), 'held')
	fetcher.notModified()
	await t.throwsAsync(fetcher.download(context()), { code: 'INVALID_OPTION' })
})

test('calls are kept, and can be waited for', async t => {
	const fetcher = new FakeFetcher('held', { init: () => {}, close: async () => {} })
	const clock = new FakeClock()
	const reached = fetcher.reached(2, 'downloadIfChanged')
	await fetcher.init(context({ clock }))
	await clock.advance(10)
	await ask(fetcher, 'one', { clock })
	await ask(fetcher, '1', { clock })
	await reached
	await fetcher.reached(3)
	fetcher.watch!(() => {}, context({ clock }))
	t.is(fetcher.watches, 1)
	await fetcher.close()
	t.is(fetcher.watches, 0)
	t.deepEqual(
		fetcher.calls.map(({ method, known, at }) => [method, known, at]),
		[
			['init', undefined, 0],
			['downloadIfChanged', 'one', 10],
			['downloadIfChanged', '1', 10],
			['watch', undefined, 10],
			['close', undefined, undefined],
		],
	)
})

test('init and close do as the test says', async t => {
	const error = new RemoteTermError('FETCH_DENIED', 'no')
	const fetcher = new FakeFetcher('held', {
		init: () => {
			throw error
		},
		close: async () => Promise.reject(error),
	})
	await t.throwsAsync(fetcher.init(context()), { is: error })
	await t.throwsAsync(fetcher.close(), { is: error })

	const hanging = new FakeFetcher('held', { init: () => new Promise(() => {}) })
	const reason = new RemoteTermError('TIMEOUT', 'too late')
	await t.throwsAsync(hanging.init(context({ signal: AbortSignal.abort(reason) })), { is: reason })
})

test('watchers are told of what is published, and when the test wants it', t => {
	const fetcher = new FakeFetcher()
	let told = 0
	const watch = fetcher.watch!(() => (told += 1), context())
	fetcher.publish('a')
	fetcher.unpublish()
	fetcher.publishValue(1)
	fetcher.tellWatchers()
	t.is(told, 4)
	watch[Symbol.dispose]()
	fetcher.tellWatchers()
	t.is(told, 4)
	t.is(new FakeFetcher('a', { watch: false }).watch, undefined)
})

test('what it cannot know is refused', t => {
	t.throws(() => new FakeFetcher('a', { conditionl: true } as object), { code: 'INVALID_OPTION' })
	t.throws(() => new FakeFetcher('a', { chunkSize: 0 }), { code: 'INVALID_OPTION' })
	t.throws(() => new FakeFetcher().respond('a', { etag: 'x' } as object), { code: 'INVALID_OPTION' })
})
