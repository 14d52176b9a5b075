import { createPrivateKey, createPublicKey, randomBytes, sign, verify, type KeyObject } from 'node:crypto'
import { fromSpki, toPkcs8, toSpki } from './der.ts'
import type { Ed25519 } from './ed25519.ts'

const privateKeyOf = (privateKey: Uint8Array): KeyObject =>
	createPrivateKey({ key: Buffer.from(toPkcs8(privateKey)), format: 'der', type: 'pkcs8' })

const publicKeyOf = (privateKey: Uint8Array): Uint8Array<ArrayBuffer> =>
	fromSpki(createPublicKey(privateKeyOf(privateKey)).export({ format: 'der', type: 'spki' }))!

export const ed25519: Ed25519 = {
	async generate() {
		// A private key is any 32 bytes (RFC 8032 §5.1.5).
		const privateKey = new Uint8Array(randomBytes(32))
		return { privateKey, publicKey: publicKeyOf(privateKey) }
	},
	publicKeyOf: async privateKey => publicKeyOf(privateKey),
	sign: async (privateKey, message) => new Uint8Array(sign(null, message, privateKeyOf(privateKey))),
	async verify(publicKey, signature, message) {
		const key = createPublicKey({ key: Buffer.from(toSpki(publicKey)), format: 'der', type: 'spki' })
		return signature.length === 64 && verify(null, message, key, signature)
	},
}
