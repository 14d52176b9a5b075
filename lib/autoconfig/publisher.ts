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
} from './publisher/options.ts'
import { refusal, type StreamRefusal } from './publisher/refusals.ts'
import { Change, type StreamView } from './publisher/view.ts'

export interface StreamRequestOptions<Item = unknown> {
	/** What this client gets to see. Default: everything. */
	readonly view?: StreamView<Item> | undefined
	/** Whether this client may go on; asked by `recheck`. Default: it may. */
	readonly isAllowed?: (() => boolean) | undefined
	/**
	 * Breaks the client's connection at once. A stream that its client does not read cannot be ended from within; without
	 * this it is made to fail, and what becomes of the connection is up to whoever reads it.
	 */
	readonly abort?: (() => void) | undefined
}

const EVERYTHING: StreamView = Object.freeze({ key: '' })
const HEADERS = Object.freeze({
	'content-type': 'text/event-stream',
	'cache-control': 'no-store, no-transform',
	// nginx would wait for a full buffer.
	'x-accel-buffering': 'no',
})
/** In seconds. */
const RETRY_SOON = 1
const RETRY_WHEN_FULL = 10

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
	readonly #refused: Record<StreamRefusal, number> = { starting: 0, stale: 0, full: 0, closed: 0 }
	#state: PublisherStatus['state'] = 'starting'
	#stateSince: number
	#isStale = false
	#lastChangeAt: number | undefined

	/** @throws `INVALID_OPTION` */
	constructor(options: AutoConfigPublisherOptions<Item> = {}) {
		this.#options = readPublisherOptions(options)
		const { clock, maxTombstones } = this.#options
		this.#ordering = new Ordering<Item>({ maxTombstones })
		this.#audience = new Audience(this.#options, this.#buckets)
		this.#stateSince = clock.now()
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
	 * of some 0.5 µs for each item; what clients need of it is encoded later, and in turns with whatever else there is to do.
	 *
	 * @throws `VALIDATION_FAILED`, `TOO_LARGE`: then nothing has changed
	 */
	put(all: Iterable<readonly [id: string, item: Item, version: number]>): void {
		this.#refuseIfClosed()
		const entries = new Map<string, readonly [id: string, item: Item, version: number]>()
		for (const entry of all) entries.set(checkEntry(...entry), entry)
		if (entries.size > this.#options.maxItems) throw this.#tooMany()
		// Nobody is told where nobody has ever listened.
		const isTold = this.#audience.hasViews
		const changes: Array<readonly [id: string, change: Change]> = []
		let isWhole = false
		for (const [id, item, version] of entries.values()) {
			isWhole ||= this.#isResurrection(id, version)
			const before = isTold ? this.#held(id) : undefined
			if (this.#apply(id, item, version) === 'ignored' || !isTold) continue
			if (changes.length < this.#options.maxLogEvents)
				changes.push([id, new Change(before, { item }, version, this.#represent)])
		}
		// Only what is live: clients go on remembering other deletions, as long as they are told no put.
		for (const id of this.#ordering.keys()) {
			if (entries.has(id)) continue
			this.#ordering.forget(id)
			this.#buckets.delete(id)
			isWhole = true
		}
		// A log that holds nothing else is no better than a put, and costs every client more.
		if (isWhole || changes.length >= this.#options.maxLogEvents) this.#reset()
		else for (const [id, change] of changes) this.#tell(id, change)
		this.complete()
	}

	/**
	 * One item that is new or has changed. Ignored if its version is not higher than what is known of the id.
	 *
	 * @throws `VALIDATION_FAILED`, `TOO_LARGE`
	 */
	upsert(id: string, item: Item, version: number): 'insert' | 'update' | 'ignored' {
		this.#refuseIfClosed()
		this.#checkOne(id, item, version)
		return this.#isResurrection(id, version) ? 'ignored' : this.#upsert(id, item, version)
	}

	/** As `upsert`, except that a tombstone of whatever version gives way: the source says that the item is there. */
	restore(id: string, item: Item, version: number): 'insert' | 'update' | 'ignored' {
		this.#refuseIfClosed()
		this.#checkOne(id, item, version)
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
		const before = this.#held(id)
		if (this.#ordering.delete(id, version) === 'ignored' || before === undefined) return 'ignored'
		this.#buckets.delete(id)
		this.#tell(id, new Change(before, undefined, version, this.#represent))
		return 'delete'
	}

	/** Drops items as if they had never been there, by the word of whoever knows everything. Clients get a new `put`. */
	forget(ids: Iterable<string>): void {
		this.#refuseIfClosed()
		let isNews = false
		for (const id of ids) {
			if (this.#ordering.forget(id) === 'ignored') continue
			this.#buckets.delete(id)
			isNews = true
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
		if (this.#state === 'closed') return this.#refuse('closed', RETRY_SOON)
		if (this.#state === 'starting') return this.#refuse('starting', RETRY_SOON)
		if (request.method === 'HEAD') return new Response(null, { headers: HEADERS })
		const lastEventId = request.headers.get('last-event-id') ?? ''
		if (this.#isStale && lastEventId !== '' && !this.#audience.canResume(view, lastEventId))
			return this.#refuse('stale', RETRY_SOON)
		const body = this.#audience.admit({ view, isAllowed, abort, lastEventId })
		if (body === undefined)
			return this.#refuse('full', 1 + Math.floor(this.#options.random() * RETRY_WHEN_FULL))
		return new Response(body, { headers: HEADERS })
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
		if (this.#ordering.size >= this.#options.maxItems && !this.#ordering.has(id)) throw this.#tooMany()
	}

	#tooMany(): RemoteTermError {
		const { maxItems } = this.#options
		return new RemoteTermError('TOO_LARGE', `Expected at most ${maxItems} items (maxItems), more came`)
	}

	#refuse(why: StreamRefusal, seconds: number): Response {
		this.#refused[why]++
		return refusal(why, seconds)
	}

	#refuseIfClosed(): void {
		if (this.#state === 'closed') throw new RemoteTermError('STOPPED', 'The publisher has been closed')
	}
}
