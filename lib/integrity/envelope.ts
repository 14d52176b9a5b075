import { messageOf, RemoteTermError } from '../core/errors.ts'
import { fromBase64 } from './encodings.ts'
import { flawOfStatement, type Statement } from './statement.ts'

/**
 * A statement with its signatures, as the file `<file>.sig` holds it: JSON, in UTF-8, at most `MAX_ENVELOPE_BYTES`.
 *
 * ```json
 * {
 *   "format": 1,
 *   "name": "rates",
 *   "sequence": 17,
 *   "digest": "sha-256:9f86d081…",
 *   "signedAt": 1767225600000,
 *   "signatures": [{ "keyId": "0a1b2c3d4e5f6a7b", "signature": "base64 of 64 bytes" }]
 * }
 * ```
 *
 * `label` may stand beside `sequence`. Several signatures let a key be replaced: for a while both sign.
 */
export interface Envelope {
	readonly statement: Statement
	readonly signatures: readonly EnvelopeSignature[]
}

export interface EnvelopeSignature {
	readonly keyId: string
	readonly signature: Uint8Array<ArrayBuffer>
}

export const ENVELOPE_FORMAT = 1
export const MAX_ENVELOPE_BYTES = 32 * 1024
export const MAX_SIGNATURES = 16

const DIGEST_PREFIX = 'sha-256:'

export const formatEnvelope = (
	{ name, sequence, label, digest, signedAt }: Statement,
	signatures: ReadonlyArray<{ readonly keyId: string; readonly signature: string }>,
): string =>
	`${JSON.stringify(
		{
			format: ENVELOPE_FORMAT,
			name,
			sequence,
			label,
			digest: `${DIGEST_PREFIX}${digest}`,
			signedAt,
			signatures,
		},
		undefined,
		2,
	)}\n`

/** Takes nothing but what `formatEnvelope` makes, white space aside. @throws `SIGNATURE_INVALID` */
export const parseEnvelope = (bytes: Uint8Array): Envelope => {
	if (bytes.length > MAX_ENVELOPE_BYTES)
		throw malformed(`expected at most ${MAX_ENVELOPE_BYTES} bytes, found ${bytes.length}`)
	let parsed: unknown
	try {
		parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
	} catch (error) {
		throw malformed(messageOf(error), error)
	}
	const fields = membersOf(parsed, 'it', [
		'format',
		'name',
		'sequence',
		'label',
		'digest',
		'signedAt',
		'signatures',
	])
	const { format, digest, signatures, name, sequence, label, signedAt } = fields
	if (format !== ENVELOPE_FORMAT) throw malformed(`expected \`format\` ${ENVELOPE_FORMAT}`)
	if (typeof digest !== 'string' || !digest.startsWith(DIGEST_PREFIX))
		throw malformed(`expected \`digest\` to begin with ${DIGEST_PREFIX}`)
	const statement = { name, sequence, label, digest: digest.slice(DIGEST_PREFIX.length), signedAt }
	const flaw = flawOfStatement(statement)
	if (flaw !== undefined) throw malformed(flaw)
	if (!Array.isArray(signatures) || signatures.length > MAX_SIGNATURES)
		throw malformed(`expected \`signatures\` to be at most ${MAX_SIGNATURES}`)
	return { statement: statement as Statement, signatures: signatures.map(parseSignature) }
}

const parseSignature = (entry: unknown): EnvelopeSignature => {
	const { keyId, signature } = membersOf(entry, 'a signature', ['keyId', 'signature'])
	if (typeof keyId !== 'string' || !/^[0-9a-f]{16}$/.test(keyId))
		throw malformed('expected `keyId` to be 16 hexadecimal digits')
	const bytes = typeof signature === 'string' ? fromBase64(signature) : undefined
	if (bytes?.length !== 64) throw malformed('expected `signature` to be base64 of 64 bytes')
	return { keyId, signature: bytes }
}

const membersOf = (
	value: unknown,
	what: string,
	known: readonly string[],
): Readonly<Record<string, unknown>> => {
	if (typeof value !== 'object' || value === null || Array.isArray(value))
		throw malformed(`expected ${what} to be an object`)
	if (Object.keys(value).some(key => !known.includes(key)))
		throw malformed(`expected ${what} to have no members but ${known.join(', ')}`)
	// Nothing inherited: a `label` that somebody put on Object.prototype is in no envelope.
	return Object.assign(Object.create(null) as Record<string, unknown>, value)
}

const malformed = (detail: string, cause?: unknown): RemoteTermError =>
	new RemoteTermError('SIGNATURE_INVALID', `The signature is malformed: ${detail}`, { cause })
