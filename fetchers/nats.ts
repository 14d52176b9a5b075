import { RemoteTermError } from '../lib/core/errors.ts'
import type { Download, FetchContext, Fetcher, NotModified, Version } from '../lib/core/fetcher.ts'
import { invalid, nonEmptyString, onlyKnownOptions, positiveInteger } from '../lib/core/options.ts'
import { NatsFeed } from '../lib/nats/feed.ts'
import { NATS_OPTIONS, parseNatsOptions, type NatsOptions } from '../lib/nats/options.ts'
import { ObjectBody } from './nats/object-body.ts'
import { locate, type Found, type NatsPlace } from './nats/place.ts'
import { SharedLink } from './nats/shared-link.ts'

export type { NatsOptions, NatsTlsOptions } from '../lib/nats/options.ts'

const SECOND = 1000

export interface NatsFetcherOptions extends NatsOptions {
	/** The name of the key-value bucket, or of the object store. */
	readonly bucket: string
	/** A key of a key-value bucket: values of up to a megabyte. Either this or `object`. */
	readonly key?: string | undefined
	/** The name of an object in an object store, of any size. */
	readonly object?: string | undefined
	/** How long NATS may take to answer, and then be silent within an object, in ms. Default: 10 s. */
	readonly requestTimeout?: number | undefined
}

/**
 * A key of a JetStream key-value bucket, or an object of an object store. Needs the optional peers
 * `@nats-io/transport-node` and `@nats-io/jetstream`.
 *
 * It watches: what is published is known to every node in milliseconds, and after an interruption it is asked for what
 * was missed. Polling is what remains for the rest, and may be rare.
 *
 * A key's version is its revision and when it was stored; an object's is its digest, which the term verifies. An object
 * is streamed, a batch of chunks at a time. Who replaces an object removes its chunks: a download that is under way ends
 * with `FETCH_INCOMPLETE`, and the watch has already announced the next one. A key or an object that was deleted, or
 * never existed, is `FETCH_NOT_FOUND`: a term keeps what it has.
 *
 * What is read comes from the leader of the stream, not from a replica that may lag behind. The connection is made by
 * `init` and renews itself; while it is away, requests reject with `FETCH_FAILED`.
 *
 * @throws `FETCH_NOT_FOUND`, `FETCH_DENIED`, `FETCH_TIMEOUT`, `FETCH_INCOMPLETE`, `FETCH_STATUS`, `FETCH_FAILED`
 */
export class NatsFetcher implements Fetcher {
	readonly #options: NatsFetcherOptions
	readonly #place: NatsPlace
	readonly #requestTimeout: number
	#shared: SharedLink
	readonly #bodies = new Set<ObjectBody>()
	readonly #feeds = new Set<NatsFeed>()
	#held = false

	/** @throws `INVALID_OPTION` */
	constructor(options: NatsFetcherOptions) {
		if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
		onlyKnownOptions('NatsFetcher', options, [
			...NATS_OPTIONS,
			...['bucket', 'key', 'object', 'requestTimeout'],
		])
		this.#options = { ...options }
		this.#place = locate(options)
		this.#requestTimeout = positiveInteger('requestTimeout', options.requestTimeout ?? 10 * SECOND)
		this.#shared = new SharedLink(parseNatsOptions(options), this.#requestTimeout)
	}

	async init(context: FetchContext): Promise<void> {
		if (this.#held) return
		await this.#shared.hold(context)
		this.#held = true
	}

	async currentVersion(context: FetchContext): Promise<Version> {
		return (await this.#look(context)).version
	}

	async download(context: FetchContext): Promise<Download> {
		return this.#deliver(await this.#look(context), context)
	}

	async downloadIfChanged(
		known: Version | undefined,
		context: FetchContext,
	): Promise<Download | NotModified> {
		const found = await this.#look(context)
		const { version, publishedAt } = found
		return version === known ? { notModified: true, publishedAt } : this.#deliver(found, context)
	}

	/** Calls once when it begins, and again after each interruption, since nobody knows what has happened before. */
	watch(onChange: () => void, { signal, clock, logger }: FetchContext): Disposable {
		const linked = this.#shared.linked
		if (linked === undefined || signal.aborted) return { [Symbol.dispose]: () => {} }
		const { link, manager, packages } = linked
		const tell = (): void => {
			try {
				if (!ended) onChange()
			} catch (error) {
				logger.error(`A listener of ${this.#place.name} threw`, { error })
			}
		}
		let ended = false
		const feed = new NatsFeed({
			...{ link, manager, packages, clock, logger },
			stream: this.#place.stream,
			filter: this.#place.subject,
			from: 'last',
			headersOnly: true,
			onEntry: tell,
			onResume: async () => {
				tell()
				return 'last'
			},
		})
		const end = (): void => {
			if (ended) return
			ended = true
			signal.removeEventListener('abort', end)
			this.#feeds.delete(feed)
			void feed.close()
		}
		signal.addEventListener('abort', end, { once: true })
		this.#feeds.add(feed)
		feed.follow()
		return { [Symbol.dispose]: end }
	}

	/** The key, or object, of the same bucket whose name has `suffix` behind it. Shares the connection. */
	beside(suffix: string): NatsFetcher {
		nonEmptyString('suffix', suffix)
		const { key, object } = this.#options
		const named = key === undefined ? { object: `${object}${suffix}` } : { key: key + suffix }
		const beside = new NatsFetcher({ ...this.#options, ...named })
		beside.#shared = this.#shared
		return beside
	}

	async close(): Promise<void> {
		for (const body of [...this.#bodies]) body.close()
		await Promise.all([...this.#feeds].map(feed => feed.close()))
		this.#feeds.clear()
		if (!this.#held) return
		this.#held = false
		await this.#shared.release()
	}

	#deliver(found: Found, context: FetchContext): Download {
		if (found.body !== undefined) {
			const { body, version, publishedAt } = found
			context.onProgress?.(body.length, body.length)
			return { body, version, publishedAt, size: body.length }
		}
		const linked = this.#shared.linked
		if (linked === undefined)
			throw new RemoteTermError('STOPPED', `The fetcher of ${this.#place.name} is closed`)
		const { version, publishedAt, chunks, sha256 } = found
		const digests = [{ algorithm: 'sha-256', value: sha256, of: 'representation' } as const]
		if (chunks.size === 0) return { body: new Uint8Array(0), version, publishedAt, size: 0, digests }
		const body = new ObjectBody(linked, chunks, context, this.#requestTimeout, () => {
			this.#bodies.delete(body)
		})
		this.#bodies.add(body)
		return { body, version, publishedAt, size: chunks.size, digests, cancel: () => body.close() }
	}

	/** What the bucket says of the content, and the content itself where it is a value. */
	async #look(context: FetchContext): Promise<Found> {
		const { name, stream, subject } = this.#place
		const message = await this.#shared.ask(name, context, ({ manager }) =>
			manager.streams.getMessage(stream, { last_by_subj: subject }),
		)
		return this.#place.read(
			message === null
				? undefined
				: {
						sequence: message.seq,
						data: message.data,
						operation: message.header.get('KV-Operation') || 'PUT',
						storedAt: message.timestamp,
					},
		)
	}
}
