import type { Logger } from '../core/logger.ts'
import { pathOf } from './messages.ts'

/** How many are remembered. Only what is refused outside of a `put` gathers: a `put` says all of it anew. */
const MAX_REFUSED = 10_000

/** The items that could not be used, by path, with the reason. */
export class RefusedItems {
	readonly reasons = new Map<string, string>()
	readonly #logger: Logger

	constructor(logger: Logger) {
		this.#logger = logger
	}

	add(collection: string, id: string, reason: string): void {
		for (const oldest of this.reasons.keys()) {
			if (this.reasons.size < MAX_REFUSED) break
			this.reasons.delete(oldest)
		}
		this.reasons.set(pathOf(collection, id), reason)
	}

	delete(collection: string, id: string): void {
		this.reasons.delete(pathOf(collection, id))
	}

	clear(): void {
		this.reasons.clear()
	}

	/** One line for all of these, as there may be as many as there are items. */
	warnOf(collection: string, refused: ReadonlyArray<{ readonly id: string }>): void {
		const first = refused[0]
		if (first === undefined) return
		const place = pathOf(collection, first.id)
		this.#logger.warn('Refused what is not valid; the last good values stay', {
			count: refused.length,
			first: place,
			reason: this.reasons.get(place),
		})
	}
}
