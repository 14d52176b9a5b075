import { RemoteTermError } from '../../core/errors.ts'
import type { Ordering } from '../../core/ordering.ts'
import { checkEntry } from './checks.ts'

/** Items between two chances to pause, which cost as much as an item does. */
const STEP = 16

export type Entry<Item> = readonly [id: string, item: Item, version: number]

/**
 * A whole configuration that is to take the place of the one that is there: read and compared step by step, so that only
 * what differs is left to be done in one go. It knows what has been changed since it was begun: that is newer.
 */
export class Replacement<Item> {
	/** Everything has been replaced since. */
	isAbandoned = false
	readonly #ordering: Ordering<Item>
	readonly #maxItems: number
	readonly #entries = new Map<string, Entry<Item>>()
	readonly #changed: Array<Entry<Item>> = []
	readonly #gone: string[] = []
	readonly #touched = new Set<string>()
	readonly #forgotten = new Set<string>()

	constructor(ordering: Ordering<Item>, maxItems: number) {
		this.#ordering = ordering
		this.#maxItems = maxItems
	}

	/** This has been changed since, or deleted: of what is known of it the higher version holds. */
	touch(id: string): void {
		this.#touched.add(id)
	}

	/** This has been dropped since, and no version of it was remembered. */
	forget(id: string): void {
		this.touch(id)
		this.#forgotten.add(id)
	}

	/**
	 * A step for every few items.
	 *
	 * @throws `VALIDATION_FAILED`, `TOO_LARGE`
	 */
	*prepare(all: Iterable<Entry<Item>>): Generator<void, void, undefined> {
		let count = 0
		for (const entry of all) {
			this.#entries.set(checkEntry(...entry), entry)
			if (++count % STEP === 0) yield
		}
		if (this.#entries.size > this.#maxItems) throw tooMany(this.#maxItems)
		for (const entry of this.#entries.values()) {
			const [id, , version] = entry
			const known = this.#ordering.versionOf(id)
			if (known === undefined || version > known || !this.#ordering.has(id)) this.#changed.push(entry)
			if (++count % STEP === 0) yield
		}
		for (const id of this.#ordering.keys()) {
			if (!this.#entries.has(id)) this.#gone.push(id)
			if (++count % STEP === 0) yield
		}
	}

	/** New, of a higher version, or brought back from a deletion that is older than this. */
	*changed(): Generator<Entry<Item>, void, undefined> {
		for (const entry of this.#changed) {
			const [id, , version] = entry
			if (this.#forgotten.has(id)) continue
			const isDeleted = !this.#ordering.has(id) && version <= (this.#ordering.versionOf(id) ?? -Infinity)
			if (!isDeleted || !this.#touched.has(id)) yield entry
		}
	}

	/** What is no longer there. Deletions of what is not there either are remembered on: so do clients. */
	*gone(): Generator<string, void, undefined> {
		for (const id of this.#gone) if (!this.#touched.has(id)) yield id
	}
}

export const tooMany = (maxItems: number): RemoteTermError =>
	new RemoteTermError('TOO_LARGE', `Expected at most ${maxItems} items (maxItems), more came`)
