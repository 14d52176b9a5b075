import { RemoteTermError } from '../core/errors.ts'
import { Ordering } from '../core/ordering.ts'
import { Audience } from './publisher/audience.ts'
import { Buckets } from './publisher/buckets.ts'
import { checkEntry, checkId, checkVersion } from './publisher/checks.ts'
import {
	readPublisherOptions,
	type AutoConfigPublisherOptions,
	type PublisherStatus,
	type ReadPublisherOptions,
	type StreamRequestOptions,
} from './publisher/options.ts'
import { refusal, type StreamRefusal } from './publisher/refusals.ts'
import { tooMany, type Entry, type Replacement } from './publisher/replacement.ts'
import { Replacements } from './publisher/replacements.ts'
import { STREAM_HEADERS } from './publisher/subscriber.ts'
import { Change, type StreamView } from './publisher/view.ts'

const EVERYTHING: StreamView = Object.freeze({ key: '' })

/**
 * The serving side of the stream (SPEC §1.4): a `put` of everything to each client that connects, then a `patch` or a
 * `delete` for each change. A client that comes back with a `Last-Event-ID` which the log still holds gets only what it
 * has missed. `StreamManager` is its client, and so are LaunchDarkly's.
 *
 * Changes are ordered by version, as everywhere (SPEC §1.5): one that is not news is not told.
 */
export class AutoConfigPublisher<Item = unknown> {
	readonly #options: ReadPublisherOptions<Item>
	readonly #ordering: Ordering<Item>
	readonly #buckets = new Buckets()
	readonly #audience: Audience
	readonly #replacements: Replacements<Item>
	readonly #refused: Record<StreamRefusal, number> = { starting: 0, stale: 0, full: 0, closed: 0 }
	#state: PublisherStatus['state'] = 'starting'
	#stateSince: number
	#isStale = false
	#lastChangeAt: number | undefined

