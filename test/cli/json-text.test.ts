import test from 'ava'
import fc from 'fast-check'
import { jsonText } from '../../lib/cli/json-text.ts'

const textOf = (value: unknown, indent = ''): string => [...jsonText(value, indent)].join('')

test('what JSON can say is said as JSON.stringify says it', t => {
	fc.assert(
		fc.property(
			fc.jsonValue({ noUnicodeString: false }),
			fc.constantFrom('', '  ', '\t'),
			(value, indent) => {
				return textOf(value, indent) === JSON.stringify(value, null, indent)
			},
		),
	)
	t.pass()
})

test('what JSON has no word for is left out of objects and null elsewhere, as by JSON.stringify', t => {
	const value = {
		a: undefined,
		b: () => 1,
		c: [undefined, Symbol('x')],
		d: NaN,
		e: -Infinity,
		f: new Date(0),
	}
	t.is(textOf(value), JSON.stringify(value))
	t.is(textOf(undefined), 'null')
})

test('a bigint is a number with all its digits', t => {
	t.is(textOf({ id: 18446744073709551615n }), '{"id":18446744073709551615}')
})

test('bytes are base64, and those of a larger buffer only themselves', t => {
	const bytes = new TextEncoder().encode('[hello]').subarray(1, 6)
	t.is(textOf({ bytes }), '{"bytes":"aGVsbG8="}')
})

test('nesting has no limit', t => {
	const depth = 200_000
	let value: unknown[] = []
	for (let level = 1; level < depth; level++) value = [value]
	t.is(textOf(value), '['.repeat(depth) + ']'.repeat(depth))
})

test('a large value comes in pieces', t => {
	const value = Array.from({ length: 50_000 }, (_, id) => ({ id, name: `number ${id}` }))
	const pieces = [...jsonText(value, '')]
	t.true(pieces.length > 10)
	t.true(pieces.every(piece => piece.length < 70_000))
	t.is(pieces.join(''), JSON.stringify(value))
})
