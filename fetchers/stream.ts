import {
	relayedItems,
	StreamManager,
	type CommonStreamOptions,
	type ItemKind,
	type RelayedItem,
	type StreamStatus,
} from '../lib/autoconfig/index.ts'
import { reasonOf, systemClock, untilAborted, type Clock, type Timer } from '../lib/core/clock.ts'
import { RemoteTermError } from '../lib/core/errors.ts'
import {
	isNotModified,
	isValue,
	type Download,
	type FetchContext,
	type Fetcher,
	type NotModified,
	type Version,
} from '../lib/core/fetcher.ts'
import { invalid, nonEmptyString, notNegative } from '../lib/core/options.ts'
import { Watches } from '../lib/core/watches.ts'

/** Durations are milliseconds. */
export interface StreamFetcherOptions<Item = RelayedItem> extends Omit<
	CommonStreamOptions<Item>,
	'startTimeout'
> {
	/** What the items are. Default: plain data with a `version`, in the collection `items`, as a gateway streams them. */
	readonly kind?: ItemKind<Item> | undefined
	/** The one item that is the value. Default: all of them, as a `Map` by id. */
	readonly id?: string | undefined
	/** What is asked while the stream is down. It must deliver what the stream would. */
	readonly fallback?: Fetcher | undefined
	/** How long the stream may be interrupted before it counts as down; default 10 s. */
	readonly downAfter?: number | undefined
	/** Changes within this time are one, where the value is a `Map`; default 50 ms. */
	readonly coalesce?: number | undefined
}

const FALLBACK = 'fallback:'

/**
 * A source that tells by itself: it follows a stream for as long as it is open, and what it delivers is there already.
 * A term is told of each change, so that its `refreshInterval` is only for the time when the stream is down.
 *
 * While the stream is down, `fallback` is asked. Without one, or before the stream's first complete configuration, a
 * download rejects with the stream's last failure; a term goes on with the value that it has, and knows that it is old.
 *
 * The value is ready: it is validated, but not deserialized. A `Map` is made anew for each version, and is the reader's
 * own. An item that the stream does not have is `FETCH_NOT_FOUND`.
 */
export class StreamFetcher<Item = RelayedItem> implements Fetcher {
	readonly #options: StreamFetcherOptions<Item>
	readonly #manager: StreamManager<Item>
	readonly #watches = new Watches('StreamFetcher')
	readonly #clock: Clock
	readonly #downAfter: number
	readonly #coalesce: number
	/** Of all items together: this instance's own, and a count of its changes. */
	readonly #epoch = Array.from(crypto.getRandomValues(new Uint32Array(2)), word => word.toString(36)).join('')
	#changes = 0
	#made: { readonly changes: number; readonly value: ReadonlyMap<string, Item> } | undefined
	#telling: Timer | undefined
	/** Called when there is reason to look again whether there is something to deliver. */
	readonly #waiting = new Set<() => void>()

