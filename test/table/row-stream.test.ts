import assert from 'node:assert'
import { constants } from 'node:buffer'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { Packr } from 'msgpackr'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { JsonRows } from '../../lib/table/row-stream/json.ts'
import { MsgpackRows } from '../../lib/table/row-stream/msgpack.ts'
import { NdjsonRows } from '../../lib/table/row-stream/ndjson.ts'
import {
	Backlog,
	type OnRow,
	type RowStream,
	type RowStreamLimits,
} from '../../lib/table/row-stream/row-stream.ts'
import { cut } from './support.ts'

type Told = Array<{ name: string | undefined; value: unknown }>
type Kind = new (onRow: OnRow, limits: RowStreamLimits) => RowStream

const read = async (
	Kind: Kind,
	document: string | Uint8Array,
	places: readonly number[] = [],
	limits: RowStreamLimits = { maxSourceBytes: 1e6 },
): Promise<Told> => {
	const told: Told = []
	const stream = new Kind((value, name) => void told.push({ name, value }), limits)
	const bytes = typeof document === 'string' ? Buffer.from(document) : document
	const before = Uint8Array.from(bytes)
	for (const chunk of cut(bytes, places)) await stream.push(chunk)
	await stream.end()
	assert.deepStrictEqual(Uint8Array.from(bytes), before, 'the chunks are not changed')
	return told
}

const everyByte = (length: number): number[] => Array.from({ length }, (_, i) => i)

const refused = async (
	t: ExecutionContext,
	Kind: Kind,
	document: string | Uint8Array,
	row: number,
	byte?: number,
): Promise<void> => {
	const shown = typeof document === 'string' ? document : Buffer.from(document).toString('latin1')
	for (const places of [[], everyByte(Buffer.byteLength(document))]) {
		const error = await t.throwsAsync(
			() => read(Kind, document, places),
			{ instanceOf: RemoteTermError },
			shown,
		)
		t.is(error.code, 'DESERIALIZE_FAILED')
		t.regex(error.message, new RegExp(`\\(row ${row}, byte ${byte ?? '\\d+'}\\)$`), shown)
		t.false(/secret/.test(error.message + String(error.cause)), 'quotes nothing')
	}
}

// Members called `__proto__` are left out, as the codecs do it.
const json = fc.jsonValue().filter(value => !JSON.stringify(value).includes('__proto__'))
const places = fc.array(fc.nat(), { maxLength: 10 })
const spaces = fc.constantFrom('', ' ', '\n', '\r\n\t ')

test('a JSON array is read like JSON.parse reads it, however it is chunked', async t => {
	let runs = 0
	await fc.assert(
		fc.asyncProperty(
			fc.array(json, { maxLength: 12 }),
			fc.nat({ max: 4 }),
			places,
			spaces,
			async (rows, indent, at, space) => {
				const text = space + JSON.stringify(rows, null, indent) + space
				const expected = (JSON.parse(text) as unknown[]).map(value => ({ name: undefined, value }))
				assert.deepStrictEqual(await read(JsonRows, text, at), expected)
				assert.deepStrictEqual(await read(JsonRows, text, everyByte(Buffer.byteLength(text))), expected)
				runs++
			},
		),
		{ numRuns: 400 },
	)
	t.is(runs, 400)
})

test('a JSON object is read member by member, in its order, with all its names', async t => {
	const name = fc.oneof(fc.string(), fc.constantFrom('__proto__', '1', '0', '"', '\\', ':', ',', '{'))
	let runs = 0
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.tuple(name, json), { maxLength: 10 }),
			places,
			spaces,
			async (members, at, space) => {
				const text = `${space}{${members
					.map(
						([key, value]) =>
							`${space}${JSON.stringify(key)}${space}:${space}${JSON.stringify(value)}${space}`,
					)
					.join(',')}}${space}`
				const expected = members.map(([key, value]) => ({
					name: key,
					value: JSON.parse(JSON.stringify(value)) as unknown,
				}))
				assert.deepStrictEqual(await read(JsonRows, text, at), expected)
				assert.deepStrictEqual(await read(JsonRows, text, everyByte(Buffer.byteLength(text))), expected)
				runs++
			},
		),
		{ numRuns: 400 },
	)
	t.is(runs, 400)
})

test('what JSON.parse refuses is refused, and what it takes is taken', async t => {
	const fragment = fc.constantFrom(
		'[',
		']',
		'{',
		'}',
		',',
		':',
		'"',
		'\\',
		'"a"',
		'1',
		'-',
		'null',
		' ',
		'{}',
		'[1]',
		'"b":',
		'0',
		'e',
		'.',
	)
	let refusals = 0
	await fc.assert(
		fc.asyncProperty(
			fc.constantFrom('[', '{'),
			fc.array(fragment, { maxLength: 9 }),
			fc.boolean(),
			places,
			async (open, parts, closed, at) => {
				const text = open + parts.join('') + (closed ? (open === '[' ? ']' : '}') : '')
				let expected: unknown
				try {
					expected = JSON.parse(text)
				} catch {
					refusals++
					await assert.rejects(read(JsonRows, text, at), { code: 'DESERIALIZE_FAILED' }, text)
					return
				}
				const told = await read(JsonRows, text, at)
				assert.deepStrictEqual(
					Array.isArray(expected)
						? told.map(({ value }) => value)
						: Object.fromEntries(told.map(({ name, value }) => [name, value])),
					expected,
				)
			},
		),
		{ numRuns: 4000 },
	)
	t.true(refusals > 100)
})

