import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { jsonValue } from './support.ts'
import { json } from '../../lib/codecs/index.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

const refused = (t: ExecutionContext, data: Uint8Array): RemoteTermError =>
	t.throws(() => json<unknown>(data), { instanceOf: RemoteTermError, code: 'DESERIALIZE_FAILED' })

test('json reads what JSON.stringify writes', t => {
	fc.assert(
		fc.property(jsonValue, fc.constantFrom(undefined, '\t'), (value, space) => {
			const text = JSON.stringify(value, null, space)
			t.deepEqual(json(bytesOf(text)), JSON.parse(text))
		}),
	)
})

test('json fits where a term says how bytes become a value', t => {
	class Rates {
		deserialize = json<Record<string, number>>
	}
	const rates: Record<string, number> = new Rates().deserialize(bytesOf('{"EUR":1}'))
	t.deepEqual(rates, { EUR: 1 })
})

test('A byte order mark is accepted, once', t => {
	t.deepEqual(json(bytesOf('\ufeff{"a":1}')), { a: 1 })
	t.is(json(bytesOf('"\ufeff"')), '\ufeff')
	refused(t, bytesOf('\ufeff\ufeff{}'))
})

test('Invalid UTF-8 is refused, not replaced', t => {
	for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xe2, 0x82], [0xf4, 0x90, 0x80, 0x80]]) {
		const error = refused(t, Uint8Array.from([0x22, ...bytes, 0x22]))
		t.regex(error.message, /UTF-8/)
	}
})

test('A fault is told by line and column', t => {
	const cases: Array<[string, RegExp]> = [
		['', /empty/],
		['  ', /too early, at line 1, column 3$/],
		['{"a":1,\n"b":2', /too early, at line 2, column 6$/],
		['{"a":1,\n\n  "b":nul }', /unexpected character at line 3, column 10$/],
		['{"a":1,}', /line 1, column 8$/],
		['{"a" 1}', /line 1, column 6$/],
		["{'a':1}", /line 1, column 2$/],
		['[1,]', /line 1, column 4$/],
		['[1 2]', /line 1, column 4$/],
		['[1}', /line 1, column 3$/],
		['01', /line 1, column 2$/],
		['-', /too early, at line 1, column 2$/],
		['1.x', /line 1, column 3$/],
		['1e+', /too early/],
		['"\\x"', /line 1, column 3$/],
		['"\\u12g4"', /line 1, column 6$/],
		['"a\nb"', /line 1, column 3$/],
		['"abc', /too early, at line 1, column 5$/],
		['{} {}', /line 1, column 4$/],
		['NaN', /line 1, column 1$/],
		['<!DOCTYPE html>', /line 1, column 1$/],
		['truu', /line 1, column 4$/],
		['\u00a0{}', /line 1, column 1$/],
	]
	for (const [text, message] of cases)
		t.regex(refused(t, bytesOf(text)).message, message, JSON.stringify(text))
})

test('The position of a fault is found for any damage', t => {
	fc.assert(
		fc.property(
			jsonValue,
			fc.nat(),
			fc.constantFrom('', ' ', '"', '{', '}', ']', ',', '1', 'x', '\\', '\0'),
			(value, where, damage) => {
				const text = JSON.stringify(value)
				const at = where % (text.length + 1)
				const damaged = bytesOf(text.slice(0, at) + damage + text.slice(at + 1))
				let expected: unknown
				try {
					expected = JSON.parse(new TextDecoder().decode(damaged))
				} catch {
					// Both must find fault with it, and ours must know where: not knowing reads otherwise.
					t.regex(refused(t, damaged).message, /line 1, column \d+$|empty/)
					return
				}
				t.deepEqual(json(damaged), expected)
			},
		),
		{ numRuns: 500 },
	)
})

test('No error shows anything of the document, its causes included', t => {
	const secret = 'hunter2'
	for (const text of [
		`{"password":"${secret}" x}`,
		`{"password":${secret}}`,
		`${secret}`,
		`["${secret}`,
		`["${secret}\n"]`,
		`["${secret}\\q"]`,
		`["${secret}",]`,
	]) {
		const error = refused(t, bytesOf(text))
		for (let shown: unknown = error; shown instanceof Error; shown = shown.cause)
			t.notRegex(`${shown.message} ${shown.stack?.split('\n')[0]}`, /hunter2|unter/)
	}
})

