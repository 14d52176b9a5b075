import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { addExtension, Packr, pack } from 'msgpackr'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { msgpack } from '../../lib/codecs/index.ts'

const refused = (t: ExecutionContext, data: Uint8Array, message = /MessagePack/): RemoteTermError =>
	t.throws(() => msgpack<unknown>(data), { instanceOf: RemoteTermError, code: 'DESERIALIZE_FAILED', message })

const hex = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits.replaceAll(' ', ''), 'hex'))

const key = fc.string().filter(name => name !== '__proto__')
const { value } = fc.letrec<{ value: unknown }>(tie => ({
	value: fc.oneof(
		{ maxDepth: 5 },
		fc.integer(),
		fc.double().filter(number => !Object.is(number, -0)), // which msgpackr packs as 0
		fc.maxSafeInteger(),
		fc.boolean(),
		fc.constant(null),
		fc.string({ unit: 'grapheme', maxLength: 100 }),
		fc.uint8Array({ maxLength: 40 }),
		fc.date({ noInvalidDate: true, min: new Date('1900-01-01'), max: new Date('2900-01-01') }),
		fc.bigInt({ min: 2n ** 53n + 1n, max: 2n ** 64n - 1n }),
		fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) - 1n }),
		fc.array(tie('value'), { maxLength: 20 }),
		fc.dictionary(key, tie('value'), { maxKeys: 20, noNullPrototype: true }),
	),
}))

test('msgpack reads what msgpackr packs', t => {
	const packr = new Packr({ useRecords: false })
	fc.assert(
		fc.property(value, original => {
			t.deepEqual(msgpack(Uint8Array.from(packr.pack(original))), original)
			t.deepEqual(msgpack(packr.pack(original)), original, 'as a part of a larger buffer, too')
		}),
		{ numRuns: 300 },
	)
})

test('Each format of the specification is read', t => {
	const cases: Array<[string, unknown]> = [
		['c0', null],
		['c2', false],
		['c3', true],
		['7f', 127],
		['e0', -32],
		['cc ff', 255],
		['cd ffff', 65535],
		['ce ffffffff', 4294967295],
		['cf 001fffffffffffff', 2 ** 53 - 1],
		['cf 0020000000000001', 2n ** 53n + 1n],
		['cf ffffffffffffffff', 2n ** 64n - 1n],
		['d0 80', -128],
		['d1 8000', -32768],
		['d2 80000000', -2147483648],
		['d3 ffe0000000000001', -(2 ** 53 - 1)],
		['d3 8000000000000000', -(2n ** 63n)],
		['ca 3fc00000', 1.5],
		['cb 3ff8000000000000', 1.5],
		['a0', ''],
		['a2 c3bc', 'ü'],
		['d9 01 61', 'a'],
		['da 0001 61', 'a'],
		['db 00000001 61', 'a'],
		['c4 02 0102', Uint8Array.of(1, 2)],
		['c5 0001 01', Uint8Array.of(1)],
		['c6 00000000', new Uint8Array()],
		['90', []],
		['92 01 02', [1, 2]],
		['dc 0001 01', [1]],
		['dd 00000001 01', [1]],
		['80', {}],
		['81 a161 01', { a: 1 }],
		['de 0001 a161 01', { a: 1 }],
		['df 00000001 a161 01', { a: 1 }],
		['82 01 02 ff 03', { 1: 2, '-1': 3 }],
		['d6 ff 00000001', new Date(1000)],
		['d7 ff 0000000000000002', new Date(2000)],
		['d7 ff 773593fc00000002', new Date(2499)],
		['c7 0c ff 00000000 ffffffffffffffff', new Date(-1000)],
	]
	for (const [digits, expected] of cases) t.deepEqual(msgpack(hex(digits)), expected, digits)
})

test('Binary is a plain Uint8Array of its own', t => {
	const data = Uint8Array.from(pack(Buffer.from('abc')))
	for (const document of [data, Buffer.from(data)]) {
		const binary = msgpack<Uint8Array>(document)
		document.fill(0)
		t.is(binary.constructor, Uint8Array)
		t.deepEqual([...binary], [0x61, 0x62, 0x63])
	}
	const untouched = Uint8Array.of(0xc0)
	msgpack(untouched)
	t.deepEqual(Reflect.ownKeys(untouched), ['0'])
})

test('A document that is truncated anywhere is refused', t => {
	const document = pack({
		a: [1, 300, 70_000, -5, 1.5, 2n ** 60n],
		b: 'text',
		c: Buffer.from('bin'),
		d: new Date(1),
	})
	for (let length = 0; length < document.length; length++) refused(t, document.subarray(0, length))
})

test('Bytes behind the value are refused', t => {
	refused(t, hex('c0 c0'), /1 bytes follow/)
	refused(t, hex('81 a161 01 00'), /follow/)
})

test('Claims of more elements than there are bytes are refused before anything is built', t => {
	for (const digits of [
		'dd ffffffff',
		'dd 02000000 c0 c0',
		'df ffffffff',
		'df 7fffffff a161',
		'dc ffff',
		'db ffffffff 61',
		'c6 ffffffff 00',
		'c9 ffffffff ff 00',
		'92 dd ffffffff',
	])
		refused(t, hex(digits))
	// Each count fits what is left, all of them together do not.
	const nested = new Uint8Array(50_000)
	for (let at = 0; at < nested.length; at += 5) nested.set([0xdd, 0, 0, 0x40, 0], at)
	refused(t, nested, /more elements|deeper/)
})

