import { parseEnvelope } from '../integrity/envelope.ts'
import { createKeyRing } from '../integrity/keys.ts'
import { verifyEnvelope } from '../integrity/signature.ts'
import { RemoteTermError } from '../core/errors.ts'
import { digestFile, publicKeyFrom, readShortFile, signatureOf, type SigningIo } from './signing-files.ts'

export interface CheckFileOptions {
	readonly file: string
	/** Public keys, each as text (`rtpk1:…`) or as a file that holds one. */
	readonly keys: readonly string[]
	/** What the term must be called. Default: whatever the signature says. */
	readonly name?: string | undefined
	/** The lowest sequence that will do. Default: any. */
	readonly minSequence?: number | undefined
	/** Default: the file's name with `.sig` added. */
	readonly signature?: string | undefined
}

/**
 * `remote-term check FILE --public-key PUB…`: what a term with these keys would say of the file. Prints what was checked, and
 * what was not.
 *
 * @throws `SIGNATURE_MISSING`, `SIGNATURE_INVALID`, `ROLLBACK_REFUSED`, `INVALID_OPTION`, `FETCH_NOT_FOUND`,
 *   `FETCH_DENIED`, `FETCH_FAILED`
 */
export const check = async (
	{ file, keys, name, minSequence, signature = signatureOf(file) }: CheckFileOptions,
	io: SigningIo,
): Promise<void> => {
	const ring = await createKeyRing(await Promise.all(keys.map(publicKeyFrom)), '--public-key')
	const { digest, size } = await digestFile(file, io)
	const envelope = await readShortFile(signature)
	if (envelope === undefined)
		throw new RemoteTermError('SIGNATURE_MISSING', `Expected ${file} to be signed, found no ${signature}`)
	const { statement, keyId } = await verifyEnvelope(envelope, {
		name: name ?? parseEnvelope(envelope).statement.name,
		digest,
		keys: ring,
		now: io.clock.now(),
	})
	const { sequence, label, signedAt } = statement
	if (minSequence !== undefined && sequence < minSequence)
		throw new RemoteTermError(
			'ROLLBACK_REFUSED',
			`Expected ${file} to have a sequence of at least ${minSequence}, found ${sequence}`,
		)
	io.stdout.write(
		[
			`verified   ${file} (${size} bytes)`,
			`signed by  ${keyId}, which is trusted`,
			`digest     sha-256:${digest}, as signed`,
			`name       ${JSON.stringify(statement.name)}, ${name === undefined ? 'as signed (nothing to compare it with)' : 'as expected'}`,
			`sequence   ${sequence}${label === undefined ? '' : ` (${JSON.stringify(label)})`}, ${minSequence === undefined ? 'as signed (nothing to compare it with)' : `at least ${minSequence}`}`,
			`signed at  ${dateOf(signedAt)}, says the signer`,
			'',
		].join('\n'),
	)
}

/** Beyond the year 275760 there are numbers, but no dates. */
const dateOf = (ms: number): string => (ms <= 8.64e15 ? new Date(ms).toISOString() : `${ms} ms`)