test('a fault is told by row and byte, and nothing is quoted', async t => {
	await refused(t, JsonRows, '[{"a":1},{"b":secret}]', 2, 14)
	await refused(t, JsonRows, '[{"a":1} {"b":2}]', 1, 9)
	await refused(t, JsonRows, '[{"a":1},,{"b":2}]', 2, 9)
	await refused(t, JsonRows, '[,{"a":1}]', 1, 1)
	await refused(t, JsonRows, '[{"a":1},]', 2, 9)
	await refused(t, JsonRows, '[{"a":1}', 1, 8)
	await refused(t, JsonRows, '[{"a":"secret', 1, 13)
	await refused(t, JsonRows, '[]x', 1, 2)
	await refused(t, JsonRows, '[{"a":1}]\n[]', 2, 10)
	await refused(t, JsonRows, '"secret"', 1, 0)
	await refused(t, JsonRows, '   ', 1, 3)
	await refused(t, JsonRows, '[}', 1, 1)
	await refused(t, JsonRows, '{"a":1]', 1, 6)
	await refused(t, JsonRows, '{"a"}', 1)
	await refused(t, JsonRows, '{"a","b"}', 1, 4)
	await refused(t, JsonRows, '{"a":1:2}', 1, 6)
	await refused(t, JsonRows, '{1:2}', 1)
	await refused(t, JsonRows, '{"a":1,}', 2)
	await refused(t, JsonRows, '<html>secret', 1, 0)
	await refused(
		t,
		JsonRows,
		Buffer.concat([Buffer.from('[{"a":"'), Buffer.of(0xc3, 0x28), Buffer.from('"}]')]),
		1,
	)
	await refused(
		t,
		JsonRows,
		Buffer.concat([Buffer.from('[1,"'), Buffer.of(0xed, 0xa0, 0x80), Buffer.from('"]')]),
		2,
	)

	await refused(t, NdjsonRows, '{"a":1}\n{"b":secret}\n', 2, 13)
	await refused(t, NdjsonRows, '{"a":1}{"b":2}\n', 1, 7)
	await refused(t, NdjsonRows, '{"a":1\n,"b":2}\n', 1, 6)
	await refused(t, NdjsonRows, '\n\n{"a":1}\r\n\n{"a":"secret', 2)
	await refused(
		t,
		NdjsonRows,
		Buffer.concat([Buffer.from('{"a":1}\n"'), Buffer.of(0xff), Buffer.from('"\n')]),
		2,
	)

	await refused(t, MsgpackRows, Buffer.of(0x92, 0x80), 2)
	await refused(t, MsgpackRows, Buffer.of(0x91, 0x80, 0x80), 1)
	await refused(t, MsgpackRows, Buffer.of(0x81, 0xa1), 1)
	await refused(t, MsgpackRows, Buffer.of(0x80, 0xc1), 2)
	await refused(t, MsgpackRows, Buffer.of(0xdd, 0, 0), 1)
	await refused(t, MsgpackRows, Buffer.of(0x81, 0xa1, 0xff, 1), 1)
})

test('a byte order mark is no part of the document', async t => {
	for (const Kind of [JsonRows, NdjsonRows]) {
		const text = Kind === JsonRows ? '\uFEFF[{"a":1}]' : '\uFEFF{"a":1}\n'
		t.deepEqual(await read(Kind, text), [{ name: undefined, value: { a: 1 } }])
		t.deepEqual(await read(Kind, text, everyByte(20)), [{ name: undefined, value: { a: 1 } }])
	}
})

test('NDJSON is read line by line, however it is chunked', async t => {
	let runs = 0
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.tuple(json, fc.constantFrom('\n', '\r\n', '\n\n', '\n \t\n')), { maxLength: 12 }),
			places,
			async (lines, at) => {
				const text = lines.map(([value, end]) => JSON.stringify(value) + end).join('')
				const expected = lines.map(([value]) => ({
					name: undefined,
					value: JSON.parse(JSON.stringify(value)) as unknown,
				}))
				assert.deepStrictEqual(await read(NdjsonRows, text, at), expected)
				assert.deepStrictEqual(await read(NdjsonRows, text, everyByte(Buffer.byteLength(text))), expected)
				assert.deepStrictEqual(await read(NdjsonRows, text.trimEnd(), at), expected)
				runs++
			},
		),
		{ numRuns: 300 },
	)
	t.is(runs, 300)
})

