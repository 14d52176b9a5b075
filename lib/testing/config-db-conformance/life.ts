import assert from 'node:assert/strict'
import { contents, found, item, type Check } from './session.ts'

/** Opening, closing, and what outlives them. */
export const lifeChecks: readonly Check[] = [
	{
		title: 'after close writes are STOPPED, and reads go on from memory',
		async run(session) {
			await session.commit([item('a', '1.0.0')])
			let told = 0
			session.db.watch(() => void told++)
			await session.within('close', session.db.close())
			await session.within('close', session.db.close())
			await session.expectError(session.commit([item('b')]), 'STOPPED')
			await session.expectError(session.db.delete('orders'), 'STOPPED')
			await session.expectError(session.setDisabled('a', '1.0.0', true), 'STOPPED')
			assert.equal(found(session.db.getLatest('orders', 'a')).version, '1.0.0')
			assert.equal(told, 0)
		},
	},
	{
		title: 'close waits for the writes under way',
		async run(session) {
			const writing = Promise.all(['a', 'b', 'c'].map(service => session.commit([item('x')], { service })))
			await session.within('close', session.db.close())
			await session.within('the writes', writing)
			assert.equal(session.db.services().length, 3)
		},
	},
	{
		title: 'open may be called twice',
		async run(session) {
			await session.commit([item('a')])
			await session.within('open', session.db.open())
			assert.equal(session.db.size, 1)
		},
	},
	{
		title: 'everything that was acknowledged is there when it is opened again',
		needs: 'durable',
		async run(session) {
			const pull = { service: 'orders', target: '/config' }
			await session.commit([item('a', '1.0.0', { value: { deep: ['ü'] } }), item('b'), item('gone')])
			await session.commit([item('a', '1.0.0', { value: { deep: ['ö'] } }), item('b')], { pull })
			await session.setDisabled('b', '0.0.0', true)
			await session.commit([item('x')], { service: 'users', source: 'pull' })
			await session.commit([item('x')], { service: 'deleted' })
			await session.within('delete', session.db.delete('deleted'))
			const before = contents(session.db)
			await session.reopen()
			assert.deepEqual(contents(session.db), before)
			assert.equal(session.db.size, 3)
			assert.equal(session.db.get('orders', 'b').status, 'disabled')
			assert(Object.isFrozen(found(session.db.get('orders', 'a', '1.0.0')).value))
		},
	},
	{
		title: 'a flag outlives both the item and the object',
		needs: 'durable',
		async run(session) {
			await session.commit([item('a', '1.0.0'), item('b')])
			await session.setDisabled('a', '1.0.0', true)
			await session.commit([item('b')])
			await session.reopen()
			await session.commit([item('a', '1.0.0'), item('b')])
			assert.equal(session.db.get('orders', 'a', '1.0.0').status, 'disabled')
		},
	},
	{
		title: 'revisions are not given twice, whatever was deleted before it was opened again',
		needs: 'durable',
		async run(session) {
			await session.commit([item('a')])
			const { revision } = await session.commit([item('b')])
			await session.within('delete', session.db.delete('orders'))
			await session.reopen()
			assert((await session.commit([item('a')])).revision > revision)
		},
	},
]
