import test from 'ava'
import { gzipSync } from 'node:zlib'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { NO_CHANGE } from '../../lib/table/diff.ts'
import { pack } from '../../lib/table/pack.ts'
import { bodySpec, each, packText, rowsTable, spec, tableOf } from './support.ts'

const functions = new URL('./fixtures/functions.js', import.meta.url)
const schemas = new URL('./fixtures/schema.js', import.meta.url)

const refusal = async (work: Promise<unknown>): Promise<RemoteTermError> => {
	try {
		await work
	} catch (error) {
		if (error instanceof RemoteTermError) return error
		throw error
	}
	throw new Error('Expected a refusal')
}

test('rows are keyed by a property, a JSON pointer, a function, or the name of their member', async t => {
	const byProperty = await rowsTable([{ id: 'a' }, { id: 'b' }, { id: 3 }])
	t.deepEqual([...byProperty.keys()], ['a', 'b', 3])

	const rows = [{ 'a/b': [{ '~': 'deep' }], id: 1 }]
	t.deepEqual([...(await rowsTable(rows, { key: '/a~1b/0/~0' })).keys()], ['deep'])

	const byFunction = await rowsTable([{ country: 'DE', name: 'Ulm' }], {
		key: { module: functions, export: 'countryAndName' },
	})
	t.deepEqual(byFunction.get('DE/Ulm'), { country: 'DE', name: 'Ulm' })

	const byName = tableOf(await packText('{"__proto__":{"a":1},"1":{"a":2},"":{"a":3}}'))
	t.deepEqual(
		[...byName],
		[
			['__proto__', { a: 1 }],
			['1', { a: 2 }],
			['', { a: 3 }],
		],
	)
})

test('1 and "1" are two keys', async t => {
	const table = await rowsTable([{ id: 1 }, { id: '1' }])
	t.deepEqual(table.get(1), { id: 1 })
	t.deepEqual(table.get('1'), { id: '1' })
})

for (const [what, row, reason] of [
	['no object', 7, 'is not an object'],
	['null', null, 'is not an object'],
	['an array', [], 'is not an object'],
	['without a key', { name: 'secret' }, 'has no key'],
	['with null for a key', { id: null }, 'has no key'],
	[
		'with a boolean for a key',
		{ id: true },
		'has a key that is neither a string nor a finite number (boolean)',
	],
	['with an object for a key', { id: {} }, 'has a key that is neither a string nor a finite number (object)'],
	['over the limit', { id: 'long', text: 'x'.repeat(2000) }, 'is too large'],
	['too deep', { id: 'deep', deep: nested(300) }, 'is nested deeper than 200 levels'],
] as const) {
	test(`a row ${what} refuses the table, or is dropped and counted`, async t => {
		const text = JSON.stringify([{ id: 'a' }, row, { id: 'b' }])
		const error = await refusal(packText(text, { key: 'id', maxRowBytes: 1000 }))
		t.is(error.code, 'VALIDATION_FAILED')
		t.is(error.message, `cities@1 has a bad row: row 2 ${reason} (onBadRow)`)
		t.deepEqual(error.issues, [{ path: [2], message: reason }])

		const table = tableOf(await packText(text, { key: 'id', maxRowBytes: 1000, onBadRow: 'drop' }))
		t.deepEqual([...table.keys()], ['a', 'b'])
		t.is(table.report?.dropped, 1)
		t.deepEqual(table.report?.reasons, [{ path: [2], message: reason }])
	})
}

function nested(levels: number): unknown {
	let value: unknown = 1
	for (let i = 0; i < levels; i++) value = { value }
	return value
}

test('only the first few reasons are kept, the count is of all', async t => {
	const text = JSON.stringify([...Array.from({ length: 100 }, (_, i) => i), { id: 'a' }])
	const { report } = await packText(text, { key: 'id', onBadRow: 'drop' })
	t.is(report.dropped, 100)
	t.is(report.reasons.length, 5)
})

test('a key that comes twice refuses the table, or one of its rows wins', async t => {
	const rows = [
		{ id: 'a', n: 1 },
		{ id: 'b', n: 2 },
		{ id: 'a', n: 3 },
		{ id: 'a', n: 4 },
	]
	const text = JSON.stringify(rows)
	const error = await refusal(packText(text, { key: 'id' }))
	t.is(error.code, 'VALIDATION_FAILED')
	t.regex(error.message, /has 2 rows whose key another row has too: row 3 has the same key as row 1/)
	t.false(error.message.includes('"a"'))

	const first = tableOf(await packText(text, { key: 'id', onDuplicate: 'first' }))
	t.deepEqual([...first.values()], [rows[0], rows[1]])
	t.is(first.size, 2)
	t.is(first.report?.duplicates, 2)
	const last = tableOf(await packText(text, { key: 'id', onDuplicate: 'last' }))
	t.deepEqual([...last.values()], [rows[1], rows[3]])
	t.deepEqual(last.get('a'), rows[3])
	t.deepEqual(last.getMany(['b', 'a', 'c']), [rows[1], rows[3], undefined])
})

test('the same member twice in a JSON object is a duplicate, not a silent loss', async t => {
	const error = await refusal(packText('{"a":{"n":1},"a":{"n":2}}'))
	t.is(error.code, 'VALIDATION_FAILED')
	const table = tableOf(await packText('{"a":{"n":1},"a":{"n":2}}', { onDuplicate: 'first' }))
	t.deepEqual(table.get('a'), { n: 1 })
})

