import { createHash } from 'node:crypto'
import test from 'ava'
import fc from 'fast-check'
import { MAX_ENVELOPE_BYTES } from '../../lib/integrity/envelope.ts'
import { createKeyPair, createKeyRing, type KeyRing } from '../../lib/integrity/keys.ts'
import { signStatement, verifyEnvelope, type VerifyOptions } from '../../lib/integrity/signature.ts'
import { encodeStatement, type Statement } from '../../lib/integrity/statement.ts'

const NOW = Date.UTC(2026, 0, 1)
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

const statement = (changes: Partial<Statement> = {}): Statement => ({
	name: 'rates',
	sequence: 17,
	digest: sha256('content'),
	signedAt: NOW,
	...changes,
})

const pair = await createKeyPair()
const other = await createKeyPair()
const keys = await createKeyRing(pair.publicKey)
const verify = (envelope: string | Uint8Array | undefined, changes: Partial<VerifyOptions> = {}) =>
	verifyEnvelope(typeof envelope === 'string' ? utf8(envelope) : envelope, {
		name: 'rates',
		digest: sha256('content'),
		keys,
		now: NOW,
		...changes,
	})

interface Loose {
	[key: string]: unknown
	signatures: Record<string, unknown>[]
}
const altered = (envelope: string, alter: (parsed: Loose) => unknown): string => {
	const parsed = JSON.parse(envelope) as Loose
	alter(parsed)
	return JSON.stringify(parsed)
}

test('what a trusted key signed is accepted, and says what it is', async t => {
	const signed = statement({ label: 'release 2026-01-01 ü' })
	t.deepEqual(await verify(await signStatement(signed, pair.privateKey)), {
		statement: signed,
		keyId: pair.keyId,
		floor: { sequence: 17, digest: sha256('content') },
	})
})

test('no signature, no envelope, and an envelope without one, are a missing signature', async t => {
	await t.throwsAsync(verify(undefined), { code: 'SIGNATURE_MISSING', message: /rates/ })
	const envelope = await signStatement(statement(), [])
	await t.throwsAsync(verify(envelope), { code: 'SIGNATURE_MISSING' })
})

const forgeries: ReadonlyArray<readonly [title: string, alter: (envelope: Loose) => unknown]> = [
	['the name', one => (one.name = 'rules')],
	['the sequence', one => (one.sequence = 18)],
	['the digest', one => (one.digest = `sha-256:${sha256('forged')}`)],
	['the date', one => (one.signedAt = NOW + 1)],
	['a label where there was none', one => (one.label = 'x')],
	['an empty label where there was none', one => (one.label = '')],
	['the id of the key', one => (one.signatures[0]!.keyId = '0'.repeat(16))],
	['the signature', one => (one.signatures[0]!.signature = Buffer.alloc(64, 1).toString('base64'))],
]
for (const [title, alter] of forgeries) {
	test(`an envelope is refused after somebody changed ${title}`, async t => {
		const forged = altered(await signStatement(statement(), pair.privateKey), alter)
		await t.throwsAsync(verify(forged, { name: 'rates' }), { code: 'SIGNATURE_INVALID' })
		await t.throwsAsync(verify(forged, { name: 'rules', digest: [sha256('forged'), sha256('content')] }), {
			code: 'SIGNATURE_INVALID',
		})
	})
}

test('an envelope is refused after its label was removed or changed', async t => {
	const envelope = await signStatement(statement({ label: 'one' }), pair.privateKey)
	await verify(envelope)
	for (const label of [undefined, 'two', ''] as const)
		await t.throwsAsync(verify(altered(envelope, one => (one.label = label))), { code: 'SIGNATURE_INVALID' })
})

test('a signature of one term does not serve for another', async t => {
	const envelope = await signStatement(statement({ name: 'rules' }), pair.privateKey)
	await t.throwsAsync(verify(envelope), { code: 'SIGNATURE_INVALID', message: /rates.*rules/ })
	await verify(envelope, { name: 'rules' })
})

test('a signature of one content does not serve for another', async t => {
	const envelope = await signStatement(statement(), pair.privateKey)
	await t.throwsAsync(verify(envelope, { digest: sha256('other') }), {
		code: 'SIGNATURE_INVALID',
		message: new RegExp(sha256('other')),
	})
})