test('MessagePack is read as an array and as a sequence, however it is chunked', async t => {
	const packr = new Packr({ useRecords: false, variableMapSize: true })
	let runs = 0
	await fc.assert(
		fc.asyncProperty(
			fc.array(fc.dictionary(fc.string(), json, { noNullPrototype: true }), { maxLength: 20 }),
			places,
			async (rows, at) => {
				const plain = (JSON.parse(JSON.stringify(rows)) as object[]).map(row =>
					Object.fromEntries(Object.entries(row).filter(([name]) => name !== '__proto__')),
				)
				if (JSON.stringify(plain).includes('__proto__')) return
				const expected = plain.map(value => ({ name: undefined, value }))
				const array = packr.pack(plain)
				assert.deepStrictEqual(await read(MsgpackRows, array, at), expected)
				assert.deepStrictEqual(await read(MsgpackRows, array, everyByte(array.length)), expected)
				if (plain.length > 0) {
					const sequence = Buffer.concat(plain.map(row => packr.pack(row)))
					assert.deepStrictEqual(await read(MsgpackRows, sequence, at), expected)
				}
				runs++
			},
		),
		{ numRuns: 300 },
	)
	t.true(runs > 200)
})

test('MessagePack values of all kinds end where they end', async t => {
	const values = [
		Buffer.alloc(300, 7),
		'x'.repeat(70_000),
		new Date(1_700_000_000_000),
		new Date(1_700_000_000_123),
		1.5,
		-70_000,
		2 ** 40,
		12345678901234567890n,
		Array.from({ length: 20 }, (_, i) => i),
		Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`name-${i}`, i])),
		null,
		true,
	]
	const packr = new Packr({ useRecords: false })
	const bytes = Buffer.concat(values.map(value => packr.pack({ value })))
	const told = await read(MsgpackRows, bytes, [1, 2, 3, 400, 401, 70_300, 70_400])
	t.deepEqual(
		told.map(({ value }) => (value as { value: unknown }).value),
		values.map(value => (Buffer.isBuffer(value) ? new Uint8Array(value) : value)),
	)
})

test('a row without an end is given up at its limit, and not collected', async t => {
	const limits = { maxSourceBytes: 1000 }
	const chunk = Buffer.alloc(500, 'x')
	for (const [Kind, head] of [
		[JsonRows, '[{"a":"'],
		[JsonRows, '[[[[['],
		[NdjsonRows, '{"a":"'],
	] as const) {
		const stream = new Kind(() => t.fail('no row is complete'), limits)
		await stream.push(Buffer.from(head))
		await stream.push(chunk)
		await t.throwsAsync(
			async () => {
				for (let i = 0; i < 4; i++) await stream.push(chunk)
			},
			{ message: /at most 1000 bytes .* row 1 has more/ },
		)
	}
	const stream = new MsgpackRows(() => t.fail('no row is complete'), limits)
	await stream.push(Buffer.of(0x81, 0xa1, 0x61, 0xdb, 0xff, 0xff, 0xff, 0xff))
	await t.throwsAsync(
		async () => {
			for (let i = 0; i < 4; i++) await stream.push(chunk)
		},
		{ code: 'DESERIALIZE_FAILED' },
	)
})

test('a row of MessagePack that comes byte by byte is looked at once', async t => {
	const row = { id: 'a', list: Array.from({ length: 500_000 }, (_, i) => i % 100) }
	const told = await read(MsgpackRows, new Packr({ useRecords: false }).pack(row), everyByte(500_100))
	t.deepEqual(told, [{ name: undefined, value: row }])
})

test.serial('space before the document is not collected', async t => {
	const { push } = Backlog.prototype
	t.teardown(() => (Backlog.prototype.push = push))
	let longest = 0
	Backlog.prototype.push = function (chunk) {
		push.call(this, chunk)
		longest = Math.max(longest, this.length)
	}
	const told: unknown[] = []
	const stream = new JsonRows(value => void told.push(value), { maxSourceBytes: 1000 })
	await stream.push(Buffer.from('\uFEFF'))
	for (let i = 0; i < 100; i++) await stream.push(Buffer.alloc(2 ** 20, ' '))
	await stream.push(Buffer.from('[{"a":1}]'))
	await stream.end()
	t.deepEqual(told, [{ a: 1 }])
	t.true(longest <= 2 ** 20, `${longest} bytes were held`)
})

test('a document longer than the longest string of V8 is read to its end', async t => {
	t.timeout(120_000)
	const row = Buffer.from(JSON.stringify({ text: 'x'.repeat(2 ** 20) }))
	let rows = 0
	let bytes = 0
	const stream = new JsonRows(
		value => {
			if ((value as { text: string }).text.length !== 2 ** 20) t.fail(`row ${rows}`)
			rows++
		},
		{ maxSourceBytes: 2 ** 21 },
	)
	const push = (chunk: Uint8Array): Promise<void> => {
		bytes += chunk.length
		return stream.push(chunk)
	}
	await push(Buffer.from('['))
	while (bytes <= constants.MAX_STRING_LENGTH) {
		await push(row)
		await push(Buffer.from(','))
	}
	await push(row)
	await push(Buffer.from(']'))
	await stream.end()
	t.true(rows > 500)
})

test('nesting deeper than any stack is survived', async t => {
	const deep = `[${'['.repeat(100_000)}${']'.repeat(100_000)}]`
	const told = await read(JsonRows, deep)
	t.is(told.length, 1)
})
