import { crc32 } from 'node:zlib'

const word = (bytes: Buffer, index: number): number => bytes.readUInt32LE(index * 4)

/** Where the sections of an image lie, as its head says. */
export const sectionsOf = (
	bytes: Buffer,
): { vocabulary: number; index: number; keys: number; segments: number; buckets: number } => {
	const segments = word(bytes, 9)
	const vocabulary = 64 + segments * 8
	const index = (vocabulary + word(bytes, 8) + 7) & ~7
	const buckets = 2 ** word(bytes, 5)
	const keys = index + (((buckets + 1) * 4 + 7) & ~7)
	return { vocabulary, index, keys, segments: keys + ((word(bytes, 12) + 7) & ~7), buckets }
}

/** All key entries, by where they lie in the file. */
export const entriesOf = (bytes: Buffer): Array<{ at: number; bucket: number; length: number }> => {
	const { buckets, index, keys } = sectionsOf(bytes)
	const entries = []
	for (let bucket = 0; bucket < buckets; bucket++) {
		const end = keys + bytes.readUInt32LE(index + bucket * 4 + 4)
		for (let at = keys + bytes.readUInt32LE(index + bucket * 4); at < end;) {
			const length = bytes[at]! & 0x3f
			entries.push({ at, bucket, length })
			at += 6 + length
		}
	}
	return entries
}

/** All checksums anew, as somebody would who can write to the file. */
export const reseal = (bytes: Buffer): Buffer => {
	const count = word(bytes, 9)
	const { index, keys, segments, vocabulary } = sectionsOf(bytes)
	if (vocabulary > bytes.length) return bytes
	const crc = (from: number, to: number): number => crc32(bytes.subarray(from, to))
	bytes.writeUInt32LE(crc(index, keys), 10 * 4)
	bytes.writeUInt32LE(crc(vocabulary, index), 11 * 4)
	bytes.writeUInt32LE(crc(keys, segments), 13 * 4)
	let at = segments
	for (let i = 0; i < count; i++) {
		const length = bytes.readUInt32LE(64 + i * 8)
		bytes.writeUInt32LE(crc(at, at + length), 64 + i * 8 + 4)
		at += length
	}
	bytes.writeUInt32LE(crc32(bytes.subarray(64, vocabulary), crc(0, 60)), 60)
	return bytes
}
