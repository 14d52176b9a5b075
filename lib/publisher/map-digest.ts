import type { Stamp } from './hybrid-clock.ts'

/** Keys are told apart by so many buckets, so that a difference in one of them costs the exchange of that one. */
export const BUCKETS = 64

/** FNV-1a, 32 bits: no protection against malice, which is not what comparing needs. */
const hash = (text: string, seed: number): number => {
	let value = seed
	for (let index = 0; index < text.length; index++)
		value = Math.imul(value ^ text.charCodeAt(index), 0x01000193)
	return value >>> 0
}

export const bucketOf = (key: string): number => hash(key, 0x811c9dc5) % BUCKETS

/** One number for each bucket: the same where, and practically only where, the same is known. */
export const digestOf = (known: Iterable<readonly [key: string, stamp: Stamp]>): readonly number[] => {
	const high = new Uint32Array(BUCKETS)
	const low = new Uint32Array(BUCKETS)
	for (const [key, { time, count, by }] of known) {
		const bucket = bucketOf(key)
		const text = `${key}\0${time}\0${count}\0${by}`
		high[bucket]! ^= hash(text, 0x811c9dc5)
		low[bucket]! ^= hash(text, 0x01234567)
	}
	return Array.from(high, (value, bucket) => (value & 0x1fffff) * 2 ** 32 + low[bucket]!)
}
