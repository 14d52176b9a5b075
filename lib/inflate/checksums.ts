/** CRC-32 as gzip has it (RFC 1952 §8). Begin with 0, and pass the last result on to continue. */
export const crc32 = (bytes: Uint8Array, before: number): number => {
	let crc = ~before
	for (let at = 0; at < bytes.length; at++) crc = CRC_TABLE[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8)
	return ~crc >>> 0
}

const CRC_TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
	let crc = byte
	for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
	return crc
})

const ADLER_MODULUS = 65521
/** As many bytes as can be summed before a sum has to be reduced (RFC 1950 §9). */
const ADLER_RUN = 3800

/** Adler-32 as zlib has it (RFC 1950 §9). Begin with 1, and pass the last result on to continue. */
export const adler32 = (bytes: Uint8Array, before: number): number => {
	let low = before & 0xffff
	let high = before >>> 16
	for (let from = 0; from < bytes.length; from += ADLER_RUN) {
		const to = Math.min(from + ADLER_RUN, bytes.length)
		for (let at = from; at < to; at++) high += low += bytes[at]!
		low %= ADLER_MODULUS
		high %= ADLER_MODULUS
	}
	return high * 65536 + low
}
