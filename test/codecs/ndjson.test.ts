import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { jsonValue } from './support.ts'
import { ndjson } from '../../lib/codecs/index.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const refused = (t: ExecutionContext, data: Uint8Array): RemoteTermError =>
	t.throws(() => ndjson(data), { instanceOf: RemoteTermError, code: 'DESERIALIZE_FAILED' })

test('Each line is a value, whatever the lines end with', t => {
	for (const text of ['1\n{"a":2}\n"x"', '1\n{"a":2}\n"x"\n', '1\r\n{"a":2}\r\n"x"\r\n', '1\n{"a":2}\r\n"x"'])
		t.deepEqual(ndjson(bytesOf(text)), [1, { a: 2 }, 'x'])
})

test('Blank lines are skipped', t => {
	t.deepEqual(ndjson(bytesOf('\n\n1\n\r\n \t\n2\n\n')), [1, 2])
	t.deepEqual(ndjson(bytesOf('')), [])
	t.deepEqual(ndjson(bytesOf('\n')), [])
})

test('ndjson reads what JSON.stringify writes', t => {
	fc.assert(
		fc.property(fc.array(jsonValue), values => {
			const lines = values.map(value => JSON.stringify(value))
			t.deepEqual(
				ndjson(bytesOf(lines.join('\n'))),
				lines.map(line => JSON.parse(line) as unknown),
			)
		}),
	)
})

test('Documents of many blocks, and lines longer than a block, are read whole', t => {
	const lines = Array.from({ length: 60_000 }, (_, id) => ({ id, name: `Zürich ${'é'.repeat(id % 50)}` }))
	t.deepEqual(ndjson(bytesOf(lines.map(line => JSON.stringify(line)).join('\n'))), lines)
	const long = [{ a: 1 }, { b: 'ü'.repeat(3_000_000) }, { c: 3 }, { d: 'x'.repeat(1_500_000) }]
	t.deepEqual(ndjson(bytesOf(long.map(line => JSON.stringify(line)).join('\n'))), long)
})

test('A byte order mark is accepted at the start only', t => {
	t.deepEqual(ndjson(bytesOf('\ufeff1\n2')), [1, 2])
	t.regex(refused(t, bytesOf('1\n\ufeff2')).message, /line 2, column 1/)
	const second = `${`"${'x'.repeat(2 ** 20)}"\n`}\ufeff2`
	t.regex(refused(t, bytesOf(second)).message, /line 2, column 1/)
})

test('A fault is told by line and column, blank lines counted', t => {
	t.regex(refused(t, bytesOf('1\n\n{"a":}\n3')).message, /^Line 3 .*line 3, column 6$/)
	t.regex(refused(t, bytesOf('1\n{"a":1')).message, /^Line 2 .*too early at line 2, column 7$/)
	t.regex(refused(t, bytesOf('1 2\n')).message, /line 1, column 3$/)
	const many = `${'[1,2,3]\n'.repeat(300_000)}oops`
	t.regex(refused(t, bytesOf(many)).message, /line 300001, column 1$/)
})

test('Invalid UTF-8 is told by line', t => {
	const bytes = Uint8Array.from([...bytesOf('1\n2\n"'), 0xff, ...bytesOf('"\n4')])
	t.regex(refused(t, bytes).message, /^Line 3 is not valid UTF-8/)
	const far = Buffer.concat([Buffer.from('[1,2,3]\n'.repeat(200_000)), Uint8Array.of(0x22, 0xc3)])
	t.regex(refused(t, far).message, /^Line 200001 is not valid UTF-8/)
})

test('No error shows anything of the document, its causes included', t => {
	for (const text of ['1\n{"password":hunter2}', '1\n["hunter2" x]', '1\nhunter2']) {
		for (let shown: unknown = refused(t, bytesOf(text)); shown instanceof Error; shown = shown.cause)
			t.notRegex(shown.message, /unter/)
	}
})

test('Members called __proto__ are left out of each line', t => {
	const [one, two] = ndjson<object>(bytesOf('{"a":1,"__proto__":{"b":1}}\n{"\\u005f_proto__":{"b":1},"c":1}'))
	t.deepEqual(Object.keys(one!), ['a'])
	t.deepEqual(Object.keys(two!), ['c'])
	t.is(({} as { b?: unknown }).b, undefined)
})
