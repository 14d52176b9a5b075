import { createHash } from 'node:crypto'
import { createKeyPair } from '../../lib/integrity/keys.ts'
import { signStatement } from '../../lib/integrity/signature.ts'

export const sha256 = (bytes: Uint8Array | string, encoding: 'hex' | 'base64' = 'hex'): string =>
	createHash('sha256').update(bytes).digest(encoding)

export const sha512 = (bytes: Uint8Array | string): string =>
	createHash('sha512').update(bytes).digest('base64')

export interface Publisher {
	readonly publicKey: string
	readonly privateKey: string
	/** The text of a signature file. */
	sign(bytes: Uint8Array | string, sequence: number, name?: string): Promise<string>
}

/** Whoever holds a key of its own. */
export const createPublisher = async (): Promise<Publisher> => {
	const { publicKey, privateKey } = await createKeyPair()
	return {
		publicKey,
		privateKey,
		sign: (bytes, sequence, name) => signBy([privateKey], bytes, sequence, name),
	}
}

export const signBy = (
	privateKeys: readonly string[],
	bytes: Uint8Array | string,
	sequence: number,
	name = 'rates',
): Promise<string> =>
	signStatement({ name, sequence, digest: sha256(bytes), signedAt: Date.UTC(2026, 0, 1) }, privateKeys)
