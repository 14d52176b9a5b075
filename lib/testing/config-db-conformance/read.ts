import assert from 'node:assert/strict'
import { contents, found, item, type Check } from './session.ts'

/** What reads answer. */
export const readChecks: readonly Check[] = [
	{
		title: 'an empty database has nothing, and says so',
		async run({ db }) {
			assert.deepEqual(db.get('orders', 'create'), { status: 'not_found' })
			assert.deepEqual(db.getLatest('orders', 'create'), { status: 'not_found' })
			assert.equal(db.service('orders'), undefined)
			assert.deepEqual([...db.services()], [])
			assert.deepEqual([...db.items('orders')], [])
			assert.equal(db.size, 0)
		},
	},
	{
		title: 'get finds exactly the version that is asked for, and 0.0.0 where none is',
		async run(session) {
			await session.commit([item('create'), item('create', '1.0.0'), item('cancel', '2.0.0')])
			const { db } = session
			assert.equal(found(db.get('orders', 'create')).version, '0.0.0')
			assert.equal(found(db.get('orders', 'create', '1.0.0')).version, '1.0.0')
			assert.equal(db.get('orders', 'create', '1.0.1').status, 'not_found')
			assert.equal(db.get('orders', 'cancel').status, 'not_found')
			assert.equal(db.get('users', 'create').status, 'not_found')
			assert.equal(db.size, 3)
		},
	},
	{
		title: 'getLatest goes by numbers, not by letters',
		async run(session) {
			const versions = ['9.0.0', '10.0.0', '2.11.0', '2.9.0']
			await session.commit(versions.map(version => item('create', version)))
			assert.equal(found(session.db.getLatest('orders', 'create')).version, '10.0.0')
		},
	},
	{
		title: 'a pre-release is below its release, and above the release before',
		async run(session) {
			await session.commit([item('a', '1.0.0-rc.2'), item('a', '1.0.0'), item('a', '1.0.0-rc.10')])
			assert.equal(found(session.db.getLatest('orders', 'a')).version, '1.0.0')
			await session.commit([item('a', '1.0.0'), item('a', '1.1.0-rc.9'), item('a', '1.1.0-rc.10')])
			assert.equal(found(session.db.getLatest('orders', 'a')).version, '1.1.0-rc.10')
		},
	},
	{
		title: '0.0.0 is below everything, its own pre-releases too',
		async run(session) {
			await session.commit([item('a', '0.0.0'), item('a', '0.0.0-alpha')])
			assert.equal(found(session.db.getLatest('orders', 'a')).version, '0.0.0-alpha')
			await session.commit([item('a', '0.0.0')])
			assert.equal(found(session.db.getLatest('orders', 'a')).version, '0.0.0')
		},
	},
	{
		title: 'lists are sorted: services by name, items by request type and then by version',
		async run(session) {
			for (const service of ['b', 'a', 'c']) await session.commit([item('x')], { service })
			assert.deepEqual(
				session.db.services().map(({ service }) => service),
				['a', 'b', 'c'],
			)
			await session.commit([item('b', '10.0.0'), item('b', '9.0.0'), item('a', '1.0.0'), item('b')])
			assert.deepEqual(
				session.db.items('orders').map(({ item: { requestType, version } }) => `${requestType} ${version}`),
				['a 1.0.0', 'b 0.0.0', 'b 9.0.0', 'b 10.0.0'],
			)
		},
	},
	{
		title: 'items, records and lists are frozen, and nobody who handed something in can change it later',
		async run(session) {
			const list: unknown[] = [1, { deep: true }]
			const value = { list }
			const nodes = ['node-1']
			await session.commit([item('a', '1.0.0', { value })], { nodes })
			list.push(2)
			nodes.push('node-2')
			const stored = found(session.db.get('orders', 'a', '1.0.0'))
			assert.deepEqual(stored.value, { list: [1, { deep: true }] })
			assert.deepEqual(session.db.service('orders')?.nodes, ['node-1'])
			const { list: kept } = stored.value as { readonly list: readonly unknown[] }
			for (const one of [stored, kept, kept[1], session.db.service('orders'), session.db.items('orders')])
				assert(Object.isFrozen(one), 'Expected it to be frozen')
		},
	},
	{
		title: 'what JSON can carry comes back as it was',
		async run(session) {
			const values: readonly unknown[] = [
				...[
					'',
					'ünïcödé ☃ 𝄞',
					'\u0000\n"',
					'x'.repeat(70_000),
					0,
					-1.5e-300,
					2 ** 53 - 1,
					1.7976931348623157e308,
				],
				...[
					true,
					false,
					null,
					[],
					{},
					[[[[]]]],
					{ '': { 'a b/c': [null] } },
					{ constructor: 1, toString: 2 },
				],
			]
			await session.commit(values.map((value, index) => item(`r${index}`, '1.0.0', { value })))
			for (const [index, value] of values.entries()) {
				assert.deepEqual(found(session.db.get('orders', `r${index}`, '1.0.0')).value, value)
			}
		},
	},
	{
		title: 'names that objects have by birth are names like others',
		async run(session) {
			for (const name of ['constructor', 'toString', 'hasOwnProperty', '__proto__', 'valueOf']) {
				assert.equal(session.db.get(name, name, name).status, 'not_found')
				assert.equal(session.db.getLatest(name, name).status, 'not_found')
				assert.equal(session.db.service(name), undefined)
			}
			await session.commit([item('constructor'), item('toString')], { service: 'constructor' })
			assert.equal(found(session.db.getLatest('constructor', 'toString')).service, 'constructor')
			assert.equal(contents(session.db).length, 1)
		},
	},
]
