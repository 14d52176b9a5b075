import test from 'ava'
import fc from 'fast-check'
import { Ordering, type DeleteOutcome, type UpsertOutcome } from '../../lib/core/ordering.ts'

type Step =
	| readonly ['upsert' | 'restore', id: string, version: number, outcome: UpsertOutcome]
	| readonly ['delete', id: string, version: number, outcome: DeleteOutcome]
	| readonly ['forget', id: string, outcome: DeleteOutcome]

const table: Readonly<Record<string, readonly Step[]>> = {
	'any version inserts an unseen id, 0 and less too': [
		['upsert', 'a', 0, 'insert'],
		['upsert', 'b', -3, 'insert'],
	],
	'only a higher version updates': [
		['upsert', 'a', 2, 'insert'],
		['upsert', 'a', 2, 'ignored'],
		['upsert', 'a', 1, 'ignored'],
		['upsert', 'a', 3, 'update'],
	],
	'only a higher version deletes, once': [
		['upsert', 'a', 2, 'insert'],
		['delete', 'a', 2, 'ignored'],
		['delete', 'a', 3, 'delete'],
		['delete', 'a', 3, 'ignored'],
		['delete', 'a', 4, 'ignored'],
	],
	'a change from before the deletion does not undo it': [
		['upsert', 'a', 1, 'insert'],
		['delete', 'a', 3, 'delete'],
		['upsert', 'a', 2, 'ignored'],
		['upsert', 'a', 3, 'ignored'],
		['upsert', 'a', 4, 'insert'],
		['delete', 'a', 5, 'delete'],
	],
	'a delete that comes before its insert is remembered': [
		['delete', 'a', 2, 'ignored'],
		['upsert', 'a', 1, 'ignored'],
		['upsert', 'a', 3, 'insert'],
	],
	'a second, higher delete raises the tombstone': [
		['delete', 'a', 2, 'ignored'],
		['delete', 'a', 5, 'ignored'],
		['delete', 'a', 3, 'ignored'],
		['upsert', 'a', 5, 'ignored'],
		['upsert', 'a', 6, 'insert'],
	],
	'what is forgotten leaves no trace, and is forgotten once': [
		['upsert', 'a', 9, 'insert'],
		['forget', 'a', 'delete'],
		['forget', 'a', 'ignored'],
		['upsert', 'a', 1, 'insert'],
		['delete', 'a', 4, 'delete'],
		['forget', 'a', 'ignored'],
		['upsert', 'a', 2, 'insert'],
	],
	'restoring overrules a tombstone, not a live version': [
		['upsert', 'a', 3, 'insert'],
		['restore', 'a', 3, 'ignored'],
		['restore', 'a', 2, 'ignored'],
		['restore', 'a', 4, 'update'],
		['delete', 'a', 9, 'delete'],
		['restore', 'a', 4, 'insert'],
		['delete', 'a', 5, 'delete'],
	],
	'names that an object has by itself are ids like any other': [
		['delete', '__proto__', 1, 'ignored'],
		['upsert', '__proto__', 1, 'ignored'],
		['upsert', 'constructor', 1, 'insert'],
		['delete', 'constructor', 2, 'delete'],
	],
}

for (const [title, steps] of Object.entries(table)) {
	test(title, t => {
		const ordering = new Ordering<string>()
		for (const step of steps) {
			if (step[0] === 'forget') t.is(ordering.forget(step[1]), step[2], step.join(' '))
			else if (step[0] === 'delete') t.is(ordering.delete(step[1], step[2]), step[3], step.join(' '))
			else t.is(ordering[step[0]](step[1], 'item', step[2]), step[3], step.join(' '))
		}
	})
}

test('it tells what is live, at which version, and how many', t => {
	const ordering = new Ordering<string>()
	ordering.upsert('a', 'one', 1)
	ordering.upsert('b', 'two', 7)
	ordering.delete('a', 2)
	t.deepEqual([...ordering.entries()], [['b', 'two', 7]])
	t.deepEqual([...ordering.keys()], ['b'])
	t.is(ordering.get('a'), undefined)
	t.false(ordering.has('a'))
	t.is(ordering.versionOf('a'), 2)
	t.is(ordering.versionOf('b'), 7)
	t.is(ordering.versionOf('c'), undefined)
	t.deepEqual([ordering.size, ordering.tombstones, ordering.evictedTombstones], [1, 1, 0])
})

test('with too many deletions the oldest is forgotten, and what it held back comes in', t => {
	const ordering = new Ordering<string>({ maxTombstones: 2 })
	ordering.delete('a', 5)
	ordering.delete('b', 5)
	ordering.delete('a', 6)
	ordering.delete('c', 5)
	t.is(ordering.tombstones, 2)
	t.is(ordering.evictedTombstones, 1)
	t.is(ordering.upsert('b', 'late', 1), 'insert', 'b was the oldest, as a was raised after it')
	t.is(ordering.upsert('a', 'late', 1), 'ignored')
	t.is(ordering.upsert('c', 'late', 1), 'ignored')
})