test('bytes may be the signed ones before or after their content coding was undone', async t => {
	const envelope = await signStatement(statement(), pair.privateKey)
	t.is((await verify(envelope, { digest: [sha256('gzipped'), sha256('content')] })).keyId, pair.keyId)
	await t.throwsAsync(verify(envelope, { digest: [] }), { code: 'SIGNATURE_INVALID' })
})

test('a signature of a version does not serve for another version', async t => {
	const [old, now] = [
		await signStatement(statement({ sequence: 16 }), pair.privateKey),
		await signStatement(statement({ sequence: 17 }), pair.privateKey),
	]
	const mixed = altered(now, one => (one.signatures = (JSON.parse(old) as Loose).signatures))
	await t.throwsAsync(verify(mixed), { code: 'SIGNATURE_INVALID' })
})

test('a key that is not trusted signs nothing, and neither does one that takes the id of a trusted one', async t => {
	const envelope = await signStatement(statement(), other.privateKey)
	await t.throwsAsync(verify(envelope), { code: 'SIGNATURE_INVALID', message: new RegExp(other.keyId) })
	const disguised = altered(envelope, one => (one.signatures[0]!.keyId = pair.keyId))
	await t.throwsAsync(verify(disguised), { code: 'SIGNATURE_INVALID', message: /wrong/ })
})

test('keys are replaced without a gap: both sign for a while, and either suffices', async t => {
	const rings: KeyRing[] = [
		keys,
		await createKeyRing(other.publicKey),
		await createKeyRing([pair.publicKey, other.publicKey]),
	]
	const both = await signStatement(statement(), [pair.privateKey, other.privateKey])
	for (const ring of rings) t.truthy(await verify(both, { keys: ring }))
	const last = await signStatement(statement(), other.privateKey)
	await t.throwsAsync(verify(last, { keys: rings[0]! }), { code: 'SIGNATURE_INVALID' })
	for (const ring of rings.slice(1)) t.is((await verify(last, { keys: ring })).keyId, other.keyId)
})

test('a wrong signature beside a valid one does no harm, in either order', async t => {
	const envelope = await signStatement(statement(), [pair.privateKey, other.privateKey])
	for (const spoilt of [0, 1]) {
		const mixed = altered(envelope, one => {
			one.signatures[spoilt]!.signature = Buffer.alloc(64, 9).toString('base64')
		})
		const ring = await createKeyRing([pair.publicKey, other.publicKey])
		t.is((await verify(mixed, { keys: ring })).keyId, [other.keyId, pair.keyId][spoilt]!)
	}
})

test('a key is trusted from `notBefore` until `notAfter`, by the time of the check', async t => {
	const ring = await createKeyRing({ key: pair.publicKey, notBefore: 1000, notAfter: 2000 })
	// A date that the thief of the key would choose.
	const envelope = await signStatement(statement({ signedAt: 1500 }), pair.privateKey)
	for (const now of [1000, 1999]) t.truthy(await verify(envelope, { keys: ring, now }))
	for (const now of [0, 999, 2000, NOW])
		await t.throwsAsync(verify(envelope, { keys: ring, now }), { code: 'SIGNATURE_INVALID', message: /time/ })
})

test('a lower sequence than the last one accepted is refused, whoever signed it', async t => {
	const envelope = await signStatement(statement({ sequence: 17 }), pair.privateKey)
	const digest = sha256('content')
	for (const floor of [
		undefined,
		{ sequence: 0, digest: sha256('old') },
		{ sequence: 16, digest },
		{ sequence: 17, digest },
	])
		t.deepEqual((await verify(envelope, { floor })).floor, { sequence: 17, digest })
	await t.throwsAsync(verify(envelope, { floor: { sequence: 18, digest } }), {
		code: 'ROLLBACK_REFUSED',
		message: /rates.*18.*17/,
	})
	await t.throwsAsync(verify(envelope, { floor: { sequence: Number.MAX_SAFE_INTEGER, digest } }), {
		code: 'ROLLBACK_REFUSED',
	})
})