test('Members called __proto__ are left out, however they are spelt and wherever they are', t => {
	const spellings = [
		'__proto__',
		'\\u005f_proto__',
		'\\u005F\\u005f\\u0070\\u0072\\u006f\\u0074\\u006F\\u005f\\u005F',
		'__pr\\u006Fto__',
		'__pro\\u0074o__',
		'__\\u0070roto__',
		'__p\\u0072oto__',
	]
	for (const name of spellings) {
		for (const text of [
			`{"a":1,"${name}":{"polluted":true}}`,
			`{"${name}" \n : {"polluted":true},"a":1}`,
			`{"${name}":1,"a":1,"${name}":{"polluted":true}}`,
			`{"a":1,"${name}":{"${name}":{"polluted":true}}}`,
		]) {
			const value = json<Record<string, unknown>>(bytesOf(text))
			t.deepEqual(Object.keys(value), ['a'], text)
			t.is(Object.getPrototypeOf(value), Object.prototype)
			t.is((Object.assign({}, value) as { polluted?: unknown }).polluted, undefined)
			const nested = json<Array<{ b: object }>>(bytesOf(`[[],{"b":${text}}]`))
			t.deepEqual(Object.keys(nested[1]!.b), ['a'])
		}
	}
	t.is(({} as { polluted?: unknown }).polluted, undefined)
})

test('Names that only look like it, and strings that hold it, stay', t => {
	for (const text of [
		'{"__proto_":1,"___proto__":2,"proto":3}',
		'{"a":"__proto__"}',
		'["__proto__",{"b":"\\u005f_proto__"}]',
		'{"a":"\\"__proto__\\":1"}',
		'{"\\\\u005f_proto__":1}',
		'{"constructor":{"prototype":{"a":1}},"prototype":1,"__proto":2}',
	])
		t.deepEqual(json(bytesOf(text)), JSON.parse(text))
})

test('A document with __proto__ in any place reads like the same without it', t => {
	const without = (value: unknown): unknown => {
		if (Array.isArray(value)) return value.map(without)
		if (typeof value !== 'object' || value === null) return value
		return Object.fromEntries(
			Object.entries(value)
				.filter(([key]) => key !== '__proto__')
				.map(([key, member]) => [key, without(member)]),
		)
	}
	const { value } = fc.letrec<{ value: unknown }>(tie => ({
		value: fc.oneof(
			{ maxDepth: 4 },
			fc.integer(),
			fc.array(tie('value'), { maxLength: 3 }),
			fc
				.array(fc.tuple(fc.constantFrom('__proto__', 'constructor', 'a', 'b'), tie('value')), {
					maxLength: 4,
				})
				.map(entries => Object.fromEntries(entries)),
		),
	}))
	fc.assert(
		fc.property(value, original => {
			t.deepEqual(json(bytesOf(JSON.stringify(original))), without(original))
		}),
	)
})

test('Nesting of any depth crashes nothing', t => {
	const depth = 200_000
	refused(t, bytesOf('['.repeat(depth)))
	refused(t, bytesOf('{"a":'.repeat(depth)))
	for (const [open, close] of [
		['[', ']'],
		['{"a":', '}'],
	] as const) {
		const text = `{"__proto__":1,"deep":${open.repeat(depth)}1${close.repeat(depth)}}`
		let deep: unknown
		try {
			deep = json<{ deep: unknown }>(bytesOf(text)).deep
		} catch (error) {
			t.is((error as RemoteTermError).code, 'DESERIALIZE_FAILED')
			continue
		}
		let found = 0
		for (; typeof deep === 'object'; found++)
			deep = (deep as Record<string, unknown>)[open === '[' ? '0' : 'a']
		t.is(found, depth)
	}
})

test('A document longer than a string can be is refused with the limit', t => {
	const error = refused(t, new Uint8Array(2 ** 29))
	t.regex(error.message, /536870912 bytes.*536870888/)
})
