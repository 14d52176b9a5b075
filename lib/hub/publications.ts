import type { RunState } from './rows.ts'

/** Of one term. */
const MAX_VERSIONS = 64
/** Of which the order is remembered. */
const MAX_TERMS = 10_000

/**
 * In which order versions were published, as far as the fleet can tell: by when the first node had put each in place.
 * Versions themselves say nothing of that. Nodes' clocks are compared, so two versions that were published within the
 * time by which clocks differ may be taken in the wrong order.
 */
export class Publications {
	readonly #terms = new Map<string, Map<string, number>>()

	note(key: string, { past = [], since, version }: RunState): void {
		let seen = this.#terms.get(key)
		if (seen === undefined) {
			seen = new Map()
			this.#terms.set(key, seen)
			const [first] = this.#terms.keys()
			if (this.#terms.size > MAX_TERMS) this.#terms.delete(first!)
		}
		for (const [one, at] of past) noteFirst(seen, one, at)
		if (version !== undefined && since !== undefined) noteFirst(seen, version, since)
		// A row may bring several.
		for (const [earliest] of sorted(seen).slice(0, Math.max(0, seen.size - MAX_VERSIONS)))
			seen.delete(earliest)
	}

	/** The earliest first, each with when it was first put in place anywhere. */
	of(key: string): ReadonlyArray<readonly [version: string, at: number]> {
		return sorted(this.#terms.get(key) ?? new Map<string, number>())
	}
}

const noteFirst = (seen: Map<string, number>, version: string, at: number): void => {
	const known = seen.get(version)
	if (known === undefined || at < known) seen.set(version, at)
}

const sorted = (seen: ReadonlyMap<string, number>): Array<[string, number]> =>
	[...seen].sort(([a, one], [b, other]) => one - other || (a < b ? -1 : 1))