	/** Does not connect. @throws `INVALID_OPTION` */
	constructor(options: StreamFetcherOptions<Item>) {
		const { kind, id, fallback, downAfter = 10_000, coalesce = 50, ...stream } = options
		if (fallback !== undefined && typeof fallback.download !== 'function')
			throw invalid('fallback', 'a Fetcher', fallback)
		if (id !== undefined) nonEmptyString('id', id)
		this.#options = options
		this.#clock = options.clock ?? systemClock
		this.#downAfter = notNegative('downAfter', downAfter)
		this.#coalesce = notNegative('coalesce', coalesce)
		const changed = (one: string): void => this.#changed(one)
		this.#manager = new StreamManager<Item>({
			...stream,
			// Without a kind an item is what a gateway streams.
			kind: kind ?? (relayedItems('items') as unknown as ItemKind<Item>),
			startTimeout: null,
			handler: {
				add: changed,
				update: changed,
				delete: changed,
				receivedAll: () => this.#wake(),
				refused: () => this.#wake(),
				statusChanged: status => this.#statusChanged(status),
			},
		})
	}

	/** How the stream is. */
	get status(): StreamStatus {
		return this.#manager.status
	}

	/** Begins to connect, and does not wait for it. */
	async init(context: FetchContext): Promise<void> {
		assertGoingOn(context.signal)
		await this.#options.fallback?.init(context)
		this.#manager.start().then(
			() => {
				this.#wake()
				this.#watches.tell()
			},
			() => {},
		)
	}

	async currentVersion(context: FetchContext): Promise<Version> {
		if (await this.#isUp(context.signal)) return this.#version()
		return marked(await this.#fallback().currentVersion(context))
	}

	async download(context: FetchContext): Promise<Download> {
		if (await this.#isUp(context.signal)) return this.#deliver()
		return markedDownload(await this.#fallback().download(context))
	}

	async downloadIfChanged(
		known: Version | undefined,
		context: FetchContext,
	): Promise<Download | NotModified> {
		if (await this.#isUp(context.signal))
			return known !== undefined && known === this.#version() ? { notModified: true } : this.#deliver()
		const fallback = this.#fallback()
		if (fallback.downloadIfChanged === undefined) return markedDownload(await fallback.download(context))
		const its = known?.startsWith(FALLBACK) === true ? known.slice(FALLBACK.length) : undefined
		const answer = await fallback.downloadIfChanged(its, context)
		if (!isNotModified(answer)) return markedDownload(answer)
		return answer.version === undefined ? answer : { ...answer, version: marked(answer.version) }
	}

	/** Calls `onChange` after each change that the stream tells, and when the stream is up again. */
	watch(onChange: () => void, context: FetchContext): Disposable {
		return this.#watches.add(onChange, context)
	}

	/** Ends the stream. */
	async close(): Promise<void> {
		this.#watches.clear()
		this.#telling?.[Symbol.dispose]()
		this.#telling = undefined
		await this.#manager.close()
		this.#wake()
		await this.#options.fallback?.close?.()
	}

	/**
	 * Whether the stream is to be gone by. Waits where it is not known yet whether it works, and while a complete
	 * configuration is being applied, so that nobody sees a half.
	 */
	async #isUp(signal: AbortSignal): Promise<boolean> {
		assertGoingOn(signal)
		while (this.#manager.isApplying || (!this.#manager.isReady && !this.#hasFailed)) {
			let settle = (): void => {}
			const known = new Promise<void>(resolve => {
				settle = resolve
			})
			this.#waiting.add(settle)
			try {
				await untilAborted(known, signal)
			} finally {
				this.#waiting.delete(settle)
			}
		}
		const { state, stateSince } = this.#manager.status
		if (!this.#manager.isReady || state === 'OFF') return false
		return state === 'VALID' || this.#clock.now() - stateSince < this.#downAfter
	}

	get #hasFailed(): boolean {
		const { state, lastError } = this.#manager.status
		return state === 'OFF' || lastError !== undefined
	}

	/** @throws the stream's last failure, where there is nothing to fall back on */
	#fallback(): Fetcher {
		if (this.#options.fallback !== undefined) return this.#options.fallback
		const { state, lastError } = this.#manager.status
		if (state === 'OFF') throw new RemoteTermError('STOPPED', 'The stream was closed')
		if (lastError === undefined) throw new RemoteTermError('FETCH_FAILED', 'The stream is interrupted')
		const { code, message, statusCode } = lastError
		throw new RemoteTermError(code, message, { status: statusCode })
	}

	/** @throws `FETCH_NOT_FOUND` */
	#version(): Version {
		const { id } = this.#options
		if (id === undefined) return `${this.#epoch}-${this.#changes}`
		if (this.#manager.get(id) !== undefined) return String(this.#manager.versionOf(id))
		throw new RemoteTermError('FETCH_NOT_FOUND', `The stream has no item ${JSON.stringify(id)}`)
	}

	#deliver(): Download {
		const version = this.#version()
		const { id } = this.#options
		if (id !== undefined) return { value: this.#manager.get(id), version }
		if (this.#made?.changes !== this.#changes) {
			const value = new Map<string, Item>()
			for (const [one, item] of this.#manager.entries()) value.set(one, item)
			this.#made = { changes: this.#changes, value }
		}
		return { value: this.#made.value, version }
	}

	#changed(id: string): void {
		this.#changes++
		if (!this.#manager.isReady) return
		if (this.#options.id !== undefined) {
			if (this.#options.id === id) this.#watches.tell()
			return
		}
		this.#telling ??= this.#clock.timer(
			this.#coalesce,
			() => {
				this.#telling = undefined
				this.#watches.tell()
			},
			{ background: true },
		)
	}

	#statusChanged({ state, lastError }: StreamStatus): void {
		if (lastError !== undefined) this.#wake()
		if (state === 'VALID' && this.#manager.isReady) this.#watches.tell()
	}

	#wake(): void {
		for (const settle of this.#waiting) settle()
	}
}

const marked = (version: Version): Version => `${FALLBACK}${version}`

const markedDownload = (download: Download): Download => {
	if (isValue(download)) return { ...download, version: marked(download.version) }
	return download.version === undefined ? download : { ...download, version: marked(download.version) }
}

const assertGoingOn = (signal: AbortSignal): void => {
	if (signal.aborted) throw reasonOf(signal)
}
