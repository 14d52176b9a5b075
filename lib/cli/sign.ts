import { RemoteTermError } from '../core/errors.ts'
import { parseEnvelope } from '../integrity/envelope.ts'
import { parsePrivateKey } from '../integrity/keys.ts'
import { signStatement } from '../integrity/signature.ts'
import type { Statement } from '../integrity/statement.ts'
import {
	digestFile,
	readShortFile,
	readText,
	replaceFile,
	signatureOf,
	type SigningIo,
} from './signing-files.ts'

export interface SignOptions {
	readonly file: string
	/** Private keys, as files in PEM. While a key is being replaced, the old and the new one both sign. */
	readonly keys: readonly string[]
	/** The term's. */
	readonly name: string
	/**
	 * A number, or `auto`: the current time in milliseconds, or one more than the signature that is there, whichever is
	 * higher. That needs no memory, so that it suits a build machine that starts from nothing each time.
	 */
	readonly sequence: number | 'auto'
	readonly label?: string | undefined
	/** Default: the file's name with `.sig` added. */
	readonly out?: string | undefined
}

/**
 * `remote-term sign FILE --key K --name N --sequence auto|n`
 *
 * @throws `INVALID_OPTION`, `FETCH_NOT_FOUND`, `FETCH_DENIED`, `FETCH_FAILED`, `SIGNATURE_INVALID` (of what is there),
 *   `OUTPUT_FAILED`
 */
export const sign = async (
	{ file, keys, name, sequence, label, out = signatureOf(file) }: SignOptions,
	io: SigningIo,
): Promise<void> => {
	if (keys.length === 0)
		throw new RemoteTermError('INVALID_OPTION', 'Expected at least one private key to sign with')
	const privateKeys = await Promise.all(
		keys.map(async path => {
			const pem = await readText(path)
			parsePrivateKey(pem, path)
			return pem
		}),
	)
	const { digest, size } = await digestFile(file, io)
	const now = io.clock.now()
	const existing = await readShortFile(out)
	const previous = existing && parseEnvelope(existing).statement
	const statement: Statement = {
		name,
		sequence: sequence === 'auto' ? Math.max(Math.floor(now), (previous?.sequence ?? -1) + 1) : sequence,
		label,
		digest,
		signedAt: Math.floor(now),
	}
	if (previous !== undefined) assertFollows(statement, previous, out)
	await replaceFile(out, await signStatement(statement, privateKeys), now)
	io.stdout.write(
		[
			`signed     ${file} (${size} bytes)`,
			`name       ${name}`,
			`sequence   ${statement.sequence}${label === undefined ? '' : ` (${label})`}`,
			`digest     sha-256:${digest}`,
			`signature  ${out}`,
			'',
		].join('\n'),
	)
}

/** What every term that has seen the previous one would refuse is not published in the first place. */
const assertFollows = (statement: Statement, previous: Statement, out: string): void => {
	if (previous.name !== statement.name)
		throw new RemoteTermError(
			'INVALID_OPTION',
			`${out} is of ${JSON.stringify(previous.name)}, not of ${JSON.stringify(statement.name)}; remove it, if that is meant`,
		)
	const isSame = statement.sequence === previous.sequence && statement.digest === previous.digest
	if (statement.sequence > previous.sequence || isSame) return
	throw new RemoteTermError(
		'INVALID_OPTION',
		`Expected a sequence above ${previous.sequence}, which ${out} has, got ${statement.sequence}`,
	)
}
