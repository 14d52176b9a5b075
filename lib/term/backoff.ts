export interface Backoff {
	/** The delay after the first failure, in milliseconds. */
	readonly base: number
	/** No delay is longer than this, in milliseconds. */
	readonly cap: number
}

/**
 * Exponential with equal jitter: half of the delay is certain, so that a broken source is left alone, and half is
 * chance, so that a fleet which failed together does not come back together.
 *
 * @param failures How many refreshes have failed in a row, 1 or more.
 * @param random A number from 0 up to 1.
 */
export const backoffDelay = (failures: number, { base, cap }: Backoff, random: number): number => {
	// Beyond 2^52 the doubling has long passed any cap; without the bound it would end in Infinity.
	const delay = Math.min(cap, base * 2 ** Math.min(failures - 1, 52))
	return (delay * (1 + random)) / 2
}
