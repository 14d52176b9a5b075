import test, { type ExecutionContext } from 'ava'
import { Worker, type ResourceLimits } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { systemClock } from '../../lib/core/clock.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import type { Packed } from '../../lib/table/pack.ts'
import { PackingThread } from '../../lib/table/packing-thread.ts'
import { bodySpec, each, spec, tableOf } from './support.ts'

const functions = new URL('./fixtures/functions.js', import.meta.url)

const threadOf = (t: ExecutionContext, resourceLimits?: ResourceLimits): PackingThread => {
	const thread = new PackingThread(systemClock, resourceLimits)
	t.teardown(() => thread.end())
	return thread
}

const never = new AbortController().signal

const packIn = (
	thread: PackingThread,
	body: string | AsyncIterable<Uint8Array>,
	key: string | undefined,
	{ signal = never, previous }: { signal?: AbortSignal; previous?: Packed } = {},
): Promise<Packed> =>
	thread.pack(
		typeof body === 'string' ? each([gzipSync(body)]) : body,
		bodySpec,
		spec({ key: key === undefined || key === 'id' ? 'id' : { module: functions, export: key } }),
		previous?.parts,
		signal,
	)

test('jobs take turns in one thread, each with its own result', async t => {
	const thread = threadOf(t)
	const [a, b, c] = await Promise.all([
		packIn(thread, '[{"id":1}]', 'id'),
		packIn(thread, '[{"id":2},{"id":3}]', 'id'),
		packIn(thread, '[{"id":1,"x":1}]', 'threadOf'),
	])
	t.is(tableOf(a).size, 1)
	t.is(tableOf(b).size, 2)
	t.deepEqual([...tableOf(c).keys()], ['worker'])
	t.deepEqual((await packIn(thread, '[{"id":2}]', 'id', { previous: b })).change, {
		added: 0,
		changed: 0,
		removed: 1,
	})
	const { addresses, counts } = await thread.diff(a.parts, b.parts, never)
	t.deepEqual(counts, { added: 2, changed: 0, removed: 1 })
	t.is(addresses?.added.length, 2)
})

test('a refusal crosses threads with its code and issues, and the thread goes on', async t => {
	const thread = threadOf(t)
	const error = await t.throwsAsync(() => packIn(thread, '[{"id":null}]', 'id'), {
		instanceOf: RemoteTermError,
	})
	t.is(error.code, 'VALIDATION_FAILED')
	t.deepEqual(error.issues, [{ path: [1], message: 'has no key' }])
	const malformed = await t.throwsAsync(() => packIn(thread, '[{"id":', 'id'), {
		instanceOf: RemoteTermError,
	})
	t.is(malformed.code, 'DESERIALIZE_FAILED')
	t.is(tableOf(await packIn(thread, '[{"id":1}]', 'id')).size, 1)
})

test('a crash fails the job that caused it, and the next one gets a new thread', async t => {
	const thread = threadOf(t, { maxOldGenerationSizeMb: 32 })
	for (const name of ['crashing', 'hoarding']) {
		const crashed = packIn(thread, '[{"id":1}]', name)
		const next = packIn(thread, '[{"id":1}]', 'id')
		const error = await t.throwsAsync(() => crashed, { instanceOf: RemoteTermError })
		t.is(error.code, 'WORKER_FAILED', name)
		t.is(tableOf(await next).size, 1, name)
	}
})

test('a job without an end is ended by its signal, and the next one is not harmed', async t => {
	const thread = threadOf(t)
	const controller = new AbortController()
	const reason = new RemoteTermError('TIMEOUT', 'Enough')
	const endless = packIn(thread, '[{"id":1}]', 'untilDead', { signal: controller.signal })
	const waiting = packIn(thread, '[{"id":1}]', 'id', { signal: controller.signal })
	const next = packIn(thread, '[{"id":1}]', 'id')
	controller.abort(reason)
	t.is(await t.throwsAsync(() => endless), reason)
	t.is(await t.throwsAsync(() => waiting), reason)
	t.is(tableOf(await next).size, 1)
})

test('a body that breaks off fails its job with its own error', async t => {
	const thread = threadOf(t)
	const broken = new RemoteTermError('FETCH_INCOMPLETE', 'Gone')
	const body = async function* (): AsyncGenerator<Uint8Array, void> {
		yield Buffer.from('[{"id":1},')
		await Promise.resolve()
		throw broken
	}
	t.is(await t.throwsAsync(() => packIn(thread, body(), 'id')), broken)
	t.is(tableOf(await packIn(thread, '[{"id":1}]', 'id')).size, 1)
})

test('a body is read no faster than it is taken, and no further than needed', async t => {
	const thread = threadOf(t)
	let read = 0
	let ended = false
	const body = async function* (): AsyncGenerator<Uint8Array, void> {
		try {
			yield Buffer.from('[{"id":1},{"id":null},')
			for (;;) {
				await Promise.resolve()
				read++
				yield Buffer.alloc(64 * 1024, ' ')
			}
		} finally {
			ended = true
		}
	}
	const error = await t.throwsAsync(() => packIn(thread, body(), 'id'), { instanceOf: RemoteTermError })
	t.is(error.code, 'VALIDATION_FAILED')
	t.true(read <= 40, `${read} chunks were read`)
	await new Promise(resolve => setImmediate(resolve))
	t.true(ended)
})

test('the chunks stay whole: they are copied, not taken', async t => {
	const thread = threadOf(t)
	const chunk = Buffer.from(`[${Array.from({ length: 50_000 }, (_, id) => `{"id":${id}}`).join(',')}]`)
	const before = Buffer.from(chunk)
	t.is(tableOf(await packIn(thread, each([chunk]), 'id')).size, 50_000)
	t.deepEqual(chunk, before)
})

test('an error that crosses threads keeps its cause', async t => {
	const thread = threadOf(t)
	const key = { module: new URL('./fixtures/nowhere.js', import.meta.url) }
	const error = await t.throwsAsync(
		() => thread.pack(each([Buffer.from('[]')]), bodySpec, spec({ key }), undefined, never),
		{ instanceOf: RemoteTermError },
	)
	t.is(error.code, 'INVALID_OPTION')
	t.regex(error.message, /Cannot load the module of `key`: .*nowhere\.js/)
	t.true(error.cause instanceof Error)
	t.regex((error.cause as Error).message, /nowhere\.js/)
})

test.serial('when its end has come, no thread is left, not even one that a signal has ended', async t => {
	const { terminate } = Worker.prototype
	t.teardown(() => (Worker.prototype.terminate = terminate))
	let ended = 0
	Worker.prototype.terminate = async function () {
		const code = await terminate.call(this)
		ended++
		return code
	}
	const thread = threadOf(t)
	const controller = new AbortController()
	const endless = packIn(thread, '[{"id":1}]', 'untilDead', { signal: controller.signal })
	await new Promise(resolve => setImmediate(resolve))
	controller.abort(new RemoteTermError('STOPPED', 'Enough'))
	await t.throwsAsync(() => endless, { code: 'STOPPED' })
	await thread.end()
	t.is(ended, 1)
})

test('after its end there are no more jobs', async t => {
	const thread = threadOf(t)
	const endless = packIn(thread, '[{"id":1}]', 'untilDead')
	endless.catch(() => {})
	await new Promise(resolve => setImmediate(resolve))
	await thread.end()
	t.is((await t.throwsAsync(() => endless, { instanceOf: RemoteTermError })).code, 'STOPPED')
	const error = await t.throwsAsync(() => packIn(thread, '[{"id":1}]', 'id'), { instanceOf: RemoteTermError })
	t.is(error.code, 'STOPPED')
})
