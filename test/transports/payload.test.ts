import test from 'ava'
import fc from 'fast-check'
import { decodePayload, encodePayload } from '../../lib/transports/payload.ts'

const MAX = 1_000_000

test('whatever can be carried arrives as it was', t => {
	const scalar = fc.oneof(
		fc.string({ unit: 'grapheme' }),
		fc.double().map(number => (Object.is(number, -0) ? 0 : number)),
		fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
		fc.boolean(),
		fc.constant(null),
		fc.date({ noInvalidDate: true, min: new Date('1900-01-01'), max: new Date('2300-01-01') }),
		fc.uint8Array(),
		fc.constant(`\ufeff${'x'.repeat(80)}`),
	)
	const { value } = fc.letrec<{ value: unknown }>(tie => ({
		value: fc.oneof(
			{ maxDepth: 4 },
			scalar,
			fc.array(tie('value')),
			fc.dictionary(
				fc
					.oneof(fc.string(), fc.constantFrom('\0', 'constructor', 'toString', '1'))
					.filter(key => key !== '__proto__'),
				tie('value'),
				{ noNullPrototype: true },
			),
			fc.array(fc.tuple(tie('value'), tie('value'))).map(entries => new Map(entries)),
			fc.array(tie('value')).map(members => new Set(members)),
		),
	}))
	fc.assert(
		fc.property(value, message => {
			t.deepEqual(decodePayload(encodePayload(message, MAX)), message)
		}),
		{ numRuns: 500 },
	)
})

test('garbage is refused with DESERIALIZE_FAILED, and pollutes nothing', t => {
	fc.assert(
		fc.property(fc.uint8Array({ maxLength: 64 }), fc.constantFrom(0, 1), (bytes, kind) => {
			try {
				decodePayload(Uint8Array.from([kind, ...bytes]))
			} catch (error) {
				t.is((error as { code?: string }).code, 'DESERIALIZE_FAILED')
			}
		}),
		{ numRuns: 2_000 },
	)
	// { '\0': ['object', ['__proto__', { polluted: true }]] }
	const marked = encodePayload({ x: ['object', ['__pro', { polluted: true }]], '\0': 1 }, MAX)
	t.is(marked[0], 1)
	const forged = Buffer.from(
		'8 1 a1 00 92 a6 6f626a656374 92 a9 5f5f70726f746f5f5f 81 a8 706f6c6c75746564 c3'.replaceAll(' ', ''),
		'hex',
	)
	const read = decodePayload(Uint8Array.from([1, ...forged])) as Record<string, unknown>
	t.deepEqual(Object.keys(read), [])
	t.is((read as { polluted?: unknown }).polluted, undefined)
	t.is(({} as { polluted?: unknown }).polluted, undefined)
})

test('what cannot be carried is refused, with its place', t => {
	const error = t.throws(() => encodePayload({ list: [1, { deep: () => 1 }] }, MAX), {
		code: 'INVALID_OPTION',
	})
	t.true(error?.message.includes('list.1.deep'))
	const large = t.throws(() => encodePayload('x'.repeat(100), 50), { code: 'INVALID_OPTION' })
	t.true(large?.message.includes('50 bytes'))
})
