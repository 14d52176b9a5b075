import { createHash } from 'node:crypto'
import type { Digest } from './digest.ts'

export const createSha256 = (): Digest => {
	const hash = createHash('sha256')
	return {
		update(chunk) {
			hash.update(chunk)
		},
		hex: async () => hash.digest('hex'),
	}
}
