import { toPkcs8 } from './der.ts'
import type { Ed25519 } from './ed25519.ts'

const NAME = 'Ed25519'

const importPrivate = (
	privateKey: Uint8Array,
	extractable = false,
): ReturnType<typeof crypto.subtle.importKey> =>
	crypto.subtle.importKey('pkcs8', toPkcs8(privateKey), NAME, extractable, ['sign'])

const publicKeyOf = async (privateKey: Uint8Array): Promise<Uint8Array<ArrayBuffer>> => {
	// WebCrypto derives no public key, but exports it beside the private one (RFC 8037 §2).
	const { x = '' } = await crypto.subtle.exportKey('jwk', await importPrivate(privateKey, true))
	const base64 = x.replaceAll('-', '+').replaceAll('_', '/')
	return Uint8Array.from(atob(base64), character => character.charCodeAt(0))
}

export const ed25519: Ed25519 = {
	async generate() {
		// A private key is any 32 bytes (RFC 8032 §5.1.5).
		const privateKey = crypto.getRandomValues(new Uint8Array(32))
		return { privateKey, publicKey: await publicKeyOf(privateKey) }
	},
	publicKeyOf,
	async sign(privateKey, message) {
		return new Uint8Array(
			await crypto.subtle.sign(NAME, await importPrivate(privateKey), new Uint8Array(message)),
		)
	},
	async verify(publicKey, signature, message) {
		const key = await crypto.subtle.importKey('raw', new Uint8Array(publicKey), NAME, false, ['verify'])
		return crypto.subtle.verify(NAME, key, new Uint8Array(signature), new Uint8Array(message))
	},
}
