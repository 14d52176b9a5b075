/**
 * HalfSipHash-1-3 (Aumasson and Bernstein; the Linux kernel's choice for its hash tables) over keys as they are packed:
 * Latin-1 characters, four to a word, or UTF-16 code units, two to a word. Its seed is drawn at random, so that nobody
 * who chooses keys can choose collisions; and it reads a string where it is, without encoding it first.
 *
 * The loop is written out three times, for a string, and for keys that lie packed in Latin-1 and UTF-16, since all
 * three must agree and none may build what another has.
 */
export interface Seed {
	readonly seed0: number
	readonly seed1: number
}

const V2 = 0x6c_79_67_65
const V3 = 0x74_65_64_62

/** The tail word has what is left of a key, the length, of which the lower two bits matter, and the kind in its highest. */
const lengthInTail = (length: number): number => (length & 0x3f) << 24
const UTF16_TAIL = 1 << 30
const NUMBER_TAIL = 2 << 30

let v0 = 0
let v1 = 0
let v2 = 0
let v3 = 0

const begin = (seed0: number, seed1: number): void => {
	v0 = seed0
	v1 = seed1
	v2 = seed0 ^ V2
	v3 = seed1 ^ V3
}

const finish = (tail: number): number => {
	let a = v0
	let b = v1
	let c = v2
	let d = v3 ^ tail
	for (let round = 0; round < 4; round++) {
		if (round === 1) {
			a ^= tail
			c ^= 0xff
		}
		a = (a + b) | 0
		b = ((b << 5) | (b >>> 27)) ^ a
		a = (a << 16) | (a >>> 16)
		c = (c + d) | 0
		d = ((d << 8) | (d >>> 24)) ^ c
		a = (a + d) | 0
		d = ((d << 7) | (d >>> 25)) ^ a
		c = (c + b) | 0
		b = ((b << 13) | (b >>> 19)) ^ c
		c = (c << 16) | (c >>> 16)
	}
	return b ^ d
}

const word = (m: number): void => {
	let a = v0
	let b = v1
	let c = v2
	let d = v3 ^ m
	a = (a + b) | 0
	b = ((b << 5) | (b >>> 27)) ^ a
	a = (a << 16) | (a >>> 16)
	c = (c + d) | 0
	d = ((d << 8) | (d >>> 24)) ^ c
	a = (a + d) | 0
	d = ((d << 7) | (d >>> 25)) ^ a
	c = (c + b) | 0
	b = ((b << 13) | (b >>> 19)) ^ c
	c = (c << 16) | (c >>> 16)
	v0 = a ^ m
	v1 = b
	v2 = c
	v3 = d
}

/** All hashes are 32 bits, with a sign. */
export const hashString = (key: string, seed: Seed): number => {
	// One function with its state in local variables, as this is the one that every lookup waits for.
	const { seed0, seed1 } = seed
	let a = seed0
	let b = seed1
	let c = seed0 ^ V2
	let d = seed1 ^ V3
	const { length } = key
	let i = 0
	let all = 0
	for (; i + 4 <= length; i += 4) {
		const [p, q] = [key.charCodeAt(i), key.charCodeAt(i + 1)]
		const [r, s] = [key.charCodeAt(i + 2), key.charCodeAt(i + 3)]
		all |= p | q | r | s
		const m = p | (q << 8) | (r << 16) | (s << 24)
		d ^= m
		a = (a + b) | 0
		b = ((b << 5) | (b >>> 27)) ^ a
		a = (a << 16) | (a >>> 16)
		c = (c + d) | 0
		d = ((d << 8) | (d >>> 24)) ^ c
		a = (a + d) | 0
		d = ((d << 7) | (d >>> 25)) ^ a
		c = (c + b) | 0
		b = ((b << 13) | (b >>> 19)) ^ c
		c = (c << 16) | (c >>> 16)
		a ^= m
	}
	let tail = lengthInTail(length)
	for (let shift = 0; i < length; shift += 8) {
		const unit = key.charCodeAt(i++)
		all |= unit
		tail |= unit << shift
	}
	if (all > 0xff) return hashWide(key, seed)
	d ^= tail
	for (let round = 0; round < 4; round++) {
		if (round === 1) {
			a ^= tail
			c ^= 0xff
		}
		a = (a + b) | 0
		b = ((b << 5) | (b >>> 27)) ^ a
		a = (a << 16) | (a >>> 16)
		c = (c + d) | 0
		d = ((d << 8) | (d >>> 24)) ^ c
		a = (a + d) | 0
		d = ((d << 7) | (d >>> 25)) ^ a
		c = (c + b) | 0
		b = ((b << 13) | (b >>> 19)) ^ c
		c = (c << 16) | (c >>> 16)
	}
	return b ^ d
}

const hashWide = (key: string, { seed0, seed1 }: Seed): number => {
	begin(seed0, seed1)
	const { length } = key
	const even = length & ~1
	for (let i = 0; i < even; i += 2) word(key.charCodeAt(i) | (key.charCodeAt(i + 1) << 16))
	return finish((length > even ? key.charCodeAt(even) : 0) | lengthInTail(length) | UTF16_TAIL)
}

export const hashLatin1 = (bytes: Uint8Array, at: number, length: number, { seed0, seed1 }: Seed): number => {
	begin(seed0, seed1)
	const end = at + length
	let i = at
	for (; i + 4 <= end; i += 4)
		word(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
	let tail = lengthInTail(length)
	for (let shift = 0; i < end; shift += 8) tail |= bytes[i++]! << shift
	return finish(tail)
}

/** `size` in bytes. */
export const hashUtf16 = (bytes: Uint8Array, at: number, size: number, { seed0, seed1 }: Seed): number => {
	begin(seed0, seed1)
	const end = at + size
	let i = at
	for (; i + 4 <= end; i += 4)
		word(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
	const rest = i < end ? bytes[i]! | (bytes[i + 1]! << 8) : 0
	return finish(rest | lengthInTail(size >>> 1) | UTF16_TAIL)
}

const float = new Float64Array(1)
const halves = new Int32Array(float.buffer)

export const hashNumber = (key: number, { seed0, seed1 }: Seed): number => {
	begin(seed0, seed1)
	float[0] = key
	word(halves[0]!)
	word(halves[1]!)
	return finish(NUMBER_TAIL)
}
