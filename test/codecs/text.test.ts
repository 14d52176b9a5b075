import test from 'ava'
import fc from 'fast-check'
import { RemoteTermError } from '../../lib/core/errors.ts'
import { bytes, text } from '../../lib/codecs/index.ts'

test('text reads what TextEncoder writes', t => {
	fc.assert(
		fc.property(fc.string({ unit: 'binary' }), string => {
			fc.pre(!string.startsWith('\ufeff'))
			t.is(text(new TextEncoder().encode(string)), string)
		}),
	)
	t.is(text(new Uint8Array()), '')
})

test('A byte order mark at the start is left out of text', t => {
	t.is(text(new TextEncoder().encode('\ufeffabc')), 'abc')
	t.is(text(new TextEncoder().encode('a\ufeffbc')), 'a\ufeffbc')
})

test('Text that is not UTF-8 is refused', t => {
	for (const data of [Uint8Array.of(0xff), Uint8Array.of(0x61, 0xe9, 0x62), Uint8Array.of(0xe2, 0x82)])
		t.throws(() => text(data), { instanceOf: RemoteTermError, code: 'DESERIALIZE_FAILED' })
})

test('bytes are handed on as they are', t => {
	const data = Uint8Array.of(1, 2, 3)
	t.is(bytes(data), data)
})
