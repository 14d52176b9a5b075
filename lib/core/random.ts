/** A source of numbers from 0 up to, but not including, 1: `Math.random`, or one that can be repeated. */
export type Random = () => number

/**
 * The same numbers for the same seed, on every machine: sfc32, Chris Doty-Humphrey's small fast counting generator,
 * which passes PractRand. For simulations and tests, never for secrets.
 */
export const seededRandom = (seed: number): Random => {
	let a = seed | 0
	let b = Math.floor(seed / 2 ** 32) | 0
	let c = 0
	let counter = 1
	const next = (): number => {
		const sum = (((a + b) | 0) + counter) | 0
		counter = (counter + 1) | 0
		a = b ^ (b >>> 9)
		b = (c + (c << 3)) | 0
		c = (((c << 21) | (c >>> 11)) + sum) | 0
		return (sum >>> 0) / 2 ** 32
	}
	// Until a small seed has reached every bit.
	for (let round = 0; round < 16; round++) next()
	return next
}

/** What tells one start of a peer from another: 12 characters, each one of 32. */
export const bootId = (random: Random): string => {
	let id = ''
	for (let index = 0; index < 12; index++) id += ALPHABET[Math.floor(random() * ALPHABET.length)]
	return id
}

/** Crockford's, in lower case: nothing that is mistaken for something else when it is read out. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
