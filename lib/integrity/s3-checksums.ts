import { DIGEST_LENGTHS, wrongLength, type DigestAlgorithm, type DigestPromise } from './digest-fields.ts'
import type { ExpectedDigest } from '../core/fetcher.ts'
import { fromBase64, toHex } from './encodings.ts'

/**
 * The checksums of an object, as the answers of the AWS SDK have them (with `ChecksumMode: 'ENABLED'`), which is as the
 * headers `x-amz-checksum-…` have them.
 */
export interface S3Checksums {
	readonly ChecksumSHA256?: string | undefined
	readonly ChecksumCRC32?: string | undefined
	readonly ChecksumCRC32C?: string | undefined
	/** `COMPOSITE`: of the checksums of the parts of an upload, and so of no bytes that we could digest. */
	readonly ChecksumType?: string | undefined
}

const ALGORITHMS = [
	['ChecksumSHA256', 'sha-256'],
	['ChecksumCRC32C', 'crc32c'],
	['ChecksumCRC32', 'crc32'],
] as const satisfies ReadonlyArray<readonly [keyof S3Checksums, DigestAlgorithm]>

/** Of the whole object only. CRC-64/NVME and SHA-1 are not verified by us; the SDK does by itself. */
export const parseS3Checksums = (checksums: S3Checksums): DigestPromise => {
	const digests: ExpectedDigest[] = []
	for (const [field, algorithm] of ALGORITHMS) {
		const text = checksums[field]
		// A composite one ends in the number of its parts: "…=-3".
		if (text === undefined || checksums.ChecksumType === 'COMPOSITE' || /-\d+$/.test(text)) continue
		const bytes = fromBase64(text)
		if (bytes?.length !== DIGEST_LENGTHS[algorithm]) return wrongLength(algorithm, bytes?.length)
		digests.push({ algorithm, value: toHex(bytes), of: 'representation' })
	}
	return digests.length === 0 ? { status: 'none' } : { status: 'found', digests }
}

/** The headers `x-amz-checksum-…` of an answer. `header` returns one by its lower-case name. */
export const parseS3ChecksumHeaders = (header: (name: string) => string | undefined): DigestPromise =>
	parseS3Checksums({
		ChecksumSHA256: header('x-amz-checksum-sha256'),
		ChecksumCRC32: header('x-amz-checksum-crc32'),
		ChecksumCRC32C: header('x-amz-checksum-crc32c'),
		ChecksumType: header('x-amz-checksum-type'),
	})
