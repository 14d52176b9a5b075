import { createSha256, createSha512 } from '#digest'
import { RemoteTermError } from '../core/errors.ts'
import { createCrc } from './crc.ts'
import type { ExpectedDigest } from '../core/fetcher.ts'
import type { DigestAlgorithm } from './digest-fields.ts'

/** Compares bytes with what was promised of them, while they arrive. */
export interface DigestCheck {
	/** The promise that is held against the bytes: the strongest. */
	readonly expected: ExpectedDigest
	update(chunk: Uint8Array): void
	/**
	 * Called once, after the last byte.
	 *
	 * @throws `DIGEST_MISMATCH`
	 */
	verify(subject: string): Promise<void>
}

const STRENGTH: readonly DigestAlgorithm[] = ['sha-512', 'sha-256', 'crc32c', 'crc32']

/** `undefined` where nothing is promised. One digest is enough to verify: the weaker ones add nothing but work. */
export const createDigestCheck = (promised: readonly ExpectedDigest[]): DigestCheck | undefined => {
	const [expected] = [...promised].sort(
		(a, b) => STRENGTH.indexOf(a.algorithm) - STRENGTH.indexOf(b.algorithm),
	)
	if (expected === undefined) return undefined
	const { algorithm, value } = expected
	const digest = digests[algorithm]()
	return {
		expected,
		update: chunk => digest.update(chunk),
		async verify(subject) {
			const found = await digest.hex()
			if (found === value) return
			throw new RemoteTermError(
				'DIGEST_MISMATCH',
				`Expected ${subject} to have the ${algorithm} ${value}, found ${found}`,
			)
		},
	}
}

const crc = (kind: 'crc32' | 'crc32c') => () => {
	const running = createCrc(kind)
	return {
		update: (chunk: Uint8Array) => running.update(chunk),
		hex: async () => running.value().toString(16).padStart(8, '0'),
	}
}

const digests = {
	'sha-256': createSha256,
	'sha-512': createSha512,
	crc32: crc('crc32'),
	crc32c: crc('crc32c'),
}
