import { reasonOf, untilAborted } from '../core/clock.ts'
import { RemoteTermError, type ErrorCode } from '../core/errors.ts'
import type { Download, FetchContext, Fetcher, Freshness, NotModified, Version } from '../core/fetcher.ts'
import { onlyKnownOptions, positiveInteger } from '../core/options.ts'
import { Watches } from '../core/watches.ts'
import {
	nothingHeld,
	replyNotModified,
	replyWithBody,
	replyWithError,
	replyWithValue,
	type FakeAnswer,
	type FakeCall,
	type FakeDelay,
	type FakeExtras,
	type FakeHang,
	type Reply,
} from './fake-answer.ts'
import type { FakeBody } from './fake-body.ts'

export interface FakeFetcherOptions {
	/** False: there is no `downloadIfChanged`, as in a fetcher of the minimal kind. Default: true. */
	readonly conditional?: boolean | undefined
	/** False: there is no `watch`. Default: true. */
	readonly watch?: boolean | undefined
	/** Bodies stream, in chunks of so many bytes. Default: they come whole. */
	readonly chunkSize?: number | undefined
	/** Called within `init`, which waits and fails as it does. */
	readonly init?: ((context: FetchContext) => void | Promise<void>) | undefined
	/** Called within `close`, which waits and fails as it does. */
	readonly close?: (() => void | Promise<void>) | undefined
}

interface Scripted {
	readonly reply: Promise<Reply>
	readonly take: (call: FakeCall) => void
}

/**
 * A fetcher for tests of terms. It answers by what was last published, as a real source would, unless it has a script:
 * each `respond`, `respondValue`, `notModified`, `fail` and `hang` is the answer to one refresh, in their order.
 *
 * ```ts
 * const fetcher = new FakeFetcher('{"eur":1}')
 * fetcher.fail('FETCH_TIMEOUT')                            // the next refresh fails
 * fetcher.respond('{"eur":', { then: 'FETCH_INCOMPLETE' }) // the one after it breaks off
 * fetcher.publish('{"eur":2}')                             // is there once the script is over; watchers hear of it now
 *
 * const hanging = fetcher.hang()
 * const updating = rates.update()
 * await hanging.taken
 * hanging.respond('{"eur":3}')
 * ```
 */
export class FakeFetcher implements Fetcher {
	/** Every call, oldest first. */
	readonly calls: FakeCall[] = []
	readonly downloadIfChanged?: NonNullable<Fetcher['downloadIfChanged']>
	readonly watch?: NonNullable<Fetcher['watch']>
	#held: Reply = nothingHeld
	#versions = 0
	readonly #options: FakeFetcherOptions
	readonly #bodies: { readonly chunkSize: number | undefined; readonly open: Set<object> }
	readonly #script: Scripted[] = []
	readonly #watches = new Watches('FakeFetcher')
	readonly #beside = new Map<string, FakeFetcher>()
	readonly #waiting = new Set<() => void>()

