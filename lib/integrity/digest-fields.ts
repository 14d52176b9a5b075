import { messageOf } from '../core/errors.ts'
import type { ExpectedDigest } from '../core/fetcher.ts'
import { toHex } from './encodings.ts'
import { parseDictionary } from './structured-dictionary.ts'

export type DigestAlgorithm = ExpectedDigest['algorithm']

/** In bytes. */
export const DIGEST_LENGTHS: Readonly<Record<DigestAlgorithm, number>> = {
	'sha-256': 32,
	'sha-512': 64,
	crc32: 4,
	crc32c: 4,
}

/**
 * - `found`: strongest first
 * - `none`: nothing is promised, or nothing in an algorithm that we know
 * - `malformed`: something is promised, but nobody can tell what. A broken sender is no reason to refuse good bytes,
 *   so it is for the caller to decide what this costs.
 */
export type DigestPromise =
	| { readonly status: 'found'; readonly digests: readonly ExpectedDigest[] }
	| { readonly status: 'none' }
	| { readonly status: 'malformed'; readonly reason: string }

/** `Content-Digest` and `Repr-Digest` (RFC 9530). `value` is the field's, several lines of it joined by commas. */
export const parseDigestField = (
	field: 'content-digest' | 'repr-digest',
	value: string | undefined,
): DigestPromise => {
	if (value === undefined) return { status: 'none' }
	let members: ReturnType<typeof parseDictionary>
	try {
		members = parseDictionary(value)
	} catch (error) {
		return { status: 'malformed', reason: messageOf(error) }
	}
	const of = field === 'content-digest' ? 'body-as-sent' : 'representation'
	const digests: ExpectedDigest[] = []
	// Others, among them those that RFC 9530 §5 calls insecure (md5, sha, unixsum, …), are ignored.
	for (const algorithm of ['sha-512', 'sha-256'] as const) {
		if (!members.has(algorithm)) continue
		const bytes = members.get(algorithm)
		if (bytes?.length !== DIGEST_LENGTHS[algorithm]) return wrongLength(algorithm, bytes?.length)
		digests.push({ algorithm, value: toHex(bytes), of })
	}
	return digests.length === 0 ? { status: 'none' } : { status: 'found', digests }
}

export const wrongLength = (algorithm: DigestAlgorithm, found: number | undefined): DigestPromise => ({
	status: 'malformed',
	reason: `expected ${DIGEST_LENGTHS[algorithm]} bytes of ${algorithm}, found ${found ?? 'none'}`,
})