	/** @throws `INVALID_OPTION` */
	constructor(options: AutoConfigPublisherOptions<Item> = {}) {
		this.#options = readPublisherOptions(options)
		const { clock, maxTombstones, maxItems } = this.#options
		this.#ordering = new Ordering<Item>({ maxTombstones })
		this.#audience = new Audience(this.#options, this.#buckets)
		this.#stateSince = clock.now()
		this.#replacements = new Replacements<Item>({
			...{ ordering: this.#ordering, maxItems, clock },
			takeOver: replacement => this.#takeOver(replacement),
			mayPause: () => this.#state === 'starting',
			check: () => this.#refuseIfClosed(),
		})
	}

	get collection(): string {
		return this.#options.collection
	}

	/** Whether there is a complete configuration to serve. */
	get isReady(): boolean {
		return this.#state === 'serving'
	}

	get size(): number {
		return this.#ordering.size
	}

	get(id: string): Item | undefined {
		return this.#ordering.get(id)
	}

	/** Of the item, or of its deletion where it is remembered. */
	versionOf(id: string): number | undefined {
		return this.#ordering.versionOf(id)
	}

	entries(): Generator<[id: string, item: Item, version: number], void, undefined> {
		return this.#ordering.entries()
	}

	/**
	 * The whole configuration, by whoever knows it whole: what is not in it is gone, and what is in it is there even if a
	 * deletion is remembered. An empty one is obeyed. From the first one on clients are served.
	 *
	 * Clients are told of single changes where that says it all, and get a new `put` where it does not. It is one step,
	 * of about 1 µs for each item (see `putInTurns`); what clients need of it is encoded later, and in turns.
	 *
	 * @throws `VALIDATION_FAILED`, `TOO_LARGE`: then nothing has changed
	 */
	put(all: Iterable<Entry<Item>>): void {
		this.#replacements.atOnce(all)
	}

	/**
	 * As `put`, in turns with whatever else there is to do: `all`, which must stay as it is meanwhile, is read and compared
	 * piece by piece, and what differs is then taken over in one step; before anybody is served, that in pieces, too.
	 * Changes that are made meanwhile are newer, and stay. One begins after the other; a `put` overrules all of them.
	 *
	 * @throws `VALIDATION_FAILED`, `TOO_LARGE`: then nothing has changed. `STOPPED`
	 */
	async putInTurns(all: Iterable<Entry<Item>>): Promise<void> {
		await this.#replacements.inTurns(all)
	}

	/**
	 * One item that is new or has changed. Ignored if its version is not higher than what is known of the id.
	 *
	 * @throws `VALIDATION_FAILED`, `TOO_LARGE`
	 */
	upsert(id: string, item: Item, version: number): 'insert' | 'update' | 'ignored' {
		this.#refuseIfClosed()
		this.#checkOne(id, item, version)
		this.#replacements.touch(id)
		return this.#isResurrection(id, version) ? 'ignored' : this.#upsert(id, item, version)
	}

	/** As `upsert`, except that a tombstone of whatever version gives way: the source says that the item is there. */
	restore(id: string, item: Item, version: number): 'insert' | 'update' | 'ignored' {
		this.#refuseIfClosed()
		this.#checkOne(id, item, version)
		this.#replacements.touch(id)
		if (!this.#isResurrection(id, version)) return this.#upsert(id, item, version)
		// Clients remember the deletion too, and only a put overrules that.
		this.#ordering.forget(id)
		this.#apply(id, item, version)
		this.#reset()
		return 'insert'
	}

	/** Deletes the item if the version is higher than its own. */
	delete(id: string, version: number): 'delete' | 'ignored' {
		this.#refuseIfClosed()
		checkId(id)
		checkVersion(id, version)
		this.#replacements.touch(id)
		const before = this.#held(id)
		if (this.#ordering.delete(id, version) === 'ignored' || before === undefined) return 'ignored'
		this.#buckets.delete(id)
		this.#tell(id, new Change(before, undefined, version, this.#represent))
		return 'delete'
	}

	/**
	 * Drops items, and deletions that are remembered, as if they had never been, by the word of whoever knows everything.
	 * Clients, which remember deletions too, get a new `put`.
	 */
	forget(ids: Iterable<string>): void {
		this.#refuseIfClosed()
		let isNews = false
		for (const id of ids) {
			this.#replacements.forget(id)
			isNews ||= this.#ordering.versionOf(id) !== undefined
			if (this.#ordering.forget(id) === 'delete') this.#buckets.delete(id)
		}
		if (isNews) this.#reset()
	}

	/** What is there is all there is, and new: from now on clients are served. Until then they are asked to come back. */
	complete(): void {
		this.#refuseIfClosed()
		this.#isStale = false
		if (this.#state !== 'starting') return
		this.#state = 'serving'
		this.#stateSince = this.#options.clock.now()
	}

	/**
	 * What is there may be old, since its source cannot be heard; until `complete`. It is served all the same to whoever has
	 * nothing, and to whoever goes on from here. A client that comes from elsewhere may have something newer, which a `put`
	 * would undo: it is asked to come back.
	 */
	markStale(): void {
		this.#isStale = true
	}

	/**
	 * Answers a request for the stream; whether it may be made is for the caller to decide. 503 with `Retry-After` before
	 * there is a complete configuration, while what there is may be older than what the client has (`markStale`), beyond
	 * `maxClients`, and after `close`.
	 */
	handle(
		request: Request,
		{ view = EVERYTHING, isAllowed, abort }: StreamRequestOptions<Item> = {},
	): Response {
		if (this.#state === 'closed') return this.#refuse('closed')
		if (this.#state === 'starting') return this.#refuse('starting')
		if (request.method === 'HEAD') return new Response(null, { headers: STREAM_HEADERS })
		const lastEventId = request.headers.get('last-event-id') ?? ''
		if (this.#isStale && lastEventId !== '' && !this.#audience.canResume(view, lastEventId))
			return this.#refuse('stale')
		const body = this.#audience.admit({ view, isAllowed, abort, lastEventId })
		if (body === undefined) return this.#refuse('full')
		return new Response(body, { headers: STREAM_HEADERS })
	}

	/** Asks `isAllowed` of each stream, and ends those that no longer are, as when a token has been withdrawn. */
	recheck(): void {
		this.#audience.recheck()
	}

	status(): PublisherStatus {
		return {
			state: this.#state,
			stateSince: this.#stateSince,
			isStale: this.#isStale,
			items: this.#ordering.size,
			...this.#audience.readings,
			refused: { ...this.#refused },
			...(this.#lastChangeAt !== undefined && { lastChangeAt: this.#lastChangeAt }),
		}
	}

	/** Ends all streams; changes are refused from now on. Idempotent. */
	async close(): Promise<void> {
		if (this.#state === 'closed') return
		this.#state = 'closed'
		this.#stateSince = this.#options.clock.now()
		this.#audience.close()
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close()
	}

	/** A step for each item that differs. */
	*#takeOver(replacement: Replacement<Item>): Generator<void, void, undefined> {
		const changes: Array<readonly [id: string, change: Change]> = []
		let isWhole = false
		for (const [id, item, version] of replacement.changed()) {
			isWhole ||= this.#isResurrection(id, version)
			// Nobody is told where nobody has ever listened.
			const isTold = this.#audience.hasViews
			const before = isTold ? this.#held(id) : undefined
			const isNews = this.#apply(id, item, version) !== 'ignored'
			if (isNews && isTold && changes.length < this.#options.maxLogEvents)
				changes.push([id, new Change(before, { item }, version, this.#represent)])
			yield
		}
		for (const id of replacement.gone()) {
			this.#ordering.forget(id)
			this.#buckets.delete(id)
			isWhole = true
			yield
		}
		// A log that holds nothing else is no better than a put, and costs every client more.
		if (isWhole || changes.length >= this.#options.maxLogEvents) this.#reset()
		else for (const [id, change] of changes) this.#tell(id, change)
		this.complete()
	}

	#upsert(id: string, item: Item, version: number): 'insert' | 'update' | 'ignored' {
		const before = this.#held(id)
		const outcome = this.#apply(id, item, version)
		if (outcome !== 'ignored') this.#tell(id, new Change(before, { item }, version, this.#represent))
		return outcome
	}

	#apply(id: string, item: Item, version: number): 'insert' | 'update' | 'ignored' {
		const outcome = this.#ordering.restore(id, item, version)
		if (outcome !== 'ignored') this.#buckets.set(id, item)
		return outcome
	}

	readonly #represent = (item: unknown, id: string): unknown => this.#options.represent(item as Item, id)

	#held(id: string): { readonly item: unknown } | undefined {
		return this.#ordering.has(id) ? { item: this.#ordering.get(id) } : undefined
	}

	/** Whether only the word of the source stands against a deletion that is remembered. */
	#isResurrection(id: string, version: number): boolean {
		const known = this.#ordering.versionOf(id)
		return known !== undefined && version <= known && !this.#ordering.has(id)
	}

	#tell(id: string, change: Change): void {
		this.#lastChangeAt = this.#options.clock.now()
		this.#audience.tell(id, change)
	}

	#reset(): void {
		this.#lastChangeAt = this.#options.clock.now()
		this.#audience.reset()
	}

	#checkOne(id: string, item: Item, version: number): void {
		checkEntry(id, item, version)
		if (this.#ordering.size >= this.#options.maxItems && !this.#ordering.has(id))
			throw tooMany(this.#options.maxItems)
	}

	#refuse(why: StreamRefusal): Response {
		this.#refused[why]++
		return refusal(why, this.#options.random)
	}

	#refuseIfClosed(): void {
		if (this.#state === 'closed') throw new RemoteTermError('STOPPED', 'The publisher has been closed')
	}
}
