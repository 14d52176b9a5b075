import { systemClock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import type { Version } from '../core/fetcher.ts'
import type { Outcome, PutInfo } from '../term/events.ts'
import type { ReceivedTerm, ReceiveInfo } from '../term/admission.ts'
import type { Packing } from '../term/packed.ts'
import { RemoteTerm } from '../term/remote-term.ts'
import { ChangeFeed, type ChangesOptions, type TableChanges } from './changes.ts'
import type { TableChange } from './diff.ts'
import { Publisher, type TableHandle } from './generations.ts'
import { Image, type ImageParts } from './image.ts'
import { parseTableOptions, type TableSettings, type TableTermOptions } from './options.ts'
import { PackingThread } from './packing-thread.ts'
import { tablePacking } from './snapshot.ts'
import { Press } from './press.ts'
import { Table, type Key } from './table.ts'

/** What `update()` and its like tell, and for a table that is new also how it differs from the one before. */
export type TableOutcome =
	| (Extract<Outcome, { status: 'updated' }> & { readonly change: TableChange })
	| Exclude<Outcome, { status: 'updated' }>

/**
 * A term whose value is a table: rows by key, as many as memory holds. It is downloaded, inflated, parsed, packed,
 * indexed and compared off the main thread, into memory that all threads share; what is left for the main thread
 * is to pass the bytes on, and one swap.
 *
 * ```ts
 * const cities = new TableTerm<City>({ fetcher: new HttpFetcher({ url }), key: 'id' })
 * await cities.start()
 * cities.lookup('2950159')           // one row of the current generation
 * new Worker(url, { workerData: cities.handle })   // and there: attachTable(workerData).lookup('2950159')
 * ```
 */
export class TableTerm<Row = unknown> extends RemoteTerm<Table<Row>> {
	readonly #settings: TableSettings
	readonly #thread: PackingThread
	readonly #press: Press
	readonly #publisher: Publisher
	readonly #feed: ChangeFeed<Row>
	readonly #life = new AbortController()

	/** @throws `INVALID_OPTION` */
	constructor(options: TableTermOptions<Row>) {
		const { settings, rest } = parseTableOptions(options)
		super(rest)
		this.#settings = settings
		this.#thread = new PackingThread(rest.clock ?? systemClock, settings.resourceLimits)
		this.#press = new Press(this.#thread)
		this.#publisher = new Publisher(this.name)
		this.#feed = new ChangeFeed((older, newer) =>
			this.#press.diff(older && Table.imageOf(older).parts, Table.imageOf(newer).parts, this.#life.signal),
		)
		if (rest.initial !== undefined) this.#place(rest.initial, undefined)
	}

	/** One row of the current generation; `undefined` if there is none, or no table yet. */
	lookup(key: Key): Row | undefined {
		return this.get()?.get(key)
	}

	/** For `attachTable` in any other thread of this process. Can be posted as often as you like; it holds no table. */
	get handle(): TableHandle {
		return this.#publisher.handle
	}

	/**
	 * Every table that is put in place, as a change from the one before; first, the one that is there already. A consumer
	 * that is slower than the refreshes gets one change for several. Ends with the term, or when `signal` is aborted.
	 */
	changes(options?: ChangesOptions): AsyncGenerator<TableChanges<Row>, void> {
		return this.#feed.changes(options)
	}

	override async update(): Promise<TableOutcome> {
		return this.#withChange(await super.update())
	}

	override async rollback(): Promise<TableOutcome> {
		return this.#withChange(await super.rollback())
	}

	override async pin(version: Version): Promise<TableOutcome> {
		return this.#withChange(await super.pin(version))
	}

	override async unpin(): Promise<TableOutcome> {
		return this.#withChange(await super.unpin())
	}

	override async stop(): Promise<void> {
		this.#life.abort(new RemoteTermError('STOPPED', `${this.name} is stopped`, { term: this.name }))
		this.#feed.end()
		await super.stop()
		await this.#thread.end()
	}

	/** @internal */
	protected override async receive(
		body: AsyncIterable<Uint8Array>,
		{ signal, subject, ...how }: ReceiveInfo,
	): Promise<ReceivedTerm<Table<Row>>> {
		const current = this.get()
		const previous = current && Table.imageOf(current).parts
		const spec = { ...this.#settings.spec, subject }
		const { change, parts, report } = await this.#press.pack(body, how, spec, previous, signal)
		const term = new Table<Row>(new Image(parts), { generation: 0, change, report })
		return { term, inflatedBytes: report.inflatedBytes }
	}

	/** @internal Called by the base class's constructor: what is private here exists when it is used, not yet now. */
	protected override packing(): Packing<Table<Row>> {
		const compare = async (newer: ImageParts): Promise<TableChange> => {
			const current = this.get()
			if (current === undefined) return { added: new Image(newer).rowCount, changed: 0, removed: 0 }
			const { counts } = await this.#press.diff(Table.imageOf(current).parts, newer, this.#life.signal)
			return counts
		}
		return tablePacking<Row>(() => ({ spec: this.#settings.spec, signal: this.#life.signal, compare }))
	}

	/** Not called: a table reads its body itself. */
	protected override deserialize(): never {
		throw new RemoteTermError('DESERIALIZE_FAILED', `${this.name} has no use for a whole document`)
	}

	protected override validate(table: Table<Row>): void | Promise<void> {
		if (!(table instanceof Table)) throw new TypeError('Expected a Table')
	}

	protected override put(table: Table<Row>, info: PutInfo): void | Promise<void> {
		if (this.get() === table) return
		this.#place(table, info.version)
		return super.put(table, info)
	}

	#withChange(outcome: Outcome): TableOutcome {
		return outcome.status === 'updated' ? { ...outcome, change: this.get()!.change } : outcome
	}

	/** From here on all threads see it; nothing that follows may fail. */
	#place(table: Table<Row>, version: string | undefined): void {
		Table.number(table, this.#publisher.publish(Table.imageOf(table).parts))
		this.#feed.put(table, version)
	}
}
