import { ed25519 } from '#ed25519'
import { RemoteTermError } from '../core/errors.ts'
import { toBase64 } from './encodings.ts'
import { formatEnvelope, parseEnvelope, type Envelope, type EnvelopeSignature } from './envelope.ts'
import { keyIdOf, parsePrivateKey, type KeyRing } from './keys.ts'
import { encodeStatement, flawOfStatement, type Statement } from './statement.ts'

/** What was accepted last, kept by the caller, beyond a restart too: the protection is as old as its memory. */
export interface VersionFloor {
	readonly sequence: number
	/** Of the bytes accepted then. */
	readonly digest: string
}

export interface VerifyOptions {
	/** The term's. */
	readonly name: string
	/**
	 * SHA-256 of the bytes, in lower-case hexadecimal; several where it is not known which of them were signed, that is
	 * before and after a content coding was undone. One of them must be the signed one.
	 */
	readonly digest: string | readonly string[]
	readonly keys: KeyRing
	readonly floor?: VersionFloor | undefined
	/** Milliseconds since the Unix epoch; for keys with bounds in time. */
	readonly now: number
}

export interface Verified {
	readonly statement: Statement
	/** Which key vouched for it. */
	readonly keyId: string
	/** The floor from now on, once the bytes have been accepted altogether. */
	readonly floor: VersionFloor
}

/**
 * The text of an envelope: the statement, signed with each of the keys.
 *
 * @param privateKeys PEM
 * @throws `INVALID_OPTION`
 */
export const signStatement = async (
	statement: Statement,
	privateKeys: string | readonly string[],
): Promise<string> => {
	const flaw = flawOfStatement(statement)
	if (flaw !== undefined) throw new RemoteTermError('INVALID_OPTION', `Cannot sign: ${flaw}`)
	const message = encodeStatement(statement)
	const signatures = await Promise.all(
		[privateKeys].flat().map(async pem => {
			const key = parsePrivateKey(pem)
			const keyId = await keyIdOf(await ed25519.publicKeyOf(key))
			return { keyId, signature: toBase64(await ed25519.sign(key, message)) }
		}),
	)
	const envelope = formatEnvelope(statement, signatures)
	// Nothing leaves here that would be refused there.
	parseEnvelope(new TextEncoder().encode(envelope))
	return envelope
}

/**
 * Whether the bytes with this digest are what a trusted key says this term is. The signature is checked before anything
 * that it covers is believed. One valid signature by one trusted key is enough (a threshold of 1); signatures by others,
 * and wrong ones, do not count against it.
 *
 * All of this is public, so nothing here needs to take the same time for every input.
 *
 * @throws `SIGNATURE_MISSING`, `SIGNATURE_INVALID`, `ROLLBACK_REFUSED`
 */
export const verifyEnvelope = async (
	envelope: Uint8Array | undefined,
	{ name, digest, keys, floor, now }: VerifyOptions,
): Promise<Verified> => {
	if (envelope === undefined)
		throw new RemoteTermError('SIGNATURE_MISSING', `Expected ${name} to be signed, found no signature`)
	const parsed = parseEnvelope(envelope)
	const keyId = await signerOf(parsed, keys, now, name)
	const { statement } = parsed
	if (statement.name !== name)
		throw refused(`Expected a signature of ${name}, found one of ${JSON.stringify(statement.name)}`)
	if (![digest].flat().includes(statement.digest))
		throw refused(
			`Expected ${name} to be what sequence ${statement.sequence} was signed as (sha-256 ${statement.digest}), found ${[digest].flat().join(' and ')}`,
		)
	if (floor !== undefined) checkFloor(statement, floor)
	return { statement, keyId, floor: { sequence: statement.sequence, digest: statement.digest } }
}

const signerOf = async (
	{ statement, signatures }: Envelope,
	keys: KeyRing,
	now: number,
	name: string,
): Promise<string> => {
	if (signatures.length === 0)
		throw new RemoteTermError('SIGNATURE_MISSING', `Expected ${name} to be signed, found no signature`)
	const message = encodeStatement(statement)
	const reasons = new Set<string>()
	for (const signature of signatures) {
		const reason = await reasonAgainst(signature, message, keys, now)
		if (reason === undefined) return signature.keyId
		reasons.add(reason)
	}
	throw refused(`Expected ${name} to be signed by a trusted key: ${[...reasons].join('; ')}`)
}

const reasonAgainst = async (
	{ keyId, signature }: EnvelopeSignature,
	message: Uint8Array,
	keys: KeyRing,
	now: number,
): Promise<string | undefined> => {
	// More than one may have the same id: it is short, and what counts is the signature.
	const known = keys.filter(({ id }) => id === keyId)
	if (known.length === 0) return `the key ${keyId} is not trusted`
	const current = known.filter(({ notBefore, notAfter }) => notBefore <= now && now < notAfter)
	if (current.length === 0) return `the key ${keyId} is not trusted at this time`
	for (const { publicKey } of current) {
		if (await ed25519.verify(publicKey, signature, message)) return undefined
	}
	return `the signature by the key ${keyId} is wrong`
}

const checkFloor = ({ name, sequence, digest }: Statement, floor: VersionFloor): void => {
	if (sequence < floor.sequence)
		throw new RemoteTermError(
			'ROLLBACK_REFUSED',
			`Expected ${name} to have a sequence of at least ${floor.sequence}, found ${sequence}`,
		)
	// Otherwise whoever holds both could swap one for the other as often as he likes.
	if (sequence === floor.sequence && digest !== floor.digest)
		throw new RemoteTermError(
			'ROLLBACK_REFUSED',
			`${name} was accepted with other bytes under the same sequence ${sequence} before`,
		)
}

const refused = (message: string): RemoteTermError => new RemoteTermError('SIGNATURE_INVALID', message)
