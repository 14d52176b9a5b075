import { reasonOf, untilAborted } from '../lib/core/clock.ts'
import { asRemoteTermError, RemoteTermError } from '../lib/core/errors.ts'
import {
	isNotModified,
	isValue,
	type Download,
	type DownloadedBody,
	type FetchContext,
	type Fetcher,
	type NotModified,
	type Version,
} from '../lib/core/fetcher.ts'
import type { Sighting, SourceHealth } from './failover-order.ts'

/** A source that asks for more patience than this may be mistaken, and may be the only one left. */
const LONGEST_REST = 10 * 60 * 1000

export interface SourceSettings {
	readonly name: string
	readonly fetcher: Fetcher
	readonly attemptTimeout: number
	readonly recoverAfter: number
	/** Whether an error means that another source should be asked. */
	readonly failsOver: (error: RemoteTermError) => boolean
}

/** One of several sources: its fetcher, how it has fared, and what it held when it was last asked. */
export class Source implements SourceHealth {
	readonly name: string
	readonly fetcher: Fetcher
	/** Its validator: asked for in the next conditional request to it, and to no other. */
	seen: Sighting | undefined
	failed = false
	notBefore = -Infinity
	restUntil = -Infinity
	lastError: RemoteTermError | undefined
	initialised = false
	#initialising: Promise<void> | undefined
	readonly #settings: SourceSettings

	constructor(settings: SourceSettings) {
		this.name = settings.name
		this.fetcher = settings.fetcher
		this.#settings = settings
	}

	/** Bounded by `attemptTimeout`. Does nothing once it has succeeded. */
	async initialise(context: FetchContext): Promise<void> {
		if (this.initialised) return
		await this.#attempt(context, linked => this.#initialise(linked))
	}

