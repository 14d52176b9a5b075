import assert from 'node:assert/strict'
import { contents, found, item, refs, type Check, type ConformanceItem } from './session.ts'

/** One transaction, or nothing. */
export const commitChecks: readonly Check[] = [
	{
		title: 'what a commit has stored can be read as soon as it resolves',
		async run(session) {
			const pull = { service: 'orders', target: '/config' }
			const change = await session.commit([item('a', '1.0.0')], { configVersion: 'v7', pull })
			const record = session.db.service('orders')
			assert(record !== undefined)
			const { committedAt, revision, ...rest } = record
			assert.deepEqual(rest, {
				...{ service: 'orders', configVersion: 'v7', source: 'push', nodes: ['node-1'], pull },
			})
			assert(Number.isSafeInteger(revision) && revision > 0)
			assert(Number.isSafeInteger(committedAt) && committedAt > 0)
			assert.equal(change.revision, revision)
			assert.equal(change.kind, 'committed')
			assert.deepEqual(change.record, record)
			assert.equal(found(session.db.getLatest('orders', 'a')).version, '1.0.0')
		},
	},
	{
		title:
			'a commit is the whole new state: what is not in it vanishes, and the change says what has changed',
		async run(session) {
			await session.commit([item('a'), item('b'), item('c', '1.0.0', { value: { x: 1, y: [2] } })], {
				pull: { service: 'orders', target: '/config' },
			})
			const change = await session.commit([
				item('b', '0.0.0', { value: 2 }),
				item('c', '1.0.0', { value: { y: [2], x: 1 } }),
				item('c', '2.0.0'),
			])
			assert.deepEqual(refs(change.added), ['c 2.0.0'])
			assert.deepEqual(refs(change.changed), ['b 0.0.0'])
			assert.deepEqual(refs(change.removed), ['a 0.0.0'])
			assert.equal(session.db.get('orders', 'a').status, 'not_found')
			assert.equal(session.db.getLatest('orders', 'a').status, 'not_found')
			assert.equal(session.db.service('orders')?.pull, undefined)
			assert.equal(session.db.size, 3)
		},
	},
	{
		title: 'a commit touches no other service',
		async run(session) {
			await session.commit([item('a'), item('b')], { service: 'users' })
			const before = contents(session.db)
			await session.commit([item('a')])
			await session.within('delete', session.db.delete('orders'))
			assert.deepEqual(contents(session.db), before)
		},
	},
	{
		title: 'revisions grow with each commit',
		async run(session) {
			const revisions: number[] = []
			for (let round = 0; round < 4; round++) revisions.push((await session.commit([item('a')])).revision)
			for (const [index, revision] of revisions.slice(1).entries()) assert(revision > revisions[index]!)
		},
	},
	{
		title: 'who is told CONFLICT sees what it conflicted with',
		async run(session) {
			const first = session.commit([item('a')])
			const second = session.commit([item('b')]).then(
				() => assert.fail('Expected the second of two commits upon revision 0 to be refused'),
				(error: unknown) => {
					assert.equal((error as { code?: unknown }).code, 'CONFLICT')
					assert.equal(session.db.get('orders', 'a').status, 'found')
				},
			)
			await Promise.all([first, second])
		},
	},
	{
		title: 'a commit upon another revision is CONFLICT and changes nothing',
		async run(session) {
			const first = await session.commit([item('a')])
			await session.commit([item('b')])
			const before = contents(session.db)
			for (const expectedRevision of [0, first.revision, 2 ** 40]) {
				await session.expectError(session.commit([item('c')], { expectedRevision }), 'CONFLICT')
			}
			await session.expectError(
				session.commit([item('c')], { service: 'users', expectedRevision: 1 }),
				'CONFLICT',
			)
			assert.deepEqual(contents(session.db), before)
		},
	},
	{
		title: 'of several commits upon one revision exactly one succeeds',
		async run(session) {
			for (let round = 0; round < 5; round++) {
				const expectedRevision = session.db.service('orders')?.revision ?? 0
				const outcomes = await Promise.allSettled(
					[0, 1, 2, 3].map(n => session.commit([item(`by-${n}`)], { expectedRevision })),
				)
				const winners = outcomes.flatMap(({ status }, index) => (status === 'fulfilled' ? [index] : []))
				assert.equal(winners.length, 1)
				assert.equal(session.db.items('orders').length, 1)
				assert.equal(session.db.get('orders', `by-${winners[0]}`).status, 'found')
			}
		},
	},
	{
		title: 'many services can be committed at the same time',
		async run(session) {
			const services = Array.from({ length: 60 }, (_, index) => `s-${index}`)
			await Promise.all(
				services.map(service =>
					session.commit([item('a', '1.0.0', { value: service }), item('b')], { service }),
				),
			)
			assert.equal(session.db.services().length, 60)
			assert.equal(session.db.size, 120)
			for (const service of services) assert.equal(found(session.db.getLatest(service, 'a')).value, service)
		},
	},
	{
		title:
			'items that are not unique, of another service, of no version or not plain are refused, and nothing changes',
		async run(session) {
			await session.commit([item('a')])
			const before = contents(session.db)
			const bad: ReadonlyArray<readonly ConformanceItem[]> = [
				[item('b'), item('b')],
				[item('b', '0.0.0', { service: 'users' })],
				[item('b', 'latest')],
				[item('b', '')],
				[item('no spaces')],
				[item('')],
				[item('b', '1.0.0', { value: () => {} })],
				[item('b', '1.0.0', { value: Number.NaN })],
				[item('b', '1.0.0', { value: new Date(0) })],
				[item('b', '1.0.0', { value: JSON.parse('{"__proto__":{"polluted":true}}') as unknown })],
			]
			for (const items of bad) {
				await session.expectError(session.commit([item('ok'), ...items]), 'VALIDATION_FAILED')
			}
			assert.deepEqual(contents(session.db), before)
			assert.equal(({} as { polluted?: unknown }).polluted, undefined)
		},
	},
	{
		title: 'a deletion takes everything of its service, and its revisions are not given twice',
		async run(session) {
			const pull = { service: 'orders', target: '/config' }
			const committed = await session.commit([item('a'), item('b', '1.0.0')], { pull })
			const deleted = await session.within('delete', session.db.delete('orders'))
			assert.equal(deleted?.kind, 'deleted')
			assert.deepEqual(refs(deleted.removed), ['a 0.0.0', 'b 1.0.0'])
			assert.equal(deleted.record, undefined)
			assert.equal(session.db.service('orders'), undefined)
			assert.equal(session.db.getLatest('orders', 'a').status, 'not_found')
			assert.equal(session.db.size, 0)
			assert.equal(await session.within('delete', session.db.delete('orders')), undefined)
			const again = await session.commit([item('a')])
			assert(again.revision > committed.revision)
			assert.equal(session.db.service('orders')?.pull, undefined)
		},
	},
]
