import test from 'ava'
import fc from 'fast-check'
import { parseDigestField } from '../../lib/integrity/digest-fields.ts'
import { toHex } from '../../lib/integrity/encodings.ts'
import { createDigestCheck } from '../../lib/integrity/digest-check.ts'

const ITEM = Buffer.from('{"hello": "world"}\n')

/** RFC 9530, appendix B. */
const rfc9530 = [
	{
		title: 'B.1, the whole representation',
		field: 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:',
		bytes: ITEM,
	},
	{
		title: 'B.2, no content, as in an answer to HEAD',
		field: 'sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:',
		bytes: Buffer.alloc(0),
	},
	{
		title: 'B.3, a part of it',
		field: 'sha-256=:jjcgBDWNAtbYUXI37CVG3gRuGOAjaaDRGpIUFsdyepQ=:',
		bytes: ITEM.subarray(10),
	},
	{
		title: 'B.5, with a content coding (Brotli)',
		field: 'sha-256=:d435Qo+nKZ+gLcUHn7GQtQ72hiBVAgqoLsZnZPiTGPk=:',
		bytes: Buffer.from('0b09807b2268656c6c6f223a2022776f726c64227d0a03', 'hex'),
	},
	{
		title: '§2, two algorithms',
		field:
			'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:,' +
			'sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:',
		bytes: ITEM,
	},
]
for (const { title, field, bytes } of rfc9530) {
	test(`the example of RFC 9530 ${title} is verified, and other bytes are refused`, async t => {
		const promise = parseDigestField('repr-digest', field)
		if (promise.status !== 'found') return t.fail(promise.status)
		t.is(promise.digests[0]!.of, 'representation')
		for (const one of promise.digests) {
			const check = createDigestCheck([one])!
			for (const byte of bytes) check.update(Uint8Array.of(byte))
			await check.verify('the item')
			const other = createDigestCheck([one])!
			other.update(Buffer.concat([bytes, bytes, Buffer.from('x')]))
			await t.throwsAsync(other.verify('the item'), { code: 'DIGEST_MISMATCH', message: /the item/ })
		}
	})
}

const S256 = `:${Buffer.alloc(32, 7).toString('base64')}:`
const S512 = `:${Buffer.alloc(64, 8).toString('base64')}:`
const digest256 = { algorithm: 'sha-256', value: '07'.repeat(32), of: 'body-as-sent' }
const digest512 = { algorithm: 'sha-512', value: '08'.repeat(64), of: 'body-as-sent' }

test('the strongest promise comes first, whatever the order of the field', t => {
	for (const field of [`sha-256=${S256}, sha-512=${S512}`, `sha-512=${S512},sha-256=${S256}`])
		t.deepEqual(parseDigestField('content-digest', field), {
			status: 'found',
			digests: [digest512, digest256] as never,
		})
	t.is(
		createDigestCheck([{ algorithm: 'crc32', value: '00000000', of: 'representation' }, digest256 as never])!
			.expected.algorithm,
		'sha-256',
	)
	t.is(createDigestCheck([]), undefined)
})

test('algorithms that we do not know are ignored, whatever their values are', t => {
	for (const other of [
		'md5=:AAAA:',
		'unixsum=30637',
		'x=?0',
		'x',
		'x;a=1;b',
		'x="a \\" \\\\ b,c";p="q"',
		'x=1.5',
		'x=-12',
		'x=tok*en:/x',
		'x=@1659578233',
		'x=%"f%c3%bc"',
		'x=()',
		'x=(a "b"  :AAAA:;p=1 2);q',
		'*x.y_z-1=a',
	]) {
		for (const field of [`${other}, sha-256=${S256}`, `sha-256=${S256}\t ,  ${other}`])
			t.deepEqual(
				parseDigestField('content-digest', field),
				{ status: 'found', digests: [digest256] as never },
				field,
			)
		t.deepEqual(parseDigestField('content-digest', other), { status: 'none' }, other)
	}
})

test('nothing is promised by no field, nor by an empty one', t => {
	t.deepEqual(parseDigestField('repr-digest', undefined), { status: 'none' })
	t.deepEqual(parseDigestField('repr-digest', ''), { status: 'none' })
	t.deepEqual(parseDigestField('repr-digest', '   '), { status: 'none' })
})

