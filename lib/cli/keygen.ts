import { rm } from 'node:fs/promises'
import { createKeyPair } from '../integrity/keys.ts'
import { existsAlready, readShortFile, writeNewFile, type SigningIo } from './signing-files.ts'

export interface KeygenOptions {
	/** Where the private key goes; the public one goes beside it, with `.pub` added. Neither may exist. */
	readonly out: string
}

/**
 * `remote-term keygen --out FILE`: a private key in PEM that nobody else may read, and the public key as terms take it.
 *
 * @throws `INVALID_OPTION`, `OUTPUT_FAILED`
 */
export const keygen = async ({ out }: KeygenOptions, { stdout }: SigningIo): Promise<void> => {
	const publicFile = `${out}.pub`
	if ((await readShortFile(publicFile)) !== undefined) throw existsAlready(publicFile)
	const { keyId, publicKey, privateKey } = await createKeyPair()
	await writeNewFile(out, privateKey, 0o600)
	try {
		await writeNewFile(publicFile, `${publicKey}\n`, 0o644)
	} catch (error) {
		// Ours, and of a moment ago: without its public half it is of no use.
		await rm(out, { force: true })
		throw error
	}
	stdout.write(
		[
			`private key  ${out} (keep it secret)`,
			`public key   ${publicFile}`,
			`             ${publicKey}`,
			`key id       ${keyId}`,
			'',
		].join('\n'),
	)
}
