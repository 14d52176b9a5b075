import test, { type ExecutionContext } from 'ava'
import { systemClock } from '../../lib/core/clock.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { PackingThread } from '../../lib/table/packing-thread.ts'
import { Press } from '../../lib/table/press.ts'
import { bodySpec, each, packText, spec } from './support.ts'

const pressOf = (t: ExecutionContext): { press: Press; thread: PackingThread } => {
	const thread = new PackingThread(systemClock)
	t.teardown(() => thread.end())
	return { press: new Press(thread), thread }
}

const never = new AbortController().signal
const large = Buffer.alloc(70_000, ' ')

test('two small tables are compared in place, and large ones are not', async t => {
	const { press, thread } = pressOf(t)
	await thread.end()
	const older = await packText('[{"id":1},{"id":2}]', { key: 'id' })
	const newer = await packText('[{"id":2},{"id":3},{"id":4}]', { key: 'id' })
	const { addresses, counts } = await press.diff(older.parts, newer.parts, never)
	t.deepEqual(counts, { added: 2, changed: 0, removed: 1 })
	t.is(addresses?.added.length, 2)
	t.deepEqual((await press.diff(undefined, newer.parts, never)).counts, { added: 3, changed: 0, removed: 0 })

	const big = await packText(JSON.stringify([{ id: 'x'.repeat(300_000) }]), { key: 'id' })
	await t.throwsAsync(() => press.diff(older.parts, big.parts, never), { code: 'STOPPED' })
	await t.throwsAsync(() => press.diff(big.parts, newer.parts, never), { code: 'STOPPED' })
	const reason = new RemoteTermError('STOPPED', 'Enough')
	t.is(await t.throwsAsync(() => press.diff(older.parts, newer.parts, AbortSignal.abort(reason))), reason)
})

test('a body that is given up before it has reached the thread is told so', async t => {
	const { press, thread } = pressOf(t)
	const controller = new AbortController()
	const reason = new RemoteTermError('TIMEOUT', 'Enough')
	const ended: string[] = []
	const body = async function* (name: string, then?: () => void): AsyncGenerator<Uint8Array, void> {
		try {
			await Promise.resolve()
			then?.()
			for (;;) yield large
		} finally {
			ended.push(name)
		}
	}
	const packed = (chunks: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<unknown> =>
		press.pack(chunks, bodySpec, spec({ key: 'id' }), undefined, signal)
	const aborted = packed(
		body('aborted', () => controller.abort(reason)),
		controller.signal,
	)
	t.is(await t.throwsAsync(aborted), reason)
	await thread.end()
	await t.throwsAsync(() => packed(body('no thread'), never), { code: 'STOPPED' })
	await new Promise(resolve => setImmediate(resolve))
	t.deepEqual(ended, ['aborted', 'no thread'])
})

test('a body that fails at once fails the table with its own error', async t => {
	const { press } = pressOf(t)
	const broken = new RemoteTermError('FETCH_INCOMPLETE', 'Gone')
	const body = async function* (): AsyncGenerator<Uint8Array, void> {
		yield* each([Buffer.from('[')])
		throw broken
	}
	t.is(await t.throwsAsync(() => press.pack(body(), bodySpec, spec({ key: 'id' }), undefined, never)), broken)
})
