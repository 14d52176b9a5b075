import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { describe } from '../core/options.ts'
import { RemoteTermError } from '../core/errors.ts'
import { pause } from './slices.ts'

/**
 * AES-256-GCM (NIST SP 800-38D), a random nonce of 96 bits for each file: nonce, ciphertext, tag of 128 bits. What the
 * file is for is authenticated with it, so that the file of one stream cannot stand for that of another.
 */
const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Ciphered in one go: well below 1 ms. */
const PIECE = 256 * 1024

/** 32 bytes, as they are, in hexadecimal, or in base64. Throws `INVALID_OPTION`, without a word of the key. */
export const readKey = (key: Uint8Array | string): Uint8Array => {
	const bytes =
		typeof key !== 'string'
			? key
			: /^[0-9a-f]{64}$/i.test(key)
				? Buffer.from(key, 'hex')
				: /^[A-Za-z0-9+/_-]{43}=?$/.test(key)
					? Buffer.from(key, 'base64')
					: undefined
	if (bytes instanceof Uint8Array && bytes.length === KEY_BYTES) return Uint8Array.from(bytes)
	const found = typeof key === 'string' ? `a string of ${key.length} characters` : describe(key)
	const expected = '32 bytes, or a string of them in hexadecimal or base64'
	throw new RemoteTermError('INVALID_OPTION', `Expected \`lastGood.key\` to be ${expected}, got ${found}`)
}

export const seal = async (
	key: Uint8Array,
	purpose: string,
	pieces: readonly Uint8Array[],
): Promise<Uint8Array[]> => {
	const nonce = randomBytes(NONCE_BYTES)
	const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
	cipher.setAAD(Buffer.from(purpose))
	const sealed: Uint8Array[] = [nonce]
	for (const piece of pieces) {
		sealed.push(cipher.update(piece))
		await pause()
	}
	sealed.push(cipher.final(), cipher.getAuthTag())
	return sealed
}

/** Nothing is returned that is not authentic. @throws what `node:crypto` throws */
export const unseal = async (key: Uint8Array, purpose: string, sealed: Uint8Array): Promise<Uint8Array> => {
	if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new Error('it is too short')
	const end = sealed.length - TAG_BYTES
	const decipher = createDecipheriv(ALGORITHM, key, sealed.subarray(0, NONCE_BYTES), {
		authTagLength: TAG_BYTES,
	})
	decipher.setAAD(Buffer.from(purpose))
	decipher.setAuthTag(sealed.subarray(end))
	const opened: Uint8Array[] = []
	for (let at = NONCE_BYTES; at < end; at += PIECE) {
		opened.push(decipher.update(sealed.subarray(at, Math.min(end, at + PIECE))))
		await pause()
	}
	opened.push(decipher.final())
	return Buffer.concat(opened)
}