test('two contents under one sequence cannot be swapped', async t => {
	const envelope = await signStatement(statement(), pair.privateKey)
	await t.throwsAsync(verify(envelope, { floor: { sequence: 17, digest: sha256('twin') } }), {
		code: 'ROLLBACK_REFUSED',
	})
})

test('nothing that a forger writes is believed before the signature is checked', async t => {
	const forged = altered(await signStatement(statement(), other.privateKey), one => (one.sequence = 1))
	await t.throwsAsync(verify(forged, { floor: { sequence: 17, digest: '' } }), { code: 'SIGNATURE_INVALID' })
})

const text = await signStatement(statement(), pair.privateKey)
const malformed: ReadonlyArray<readonly [title: string, envelope: string | Uint8Array]> = [
	['nothing', ''],
	['no JSON', '{'],
	['an array', '[]'],
	['null', 'null'],
	['something behind the JSON', `${text}x`],
	['a byte order mark', `\ufeff${text}`],
	['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22)],
	['another format', altered(text, one => (one.format = 2))],
	['no format', altered(text, one => delete one.format)],
	['an unknown member', altered(text, one => (one.extra = 1))],
	['a member named __proto__', text.replace('{', '{"__proto__": {"format": 1},')],
	['a name that is no text', altered(text, one => (one.name = 7))],
	['an empty name', altered(text, one => (one.name = ''))],
	['a lone surrogate in the name', text.replace('"rates"', '"\\ud800"')],
	['a long name', altered(text, one => (one.name = 'x'.repeat(4097)))],
	['a long label', altered(text, one => (one.label = 'ü'.repeat(129)))],
	['a fractional sequence', altered(text, one => (one.sequence = 1.5))],
	['a negative sequence', altered(text, one => (one.sequence = -1))],
	['a sequence of minus zero', text.replace('"sequence": 17', '"sequence": -0')],
	['a sequence beyond 2^53', text.replace('"sequence": 17', '"sequence": 9007199254740993')],
	['a sequence that is text', altered(text, one => (one.sequence = '17'))],
	['a date that is text', altered(text, one => (one.signedAt = '2026-01-01'))],
	['a digest in capitals', altered(text, one => (one.digest = `sha-256:${sha256('content').toUpperCase()}`))],
	['a digest of another kind', altered(text, one => (one.digest = `sha-1:${sha256('content')}`))],
	['a short digest', altered(text, one => (one.digest = 'sha-256:00'))],
	['signatures that are no list', altered(text, one => (one.signatures = {} as never))],
	['a signature that is null', altered(text, one => (one.signatures = [null] as never))],
	['a signature with an unknown member', altered(text, one => (one.signatures[0]!.alg = 'none'))],
	['a short signature', altered(text, one => (one.signatures[0]!.signature = 'AAAA'))],
	['a signature in other base64', altered(text, one => (one.signatures[0]!.signature = '-'.repeat(86)))],
	['a key id that is none', altered(text, one => (one.signatures[0]!.keyId = 'x'))],
	[
		'too many signatures',
		altered(text, one => (one.signatures = Array.from({ length: 17 }, () => one.signatures[0]!))),
	],
	['more bytes than allowed', `${text}${' '.repeat(MAX_ENVELOPE_BYTES)}`],
]
for (const [title, envelope] of malformed) {
	test(`an envelope with ${title} is refused`, async t => {
		await t.throwsAsync(verify(envelope), { code: 'SIGNATURE_INVALID', message: /malformed/ })
	})
}

test('whatever bytes an envelope has, it is refused with a code', async t => {
	const tampered = fc
		.tuple(fc.nat({ max: text.length - 1 }), fc.nat({ max: 5 }), fc.string({ maxLength: 5 }))
		.map(([at, cut, insert]) => text.slice(0, at) + insert + text.slice(at + cut))
	await fc.assert(
		fc.asyncProperty(fc.oneof(fc.string(), fc.json(), tampered), async envelope => {
			try {
				// White space and escapes may change without the statement changing.
				return (await verify(envelope)).statement.digest === sha256('content')
			} catch (error) {
				return ['SIGNATURE_INVALID', 'SIGNATURE_MISSING'].includes((error as { code: string }).code)
			}
		}),
		{ numRuns: 1000 },
	)
	t.pass()
})

test('what cannot be meant is not signed', async t => {
	for (const wrong of [
		{ name: '' },
		{ name: '\udc00' },
		{ sequence: -1 },
		{ digest: 'x' },
		{ signedAt: 1.5 },
		{ label: 'x'.repeat(257) },
	])
		await t.throwsAsync(signStatement(statement(wrong), pair.privateKey), { code: 'INVALID_OPTION' })
	await t.throwsAsync(signStatement(statement(), 'no key'), { code: 'INVALID_OPTION' })
})

test('the longest of everything still fits into an envelope', async t => {
	const longest = statement({
		name: '\u0001'.repeat(4096),
		label: '\u0001'.repeat(256),
		sequence: Number.MAX_SAFE_INTEGER,
		signedAt: Number.MAX_SAFE_INTEGER,
	})
	const envelope = await signStatement(
		longest,
		Array.from({ length: 16 }, () => pair.privateKey),
	)
	t.is((await verify(envelope, { name: longest.name })).statement.label, longest.label)
})

test('the signed bytes of a statement are these, for ever', t => {
	t.is(
		Buffer.from(
			encodeStatement({ name: 'a', sequence: 258, label: 'b', digest: '11'.repeat(32), signedAt: 3 }),
		).toString('latin1'),
		'\0\0\0\x1eremote-term signed statement 1' +
			'\0\0\0\x01a' +
			'\0\0\0\x08\0\0\0\0\0\0\x01\x02' +
			'\0\0\0\x02\x01b' +
			'\0\0\0\x07sha-256' +
			`\0\0\0\x20${'\x11'.repeat(32)}` +
			'\0\0\0\x08\0\0\0\0\0\0\0\x03',
	)
})

test('no two statements share their signed bytes', t => {
	// Few letters and small numbers, so that boundaries are likely to be confused if they can be.
	const piece = fc.constantFrom('', 'a', '\0', '\x01', '\0\0\0\x01a', 'ab')
	const name = fc.tuple(piece, piece, piece).map(all => `${all.join('')}a`)
	const one = fc.record({
		name,
		sequence: fc.constantFrom(0, 1, 2 ** 32, Number.MAX_SAFE_INTEGER),
		label: fc.option(piece, { nil: undefined }),
		digest: fc.constantFrom('00'.repeat(32), '01'.repeat(32)),
		signedAt: fc.constantFrom(0, 1, 2 ** 32),
	})
	const same = (a: Statement, b: Statement): boolean =>
		(['name', 'sequence', 'label', 'digest', 'signedAt'] as const).every(field => a[field] === b[field])
	fc.assert(
		fc.property(
			one,
			one,
			(a, b) => same(a, b) === Buffer.from(encodeStatement(a)).equals(Buffer.from(encodeStatement(b))),
		),
		{ numRuns: 20_000 },
	)
	t.pass()
})

test('the signed bytes can be read back to the one statement that they encode', t => {
	const decode = (bytes: Buffer): Statement => {
		const fields: Buffer[] = []
		for (let at = 0; at < bytes.length;) {
			const length = bytes.readUInt32BE(at)
			fields.push(bytes.subarray(at + 4, at + 4 + length))
			at += 4 + length
		}
		const [, name, sequence, label, , digest, signedAt] = fields as [
			Buffer,
			Buffer,
			Buffer,
			Buffer,
			Buffer,
			Buffer,
			Buffer,
		]
		return {
			name: name.toString(),
			sequence: Number(sequence.readBigUInt64BE()),
			label: label.length === 0 ? undefined : label.subarray(1).toString(),
			digest: digest.toString('hex'),
			signedAt: Number(signedAt.readBigUInt64BE()),
		}
	}
	const anything = fc.record({
		name: fc.string({ minLength: 1, unit: 'binary' }),
		sequence: fc.maxSafeNat(),
		label: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
		digest: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes).toString('hex')),
		signedAt: fc.maxSafeNat(),
	})
	fc.assert(
		fc.property(anything, one => {
			t.deepEqual(decode(Buffer.from(encodeStatement(one))), one)
		}),
	)
})
