import { generateKeyPairSync } from 'node:crypto'
import test from 'ava'
import { ed25519 } from '../../lib/integrity/ed25519/native.ts'
import {
	createKeyPair,
	createKeyRing,
	formatPublicKey,
	keyIdOf,
	parsePrivateKey,
	parsePublicKey,
	type PublicKeyOption,
} from '../../lib/integrity/keys.ts'

test('a public key is read in each of its forms, and they are the same key', async t => {
	const { publicKey } = generateKeyPairSync('ed25519')
	const pem = publicKey.export({ format: 'pem', type: 'spki' }) as string
	const raw = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32))
	const base64 = Buffer.from(raw).toString('base64')
	for (const text of [pem, pem.replaceAll('\n', '\r\n'), base64, `rtpk1:${base64}`, ` ${base64}\n`])
		t.deepEqual(parsePublicKey(text), raw)
	t.is(formatPublicKey(raw), `rtpk1:${base64}`)
	t.regex(await keyIdOf(raw), /^[0-9a-f]{16}$/)
})

test('a generated pair is one, and other tools read it', async t => {
	const { keyId, publicKey, privateKey } = await createKeyPair()
	const seed = parsePrivateKey(privateKey)
	t.is(formatPublicKey(await ed25519.publicKeyOf(seed)), publicKey)
	t.is(await keyIdOf(parsePublicKey(publicKey)), keyId)
	t.not((await createKeyPair()).privateKey, privateKey)
})

test('private keys of other tools are read', t => {
	const { privateKey } = generateKeyPairSync('ed25519')
	t.is(parsePrivateKey(privateKey.export({ format: 'pem', type: 'pkcs8' }) as string).length, 32)
})

test('what is no Ed25519 public key is refused, and not quoted', t => {
	const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 })
	const pair = generateKeyPairSync('ed25519')
	for (const wrong of [
		'',
		'rtpk1:',
		'rtpk2:AAAA',
		Buffer.alloc(31, 1).toString('base64'),
		Buffer.alloc(33, 1).toString('base64'),
		`${Buffer.alloc(32, 1).toString('base64')}=`,
		rsa.publicKey.export({ format: 'pem', type: 'spki' }) as string,
		generateKeyPairSync('x25519').publicKey.export({ format: 'pem', type: 'spki' }) as string,
		pair.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
		7,
		undefined,
	]) {
		const error = t.throws(() => parsePublicKey(wrong, 'integrity.keys'), { code: 'INVALID_OPTION' })
		t.regex(error.message, /integrity\.keys/)
		if (typeof wrong === 'string' && wrong.length > 40) t.false(error.message.includes(wrong.slice(30, 60)))
	}
})

test('what is no Ed25519 private key is refused, and not quoted', t => {
	const { privateKey } = generateKeyPairSync('ed25519')
	const encrypted = privateKey.export({
		format: 'pem',
		type: 'pkcs8',
		cipher: 'aes-128-cbc',
		passphrase: 'x',
	}) as string
	const other = generateKeyPairSync('x25519').privateKey.export({ format: 'pem', type: 'pkcs8' }) as string
	for (const wrong of ['', 'secret-text', encrypted, other]) {
		const error = t.throws(() => parsePrivateKey(wrong), { code: 'INVALID_OPTION' })
		if (wrong !== '') t.false(error.message.includes(wrong.slice(0, 40)))
	}
})

test('a key of small order, with which anybody can sign anything, is refused', async t => {
	const one = `01${'00'.repeat(31)}`
	// R is the neutral element and S is 0: no secret went into this, and it verifies for any message, at least on Node 20.
	const forged = Buffer.from(`${one}${'00'.repeat(32)}`, 'hex')
	const verifies = await ed25519.verify(Buffer.from(one, 'hex'), forged, Buffer.from('anything'))
	t.true(verifies || Number.parseInt(process.versions.node) > 20)
	for (const hex of [
		one,
		`01${'00'.repeat(30)}80`,
		'00'.repeat(32),
		'26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
		'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
		`ec${'ff'.repeat(31)}`,
		`ed${'ff'.repeat(30)}7f`,
		`ee${'ff'.repeat(31)}`,
	])
		t.throws(() => parsePublicKey(Buffer.from(hex, 'hex').toString('base64')), { code: 'INVALID_OPTION' })
})

test('a key ring takes one key or several, with bounds in time or without', async t => {
	const { publicKey, keyId } = await createKeyPair()
	t.like(await createKeyRing(publicKey), [{ id: keyId, notBefore: -Infinity, notAfter: Infinity }])
	t.like(await createKeyRing([{ key: publicKey, notBefore: 1, notAfter: 2 }, publicKey]), [
		{ id: keyId, notBefore: 1, notAfter: 2 },
		{ id: keyId },
	])
	for (const wrong of [
		[],
		Array.from({ length: 65 }, () => publicKey),
		[null],
		[{ key: publicKey, notBefore: 2, notAfter: 2 }],
		[{ key: publicKey, notAfter: '2026' }],
		[{ key: publicKey, revoked: true }],
		[{}],
		7,
	])
		await t.throwsAsync(createKeyRing(wrong as PublicKeyOption[]), { code: 'INVALID_OPTION' })
})
