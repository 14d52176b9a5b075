import { positiveInteger } from './options.ts'

export type UpsertOutcome = 'insert' | 'update' | 'ignored'
export type DeleteOutcome = 'delete' | 'ignored'

/** Negative where `a` came before `b`, positive where it came after, 0 where they are the same version. Total. */
export type CompareVersions<V> = (a: V, b: V) => number

export interface OrderingOptions<V> {
	/** How versions follow each other. Default: `<` and `>`, which is right for numbers, bigints and plain text. */
	readonly compare?: CompareVersions<V> | undefined
	/**
	 * How many deletions are remembered, 1 or more; default 10,000. Beyond it the oldest is forgotten: should a change
	 * that was made before that deletion still arrive, it inserts its item again, as if it had never been deleted.
	 */
	readonly maxTombstones?: number | undefined
}

/** What `<` orders needs no `compare`; everything else (clock stamps, pairs) does. */
type Arguments<V> = V extends number | bigint | string
	? [options?: OrderingOptions<V>]
	: [options: OrderingOptions<V> & { readonly compare: CompareVersions<V> }]

interface Live<Item, V> {
	item: Item
	version: V
}

const MAX_TOMBSTONES = 10_000

/**
 * Orders changes of keyed, versioned items: the highest version of an id wins, in whatever order, and however often,
 * its changes arrive. It decides and remembers; whoever asks acts on the answers (SPEC §1.5).
 *
 * - An id is never updated or deleted before it was inserted, and is deleted at most once per insertion.
 * - A deletion is remembered as a tombstone, so that an older change which comes late does not undo it. A delete of an
 *   id that was never seen leaves a tombstone too: delete 2, then upsert 1, is the same as upsert 1, then delete 2.
 * - `restore`, `forget`, `retain` and `purge` are for whoever knows the whole truth, such as a full snapshot: they
 *   overrule tombstones, or drop them. What they drop has left no trace: any version inserts it again.
 *
 * Every operation on one id takes the same time, however many there are.
 */
export class Ordering<Item, V = number> {
	readonly #live = new Map<string, Live<Item, V>>()
	/** In the order in which they were last raised: the first is the oldest. */
	readonly #tombstones = new Map<string, V>()
	readonly #compare: CompareVersions<V>
	readonly #maxTombstones: number
	#evicted = 0

	constructor(...[options = {}]: Arguments<V>) {
		const { compare = byOperator, maxTombstones = MAX_TOMBSTONES } = options as OrderingOptions<V>
		this.#compare = compare
		this.#maxTombstones = positiveInteger('maxTombstones', maxTombstones)
	}

	/** Stores the item if its version is higher than what is known of the id; any version is, of an unknown id. */
	upsert(id: string, item: Item, version: V): UpsertOutcome {
		const live = this.#live.get(id)
		if (live !== undefined) {
			if (this.#compare(version, live.version) <= 0) return 'ignored'
			live.item = item
			live.version = version
			return 'update'
		}
		const deletedAt = this.#tombstones.get(id)
		if (deletedAt !== undefined || this.#tombstones.has(id)) {
			if (this.#compare(version, deletedAt as V) <= 0) return 'ignored'
			this.#tombstones.delete(id)
		}
		this.#live.set(id, { item, version })
		return 'insert'
	}

	/** As `upsert`, except that a tombstone of whatever version gives way: the source says that the item is there. */
	restore(id: string, item: Item, version: V): UpsertOutcome {
		this.#tombstones.delete(id)
		return this.upsert(id, item, version)
	}

	/** Deletes the item if the version is higher than its own, and remembers that in any case that is news. */
	delete(id: string, version: V): DeleteOutcome {
		const live = this.#live.get(id)
		if (live !== undefined) {
			if (this.#compare(version, live.version) <= 0) return 'ignored'
			this.#live.delete(id)
			this.#entomb(id, version)
			return 'delete'
		}
		const known = this.#tombstones.has(id)
		if (!known || this.#compare(version, this.#tombstones.get(id) as V) > 0) this.#entomb(id, version)
		return 'ignored'
	}

	/** Drops all that is known of the id, its tombstone too. */
	forget(id: string): DeleteOutcome {
		this.#tombstones.delete(id)
		return this.#live.delete(id) ? 'delete' : 'ignored'
	}

	/** Forgets every id that fails the test, and returns those that were live. */
	retain(test: (id: string) => boolean): string[] {
		return this.purge(id => !test(id))
	}

	/** Forgets every id that passes the test, and returns those that were live. */
	purge(test: (id: string) => boolean): string[] {
		for (const id of this.#tombstones.keys()) if (test(id)) this.#tombstones.delete(id)
		const purged: string[] = []
		for (const id of this.#live.keys()) {
			if (!test(id)) continue
			this.#live.delete(id)
			purged.push(id)
		}
		return purged
	}

	get(id: string): Item | undefined {
		return this.#live.get(id)?.item
	}

	has(id: string): boolean {
		return this.#live.has(id)
	}

	/** Of the item, or of its deletion where it is remembered. */
	versionOf(id: string): V | undefined {
		const live = this.#live.get(id)
		return live === undefined ? this.#tombstones.get(id) : live.version
	}

	/** The live ones, in the order of their insertion. */
	*entries(): Generator<[id: string, item: Item, version: V], void, undefined> {
		for (const [id, { item, version }] of this.#live) yield [id, item, version]
	}

	/** The ids of the live ones, in the order of their insertion. */
	keys(): IterableIterator<string> {
		return this.#live.keys()
	}

	/** The remembered deletions, the oldest first. */
	*deletions(): Generator<[id: string, version: V], void, undefined> {
		yield* this.#tombstones
	}

	/** How many are live. */
	get size(): number {
		return this.#live.size
	}

	/** How many deletions are remembered. */
	get tombstones(): number {
		return this.#tombstones.size
	}

	/** How many deletions have been forgotten for want of room (`maxTombstones`). */
	get evictedTombstones(): number {
		return this.#evicted
	}

	#entomb(id: string, version: V): void {
		this.#tombstones.delete(id)
		this.#tombstones.set(id, version)
		if (this.#tombstones.size <= this.#maxTombstones) return
		for (const oldest of this.#tombstones.keys()) {
			this.#tombstones.delete(oldest)
			this.#evicted++
			return
		}
	}
}

const byOperator = <V>(a: V, b: V): number => (a < b ? -1 : a > b ? 1 : 0)
