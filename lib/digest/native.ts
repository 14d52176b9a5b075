import { createHash } from 'node:crypto'
import type { Digest } from './digest.ts'

const digestOf = (algorithm: 'sha256' | 'sha512') => (): Digest => {
	const hash = createHash(algorithm)
	return {
		update(chunk) {
			hash.update(chunk)
		},
		hex: async () => hash.digest('hex'),
	}
}

export const createSha256 = digestOf('sha256')
export const createSha512 = digestOf('sha512')
