import { ed25519 } from '#ed25519'
import { createSha256 } from '#digest'
import { RemoteTermError } from '../core/errors.ts'
import { invalid, onlyKnownOptions } from '../core/options.ts'
import { fromPkcs8, fromSpki, toPkcs8 } from './ed25519/der.ts'
import { fromBase64, toBase64, toHex } from './encodings.ts'

/**
 * A public key as it is configured: `rtpk1:<base64>`, which is how `keygen` writes it; the same 32 bytes as bare base64;
 * or a PEM `PUBLIC KEY`, as `openssl pkey -pubout` writes it. Bounds in milliseconds since the Unix epoch, both
 * compared with the time of the check and not with the date in the statement, which whoever stole the key would choose.
 */
export type PublicKeyOption =
	| string
	| {
			readonly key: string
			/** Not trusted before. Default: always. */
			readonly notBefore?: number | undefined
			/** Not trusted from then on. Default: never. To revoke a key at once, remove it. */
			readonly notAfter?: number | undefined
	  }

export interface TrustedKey {
	readonly id: string
	readonly publicKey: Uint8Array<ArrayBuffer>
	readonly notBefore: number
	readonly notAfter: number
}

/** The keys any one of which suffices. */
export type KeyRing = readonly TrustedKey[]

const PREFIX = 'rtpk1:'
const MAX_KEYS = 64

/** @throws `INVALID_OPTION` */
export const createKeyRing = async (
	option: PublicKeyOption | readonly PublicKeyOption[],
	name = 'keys',
): Promise<KeyRing> => {
	const entries = Array.isArray(option) ? (option as readonly PublicKeyOption[]) : [option as PublicKeyOption]
	if (entries.length === 0 || entries.length > MAX_KEYS)
		throw invalid(name, `1 to ${MAX_KEYS} public keys`, option)
	return Promise.all(entries.map(entry => trustedKey(entry, name)))
}

const trustedKey = async (entry: PublicKeyOption, name: string): Promise<TrustedKey> => {
	if (typeof entry !== 'string' && (typeof entry !== 'object' || entry === null))
		throw invalid(name, 'a public key as text, or { key, notBefore, notAfter }', entry)
	if (typeof entry === 'string') return trustedKey({ key: entry }, name)
	onlyKnownOptions(`A key of \`${name}\``, entry, ['key', 'notBefore', 'notAfter'])
	const { key, notBefore = -Infinity, notAfter = Infinity } = entry
	if (typeof notBefore !== 'number' || typeof notAfter !== 'number' || !(notBefore < notAfter))
		throw invalid(`${name}.notAfter`, 'a number of milliseconds after `notBefore`', notAfter)
	const publicKey = parsePublicKey(key, name)
	return { id: await keyIdOf(publicKey), publicKey, notBefore, notAfter }
}

/** The first 64 bits of the key's SHA-256, in hexadecimal. It says which key to try, and is trusted for nothing. */
export const keyIdOf = async (publicKey: Uint8Array): Promise<string> => {
	const digest = createSha256()
	digest.update(publicKey)
	return (await digest.hex()).slice(0, 16)
}

export const formatPublicKey = (publicKey: Uint8Array): string => `${PREFIX}${toBase64(publicKey)}`

/** @throws `INVALID_OPTION` */
export const parsePublicKey = (text: unknown, name = 'key'): Uint8Array<ArrayBuffer> => {
	const expected = 'an Ed25519 public key (rtpk1:…, base64 of 32 bytes, or PEM)'
	if (typeof text !== 'string') throw invalid(name, expected, text)
	const trimmed = text.trim()
	// Checked first, as an error must not quote what it was given by mistake.
	if (trimmed.includes('PRIVATE KEY')) throw unusable(name, expected, 'a private key')
	const pem = fromPem('PUBLIC KEY', trimmed)
	const key =
		pem === undefined
			? fromBase64(trimmed.startsWith(PREFIX) ? trimmed.slice(PREFIX.length) : trimmed)
			: fromSpki(pem)
	if (key?.length !== 32) throw unusable(name, expected, `${trimmed.length} characters of something else`)
	if (SMALL_ORDER.has(toHex(withoutSign(key))))
		throw unusable(name, expected, 'one of small order, for which anybody can sign')
	return key
}

/** PKCS#8 in PEM, as OpenSSL reads and writes it. */
export const formatPrivateKey = (privateKey: Uint8Array): string =>
	`-----BEGIN PRIVATE KEY-----\n${toBase64(toPkcs8(privateKey))}\n-----END PRIVATE KEY-----\n`

/** Nothing of the text appears in the error. @throws `INVALID_OPTION` */
export const parsePrivateKey = (text: string, name = 'key'): Uint8Array<ArrayBuffer> => {
	const key = fromPkcs8(fromPem('PRIVATE KEY', text.trim()) ?? new Uint8Array(0))
	if (key !== undefined) return key
	throw unusable(
		name,
		'an Ed25519 private key in PEM (PKCS#8, not encrypted)',
		`${text.length} characters of something else`,
	)
}

export const createKeyPair = async (): Promise<{
	readonly keyId: string
	/** `rtpk1:…` */
	readonly publicKey: string
	/** PEM. */
	readonly privateKey: string
}> => {
	const { publicKey, privateKey } = await ed25519.generate()
	return {
		keyId: await keyIdOf(publicKey),
		publicKey: formatPublicKey(publicKey),
		privateKey: formatPrivateKey(privateKey),
	}
}

const fromPem = (label: string, text: string): Uint8Array<ArrayBuffer> | undefined => {
	const match = new RegExp(`^-----BEGIN ${label}-----\\s([A-Za-z0-9+/=\\s]+)-----END ${label}-----$`).exec(
		text,
	)
	return match === null ? undefined : fromBase64(match[1]!.replace(/\s/g, ''))
}

/**
 * The points of small order, less their signs. With one of these as public key, signatures that anybody can make
 * verify for any message; no key generator makes them, but a key that is all zeroes is soon configured.
 */
const SMALL_ORDER: ReadonlySet<string> = new Set([
	`00${'00'.repeat(31)}`,
	`01${'00'.repeat(31)}`,
	`26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05`,
	`c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a`,
	`ec${'ff'.repeat(30)}7f`,
	`ed${'ff'.repeat(30)}7f`,
	`ee${'ff'.repeat(30)}7f`,
])

const withoutSign = (key: Uint8Array): Uint8Array => {
	const unsigned = new Uint8Array(key)
	unsigned[31]! &= 0x7f
	return unsigned
}

/** Without what was found, which may be a secret in the wrong place. */
const unusable = (name: string, expected: string, found: string): RemoteTermError =>
	new RemoteTermError('INVALID_OPTION', `Expected \`${name}\` to be ${expected}, got ${found}`)
