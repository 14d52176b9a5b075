import assert from 'node:assert/strict'
import type { ConfigChange } from '../../config/config-db.ts'
import { contents, found, item, type Check } from './session.ts'

/** Several objects, one truth. */
export const sharedChecks: readonly Check[] = [
	{
		title: 'what one commits the other reads, with its flags, and is told of it',
		needs: 'shared',
		async run(session) {
			const peer = await session.peer()
			const seen: ConfigChange[] = []
			using _ = peer.watch(change => void seen.push(change))
			await session.commit([item('a', '1.0.0', { value: 1 }), item('b')])
			await session.setDisabled('b', '0.0.0', true)
			await session.until('the peer to see both', () => peer.get('orders', 'b').status === 'disabled')
			assert.equal(found(peer.getLatest('orders', 'a')).value, 1)
			assert.deepEqual(contents(peer), contents(session.db))
			assert.equal(seen[0]?.kind, 'committed')
			await session.within('delete', session.db.delete('orders'))
			await session.until('the peer to see the deletion', () => peer.service('orders') === undefined)
			assert.equal(seen.at(-1)?.kind, 'deleted')
		},
	},
	{
		title: 'one that is opened later reads what was there before',
		needs: 'shared',
		async run(session) {
			await session.commit([item('a'), item('b', '2.0.0')])
			const peer = await session.peer()
			assert.deepEqual(contents(peer), contents(session.db))
		},
	},
	{
		title: 'of two that commit upon one revision exactly one succeeds, and the loser reads what it lost to',
		needs: 'shared',
		async run(session) {
			const peer = await session.peer()
			for (let round = 0; round < 5; round++) {
				const expectedRevision = session.db.service('orders')?.revision ?? 0
				await session.until(
					'both to be of one mind',
					() => (peer.service('orders')?.revision ?? 0) === expectedRevision,
				)
				const outcomes = await Promise.allSettled([
					session.commit([item('ours')], { expectedRevision }),
					session.commit([item('theirs')], { expectedRevision }, peer),
				])
				const won = outcomes.filter(({ status }) => status === 'fulfilled')
				assert.equal(won.length, 1)
				const loser = outcomes[0].status === 'fulfilled' ? peer : session.db
				const winner = loser === peer ? session.db : peer
				assert.equal(loser.service('orders')?.revision, winner.service('orders')?.revision)
				assert.deepEqual(contents(loser), contents(winner))
			}
		},
	},
]
