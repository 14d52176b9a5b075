import { RemoteTermError } from '../core/errors.ts'

/** By what factor the next value may be larger or smaller than the last accepted one. */
export interface DriftGuard {
	/** Of the bytes after decompression. */
	readonly bytes?: number | undefined
	/** Of the top-level keys, elements or entries. */
	readonly keys?: number | undefined
}

/** The size of a value by both measures. */
export interface Extent {
	readonly bytes: number | undefined
	readonly keys: number | undefined
}

/** Members of an array, a `Map`, a `Set` or a plain object; `undefined` for what has none. */
export const countKeys = (value: unknown): number | undefined => {
	if (Array.isArray(value)) return value.length
	if (typeof value !== 'object' || value === null) return undefined
	// Maps, Sets, and whatever is made like them, as tables are.
	if (Symbol.iterator in value && 'size' in value && typeof value.size === 'number') return value.size
	return Object.keys(value).length
}

/**
 * Refuses the kind of outage in which a generated file suddenly doubles or empties, and is valid all the same.
 *
 * @throws `DRIFT_REFUSED`
 */
export const checkDrift = (guard: DriftGuard, last: Extent, next: Extent, subject: string): void => {
	for (const measure of ['bytes', 'keys'] as const) {
		const factor = guard[measure]
		const before = last[measure]
		const after = next[measure]
		if (factor === undefined || before === undefined || after === undefined) continue
		// Nothing has no factor: from and to an empty value is drift, unless both are empty.
		if (after <= before * factor && before <= after * factor) continue
		throw new RemoteTermError(
			'DRIFT_REFUSED',
			`Expected ${subject} to have between ${Math.ceil(before / factor)} and ${Math.floor(before * factor)} ${measure} (driftGuard.${measure}: ${factor}), got ${after}; pin this version if it is right`,
		)
	}
}