test('the last of several values for one algorithm counts', t => {
	const field = `sha-256=:AAAA:, sha-256=${S256}`
	t.deepEqual(parseDigestField('content-digest', field), { status: 'found', digests: [digest256] as never })
})

test('parameters are allowed and mean nothing', t => {
	const field = `  sha-256=${S256};a;b=2;  c="x"  `
	t.deepEqual(parseDigestField('content-digest', field), { status: 'found', digests: [digest256] as never })
})

test('base64 without its padding, or with bits beyond its end, is read as RFC 9651 asks for', t => {
	const text = S256.slice(1, -1)
	for (const variant of [
		text.replace('=', ''),
		text.replace(/.=$/, match => (match === 'c=' ? 'd=' : match)),
	]) {
		t.deepEqual(parseDigestField('content-digest', `sha-256=:${variant}:`), {
			status: 'found',
			digests: [digest256] as never,
		})
	}
})

const malformed = [
	`sha-256=${S256},`,
	`,sha-256=${S256}`,
	`sha-256=${S256} sha-512=${S512}`,
	`sha-256=${S256},,sha-512=${S512}`,
	`SHA-256=${S256}`,
	`sha-256 =${S256}`,
	`sha-256= ${S256}`,
	`sha-256=${S256.slice(0, -1)}`,
	`sha-256=:${S256.slice(2)}`,
	'sha-256=:AAAA:',
	'sha-256=::',
	`sha-256=${S512}`,
	'sha-256',
	'sha-256=abc',
	`sha-256="${S256}"`,
	`sha-256=(${S256})`,
	`sha-256=:${'A'.repeat(42)} =:`,
	`sha-256=:${'-'.repeat(43)}=:`,
	`sha-256=${S256};`,
	`sha-256=${S256};A=1`,
	`x=(1 2, sha-256=${S256}`,
	`x=(1;a2"b"), sha-256=${S256}`,
	`x="unclosed, sha-256=${S256}`,
	`x=1., sha-256=${S256}`,
	`x=1.2345, sha-256=${S256}`,
	`x=1234567890123456, sha-256=${S256}`,
	`x=?2, sha-256=${S256}`,
	`x="ä", sha-256=${S256}`,
	`sha-256=RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=`,
	`sha-256=${S256}${' '.repeat(9000)}`,
	`\tsha-256=${S256}`,
]
for (const field of malformed) {
	test(`a field is void as a whole: ${JSON.stringify(field).slice(0, 70)}`, t => {
		const promise = parseDigestField('content-digest', field)
		t.is(promise.status, 'malformed')
		t.true(promise.status === 'malformed' && promise.reason !== '')
	})
}

test('whatever a field holds, parsing it ends, and does not throw', t => {
	const pieces = fc.constantFrom(
		'sha-256',
		'=',
		':',
		',',
		';',
		'(',
		')',
		'"',
		'\\',
		' ',
		'A',
		'1',
		'.',
		'-',
		'?',
		'@',
		'%',
		S256,
	)
	fc.assert(
		fc.property(
			fc.oneof(
				fc.string({ maxLength: 200 }),
				fc.array(pieces).map(all => all.join('')),
			),
			field => ['found', 'none', 'malformed'].includes(parseDigestField('repr-digest', field).status),
		),
		{ numRuns: 3000 },
	)
	t.pass()
})

test('what is promised of any bytes is what is found of them, in pieces of any size', async t => {
	await fc.assert(
		fc.asyncProperty(fc.array(fc.uint8Array()), async chunks => {
			const digest = await crypto.subtle.digest('SHA-256', Buffer.concat(chunks))
			const field = `sha-256=:${Buffer.from(digest).toString('base64')}:`
			const promise = parseDigestField('content-digest', field)
			if (promise.status !== 'found' || promise.digests[0]!.value !== toHex(new Uint8Array(digest)))
				return false
			const check = createDigestCheck(promise.digests)!
			for (const chunk of chunks) check.update(chunk)
			await check.verify('it')
			return true
		}),
	)
	t.pass()
})
