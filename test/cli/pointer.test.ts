import test from 'ava'
import fc from 'fast-check'
import { CliError } from '../../lib/cli/failure.ts'
import { parsePointer, resolvePointer } from '../../lib/cli/pointer.ts'

/** The document and the pointers of RFC 6901 §5. */
const document = {
	foo: ['bar', 'baz'],
	'': 0,
	'a/b': 1,
	'c%d': 2,
	'e^f': 3,
	'g|h': 4,
	'i\\j': 5,
	'k"l': 6,
	' ': 7,
	'm~n': 8,
}

const at = (pointer: string, value: unknown = document): unknown =>
	resolvePointer(value, parsePointer(pointer))

const failure = (pointer: string, value: unknown = document): CliError => {
	try {
		at(pointer, value)
	} catch (error) {
		if (error instanceof CliError) return error
		throw error
	}
	throw new Error(`${pointer} exists`)
}

for (const [pointer, expected] of [
	['', document],
	['/foo', ['bar', 'baz']],
	['/foo/0', 'bar'],
	['/', 0],
	['/a~1b', 1],
	['/c%d', 2],
	['/e^f', 3],
	['/g|h', 4],
	['/i\\j', 5],
	['/k"l', 6],
	['/ ', 7],
	['/m~0n', 8],
] as const) {
	test(`the RFC's example '${pointer}' leads to what the RFC says`, t => {
		t.deepEqual(at(pointer), expected)
	})
}

test('~01 is a ~1, not a slash', t => {
	t.is(at('/~01', { '~1': 'yes', '/': 'no' }), 'yes')
})

test('whatever a key is called, its pointer finds it', t => {
	fc.assert(
		fc.property(fc.string({ unit: 'binary' }), fc.string(), (outer, inner) => {
			const escape = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')
			const nested = Object.fromEntries([[outer, Object.fromEntries([[inner, 'found']])]])
			return at(`/${escape(outer)}/${escape(inner)}`, nested) === 'found'
		}),
	)
	t.pass()
})

test('a null is a value like any other', t => {
	t.is(at('/a', { a: null }), null)
})

for (const pointer of ['foo', 'foo/0', '$.foo', '/a~b', '/a~', '/a~2b']) {
	test(`'${pointer}' is no JSON Pointer`, t => {
		const error = failure(pointer)
		t.is(error.code, 'INVALID_OPTION')
		t.truthy(error.hint)
	})
}

test('a pointer without its slash is told how it is written', t => {
	t.is(failure('$.foo.0').hint, "Try --path '/foo/0'.")
})

test('a missing path names the deepest part that exists', t => {
	const value = { limits: { perUser: { daily: 1 } } }
	const error = failure('/limits/perTeam/daily', value)
	t.is(error.code, 'PATH_NOT_FOUND')
	t.is(error.message, "Nothing at '/limits/perTeam/daily': '/limits' is an object of 1 key without 'perTeam'")
	t.is(
		failure('/limits/perUser/daily/x', value).message,
		"Nothing at '/limits/perUser/daily/x': '/limits/perUser/daily' is a number",
	)
})

test('a missing key names those that are close, as pointers', t => {
	const value = { currencies: { EUR: 1, USD: 2, 'U/SD': 3, GBP: 4 } }
	t.is(failure('/currencies/usd', value).hint, "Close: '/currencies/USD', '/currencies/U~1SD'.")
	t.is(failure('/curencies', value).hint, "Close: '/currencies'.")
	t.is(failure('/curr', value).hint, "Close: '/currencies'.")
	t.is(failure('/completely-different', value).hint, undefined)
})

test('an array is entered by an index and nothing else', t => {
	t.is(failure('/foo/2').message, "Nothing at '/foo/2': '/foo' is an array of 2, whose elements are 0 to 1")
	for (const token of ['-', '01', '+1', '1.0', '-1', 'length', '', '1e0'])
		t.is(failure(`/foo/${token}`).code, 'PATH_NOT_FOUND', token)
	t.is(failure('/0', []).message, "Nothing at '/0': the value is an array of 0")
})

test('nothing is found but what the document holds', t => {
	for (const pointer of ['/constructor', '/__proto__', '/toString', '/foo/map'])
		t.is(failure(pointer).code, 'PATH_NOT_FOUND', pointer)
	t.is(failure('/length', 'text').message, "Nothing at '/length': the value is a string")
	t.is(failure('/a', null).message, "Nothing at '/a': the value is null")
	t.is(failure('/0', new Uint8Array([1])).message, "Nothing at '/0': the value is bytes")
	t.is(failure('/a', 1n).message, "Nothing at '/a': the value is a bigint")
	t.is(failure('/getTime', new Date(0)).code, 'PATH_NOT_FOUND')
})
