import type { Digest } from './digest.ts'
import { concat } from '../core/bytes.ts'

/** WebCrypto digests whole buffers only, so this one keeps the chunks until it is asked. */
const digestOf = (algorithm: 'SHA-256' | 'SHA-512') => (): Digest => {
	const chunks: Uint8Array<ArrayBuffer>[] = []
	return {
		update(chunk) {
			chunks.push(chunk as Uint8Array<ArrayBuffer>)
		},
		async hex() {
			const digest = await crypto.subtle.digest(algorithm, concat(chunks))
			return Array.from(new Uint8Array(digest), byte => byte.toString(16).padStart(2, '0')).join('')
		},
	}
}

export const createSha256 = digestOf('SHA-256')
export const createSha512 = digestOf('SHA-512')
