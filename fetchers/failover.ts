import { reasonOf } from '../lib/core/clock.ts'
import { RemoteTermError } from '../lib/core/errors.ts'
import {
	isNotModified,
	type Download,
	type FetchContext,
	type Fetcher,
	type NotModified,
	type Version,
} from '../lib/core/fetcher.ts'
import { parseOptions, type FailoverOptions, type FailoverSource } from './failover-options.ts'
import { askingOrder, judge, mark, standing, unmark, type Held, type Sighting } from './failover-order.ts'
import { discard, Source } from './failover-source.ts'
import { Watch } from './failover-watch.ts'

export type { FailoverOptions, FailoverSource } from './failover-options.ts'

const DAY = 24 * 3600 * 1000

/**
 * Several sources of the same content as one. The first that answers is asked again until it fails; then the next one
 * is, and those preferred to it get another look every `recoverAfter`.
 *
 * - A version is its source's own, marked: `eu|"5d41402a"`. Each source is asked about the version that came from it,
 *   and never about another's.
 * - Content does not go back: what a source offers in another's place is taken if it was not published before what is
 *   in place. Where dates are missing, `judge` in `failover-order.ts` says what happens.
 * - A version counts as held once the term hands it in as `known`. What it could not apply is offered again. A term that
 *   has refused what stepped in is told when the source of what it has in place confirms that.
 *
 * When all fail: the preferred source's code, each source's error in an `AggregateError` as the `cause`.
 */
export class FailoverFetcher implements Fetcher {
	/** There only if one of the sources can tell. */
	readonly watch?: NonNullable<Fetcher['watch']>
	/**
	 * There only if all sources have it: a failover over what lies beside each, in the same order and with the same options.
	 * It keeps its own count of which source is healthy, so a body may come from one source and its signature from another.
	 * That is no risk, as a signature is its publisher's word on these very bytes, whoever delivers it; sources that are
	 * not abreast make a mismatch, which is refused, and mends itself when they are.
	 */
	readonly beside?: (suffix: string) => FailoverFetcher
	readonly #sources: readonly Source[]
	readonly #failsOver: (error: RemoteTermError) => boolean
	readonly #acceptUndated: boolean
	readonly #watches = new Set<Watch>()
	#current = 0
	#held: Held | undefined
	/** What was held before that; still is, if the term has refused what it asks about now. */
	#previous: Held | undefined
	/** Handed to the term, and not yet heard of again. */
	#offered: Held | undefined
	#known: Version | undefined

	constructor(options: FailoverOptions | ReadonlyArray<FailoverSource | Fetcher>) {
		const { sources, failsOver, recoverAfter, attemptTimeout, acceptUndated } = parseOptions(options)
		this.#failsOver = failsOver
		this.#acceptUndated = acceptUndated
		this.#sources = sources.map(source => new Source({ ...source, failsOver, recoverAfter, attemptTimeout }))
		if (sources.some(({ fetcher }) => fetcher.watch !== undefined)) {
			this.watch = (onChange, context) => this.#watch(onChange, context)
		}
		if (sources.every(({ fetcher }) => fetcher.beside !== undefined)) {
			const others = 'sources' in options ? { ...options } : {}
			this.beside = suffix =>
				new FailoverFetcher({
					...others,
					sources: sources.map(({ name, fetcher }) => ({ name, fetcher: fetcher.beside!(suffix) })),
				})
		}
	}

