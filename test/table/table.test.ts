import assert from 'node:assert'
import test from 'ava'
import fc from 'fast-check'
import { TableBuilder } from '../../lib/table/builder.ts'
import { diff } from '../../lib/table/diff.ts'
import { tableFromImage } from '../../lib/table/image-bytes.ts'
import { Image, imageChunks } from '../../lib/table/image.ts'
import { aligned } from '../../lib/table/layout.ts'
import type { Key } from '../../lib/table/row-writer.ts'
import { Table } from '../../lib/table/table.ts'

type Row = Record<string, unknown>

const keys = fc.oneof(
	{ weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
	{ weight: 2, arbitrary: fc.nat({ max: 30 }).map(n => `k${n}`) },
	{ weight: 1, arbitrary: fc.string({ unit: 'grapheme', maxLength: 6 }) },
	// Lone surrogates, and what is special elsewhere.
	{
		weight: 1,
		arbitrary: fc.constantFrom(
			'',
			'__proto__',
			'constructor',
			'hasOwnProperty',
			'\uD800',
			'\uDC00x',
			'1',
			'0',
			'-0',
		),
	},
	{ weight: 2, arbitrary: fc.integer({ min: -40, max: 40 }) },
	{ weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
)

const field = fc.oneof(
	fc.constantFrom('id', 'name', 'a', 'b', 'toString', '1', '0', 'länge', '\u4e16'),
	fc.string({ maxLength: 5 }).filter(name => name !== '__proto__'),
)

const values = fc.letrec<{ value: unknown }>(tie => ({
	value: fc.oneof(
		{ depthSize: 'small' },
		fc.string({ maxLength: 60 }),
		fc.string({ unit: 'binary', maxLength: 20 }),
		fc.constantFrom('DE', 'FR', 'category-1', 'x'.repeat(300), '\u4e16'.repeat(200), '\uD800'),
		fc.integer(),
		fc.integer({ min: -200, max: 70_000 }),
		fc.double(),
		fc.constantFrom(0, -0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, -(2 ** 31) - 1, NaN, Infinity, 0.1),
		fc.boolean(),
		fc.constant(null),
		fc.bigInt(),
		fc.uint8Array({ maxLength: 10 }),
		fc.date({ noInvalidDate: true }),
		fc.array(tie('value'), { maxLength: 20 }),
		fc.dictionary(field, tie('value'), { maxKeys: 6, noNullPrototype: true }),
	),
})).value

const rows: fc.Arbitrary<Row> = fc
	.dictionary(field, values, { maxKeys: 8, noNullPrototype: true })
	.map(row => ({ ...row }))

const entries = fc.uniqueArray(fc.tuple(keys, rows), {
	maxLength: 40,
	// As a Map has it: −0 is 0.
	selector: ([key]) => (typeof key === 'number' ? key + 0 : key),
	comparator: Object.is,
})

const tableOf = (
	given: ReadonlyArray<readonly [Key, Row]>,
	previous?: Image,
): { image: Image; table: Table<Row> } => {
	const builder = new TableBuilder({ previous, maxRowBytes: 2 ** 20, onDuplicate: 'refuse' })
	given.forEach(([key, row], i) => builder.add(typeof key === 'number' ? key + 0 : key, row, i))
	const image = new Image(builder.finish().parts)
	return { image, table: new Table<Row>(image, { generation: 0, change: diff(previous, image).counts }) }
}

test('a table reads like the Map of the same rows, whatever keys and rows are', t => {
	t.timeout(180_000)
	t.notThrows(() => {
		fc.assert(
			fc.property(entries, fc.array(keys, { maxLength: 20 }), (given, others) => {
				const map = new Map(given.map(([key, row]) => [key, row] as const))
				const { table } = tableOf(given)
				expectSame(table, map)
				for (const key of others) {
					if (table.has(key) !== map.has(key)) throw new Error(`has(${String(key)})`)
					assertEqual(table.get(key), map.get(key))
				}
				assertEqual(
					table.getMany(others),
					others.map(key => map.get(key)),
				)
			}),
			{ numRuns: 1500 },
		)
	})
})

test('each refresh tells what came, changed and went, as two Maps tell', t => {
	t.timeout(180_000)
	t.notThrows(() => {
		fc.assert(
			fc.property(fc.array(entries, { minLength: 2, maxLength: 5 }), fc.nat(), (generations, share) => {
				let previous: Image | undefined
				let before = new Map<Key, Row>()
				for (const given of generations) {
					// Part of the rows before come again, so that something stays the same.
					const kept = [...before].filter((_, i) => (i * 7 + share) % 3 > 0)
					const now = new Map([...kept, ...given.map(([key, row]) => [key, row] as const)])
					const { image, table } = tableOf([...now], previous)
					expectSame(table, now)
					const expected = { added: 0, changed: 0, removed: 0 }
					for (const [key, row] of now) {
						if (!before.has(key)) expected.added++
						else if (!isSame(before.get(key), row)) expected.changed++
					}
					for (const key of before.keys()) if (!now.has(key)) expected.removed++
					assertEqual(table.change, expected)
					previous = image
					before = now
				}
			}),
			{ numRuns: 500 },
		)
	})
})

test('where keys come twice, the first or the last row of each is there, and the image is whole', t => {
	t.timeout(180_000)
	t.notThrows(() => {
		fc.assert(
			fc.property(
				fc.array(fc.tuple(keys, fc.nat()), { maxLength: 60 }),
				fc.constantFrom('first', 'last'),
				(given, onDuplicate) => {
					const builder = new TableBuilder({ maxRowBytes: 2 ** 20, onDuplicate })
					const map = new Map<Key, Row>()
					given.forEach(([any, n], i) => {
						const key = typeof any === 'number' ? any + 0 : any
						builder.add(key, { n }, i)
						if (onDuplicate === 'first' && map.has(key)) return
						// A row that replaces another stands where it came.
						map.delete(key)
						map.set(key, { n })
					})
					const { duplicates, parts } = builder.finish()
					assertEqual(duplicates, given.length - map.size)
					expectSame(tableFromImage(Buffer.concat([...imageChunks(parts)])), map)
				},
			),
			{ numRuns: 1000 },
		)
	})
})

test('a string key of 64 KB, in one and in two bytes per character, is a key like any other', t => {
	const long = 'k'.repeat(65_536)
	const wide = '\u4e16'.repeat(65_536)
	const { table } = tableOf([
		[long, { is: 'long' }],
		[`${long.slice(1)}j`, { is: 'other' }],
		[wide, { is: 'wide' }],
	])
	t.deepEqual(table.get(long), { is: 'long' })
	t.deepEqual(table.get(wide), { is: 'wide' })
	t.is(table.get(wide.slice(1)), undefined)
	t.deepEqual([...table.keys()], [long, `${long.slice(1)}j`, wide])
})

test('what is looked up by −0 is the row of 0, as it is', t => {
	const { table } = tableOf([[0, { id: 0, minus: -0 }]])
	for (const row of [table.get(0), table.get(-0), [...table.values()][0]]) {
		t.true(Object.is(row?.['id'], 0))
		t.true(Object.is(row?.['minus'], -0))
	}
})

test('keys of other types are no keys, and are not found', t => {
	const { table } = tableOf([
		['1', { is: 'text' }],
		[1, { is: 'number' }],
		['undefined', {}],
		['null', {}],
	])
	t.deepEqual(table.get('1'), { is: 'text' })
	t.deepEqual(table.get(1), { is: 'number' })
	for (const key of [undefined, null, NaN, 1n, Symbol('1'), {}, [1]]) t.false(table.has(key as never))
})

test('what a reader does to its row is seen by nobody else', t => {
	const { table } = tableOf([['a', { tags: ['x'], deep: { n: 1 } }]])
	const row = table.get('a') as { tags: string[]; deep: { n: number } }
	row.tags.push('y')
	row.deep.n = 2
	t.deepEqual(table.get('a'), { tags: ['x'], deep: { n: 1 } })
})

test('a member called __proto__ is left out at any depth, and nothing is polluted', t => {
	const row = JSON.parse('{"a":1,"__proto__":{"polluted":1},"b":[{"__proto__":{"polluted":1},"c":2}]}') as Row
	const { table } = tableOf([['x', row]])
	const read = table.get('x')!
	t.deepEqual(read, { a: 1, b: [{ c: 2 }] })
	t.is(Object.getPrototypeOf(read), Object.prototype)
	t.false(Object.hasOwn(read, '__proto__'))
	t.is(({} as Row)['polluted'], undefined)
})

test('objects and arrays nest 200 deep, the row counted, and no deeper', t => {
	const nested = (wrap: (value: unknown) => unknown, levels: number): unknown => {
		let value: unknown = 1
		for (let i = 0; i < levels; i++) value = wrap(value)
		return value
	}
	for (const wrap of [
		(value: unknown) => [value],
		(value: unknown) => ({ value }),
		// Too wide to be a shape.
		(value: unknown) => ({
			...Object.fromEntries(Array.from({ length: 256 }, (_, i) => [`n${i}`, i])),
			value,
		}),
	]) {
		const deepest = { id: 'a', deep: nested(wrap, 199) }
		t.deepEqual(tableOf([['a', deepest]]).table.get('a'), deepest)
		t.throws(() => tableOf([['a', { id: 'a', deep: nested(wrap, 200) }]]), {
			message: 'is nested deeper than 200 levels',
		})
	}
})

test('sections may have up to 4 GiB', t => {
	for (const [bytes, expected] of [
		[0, 0],
		[1, 8],
		[8, 8],
		[2 ** 31 - 1, 2 ** 31],
		[2 ** 31 + 1, 2 ** 31 + 8],
		[2 ** 32 - 8, 2 ** 32 - 8],
	] as const)
		t.is(aligned(bytes), expected)
})

test('rows cross segments of 16 MiB, and are all there', t => {
	const builder = new TableBuilder({ maxRowBytes: 2 ** 20, onDuplicate: 'refuse' })
	const text = 'x'.repeat(300_000)
	for (let i = 0; i < 150; i++) builder.add(i, { i, text }, i)
	const image = new Image(builder.finish().parts)
	const table = new Table<{ i: number; text: string }>(image, {
		generation: 0,
		change: diff(undefined, image).counts,
	})
	t.true(image.segments.length >= 3)
	t.is(table.size, 150)
	let i = 0
	for (const [key, row] of table) {
		t.is(key, i)
		t.is(row.i, i)
		t.is(row.text.length, 300_000)
		i++
	}
	t.is(table.get(149)?.i, 149)
	t.deepEqual(diff(image, image).counts, { added: 0, changed: 0, removed: 0 })
})

test('more shapes and words than a vocabulary holds are written out, and read back', t => {
	const given = Array.from(
		{ length: 12_000 },
		(_, i) => [i, { [`name-${i}`]: i, word: `word-${i % 9000}`, twice: `word-${i % 9000}` }] as const,
	)
	const { image, table } = tableOf(given)
	t.true(image.shapes.length <= 4096)
	t.true(image.wordCount <= 8192)
	for (const [key, row] of given) if (!isSame(table.get(key), row)) t.fail(`row ${key}`)
	const next = tableOf(given, image)
	t.deepEqual(next.table.change, { added: 0, changed: 0, removed: 0 })
})

test('an empty table has nothing, and says so', t => {
	const { table } = tableOf([])
	t.is(table.size, 0)
	t.is(table.get('a'), undefined)
	t.deepEqual([...table], [])
	t.is(Object.prototype.toString.call(table), '[object Table]')
})

const expectSame = (table: Table<Row>, map: ReadonlyMap<Key, Row>): void => {
	assertEqual(table.size, map.size)
	assertEqual(
		[...table.entries()],
		[...map.entries()].map(([key, row]) => [typeof key === 'number' ? key + 0 : key, row]),
	)
	assertEqual(
		[...table.keys()],
		[...map.keys()].map(key => (typeof key === 'number' ? key + 0 : key)),
	)
	assertEqual([...table.values()], [...map.values()])
	for (const [key, row] of map) assertEqual(table.get(key), row)
}

const isSame = (a: unknown, b: unknown): boolean => {
	try {
		assertEqual(a, b)
		return true
	} catch {
		return false
	}
}

const assertEqual = (a: unknown, b: unknown): void => {
	assert.deepStrictEqual(a, b)
}