	/**
	 * @param body What the source holds; left out, it holds nothing and rejects with `FETCH_NOT_FOUND`.
	 * @throws `INVALID_OPTION`
	 */
	constructor(body?: Uint8Array | string, options: FakeFetcherOptions = {}) {
		onlyKnownOptions('FakeFetcher', options, ['conditional', 'watch', 'chunkSize', 'init', 'close'])
		const { conditional = true, watch = true, chunkSize } = options
		this.#options = options
		this.#bodies = {
			chunkSize: chunkSize === undefined ? undefined : positiveInteger('chunkSize', chunkSize),
			open: new Set(),
		}
		if (conditional) {
			this.downloadIfChanged = async (known, context) =>
				this.#answer(this.#record({ method: 'downloadIfChanged', known }, context), context)
		}
		if (watch) this.watch = (onChange, context) => this.#watch(onChange, context)
		if (body !== undefined) this.publish(body)
	}

	/** From now on the source holds this, and whoever watches is told. Returns its version. */
	publish(body: Uint8Array | string, extras: FakeExtras = {}): Version | undefined {
		return this.#hold(replyWithBody(body, extras, this.#versionOf(extras), this.#bodies))
	}

	/** From now on the source holds this ready value, and whoever watches is told. Returns its version. */
	publishValue(value: unknown, extras: FakeExtras = {}): Version | undefined {
		return this.#hold(replyWithValue(value, extras, this.#versionOf(extras) ?? this.#newVersion()))
	}

	/** From now on this lies beside the content, as a signature (`.sig`) or checksum (`.sha256`) does. Nobody is told. */
	publishBeside(suffix: string, body: Uint8Array | string, extras: FakeExtras = {}): Version | undefined {
		return this.beside(suffix).publish(body, extras)
	}

	/**
	 * What lies beside, as a fetcher of this kind with a script of its own, the same each time for the same suffix. It
	 * holds nothing until something is published.
	 */
	beside(suffix: string): FakeFetcher {
		let found = this.#beside.get(suffix)
		if (found === undefined) {
			found = new FakeFetcher()
			this.#beside.set(suffix, found)
		}
		return found
	}

	/** From now on the source holds nothing. */
	unpublish(): void {
		this.#hold(nothingHeld)
	}

	/** The next refresh is answered with this body. */
	respond(body: FakeBody, extras: FakeExtras = {}): FakeAnswer {
		return this.#enqueue(replyWithBody(body, extras, this.#versionOf(extras), this.#bodies))
	}

	/** The next refresh is answered with this ready value. */
	respondValue(value: unknown, extras: FakeExtras = {}): FakeAnswer {
		return this.#enqueue(replyWithValue(value, extras, this.#versionOf(extras) ?? this.#newVersion()))
	}

	/** The next refresh learns that nothing has changed, whatever it asks about. */
	notModified(freshness: Freshness & FakeDelay = {}): FakeAnswer {
		return this.#enqueue(replyNotModified(freshness))
	}

	/** The next refresh fails, with an error of this code or with this very error. */
	fail(error: ErrorCode | Error = 'FETCH_FAILED', delay: FakeDelay = {}): FakeAnswer {
		return this.#enqueue(replyWithError(error, delay))
	}

	/** The next refresh hangs. */
	hang(): FakeHang {
		let tell!: (reply: Reply) => void
		const told = new Promise<Reply>(resolve => {
			tell = resolve
		})
		const { taken } = this.#enqueue(told)
		return {
			taken,
			respond: (body, extras = {}) =>
				tell(replyWithBody(body, extras, this.#versionOf(extras), this.#bodies)),
			respondValue: (value, extras = {}) =>
				tell(replyWithValue(value, extras, this.#versionOf(extras) ?? this.#newVersion())),
			notModified: (freshness = {}) => tell(replyNotModified(freshness)),
			fail: (error = 'FETCH_FAILED') => tell(replyWithError(error, {})),
		}
	}

	/** Calls the `onChange` of whoever watches, whether there is a change or not. */
	tellWatchers(): void {
		this.#watches.tell()
	}

	/** Resolves once there have been `count` calls, of one method or of any. */
	async reached(count: number, method?: FakeCall['method']): Promise<void> {
		const calls = (): readonly FakeCall[] =>
			this.calls.filter(call => method === undefined || call.method === method)
		while (calls().length < count) {
			await new Promise<void>(resolve => {
				this.#waiting.add(resolve)
			})
		}
	}

	/** How many bodies are neither read to their end nor given up. */
	get openBodies(): number {
		return this.#bodies.open.size
	}

	/** How many watches stand. A term that has stopped leaves none. */
	get watches(): number {
		return this.#watches.size
	}

	/** How many answers of the script no call has taken yet. */
	get pendingAnswers(): number {
		return this.#script.length
	}

	async init(context: FetchContext): Promise<void> {
		this.#record({ method: 'init' }, context)
		await untilAborted(Promise.resolve(this.#options.init?.(context)), context.signal)
	}

	/** The version of the next content, which `download` then takes. Any other answer of the script is taken here. */
	async currentVersion(context: FetchContext): Promise<Version> {
		const reply = await this.#next(this.#record({ method: 'currentVersion' }, context), context)
		if (reply !== this.#held && reply.isContent) {
			this.#script.unshift({ reply: Promise.resolve(reply), take: () => {} })
		}
		// Content answers with its version alone; an error is thrown, and `notModified` speaks of what is held.
		if (!reply.isContent) await reply.answer(context)
		return (reply.isContent ? reply.version : this.#held.version) ?? this.#newVersion()
	}

	async download(context: FetchContext): Promise<Download> {
		const answer = await this.#answer(this.#record({ method: 'download' }, context), context)
		if ('notModified' in answer) {
			throw new RemoteTermError('INVALID_OPTION', 'FakeFetcher: notModified() is no answer to download()')
		}
		return answer
	}

	async close(): Promise<void> {
		this.#record({ method: 'close' })
		this.#watches.clear()
		await this.#options.close?.()
	}

	async #answer(call: FakeCall, context: FetchContext): Promise<Download | NotModified> {
		const reply = await this.#next(call, context)
		if (reply === this.#held && reply.version !== undefined && reply.version === call.known) {
			return { notModified: true }
		}
		return reply.answer(context)
	}

	async #next(call: FakeCall, { signal }: FetchContext): Promise<Reply> {
		if (signal.aborted) throw reasonOf(signal)
		const next = this.#script.shift()
		if (next === undefined) return this.#held
		next.take(call)
		return untilAborted(next.reply, signal)
	}

	#watch(onChange: () => void, context: FetchContext): Disposable {
		this.#record({ method: 'watch' }, context)
		return this.#watches.add(onChange, context)
	}

	#hold(reply: Reply): Version | undefined {
		this.#held = reply
		this.tellWatchers()
		return reply.version
	}

	#enqueue(reply: Reply | Promise<Reply>): FakeAnswer {
		let take!: (call: FakeCall) => void
		const taken = new Promise<FakeCall>(resolve => {
			take = resolve
		})
		this.#script.push({ reply: Promise.resolve(reply), take })
		return { taken, version: reply instanceof Promise ? undefined : reply.version }
	}

	#record(call: Pick<FakeCall, 'method' | 'known'>, context?: FetchContext): FakeCall {
		const recorded = { ...call, signal: context?.signal, at: context?.clock.monotonic() }
		this.calls.push(recorded)
		const waiting = [...this.#waiting]
		this.#waiting.clear()
		for (const resolve of waiting) resolve()
		return recorded
	}

	#versionOf({ version }: FakeExtras): Version | undefined {
		return version === null ? undefined : (version ?? this.#newVersion())
	}

	/** `1`, `2`, …, in the order in which contents were given to this fetcher. */
	#newVersion(): Version {
		this.#versions += 1
		return String(this.#versions)
	}
}