test('Nesting is limited to 512 levels', t => {
	const nested = (depth: number): Uint8Array =>
		Uint8Array.from([...new Array<number>(depth).fill(0x91), 0xc0])
	t.notThrows(() => msgpack<unknown>(nested(512)))
	refused(t, nested(513), /512 levels/)
	refused(t, nested(1_000_000), /512 levels/)
	refused(t, hex('81 a161'.repeat(100_000)), /512 levels/)
})

test('Extensions other than the timestamp are refused, those of msgpackr among them', t => {
	class Foreign {}
	addExtension({ type: 0x21, Class: Foreign, pack: () => Buffer.of(1), unpack: () => 'from elsewhere' })
	const structured = new Packr({ structuredClone: true, moreTypes: true })
	const cycle: { self?: unknown } = {}
	cycle.self = cycle
	const bundled = new Packr({ bundleStrings: true, useRecords: false })
	for (const document of [
		pack(new Foreign()),
		new Packr({ useRecords: true }).pack({ a: 1 }),
		structured.pack(new Set([1])),
		structured.pack(/x/),
		structured.pack(new Error('x')),
		structured.pack(new Float32Array(2)),
		structured.pack(cycle),
		bundled.pack({ a: 'a string', b: 'another string that is bundled' }),
		pack(undefined),
		hex('d4 00 00'),
		hex('d4 72 40 91 a161 01'),
		hex('c7 08 42 0102030405060708'),
	])
		refused(t, document)
	refused(t, hex('c1'), /0xC1/)
	refused(t, hex('d4 01 00'), /extension type 1 /)
	refused(t, hex('d4 fe 00'), /extension type -2 /)
})

test('Timestamps out of range are refused', t => {
	for (const digits of [
		'd4 ff 00',
		'd5 ff 0000',
		'c7 00 ff',
		'd7 ff ffffffff 00000000',
		'c7 0c ff 3b9aca00 0000000000000000',
		'c7 0c ff 00000000 7fffffffffffffff',
		'c7 0c ff 00000000 8000000000000000',
	])
		refused(t, hex(digits), /timestamp/)
})

test('Map keys that are neither strings nor integers are refused', t => {
	for (const digits of [
		'81 c0 01',
		'81 c3 01',
		'81 90 01',
		'81 80 01',
		'81 cb 3ff8000000000000 01',
		'81 c4 01 61 01',
	])
		refused(t, hex(digits), /key/)
})

test('Strings that are not UTF-8 are refused, long ones too', t => {
	for (const bytes of [
		[0xff],
		[0xc0, 0x80],
		[0xc3],
		[0xed, 0xa0, 0x80],
		[0xf4, 0x90, 0x80, 0x80],
		[0xe0, 0x80, 0x80],
		[0x80],
	]) {
		for (const padding of [0, 20, 100]) {
			const string = [...new Array<number>(padding).fill(0x61), ...bytes]
			refused(t, Uint8Array.from([0xd9, string.length, ...string]), /UTF-8/)
			refused(t, Uint8Array.from([0x81, 0xd9, string.length, ...string, 1]), /UTF-8/)
		}
	}
})

test('What is UTF-8 is decided as TextDecoder does', t => {
	const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
	const byte = fc.constantFrom(
		0x61,
		0x7f,
		0x80,
		0x8f,
		0x90,
		0x9f,
		0xa0,
		0xbf,
		0xc2,
		0xe0,
		0xe1,
		0xed,
		0xf0,
		0xf4,
		0xf5,
	)
	fc.assert(
		fc.property(fc.array(byte, { maxLength: 31 }), bytes => {
			const string = Uint8Array.from(bytes)
			const document = Uint8Array.from([0xa0 + string.length, ...string])
			let expected: string | undefined
			try {
				expected = strict.decode(string)
			} catch {
				refused(t, document, /UTF-8/)
				return
			}
			t.is(msgpack(document), expected)
		}),
		{ numRuns: 1000 },
	)
})

test('Entries called __proto__ are left out, and only they', t => {
	const name = `a9 ${Buffer.from('__proto__').toString('hex')}`
	const longName = `d9 09 ${Buffer.from('__proto__').toString('hex')}`
	for (const spelling of [name, longName]) {
		const evil = hex(
			`82 ${spelling} 81 a8 ${Buffer.from('polluted').toString('hex')} c3 a161 92 81 ${spelling} 01 c0`,
		)
		const decoded = msgpack<Record<string, unknown>>(evil)
		t.deepEqual(decoded, { a: [{}, null] })
		t.is(Object.getPrototypeOf(decoded), Object.prototype)
		t.deepEqual(Reflect.ownKeys((decoded['a'] as object[])[0]!), [])
	}
	t.is(({} as { polluted?: unknown }).polluted, undefined)
	const kept = { __proto_: 1, constructor: { prototype: 1 }, value: '__proto__', 1: [2n ** 60n, new Date(5)] }
	t.deepEqual(msgpack(pack(kept)), kept)
	const both = hex(`83 ${name} 01 a8 ${Buffer.from('__proto_').toString('hex')} 02 05 c4 01 09`)
	t.deepEqual(msgpack(both), { __proto_: 2, 5: Uint8Array.of(9) })
})

test('Random bytes are read or refused, nothing else', t => {
	fc.assert(
		fc.property(fc.uint8Array({ minLength: 0, maxLength: 60 }), bytes => {
			try {
				msgpack(bytes)
			} catch (error) {
				t.is((error as RemoteTermError).code, 'DESERIALIZE_FAILED')
				t.regex(
					(error as RemoteTermError).message,
					/that can be decoded: /,
					'the scan found it, not the decoder',
				)
			}
		}),
		{ numRuns: 3000 },
	)
	t.pass()
})