	/** Asks conditionally where `condition` is given. Until the answer begins, bounded by `attemptTimeout`. */
	async ask(condition: Version | undefined, context: FetchContext): Promise<Download | NotModified> {
		const answer = await this.#attempt(context, async linked => {
			await this.#initialise(linked)
			return this.#askNow(condition, linked)
		})
		if (isNotModified(answer) && condition === undefined) {
			throw new RemoteTermError(
				'FETCH_FAILED',
				`Expected source ${this.name} to answer an unconditional request with content, got 'not modified'`,
			)
		}
		return answer
	}

	async currentVersion(context: FetchContext): Promise<Version> {
		return this.#attempt(context, async linked => {
			await this.#initialise(linked)
			return this.fetcher.currentVersion(linked)
		})
	}

	/** Leaves the source alone for `recoverAfter`, or for as long as it asks (10 min at most). */
	fail(error: RemoteTermError, context: FetchContext): void {
		if (!this.failed) {
			context.logger.warn(`Source ${this.name} failed: ${error.message}`, { code: error.code })
		}
		const now = context.clock.monotonic()
		this.failed = true
		this.lastError = error
		this.restUntil =
			error.retryAfter === undefined ? -Infinity : now + Math.min(error.retryAfter, LONGEST_REST)
		this.notBefore = Math.max(now + this.#settings.recoverAfter, this.restUntil)
	}

	/** It answers, but has nothing to say that the current source would not know. */
	postpone(context: FetchContext): void {
		this.notBefore = context.clock.monotonic() + this.#settings.recoverAfter
	}

	answered(context: FetchContext): void {
		if (this.failed) context.logger.info(`Source ${this.name} answers again`)
		this.failed = false
		this.notBefore = -Infinity
		this.restUntil = -Infinity
	}

	/** Ends at once what is under way. */
	async #attempt<Answer>(
		context: FetchContext,
		ask: (linked: FetchContext) => Promise<Answer>,
	): Promise<Answer> {
		const { attemptTimeout } = this.#settings
		const link = this.#link(context)
		const timer = context.clock.timer(attemptTimeout, () =>
			link.abort(
				new RemoteTermError(
					'FETCH_TIMEOUT',
					`Expected source ${this.name} to answer within ${attemptTimeout} ms (attemptTimeout), got nothing`,
				),
			),
		)
		const asked = Promise.resolve().then(() => ask(link.context))
		try {
			const answer = await untilAborted(asked, link.context.signal)
			if (!isStream(answer)) link[Symbol.dispose]()
			return isStream(answer) ? (this.#watched(answer, link, context) as Answer) : answer
		} catch (error) {
			link[Symbol.dispose]()
			// A source that does not heed the signal may answer yet; its body must not be left hanging.
			asked.then(discardAny, () => {})
			throw asRemoteTermError(error, 'FETCH_FAILED', message => `Source ${this.name} failed: ${message}`)
		} finally {
			timer[Symbol.dispose]()
		}
	}

	/**
	 * A context of its own, so that one source can be given up without the others. An abort from above is no failure
	 * of the source, with one exception: where the term's limit ran out while this source was keeping it waiting, the
	 * next refresh must not wait for the same one first.
	 */
	#link(context: FetchContext): Link {
		const controller = new AbortController()
		const { signal, clock, logger } = context
		const onAbort = (): void => {
			const reason = reasonOf(signal)
			if (reason.code === 'TIMEOUT') this.fail(reason, context)
			controller.abort(reason)
		}
		if (signal.aborted) controller.abort(reasonOf(signal))
		else signal.addEventListener('abort', onAbort, { once: true })
		return {
			context: {
				signal: controller.signal,
				clock,
				logger,
				onProgress: (received, total) => context.onProgress?.(received, total),
			},
			abort: reason => controller.abort(reason),
			[Symbol.dispose]: () => signal.removeEventListener('abort', onAbort),
		}
	}

	#initialise(context: FetchContext): Promise<void> {
		if (this.initialised) return Promise.resolve()
		this.#initialising ??= this.fetcher
			.init(context)
			.then(() => {
				this.initialised = true
			})
			.finally(() => {
				this.#initialising = undefined
			})
		return this.#initialising
	}

	async #askNow(condition: Version | undefined, context: FetchContext): Promise<Download | NotModified> {
		const { fetcher } = this
		if (fetcher.downloadIfChanged !== undefined) return fetcher.downloadIfChanged(condition, context)
		if (condition !== undefined && (await fetcher.currentVersion(context)) === condition) {
			return { notModified: true }
		}
		return fetcher.download(context)
	}

	/** The term reads the body, so only in passing can be seen that it broke off. */
	#watched(download: StreamedBody, link: Link, context: FetchContext): DownloadedBody {
		const { body, size } = download
		const read = async function* (this: Source): AsyncGenerator<Uint8Array> {
			let received = 0
			try {
				for await (const chunk of body) {
					received += chunk.length
					yield chunk
				}
				if (size !== undefined && received < size) {
					throw new RemoteTermError(
						'FETCH_INCOMPLETE',
						`Expected ${size} bytes from source ${this.name}, as announced, got only ${received}`,
					)
				}
			} catch (thrown) {
				const error = asRemoteTermError(
					thrown,
					'FETCH_FAILED',
					message => `Source ${this.name} failed within its body: ${message}`,
				)
				if (!context.signal.aborted && this.#settings.failsOver(error)) this.fail(error, context)
				throw error
			} finally {
				link[Symbol.dispose]()
			}
		}
		return {
			...download,
			body: read.call(this),
			cancel: async () => {
				link[Symbol.dispose]()
				await discard(download)
			},
		}
	}
}

type StreamedBody = DownloadedBody & { readonly body: AsyncIterable<Uint8Array> }

interface Link extends Disposable {
	readonly context: FetchContext
	abort(reason: RemoteTermError): void
}

const isStream = (answer: unknown): answer is StreamedBody =>
	typeof answer === 'object' && answer !== null && 'body' in answer && !(answer.body instanceof Uint8Array)

/** Gives a body up, and frees what it holds. */
export const discard = async (download: Download): Promise<void> => {
	if (isValue(download)) return
	if (download.cancel !== undefined) await download.cancel()
	else if (isStream(download)) await download.body[Symbol.asyncIterator]().return?.()
}

const discardAny = (answer: unknown): void => {
	if (isStream(answer)) discard(answer).catch(() => {})
}