test('too many and too few rows are refused', async t => {
	const text = '[{"id":1},{"id":2}]'
	t.regex(
		(await refusal(packText(text, { key: 'id', maxRows: 1 }))).message,
		/at most 1 rows \(maxRows\), got more/,
	)
	t.regex(
		(await refusal(packText(text, { key: 'id', minRows: 3 }))).message,
		/at least 3 rows \(minRows\), got 2/,
	)
	t.is(tableOf(await packText(text, { key: 'id', maxRows: 2, minRows: 2 })).size, 2)
})

test('an empty table is a table; an empty body is none', async t => {
	t.is(tableOf(await packText('[]', { key: 'id' })).size, 0)
	t.is(tableOf(await packText('{}')).size, 0)
	t.is(tableOf(await packText(Buffer.of(0x90), { key: 'id', format: 'msgpack' })).size, 0)
	for (const format of ['json', 'ndjson', 'msgpack'] as const)
		t.is((await refusal(packText('', { key: 'id', format }))).code, 'EMPTY_BODY')
	t.is((await refusal(packText(' \n\n', { key: 'id', format: 'ndjson' }))).code, 'EMPTY_BODY')
	t.is((await refusal(packText(gzipSync(''), { key: 'id' }))).code, 'EMPTY_BODY')
})

test('a schema checks each row, and its output is the row', async t => {
	const rows = JSON.stringify([
		{ id: 'a', population: 5, more: 1 },
		{ id: 'b', population: 'secret' },
	])
	const rowSchema = { module: schemas.href, export: 'city' }
	const error = await refusal(packText(rows, { key: 'id', rowSchema }))
	t.is(error.code, 'VALIDATION_FAILED')
	t.regex(error.message, /row 2 does not fit its schema: \/population: /)
	const table = tableOf(await packText(rows, { key: 'id', rowSchema, onBadRow: 'drop' }))
	t.deepEqual([...table.values()], [{ id: 'a', population: 5 }])

	const late = { module: schemas.href, export: 'late' }
	const uninhabited = JSON.stringify([
		{ id: 'a', population: 0 },
		{ id: 'b', population: 1 },
	])
	t.regex((await refusal(packText(uninhabited, { key: 'id', rowSchema: late }))).message, /must be inhabited/)
	t.deepEqual(
		[...tableOf(await packText(uninhabited, { key: 'id', rowSchema: late, onBadRow: 'drop' })).keys()],
		['b'],
	)

	const populated = { module: functions.href, export: 'populated' }
	t.regex(
		(await refusal(packText('[{"id":1}]', { key: 'id', rowSchema: populated }))).message,
		/has no population/,
	)
	t.deepEqual(
		[...tableOf(await packText('[{"id":1,"population":2}]', { key: 'id', rowSchema: populated })).values()],
		[{ id: 1, population: 2, checked: true }],
	)
})

test('a schema that throws, or whose promise is rejected, has refused the row', async t => {
	const rows = JSON.stringify([{ id: 'a', population: 1 }, { id: 'b' }])
	for (const name of ['populated', 'populatedLater', 'throwingSchema']) {
		const rowSchema = { module: functions.href, export: name }
		const { code, message } = await refusal(packText(rows, { key: 'id', rowSchema }))
		t.is(code, 'VALIDATION_FAILED', name)
		t.regex(message, /row 2 does not fit its schema: has no population/, name)
		const { parts, report } = await packText(rows, { key: 'id', rowSchema, onBadRow: 'drop' })
		t.is(tableOf({ parts, report, change: NO_CHANGE, addresses: undefined }).size, 1, name)
		t.is(report.dropped, 1, name)
	}
})

test('where rows have no names, and no key is configured, that is said', async t => {
	t.regex(
		(await refusal(packText('[{"id":1}]'))).message,
		/row 1 has no name that could be its key, being no member of an object \(onBadRow\)/,
	)
})

test('a function that is none, is not there, or throws, is told', async t => {
	const text = '[{"id":1}]'
	const key = (name: string): Promise<RemoteTermError> =>
		refusal(packText(text, { key: { module: functions, export: name } }))
	t.is((await key('missing')).code, 'INVALID_OPTION')
	t.is((await key('nothing')).code, 'INVALID_OPTION')
	t.regex((await key('throwing')).message, /row 1 has no key: the function threw: no such thing/)
	const nowhere = new URL('./fixtures/nowhere.js', import.meta.url)
	t.is((await refusal(packText(text, { key: { module: nowhere } }))).code, 'INVALID_OPTION')
})

test('a bomb is stopped at its limit', async t => {
	const bomb = gzipSync(`[${'{"id":1},'.repeat(1_000_000)}{"id":1}]`)
	const error = await refusal(
		pack(each([bomb]), { ...bodySpec, maxInflatedBytes: 100_000 }, spec({ key: 'id' })),
	)
	t.is(error.code, 'INFLATED_TOO_LARGE')
	const plain = await refusal(
		pack(each([Buffer.alloc(200_000, ' ')]), { ...bodySpec, maxInflatedBytes: 100_000 }, spec({ key: 'id' })),
	)
	t.is(plain.code, 'INFLATED_TOO_LARGE')
})

test('a refresh is compared with the table before, whatever was packed differently', async t => {
	const before = await packText('[{"id":1,"a":1,"b":2},{"id":2,"a":1},{"id":3}]', { key: 'id' })
	const after = await packText(
		'[{"id":3},{"b":2,"a":1,"id":1},{"id":2,"a":1.5},{"id":4}]',
		{ key: 'id' },
		before.parts,
	)
	t.deepEqual(before.change, { added: 3, changed: 0, removed: 0 })
	t.deepEqual(after.change, { added: 1, changed: 1, removed: 0 })
	const gone = await packText('[{"id":4}]', { key: 'id' }, after.parts)
	t.deepEqual(gone.change, { added: 0, changed: 0, removed: 3 })
})