test('a limit that is none is refused', t => {
	t.throws(() => new Ordering({ maxTombstones: 0 }), { code: 'INVALID_OPTION' })
	t.throws(() => new Ordering({ maxTombstones: 1.5 }), { code: 'INVALID_OPTION' })
})

test('versions may be anything that can be compared', t => {
	interface Stamp {
		readonly epoch: number
		readonly author: string
	}
	const compare = (a: Stamp, b: Stamp): number =>
		a.epoch - b.epoch || (a.author < b.author ? -1 : a.author > b.author ? 1 : 0)
	const ordering = new Ordering<string, Stamp>({ compare })
	t.is(ordering.upsert('a', 'x', { epoch: 1, author: 'n2' }), 'insert')
	t.is(ordering.upsert('a', 'y', { epoch: 1, author: 'n1' }), 'ignored')
	t.is(ordering.upsert('a', 'y', { epoch: 1, author: 'n3' }), 'update')
	t.is(ordering.delete('a', { epoch: 2, author: 'n1' }), 'delete')

	const bigs = new Ordering<string, bigint>()
	t.is(bigs.upsert('a', 'x', 2n ** 60n), 'insert')
	t.is(bigs.upsert('a', 'y', 2n ** 60n + 1n), 'update')
})

const ID = fc.constantFrom<string[]>('a', 'b', 'c', '__proto__')
const change = fc.record({
	act: fc.constantFrom('upsert', 'delete', 'forget', 'restore'),
	id: ID,
	version: fc.integer({ min: -2, max: 12 }),
})
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never

const apply = (ordering: Ordering<string>, { act, id, version }: Change): string => {
	switch (act) {
		case 'upsert':
			return ordering.upsert(id, `${id}${version}`, version)
		case 'restore':
			return ordering.restore(id, `${id}${version}`, version)
		case 'delete':
			return ordering.delete(id, version)
		default:
			return ordering.forget(id)
	}
}

const stateOf = (ordering: Ordering<string>): unknown => [
	...[...ordering.entries()].sort(([a], [b]) => (a < b ? -1 : 1)),
	['a', 'b', 'c', '__proto__'].map(id => ordering.versionOf(id)),
]

test('no update or delete before an insert, and one delete at most for each', t => {
	fc.assert(
		fc.property(fc.array(change, { maxLength: 40 }), changes => {
			const ordering = new Ordering<string>()
			const live = new Set<string>()
			for (const one of changes) {
				const outcome = apply(ordering, one)
				if (outcome === 'insert') {
					if (live.has(one.id)) return false
					live.add(one.id)
				} else if (outcome !== 'ignored') {
					if (!live.has(one.id)) return false
					if (outcome === 'delete') live.delete(one.id)
				}
				if (live.has(one.id) !== ordering.has(one.id)) return false
			}
			return live.size === ordering.size
		}),
	)
	t.pass()
})

test('retain and purge are each other’s inverse', t => {
	fc.assert(
		fc.property(fc.array(change, { maxLength: 30 }), fc.uniqueArray(ID), (changes, chosen) => {
			const retained = new Ordering<string>()
			const purged = new Ordering<string>()
			for (const one of changes) {
				apply(retained, one)
				apply(purged, one)
			}
			const liveBefore = [...retained.entries()].map(([id]) => id)
			const gone = retained.retain(id => chosen.includes(id))
			const goneToo = purged.purge(id => !chosen.includes(id))
			t.deepEqual(gone, goneToo)
			t.deepEqual(
				gone,
				liveBefore.filter(id => !chosen.includes(id)),
			)
			t.deepEqual(stateOf(retained), stateOf(purged))
			t.true([...retained.entries()].every(([id]) => chosen.includes(id)))
		}),
	)
})

test('the same change a second time changes nothing', t => {
	fc.assert(
		fc.property(fc.array(change, { maxLength: 30 }), changes => {
			const ordering = new Ordering<string>()
			for (const one of changes) {
				apply(ordering, one)
				const before = stateOf(ordering)
				t.is(apply(ordering, one), 'ignored')
				t.deepEqual(stateOf(ordering), before)
			}
		}),
	)
})

test('upserts and deletes of distinct versions end in the same state in any order', t => {
	const changes = fc.uniqueArray(
		fc.record({ act: fc.constantFrom('upsert', 'delete'), id: ID, version: fc.integer({ min: 0, max: 30 }) }),
		{ selector: ({ id, version }) => `${id} ${version}`, minLength: 1, maxLength: 20 },
	)
	fc.assert(
		fc.property(
			changes.chain(all =>
				fc.tuple(
					fc.constant(all),
					fc.shuffledSubarray(all, { minLength: all.length, maxLength: all.length }),
				),
			),
			([all, shuffled]) => {
				const one = new Ordering<string>()
				const other = new Ordering<string>()
				for (const change of all) apply(one, change)
				for (const change of shuffled) apply(other, change)
				t.deepEqual(stateOf(one), stateOf(other))
			},
		),
	)
})
