import test from 'ava'
import { ChangeFeed } from '../../lib/table/changes.ts'
import type { Diff } from '../../lib/table/diff.ts'
import { Table } from '../../lib/table/table.ts'
import { rowsTable } from './support.ts'

const none: Diff = { counts: { added: 0, changed: 0, removed: 0 }, addresses: undefined }

interface Comparison {
	finish(diff: Diff): void
	fail(error: Error): void
}

/** A feed whose comparisons take until they are told to end. */
class SlowFeed {
	readonly comparisons: Comparison[] = []
	readonly feed = new ChangeFeed<unknown>(
		() => new Promise((finish, fail) => this.comparisons.push({ finish, fail })),
	)

	async place(generation: number): Promise<Table> {
		const table = await rowsTable([{ id: generation }])
		Table.number(table, generation)
		this.feed.put(table, `v${generation}`)
		return table
	}
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

test('a consumer that returns while it waits for the next change is let go at once', async t => {
	const { feed } = new SlowFeed()
	const changes = feed.changes()
	const pending = changes.next()
	t.deepEqual(await changes.return(), { done: true, value: undefined })
	t.true((await pending).done)
	t.true((await changes.next()).done)
})

test('a loop that is left goes on with the table in place when it is begun again', async t => {
	const slow = new SlowFeed()
	await slow.place(1)
	for await (const { generation } of slow.feed.changes()) {
		t.is(generation, 1)
		break
	}
	const table = await slow.place(2)
	for await (const { added, generation, generations, table: reached, version } of slow.feed.changes()) {
		t.deepEqual([added, generation, generations, version], [1, 2, 2, 'v2'])
		t.is(reached, table)
		break
	}
})

for (const [how, end] of [
	['the term stops', ({ feed }) => feed.end()],
	['the signal is aborted', (_, controller) => controller.abort()],
	['the consumer returns', (_feed, _controller, changes) => void changes.return()],
] as ReadonlyArray<
	[string, (slow: SlowFeed, controller: AbortController, changes: AsyncGenerator<unknown, void>) => void]
>) {
	test(`changes end when ${how}, though tables are being compared, and however that goes`, async t => {
		for (const outcome of ['never', 'finished', 'failed'] as const) {
			const slow = new SlowFeed()
			await slow.place(1)
			const controller = new AbortController()
			const changes = slow.feed.changes({ keys: true, signal: controller.signal })
			const pending = changes.next()
			await turn()
			const [comparison] = slow.comparisons
			t.truthy(comparison)
			end(slow, controller, changes)
			if (outcome === 'finished') comparison!.finish(none)
			if (outcome === 'failed') comparison!.fail(new Error('The thread has ended'))
			t.deepEqual(await pending, { done: true, value: undefined }, outcome)
			t.true((await changes.next()).done)
			comparison!.fail(new Error('Too late for anybody to see'))
		}
	})
}

test('a comparison that fails is told to the consumer who asked, and to nobody else', async t => {
	const slow = new SlowFeed()
	await slow.place(1)
	const asking = slow.feed.changes({ keys: true })
	const other = slow.feed.changes()
	const pending = asking.next()
	t.is((await other.next()).value?.generation, 1)
	await turn()
	const lost = new Error('The thread was lost')
	slow.comparisons[0]!.fail(lost)
	t.is(await t.throwsAsync(pending), lost)
	await slow.place(2)
	t.is((await other.next()).value?.generation, 2)
})

test('tables that come while two are compared are the next change', async t => {
	const slow = new SlowFeed()
	await slow.place(1)
	const changes = slow.feed.changes({ keys: true })
	const pending = changes.next()
	await turn()
	await slow.place(2)
	await slow.place(3)
	slow.comparisons[0]!.finish(none)
	t.is((await pending).value?.generation, 1)
	const next = changes.next()
	await turn()
	t.is(slow.comparisons.length, 2)
	slow.comparisons[1]!.finish(none)
	t.like((await next).value, { generation: 3, generations: 2 })
})
