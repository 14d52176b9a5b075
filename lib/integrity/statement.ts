import { concat } from '../core/bytes.ts'
import { fromHex } from './encodings.ts'

/** What a publisher says, and signs, about one version of a term. */
export interface Statement {
	/** The term's. One key may sign for several terms without one's content passing as another's. */
	readonly name: string
	/** An integer from 0 to 2^53 − 1, higher with each publish. */
	readonly sequence: number
	/** What people call this version. Means nothing to us. */
	readonly label?: string | undefined
	/** SHA-256 of the published file, in lower-case hexadecimal. */
	readonly digest: string
	/** Milliseconds since the Unix epoch, by the publisher's clock. */
	readonly signedAt: number
}

export const MAX_NAME_BYTES = 4096
export const MAX_LABEL_BYTES = 256

const DOMAIN = 'remote-term signed statement 1'
const utf8 = new TextEncoder()

/**
 * The bytes that are signed: each field with its length before it (32 bits, big-endian), in a fixed order, so that no
 * two statements share an encoding; and a domain before them, so that no other use of the key does either.
 *
 * ```
 * lp("remote-term signed statement 1")
 * lp(name in UTF-8)
 * lp(sequence, 64 bits, big-endian)
 * lp(0x01, label in UTF-8)        or lp() without a label
 * lp("sha-256")
 * lp(digest, 32 bytes)
 * lp(signedAt, 64 bits, big-endian)
 * ```
 */
export const encodeStatement = ({
	name,
	sequence,
	label,
	digest,
	signedAt,
}: Statement): Uint8Array<ArrayBuffer> =>
	concat(
		[
			utf8.encode(DOMAIN),
			utf8.encode(name),
			uint64(sequence),
			label === undefined ? new Uint8Array(0) : concat([Uint8Array.of(1), utf8.encode(label)]),
			utf8.encode('sha-256'),
			fromHex(digest)!,
			uint64(signedAt),
		].flatMap(field => [uint32(field.length), field]),
	)

/** The first thing about it that is not as it must be, with what was expected. */
export const flawOfStatement = ({
	name,
	sequence,
	label,
	digest,
	signedAt,
}: { readonly [Field in keyof Statement]: unknown }): string | undefined => {
	if (!isText(name, MAX_NAME_BYTES) || name === '')
		return `\`name\` is not 1 to ${MAX_NAME_BYTES} bytes of well-formed text`
	if (!isCount(sequence)) return '`sequence` is no integer from 0 to 2^53 − 1'
	if (label !== undefined && !isText(label, MAX_LABEL_BYTES))
		return `\`label\` is not at most ${MAX_LABEL_BYTES} bytes of well-formed text`
	if (typeof digest !== 'string' || !/^[0-9a-f]{64}$/.test(digest))
		return '`digest` is no SHA-256 in lower-case hexadecimal'
	if (!isCount(signedAt)) return '`signedAt` is no integer number of milliseconds'
	return undefined
}

/** Lone surrogates have no encoding of their own in UTF-8: several texts would become the same bytes. */
const isText = (value: unknown, maxBytes: number): value is string =>
	typeof value === 'string' &&
	value.length <= maxBytes &&
	!/\p{Surrogate}/u.test(value) &&
	utf8.encode(value).length <= maxBytes

const isCount = (value: unknown): value is number =>
	Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0)

const uint32 = (value: number): Uint8Array<ArrayBuffer> => {
	const bytes = new Uint8Array(4)
	new DataView(bytes.buffer).setUint32(0, value)
	return bytes
}

const uint64 = (value: number): Uint8Array<ArrayBuffer> => {
	const bytes = new Uint8Array(8)
	new DataView(bytes.buffer).setBigUint64(0, BigInt(value))
	return bytes
}
