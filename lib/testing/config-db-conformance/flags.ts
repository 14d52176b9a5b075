import assert from 'node:assert/strict'
import { found, item, type Check, type Session } from './session.ts'

const latest = ({ db }: Session): string => {
	const lookup = db.getLatest('orders', 'a')
	return lookup.status === 'found' ? lookup.item.version : lookup.status
}

/** An operator's word outlasts whatever is pushed. */
export const flagChecks: readonly Check[] = [
	{
		title: 'disabling one version leaves the others alone, and getLatest passes over it',
		async run(session) {
			await session.commit([item('a', '1.0.0'), item('a', '2.0.0'), item('b', '2.0.0')])
			assert.equal(await session.setDisabled('a', '2.0.0', true), 'changed')
			assert.equal(session.db.get('orders', 'a', '2.0.0').status, 'disabled')
			assert.equal(session.db.get('orders', 'a', '1.0.0').status, 'found')
			assert.equal(session.db.get('orders', 'b', '2.0.0').status, 'found')
			assert.equal(latest(session), '1.0.0')
			assert.equal(await session.setDisabled('a', '2.0.0', false), 'changed')
			assert.equal(latest(session), '2.0.0')
		},
	},
	{
		title: 'where all versions are disabled getLatest says so, and lists have them still',
		async run(session) {
			await session.commit([item('a', '1.0.0'), item('a', '2.0.0')])
			await session.setDisabled('a', '1.0.0', true)
			await session.setDisabled('a', '2.0.0', true)
			assert.equal(latest(session), 'disabled')
			assert.deepEqual(
				session.db.items('orders').map(({ disabled }) => disabled),
				[true, true],
			)
			assert.equal(session.db.size, 2)
		},
	},
	{
		title: 'setDisabled says changed, unchanged or not_found',
		async run(session) {
			await session.commit([item('a', '1.0.0')])
			assert.equal(await session.setDisabled('a', '1.0.0', false), 'unchanged')
			assert.equal(await session.setDisabled('a', '1.0.0', true), 'changed')
			assert.equal(await session.setDisabled('a', '1.0.0', true), 'unchanged')
			assert.equal(await session.setDisabled('a', '3.0.0', true), 'not_found')
			assert.equal(await session.setDisabled('b', '1.0.0', true), 'not_found')
			const elsewhere = session.db.setDisabled('users', { requestType: 'a', version: '1.0.0' }, true)
			assert.equal(await session.within('setDisabled', elsewhere), 'not_found')
		},
	},
	{
		title: 'no commit enables what an operator has disabled, not even by taking it away and bringing it back',
		async run(session) {
			await session.commit([item('a', '1.0.0')])
			await session.setDisabled('a', '1.0.0', true)
			await session.commit([item('a', '1.0.0', { value: 2, disabled: false })])
			assert.equal(session.db.get('orders', 'a', '1.0.0').status, 'disabled')
			await session.commit([item('b')])
			await session.commit([item('a', '1.0.0', { value: 3 })])
			assert.equal(session.db.get('orders', 'a', '1.0.0').status, 'disabled')
			await session.setDisabled('a', '1.0.0', false)
			assert.equal(found(session.db.get('orders', 'a', '1.0.0')).value, 3)
		},
	},
	{
		title: 'an item may wish to be disabled, and the operator has the last word',
		async run(session) {
			await session.commit([item('a', '1.0.0', { disabled: true }), item('a', '0.9.0')])
			assert.equal(latest(session), '0.9.0')
			assert.equal(await session.setDisabled('a', '1.0.0', false), 'changed')
			assert.equal(latest(session), '1.0.0')
			await session.commit([item('a', '1.0.0', { disabled: true, value: 2 })])
			assert.equal(latest(session), '1.0.0')
		},
	},
	{
		title: 'an operator may disable what disables itself, and is heeded when it does not any more',
		async run(session) {
			await session.commit([item('a', '1.0.0', { disabled: true })])
			assert.equal(await session.setDisabled('a', '1.0.0', true), 'changed')
			assert.equal(await session.setDisabled('a', '1.0.0', true), 'unchanged')
			await session.commit([item('a', '1.0.0', { disabled: false })])
			assert.equal(session.db.get('orders', 'a', '1.0.0').status, 'disabled')
			assert.equal(await session.setDisabled('a', '1.0.0', false), 'changed')
			assert.equal(latest(session), '1.0.0')
		},
	},
	{
		title: 'a deletion takes the flags with it',
		async run(session) {
			await session.commit([item('a', '1.0.0')])
			await session.setDisabled('a', '1.0.0', true)
			await session.within('delete', session.db.delete('orders'))
			await session.commit([item('a', '1.0.0')])
			assert.equal(latest(session), '1.0.0')
		},
	},
	{
		title: 'a flag is a change of the service: what was decided before it is CONFLICT',
		async run(session) {
			const { revision } = await session.commit([item('a', '1.0.0')])
			await session.setDisabled('a', '1.0.0', true)
			assert((session.db.service('orders')?.revision ?? 0) > revision)
			await session.expectError(session.commit([item('a')], { expectedRevision: revision }), 'CONFLICT')
		},
	},
]
