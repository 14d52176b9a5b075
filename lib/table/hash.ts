/**
 * HalfSipHash-1-3 (Aumasson and Bernstein; the Linux kernel's choice for its hash tables) over UTF-16 code units, two
 * to a word. Its seed is drawn at random, so that nobody who chooses keys can choose collisions; and it reads
 * a string where it is, without encoding it first.
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

/** Set apart from strings by their tail word, which for a string is below 2^31. */
const NUMBER_TAIL = -1

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
	return (b ^ d) >>> 0
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

export const hashString = (key: string, { seed0, seed1 }: Seed): number => {
	// The state is in local variables here, as this is the one that every lookup waits for.
	let a = seed0
	let b = seed1
	let c = seed0 ^ V2
	let d = seed1 ^ V3
	const { length } = key
	for (let i = 0; i < length; i += 2) {
		const m = i + 1 < length ? key.charCodeAt(i) | (key.charCodeAt(i + 1) << 16) : key.charCodeAt(i)
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
	v0 = a
	v1 = b
	v2 = c
	v3 = d
	return finish(length)
}

export const hashLatin1 = (bytes: Uint8Array, at: number, length: number, { seed0, seed1 }: Seed): number => {
	begin(seed0, seed1)
	const even = length & ~1
	for (let i = 0; i < even; i += 2) word(bytes[at + i]! | (bytes[at + i + 1]! << 16))
	if (length > even) word(bytes[at + even]!)
	return finish(length)
}

/** `length` in bytes. */
export const hashUtf16 = (bytes: Uint8Array, at: number, length: number, { seed0, seed1 }: Seed): number => {
	begin(seed0, seed1)
	const even = length & ~3
	for (let i = 0; i < even; i += 4) {
		word(bytes[at + i]! | (bytes[at + i + 1]! << 8) | (bytes[at + i + 2]! << 16) | (bytes[at + i + 3]! << 24))
	}
	if (length > even) word(bytes[at + even]! | (bytes[at + even + 1]! << 8))
	return finish(length >>> 1)
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
