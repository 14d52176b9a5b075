import { SEGMENT_SHIFT, UNIT_MASK } from './layout.ts'
import type { ChangedAddresses, Diff, TableChange } from './diff.ts'
import type { Image } from './image.ts'
import { readKey } from './row-reader.ts'
import { Table, type Key } from './table.ts'
import type { Version } from '../core/fetcher.ts'

/** What `changes()` gives: the way from one table to a later one. */
export interface TableChanges<Row> extends TableChange {
	/** The table that is reached. */
	readonly table: Table<Row>
	readonly generation: number
	readonly version: Version | undefined
	/** How many generations this spans: more than 1 if the consumer was slower than the refreshes. */
	readonly generations: number
	/** With `keys: true`. Decoded while they are iterated over; `removed` keeps the older table in memory meanwhile. */
	readonly keys: ChangedKeys | undefined
}

export interface ChangedKeys {
	readonly added: Iterable<Key>
	readonly changed: Iterable<Key>
	readonly removed: Iterable<Key>
}

export interface ChangesOptions {
	/** Also which rows, not only how many. Default: false. */
	readonly keys?: boolean | undefined
	/** Ends the iteration. */
	readonly signal?: AbortSignal | undefined
}

interface Placed<Row> {
	readonly table: Table<Row>
	readonly version: Version | undefined
}

/**
 * The tables of a term as a stream of changes. Nothing is queued: a consumer that is late is given one change that spans
 * all generations in between, compared off the main thread. It keeps the table that it was given last in memory.
 */
export class ChangeFeed<Row> {
	#placed: Placed<Row> | undefined
	#ended = false
	readonly #waiting = new Set<() => void>()
	readonly #compare: (older: Table<Row> | undefined, newer: Table<Row>) => Promise<Diff>

	constructor(compare: (older: Table<Row> | undefined, newer: Table<Row>) => Promise<Diff>) {
		this.#compare = compare
	}

	put(table: Table<Row>, version: Version | undefined): void {
		this.#placed = { table, version }
		this.#wake()
	}

	end(): void {
		this.#ended = true
		this.#wake()
	}

	/** The first change is from nothing to the table in place, so that there is no gap between the two. */
	changes(options: ChangesOptions = {}): AsyncGenerator<TableChanges<Row>, void> {
		let returned = false
		const walk = this.#walk(options, () => returned || this.#ended || options.signal?.aborted === true)
		const end = walk.return.bind(walk)
		// By itself a generator returns after the `next` that is under way, and that may wait for days.
		walk.return = async value => {
			returned = true
			this.#wake()
			return end(value)
		}
		return walk
	}

	async *#walk(
		{ keys = false, signal }: ChangesOptions,
		isOver: () => boolean,
	): AsyncGenerator<TableChanges<Row>, void> {
		let last: Table<Row> | undefined
		while (!isOver()) {
			const placed = this.#placed
			if (placed === undefined || placed.table === last) {
				await this.#next(signal)
				continue
			}
			const { table, version } = placed
			const generations = table.generation - (last?.generation ?? 0)
			const isNext = last !== undefined && generations === 1
			const diff: Diff | undefined =
				isNext && !keys
					? { counts: table.change, addresses: undefined }
					: last === undefined && !keys
						? { counts: { added: table.size, changed: 0, removed: 0 }, addresses: undefined }
						: await this.#compared(last, table, isOver, signal)
			if (diff === undefined) return
			const { addresses, counts } = diff
			const older = last
			last = table
			yield {
				...counts,
				table,
				generation: table.generation,
				version,
				generations,
				keys: keys && addresses !== undefined ? keysOf(addresses, older, table) : undefined,
			}
		}
	}

	/** `undefined`: it was over before. */
	async #compared(
		older: Table<Row> | undefined,
		newer: Table<Row>,
		isOver: () => boolean,
		signal: AbortSignal | undefined,
	): Promise<Diff | undefined> {
		let result: { readonly diff: Diff } | { readonly error: unknown } | undefined
		const work = this.#compare(older, newer).then(
			diff => (result = { diff }),
			(error: unknown) => (result = { error }),
		)
		while (result === undefined && !isOver()) await this.#next(signal, work)
		if (result === undefined || isOver()) return undefined
		if ('error' in result) throw result.error
		return result.diff
	}

	#wake(): void {
		for (const wake of [...this.#waiting]) wake()
	}

	/** Until there is another table, it is over, or `work` is done. */
	#next(signal: AbortSignal | undefined, work?: Promise<unknown>): Promise<void> {
		return new Promise(resolve => {
			const wake = (): void => {
				this.#waiting.delete(wake)
				signal?.removeEventListener('abort', wake)
				resolve()
			}
			this.#waiting.add(wake)
			signal?.addEventListener('abort', wake, { once: true })
			void work?.then(wake)
		})
	}
}

const keysOf = (
	{ added, changed, removed }: ChangedAddresses,
	older: Table | undefined,
	newer: Table,
): ChangedKeys => ({
	added: keysAt(Table.imageOf(newer), added),
	changed: keysAt(Table.imageOf(newer), changed),
	removed: older === undefined ? [] : keysAt(Table.imageOf(older), removed),
})

const keysAt = (image: Image, addresses: Uint32Array): Iterable<Key> => ({
	*[Symbol.iterator]() {
		for (const address of addresses)
			yield readKey(image.segments[address >>> SEGMENT_SHIFT]!, (address & UNIT_MASK) * 8)
	},
})
