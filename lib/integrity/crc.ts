/** A running CRC-32 over bytes that arrive in pieces, as an unsigned number. */
export interface Crc {
	update(chunk: Uint8Array): void
	value(): number
}

/** The generator polynomials, reflected. */
const POLYNOMIALS = {
	/** As in gzip and Ethernet (ISO-HDLC). */
	crc32: 0xedb88320,
	/** Castagnoli, as in iSCSI (RFC 3720 §B.4). */
	crc32c: 0x82f63b78,
} as const

/** Four tables of 256, one for each byte that is taken at a time ("slicing by four"). */
const tablesOf = (polynomial: number): readonly Uint32Array[] => {
	const first = Uint32Array.from({ length: 256 }, (_, byte) => {
		let crc = byte
		for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1
		return crc >>> 0
	})
	const tables = [first]
	while (tables.length < 4) tables.push(tables.at(-1)!.map(crc => ((crc >>> 8) ^ first[crc & 0xff]!) >>> 0))
	return tables
}

const tables = new Map<keyof typeof POLYNOMIALS, readonly Uint32Array[]>()

export const createCrc = (kind: keyof typeof POLYNOMIALS): Crc => {
	const [one, two, three, four] = (tables.get(kind) ??
		tables.set(kind, tablesOf(POLYNOMIALS[kind])).get(kind)) as [
		Uint32Array,
		Uint32Array,
		Uint32Array,
		Uint32Array,
	]
	let crc = 0xffffffff
	return {
		update(chunk) {
			let at = 0
			for (const end = chunk.length - 3; at < end; at += 4) {
				crc ^= chunk[at]! | (chunk[at + 1]! << 8) | (chunk[at + 2]! << 16) | (chunk[at + 3]! << 24)
				crc = four[crc & 0xff]! ^ three[(crc >>> 8) & 0xff]! ^ two[(crc >>> 16) & 0xff]! ^ one[crc >>> 24]!
			}
			for (; at < chunk.length; at++) crc = (crc >>> 8) ^ one[(crc ^ chunk[at]!) & 0xff]!
		},
		value: () => (crc ^ 0xffffffff) >>> 0,
	}
}