	/** Succeeds if one source does; the others are tried again later. A wrong option of any is an error at once. */
	async init(context: FetchContext): Promise<void> {
		const results = await Promise.allSettled(this.#sources.map(source => source.initialise(context)))
		if (context.signal.aborted) throw reasonOf(context.signal)
		const failures = new Map<Source, RemoteTermError>()
		for (const [index, result] of results.entries()) {
			if (result.status === 'rejected') failures.set(this.#sources[index]!, result.reason as RemoteTermError)
		}
		for (const error of failures.values()) if (error.code === 'INVALID_OPTION') throw error
		for (const [source, error] of failures) source.fail(error, context)
		if (failures.size === this.#sources.length) throw this.#allFailed(context)
	}

	async currentVersion(context: FetchContext): Promise<Version> {
		for (const index of this.#order(context)) {
			const source = this.#sources[index]!
			try {
				const version = await source.currentVersion(context)
				source.answered(context)
				return mark(source.name, version)
			} catch (error) {
				this.#onFailure(source, error as RemoteTermError, context)
			}
		}
		throw this.#allFailed(context)
	}

	async download(context: FetchContext): Promise<Download> {
		// Without anything held, no source can answer 'not modified'.
		return (await this.downloadIfChanged(undefined, context)) as Download
	}

	async downloadIfChanged(
		known: Version | undefined,
		context: FetchContext,
	): Promise<Download | NotModified> {
		this.#recognise(known, context)
		const held = this.#held
		/** The first source that answered, but could have missed something. */
		let fallback: { readonly index: number; readonly answer: NotModified } | undefined
		let confirmed: Version | undefined
		for (const index of this.#order(context)) {
			const source = this.#sources[index]!
			// Somebody has answered, so there is no need to wait for one that has just failed.
			if (fallback !== undefined && source.failed && source.notBefore > context.clock.monotonic()) continue
			let answer: Download | NotModified
			try {
				answer = await source.ask(held === undefined ? undefined : source.seen?.version, context)
			} catch (error) {
				this.#onFailure(source, error as RemoteTermError, context, fallback !== undefined)
				continue
			}
			for (const watch of this.#watches) watch.add(source)
			const wasCurrentDown = this.#sources[this.#current]!.failed
			source.answered(context)
			if (!isNotModified(answer)) {
				const taken = await this.#consider(index, answer, context)
				if (taken !== undefined) return taken
			}
			const unchanged: NotModified = isNotModified(answer) ? answer : { notModified: true }
			// What was held before is in place if the term has refused what it asks about.
			if (this.#previous?.source === index && isSame(this.#previous, source.seen)) {
				confirmed ??= markOf(source)
			}
			const place = standing(held, index, source.seen)
			if (place === 'abreast' || (place === 'unknown' && (index === this.#current || wasCurrentDown))) {
				this.#goOnWith(index, context)
				return { ...unchanged, version: confirmed }
			}
			source.postpone(context)
			fallback ??= { index, answer: unchanged }
		}
		if (fallback === undefined) throw this.#allFailed(context)
		if (this.#sources[this.#current]!.failed) this.#goOnWith(fallback.index, context)
		return { ...fallback.answer, version: confirmed }
	}

	async close(): Promise<void> {
		const results = await Promise.allSettled(this.#sources.map(async ({ fetcher }) => fetcher.close?.()))
		const errors = results.flatMap((result): unknown[] =>
			result.status === 'rejected' ? [result.reason] : [],
		)
		if (errors.length === 1) throw errors[0]
		if (errors.length > 1) throw new AggregateError(errors, `${errors.length} sources failed to close`)
	}

	/** Finds out what the term holds. Versions we handed out and hear nothing of were not applied. */
	#recognise(known: Version | undefined, context: FetchContext): void {
		const offered = this.#offered
		const before = this.#known
		this.#offered = undefined
		this.#known = known
		if (known === undefined) {
			this.#held = undefined
			return
		}
		const marked = unmark(known)
		const source = this.#sources.findIndex(({ name }) => name === marked?.name)
		if (marked !== undefined && source !== -1) {
			const candidates = [offered, this.#held, { ...this.#sources[source]!.seen, source }]
			const met = candidates.find(one => one?.source === source && one.version === marked.version)
			const held = { source, version: marked.version, publishedAt: met?.publishedAt }
			const last = this.#held
			if (known !== before && offered === undefined && last?.source !== undefined && last.source !== source) {
				// Back at another source's version, without an offer of it: what came since was refused, and never in place.
				this.#sources[last.source]!.seen = undefined
				this.#goOnWith(source, context)
			}
			if (known !== before) this.#previous = last
			this.#held = held
			this.#sources[source]!.seen = held
		} else if (known !== before || this.#held === undefined) {
			// None of ours. The term calls content without a version by a name of its own.
			const unversioned = offered !== undefined && offered.version === undefined
			this.#held = unversioned ? offered : { source: undefined, version: undefined, publishedAt: undefined }
			if (unversioned) this.#sources[offered.source!]!.seen = offered
		}
	}

	/** The download as the term is to see it; `undefined` where it is none the better for it. */
	async #consider(index: number, download: Download, context: FetchContext): Promise<Download | undefined> {
		const source = this.#sources[index]!
		const { version } = download
		const sighting: Sighting = { version, publishedAt: credible(download.publishedAt, context) }
		const verdict = judge(this.#held, index, source.seen, sighting, {
			acceptUndated: this.#acceptUndated,
		})
		if (verdict === 'take') {
			this.#offered = { ...sighting, source: index }
			this.#goOnWith(index, context)
			return version === undefined ? download : { ...download, version: mark(source.name, version) }
		}
		try {
			await discard(download)
		} catch (error) {
			context.logger.debug(`Source ${source.name}: giving up a body failed`, { error })
		}
		if (verdict !== 'same' && !isSame(sighting, source.seen)) {
			context.logger.warn(
				verdict === 'older'
					? `Source ${source.name} lags behind: it offers content older than what is in place, which stays`
					: `Source ${source.name} does not tell how old its content is, so what is in place stays until it moves`,
				{ version, publishedAt: sighting.publishedAt },
			)
		}
		if (verdict !== 'same') source.seen = sighting
		return undefined
	}

	#order(context: FetchContext): number[] {
		if (context.signal.aborted) throw reasonOf(context.signal)
		return askingOrder(this.#sources, this.#current, context.clock.monotonic())
	}

	/** Returns if the next source is to be asked. */
	#onFailure(source: Source, error: RemoteTermError, context: FetchContext, answered = false): void {
		if (context.signal.aborted) throw reasonOf(context.signal)
		if (this.#failsOver(error) || answered) source.fail(error, context)
		else {
			source.postpone(context)
			throw error
		}
	}

	#goOnWith(index: number, context: FetchContext): void {
		if (index !== this.#current) {
			const [from, to] = [this.#sources[this.#current]!.name, this.#sources[index]!.name]
			context.logger.info(`Going on with source ${to} instead of ${from}`)
		}
		this.#current = index
	}

	/** In the order of preference, sources that were left alone included. */
	#allFailed(context: FetchContext): RemoteTermError {
		const failed = this.#sources.filter(source => source.failed)
		const errors = failed.map(source => source.lastError!)
		const list = failed.map(({ name, lastError }) => `${name}: ${lastError!.code} (${lastError!.message})`)
		const [first] = errors
		// The earliest moment at which any may be asked: now, unless all of them name one.
		const now = context.clock.monotonic()
		const wait = Math.min(...this.#sources.map(({ restUntil }) => Math.max(0, restUntil - now)))
		return new RemoteTermError(first!.code, `No source answered: ${list.join('; ')}`, {
			status: first!.status,
			retryAfter: wait > 0 ? wait : undefined,
			cause: new AggregateError(errors, list.join('; ')),
		})
	}

	#watch(onChange: () => void, context: FetchContext): Disposable {
		const watch = new Watch(onChange, context)
		this.#watches.add(watch)
		for (const source of this.#sources) watch.add(source)
		return {
			[Symbol.dispose]: () => {
				this.#watches.delete(watch)
				watch[Symbol.dispose]()
			},
		}
	}
}

const markOf = ({ name, seen }: Source): Version | undefined =>
	seen?.version === undefined ? undefined : mark(name, seen.version)

/** A date from the future would make every other source look old for as long as that lasts. */
const credible = (publishedAt: number | undefined, { clock }: FetchContext): number | undefined =>
	publishedAt !== undefined && Number.isFinite(publishedAt) && publishedAt <= clock.now() + DAY
		? publishedAt
		: undefined

const isSame = (one: Sighting, other: Sighting | undefined): boolean =>
	one.version === other?.version && one.publishedAt === other?.publishedAt
