import assert from 'node:assert/strict'
import type { ConfigChange } from '../../config/config-db.ts'
import { contents, item, refs, type Check } from './session.ts'

/** Who watches is told of each change, in order, when it can be read. */
export const watchChecks: readonly Check[] = [
	{
		title: 'a watcher is told of each change, once, in order, with what has changed',
		async run(session) {
			const seen: ConfigChange[] = []
			const visible: boolean[] = []
			using _ = session.db.watch(change => {
				seen.push(change)
				visible.push(session.db.service('orders')?.revision === change.record?.revision)
			})
			await session.commit([item('a', '1.0.0'), item('b')])
			await session.commit([item('a', '1.0.0', { value: 1 }), item('c')])
			await session.setDisabled('a', '1.0.0', true)
			await session.setDisabled('a', '1.0.0', true)
			await session.setDisabled('a', '1.0.0', false)
			await session.within('delete', session.db.delete('orders'))
			await session.until('five changes', () => seen.length >= 5)
			assert.deepEqual(
				seen.map(({ kind }) => kind),
				['committed', 'committed', 'disabled', 'enabled', 'deleted'],
			)
			assert.deepEqual(visible, [true, true, true, true, true])
			assert.deepEqual(refs(seen[1]!.added), ['c 0.0.0'])
			assert.deepEqual(refs(seen[1]!.changed), ['a 1.0.0'])
			assert.deepEqual(refs(seen[1]!.removed), ['b 0.0.0'])
			assert.deepEqual(refs(seen[2]!.changed), ['a 1.0.0'])
			assert.deepEqual(refs(seen[4]!.removed), ['a 1.0.0', 'c 0.0.0'])
			const revisions = seen.map(({ revision }) => revision)
			assert.deepEqual(
				revisions,
				[...new Set(revisions)].sort((a, b) => a - b),
			)
		},
	},
	{
		title: 'what rejects is told to nobody',
		async run(session) {
			const seen: ConfigChange[] = []
			using _ = session.db.watch(change => void seen.push(change))
			await session.commit([item('a')])
			await session.expectError(session.commit([item('b')], { expectedRevision: 99 }), 'CONFLICT')
			await session.commit([item('c')])
			await session.until('two changes', () => seen.length >= 2)
			assert.deepEqual(
				seen.map(({ added }) => refs(added)),
				[['a 0.0.0'], ['c 0.0.0']],
			)
		},
	},
	{
		title: 'a watcher that throws harms neither the write nor the watchers behind it',
		async run(session) {
			let told = 0
			using _ = session.db.watch(() => {
				throw new Error('broken watcher')
			})
			using __ = session.db.watch(() => void told++)
			await session.commit([item('a')])
			await session.until('the second watcher to be told', () => told === 1)
			assert.equal(contents(session.db).length, 1)
		},
	},
	{
		title: 'a watcher that has been disposed of, which may be done twice, is told nothing more',
		async run(session) {
			let told = 0
			let witness = 0
			const watching = session.db.watch(() => void told++)
			using _ = session.db.watch(() => void witness++)
			await session.commit([item('a')])
			await session.until('the witness to be told', () => witness === 1)
			watching[Symbol.dispose]()
			watching[Symbol.dispose]()
			await session.commit([item('b')])
			await session.until('the witness to be told', () => witness === 2)
			assert.equal(told, 1)
		},
	},
]
