import test from 'ava'
import fc from 'fast-check'
import { connect, entriesOf, item, publish, stateOf, type Item } from './publisher-support.ts'

const many = (count: number, version = 1): Array<[string, Item, number]> =>
	Array.from({ length: count }, (_, i) => [`item-${i}`, item(version, i), version])

const turn = (): Promise<void> => new Promise(resolve => void setImmediate(resolve))

test('a put in turns lets others have theirs, and ends as a put does', async t => {
	const { publisher } = publish(t)
	let turns = 0
	let isDone = false
	const first = publisher.putInTurns(many(20_000)).then(() => (isDone = true))
	while (!isDone) {
		await turn()
		turns++
		if (!isDone) t.is(publisher.handle(new Request('http://gateway/')).status, 503, 'nobody sees a half')
	}
	await first
	t.true(turns > 10, `${turns} turns`)
	t.is(publisher.size, 20_000)
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	t.deepEqual(client.state, stateOf(publisher))

	await publisher.putInTurns([...many(20_000).slice(0, -1), ['item-19999', item(2), 2], ['new', item(1), 1]])
	await client.until('both changes', () => client.events.length === 3)
	t.deepEqual(
		client.events.map(({ type }) => type),
		['put', 'patch', 'patch'],
		'only what differs is told',
	)
	await publisher.putInTurns(many(15_000))
	await client.until('a put', () => client.events.length === 4)
	t.deepEqual([client.events[3]?.type, client.state.size], ['put', 15_000])
	t.deepEqual(client.state, stateOf(publisher))
})

test('while clients are served, what differs is taken over in one step', async t => {
	const { publisher } = publish(t)
	publisher.put(many(10_000))
	const replaced = publisher.putInTurns(many(10_000, 2).slice(0, 5_000))
	const seen = new Set<string>()
	let isDone = false
	void replaced.then(() => (isDone = true))
	while (!isDone) {
		seen.add(`${publisher.size} items, the first at ${publisher.versionOf('item-0')}`)
		await turn()
	}
	seen.add(`${publisher.size} items, the first at ${publisher.versionOf('item-0')}`)
	t.deepEqual([...seen], ['10000 items, the first at 1', '5000 items, the first at 2'])
})

test('what is changed meanwhile is newer, and stays', async t => {
	const { publisher } = publish(t)
	publisher.put(
		entriesOf({ changed: item(1), deleted: item(1), forgotten: item(1), old: item(1), newer: item(1) }),
	)
	const client = connect(publisher)
	await client.until('the put', () => client.events.length === 1)
	const all = entriesOf({ changed: item(2), deleted: item(2), forgotten: item(2), newer: item(9) })
	const replaced = publisher.putInTurns([...all, ...many(10_000)])
	await turn()
	publisher.upsert('changed', item(5), 5)
	publisher.delete('deleted', 5)
	publisher.forget(['forgotten'])
	publisher.upsert('added', item(5), 5)
	publisher.upsert('newer', item(5), 5)
	t.is(publisher.size, 4)
	await replaced
	const small = (): unknown =>
		[...publisher.entries()].filter(([id]) => !id.startsWith('item-')).map(([id, , version]) => [id, version])
	t.deepEqual(small(), [
		['changed', 5],
		['newer', 9],
		['added', 5],
	])
	t.is(publisher.size, 10_003)
	await client.until('all of it', () => client.state.size === 10_003)
	t.deepEqual(client.state, stateOf(publisher))
})

test('one begins after the other, and a put overrules those before it', async t => {
	const { publisher } = publish(t)
	const ended: string[] = []
	const note = (name: string, work: Promise<void>): Promise<unknown> => work.then(() => ended.push(name))
	const both = [
		note('large', publisher.putInTurns(many(10_000))),
		note('small', publisher.putInTurns(entriesOf({ a: item(1) }))),
	]
	await Promise.all(both)
	t.deepEqual(ended, ['large', 'small'])
	t.deepEqual([...publisher.entries()], [['a', item(1), 1]])

	const overruled = [publisher.putInTurns(many(10_000)), publisher.putInTurns(many(10))]
	await turn()
	publisher.put(entriesOf({ b: item(1) }))
	await Promise.all(overruled)
	t.deepEqual([...publisher.entries()], [['b', item(1), 1]])
})

test('bad input, too much of it, and a close change nothing', async t => {
	const { publisher } = publish(t, { maxItems: 10_000 })
	publisher.put(entriesOf({ a: item(1) }))
	await t.throwsAsync(
		publisher.putInTurns([
			['b', item(1), 1],
			['a/b', item(1), 1],
		]),
		{ code: 'VALIDATION_FAILED' },
	)
	await t.throwsAsync(publisher.putInTurns(many(10_001)), { code: 'TOO_LARGE' })
	t.deepEqual([...publisher.entries()], [['a', item(1), 1]])
	const cut = t.throwsAsync(publisher.putInTurns(many(10_000)), { code: 'STOPPED' })
	await turn()
	await publisher.close()
	await cut
	t.is(publisher.size, 1)
	t.throws(() => publisher.put([]), { code: 'STOPPED' })
	await t.throwsAsync(publisher.putInTurns([]), { code: 'STOPPED' })
})

const ID = fc.constantFrom('a', 'b', 'c', 'd')
const VERSION = fc.integer({ min: 0, max: 9 })
const ENTRIES = fc.uniqueArray(fc.tuple(ID, VERSION), { selector: ([id]) => id })
const before = fc.array(
	fc.oneof(
		fc.record({ act: fc.constant('upsert' as const), id: ID, version: VERSION }),
		fc.record({ act: fc.constant('delete' as const), id: ID, version: VERSION }),
		fc.record({ act: fc.constant('forget' as const), id: ID }),
	),
	{ maxLength: 12 },
)

test('where nothing else happens, a put in turns is a put', async t => {
	await fc.assert(
		fc.asyncProperty(before, ENTRIES, async (changes, entries) => {
			const [one, other] = [publish(t).publisher, publish(t).publisher]
			for (const publisher of [one, other]) {
				publisher.put([])
				for (const change of changes) {
					if (change.act === 'forget') publisher.forget([change.id])
					else if (change.act === 'delete') publisher.delete(change.id, change.version)
					else publisher.upsert(change.id, item(change.version), change.version)
				}
			}
			const all = entries.map(([id, version]) => [id, item(version), version] as const)
			one.put(all)
			await other.putInTurns(all)
			t.deepEqual(stateOf(other), stateOf(one))
			t.deepEqual([...stateOf(one).keys()].sort(), entries.map(([id]) => id).sort())
			for (const id of ['a', 'b', 'c', 'd']) t.is(other.versionOf(id), one.versionOf(id))
		}),
	)
})
