import { reasonOf } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { Emitter, type Listener } from '../core/events.ts'
import type { FetchContext, Version } from '../core/fetcher.ts'
import { Archive } from './archive.ts'
import type { Outcome, PutInfo, TermEvents } from './events.ts'
import type { RefreshTrigger } from './channels.ts'
import { firstOf } from './first-of.ts'
import { Flight, tookTooLong, type Landing, type Task } from './flight.ts'
import { INITIAL, type ReceivedTerm, type ReceiveInfo } from './admission.ts'
import { Gate } from './gate.ts'
import type { Health } from './health.ts'
import { Logbook } from './logbook.ts'
import { parseOptions, type RemoteTermOptions, type Settings } from './options.ts'
import { Preparation } from './preparation.ts'
import { Recall } from './recall.ts'
import type { Packing } from './packed.ts'
import { RefreshLoop } from './refresh-loop.ts'
import { Source } from './source.ts'

/**
 * A named, versioned value from somewhere else, hot in this process's memory: read synchronously, refreshed behind
 * the reader's back, and never replaced by anything that has not passed every check.
 *
 * ```
 * size budget → digest → decompress → deserialize → validate → put (one swap) → commit the version → notify
 * ```
 *
 * - No failure at any step changes what `get()` returns, and after any failure the next refresh is scheduled.
 * - The version moves with the value: it is recorded only after `put` has succeeded.
 * - At most one refresh is under way and at most one is scheduled. `update()` joins the former and replaces the latter.
 * - `stop()` ends whatever waits; afterwards nothing is called back and nothing keeps the process alive. The timer for
 *   the next refresh never does.
 *
 * A subclass says how bytes become a value, and may say more:
 *
 * ```ts
 * class Rates extends RemoteTerm<Record<string, number>> {
 *   protected override deserialize = json<Record<string, number>>
 * }
 * ```
 */
export abstract class RemoteTerm<T> implements AsyncDisposable {
	readonly #settings: Settings<T>
	readonly #events: Emitter<TermEvents<T>>
	readonly #logbook: Logbook<T>
	readonly #source: Source
	readonly #gate: Gate<T>
	readonly #archive: Archive
	readonly #recall: Recall<T>
	readonly #preparation: Preparation<T>
	readonly #flight: Flight<T>
	readonly #loop: RefreshLoop<Landing<T>>
	readonly #life = new AbortController()
	#value: T | undefined
	#starting: Promise<this> | undefined
	#stopping: Promise<void> | undefined

	/** @throws `INVALID_OPTION` */
	constructor(options: RemoteTermOptions<T>) {
		this.#settings = parseOptions(options, new.target.name || 'RemoteTerm')
		const { clock, initial, logger, minRefreshInterval, name, signal } = this.#settings
		this.#events = new Emitter(logger)
		this.#source = new Source(this.#settings, () => this.#loop.sourceChanged())
		this.#gate = new Gate(this.#settings, {
			deserialize: data => this.deserialize(data),
			receive: this.receive === undefined ? undefined : (body, info) => this.receive!(body, info),
			validate: term => this.validate(term),
			put: (term, info) => this.put(term, info),
			putsAgain: version => this.putsAgain?.(version) ?? false,
			packing: this.packing?.(),
		})
		this.#archive = new Archive(this.#settings, this.packing !== undefined)
		this.#logbook = new Logbook(this.#settings, this.#events, this.#gate, this.#archive)
		this.#recall = new Recall(name, this.#gate, this.#archive, this.#logbook.log)
		this.#preparation = new Preparation(this.#settings, this.#gate, this.#archive, () => this.setup())
		this.#flight = new Flight(this.#settings, this.#source, this.#gate, {
			prepare: context => this.#preparation.run(context),
			refresh: (context, trace) => this.#recall.refresh(context, trace, this.#flight.askAndAdmit),
			fallback: error => (this.#life.signal.aborted ? undefined : this.#recall.fallback(error)),
			contextOf: flightSignal => this.#contextOf(flightSignal),
			life: this.#life.signal,
		})
		this.#loop = new RefreshLoop({
			clock,
			minInterval: minRefreshInterval,
			run: cancellation => this.#flight.run(cancellation),
			watch: (trigger, fly) => this.#logbook.watch(trigger, fly),
			record: landing => this.#logbook.record(landing),
			landed: (landing, ended) => this.#logbook.announce(landing, this.#loop, ended),
		})
		if (initial !== undefined) {
			this.#value = initial
			this.#gate.held = INITIAL
			this.#logbook.vitals.gotValue()
		}
		if (signal?.aborted) void this.stop()
		else signal?.addEventListener('abort', () => void this.stop(), { once: true, signal: this.#life.signal })
	}

	/** Called once, before the first fetch. What it throws fails the start with `SETUP_FAILED`. */
	protected setup(): void | Promise<void> {}

	/** How bytes, decompressed, become a value. What it throws is reported as `DESERIALIZE_FAILED`. */
	protected abstract deserialize(data: Uint8Array): T | Promise<T>

	/**
	 * Where it exists, it is called in place of decompression and `deserialize`, with the body as it travels. What it
	 * throws is the refresh's error, unchanged.
	 *
	 * @internal
	 */
	protected receive?(body: AsyncIterable<Uint8Array>, info: ReceiveInfo): Promise<ReceivedTerm<T>>

	/** @internal Where it exists, snapshots hold what it makes of values. Called in the constructor. */
	protected packing?(): Packing<T>

	/** Throw to refuse a value that `schema` has let through: `VALIDATION_FAILED`. */
	protected validate(_term: T): void | Promise<void> {}

	/**
	 * Puts the value where `get` finds it. Override both to keep it elsewhere. A put that throws is `PUT_FAILED`: the
	 * version is not recorded, and the value will be fetched and put again. One that throws a `RemoteTermError` with
	 * `VALIDATION_FAILED` or `DOWNGRADE_REFUSED` has refused the content, as `validate` may: that version is remembered.
	 */
	protected put(term: T, _info: PutInfo): void | Promise<void> {
		this.#value = term
	}

	/** @internal Whether bytes that are in place are put once more, as their new version is a part of the value. */
	protected putsAgain?(version: Version): boolean

	/** The value in place; `undefined` as long as there is none. Synchronous, never throws, never allocates. */
	get(): T | undefined {
		return this.#value
	}

	get name(): string {
		return this.#settings.name
	}

	/** The version of the value in place; `undefined` for none and for `initial`. */
	get version(): Version | undefined {
		return this.#gate.held?.version
	}

	/** Returns the function that removes the listener. A listener that throws is logged and harms nobody. */
	on<Name extends keyof TermEvents<T>>(event: Name, listener: Listener<TermEvents<T>[Name]>): () => void {
		return this.#events.on(event, listener)
	}

	/**
	 * Resolves with a value in place, be it `initial` because the source failed. Rejects with the cause if there is
	 * none, and leaves nothing running; it may then be called again. With `lazyInit` it resolves at once.
	 */
	start(): Promise<this> {
		this.#starting ??= this.#start().catch((error: unknown) => {
			this.#starting = undefined
			throw error
		})
		return this.#starting
	}

	/**
	 * Refreshes now, or joins the refresh under way. Never rejects: a failure is an outcome, with its error. Before
	 * `start()` that is `NOT_STARTED`, after `stop()` `STOPPED`.
	 */
	async update(): Promise<Outcome> {
		return this.#refusesToRun() ?? (await this.#loop.fly('update')).outcome
	}

	/**
	 * Returns to the value before the one in place, out of the history or from disk. What it returned from is not put in
	 * place again until the source has moved on. Never rejects: `VERSION_UNAVAILABLE` where there is no earlier value.
	 */
	rollback(): Promise<Outcome> {
		return this.#command('rollback', (context, trace) => this.#recall.rollBack(context, trace))
	}

	/**
	 * Holds this version, whatever else the source publishes, until `unpin`; fetches it, from the history, the disk or the
	 * source, where it is not in place. Being asked for by name, it need not pass the drift guard. Never rejects:
	 * `VERSION_UNAVAILABLE`, with everything as it was, where nobody has it.
	 *
	 * Not kept beyond a restart; but it may be said before `start()`, which then looks for this version before it lets in
	 * any other. Where neither the disk nor the source has it, the term starts without a pin, and a warning.
	 */
	async pin(version: Version): Promise<Outcome> {
		if (this.#isAhead) {
			this.#recall.pinAhead(version)
			return this.#unchanged()
		}
		return this.#command('pin', (context, trace) =>
			this.#recall.pin(version, context, trace, this.#flight.askAndAdmit),
		)
	}

	/** Lets other versions in again, and asks the source for its own at once, if the term is started. */
	async unpin(): Promise<Outcome> {
		this.#gate.unpin()
		return this.#isAhead ? this.#unchanged() : this.update()
	}

	/** Resolves as soon as a value is in place, for those who start lazily. Rejects if `signal` is aborted, or the term stopped, first. */
	async ready({ signal }: { readonly signal?: AbortSignal } = {}): Promise<this> {
		const signals = signal === undefined ? [this.#life.signal] : [this.#life.signal, signal]
		if (this.#gate.held === undefined) await firstOf(resolve => this.on('updated', resolve), signals)
		return this
	}

	/** What a probe, a dashboard or a curious engineer wants to know. Cheap enough to be asked at every request. */
	health(): Health {
		return this.#logbook.health(this.#loop)
	}

	/** Ends whatever waits, and closes the fetcher. Final and idempotent; `get()` goes on returning the last value. */
	stop(): Promise<void> {
		this.#stopping ??= this.#stop()
		return this.#stopping
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.stop()
	}

	async #start(): Promise<this> {
		const { clock, lazyInit, name, startFrom, startTimeout } = this.#settings
		if (this.#life.signal.aborted) throw reasonOf(this.#life.signal)
		this.#logbook.vitals.enter('started')
		if (this.#recall.seeks && this.#archive.onDisk)
			await this.#loop.flyNext('pin', cancellation => this.#flight.run(cancellation, this.#recall.findPinned))
		if (startFrom === 'disk-first' && !this.#recall.holds)
			await this.#loop.flyNext('disk', cancellation => this.#flight.run(cancellation, this.#recall.restore))
		const flight = this.#loop.fly('start')
		if (lazyInit || this.#recall.holds) return this
		const limit = clock.timer(startTimeout, () =>
			this.#loop.abort(tookTooLong(name, 'start', startTimeout, 'startTimeout')),
		)
		const { outcome } = await flight
		limit[Symbol.dispose]()
		if (this.#life.signal.aborted) throw reasonOf(this.#life.signal)
		if (outcome.status !== 'failed') return this
		const { error } = outcome
		// A mistake of the caller's must not hide behind a bundled value until somebody reads the logs.
		if (this.#gate.held !== undefined && error.code !== 'INVALID_OPTION' && error.code !== 'SETUP_FAILED')
			return this
		this.#loop.disarm()
		this.#source.unwatch()
		this.#logbook.vitals.enter('idle')
		throw error
	}

	async #stop(): Promise<void> {
		const reason = new RemoteTermError('STOPPED', `${this.name} is stopped`, { term: this.name })
		this.#events.clear()
		this.#life.abort(reason)
		this.#source.unwatch()
		this.#logbook.vitals.enter('stopped')
		await this.#loop.end(reason)
		await this.#source.close(this.#preparation.isSetUp, [
			this.#gate.provenance.close(),
			this.#archive.settled(),
		])
	}

	async #command(trigger: RefreshTrigger, task: Task<T>): Promise<Outcome> {
		const refused = this.#refusesToRun()
		if (refused) return refused
		const landing = await this.#loop.flyNext(trigger, cancellation => this.#flight.run(cancellation, task))
		return landing?.outcome ?? this.#notRun(reasonOf(this.#life.signal))
	}

	#refusesToRun(): Outcome | undefined {
		if (this.#life.signal.aborted) return this.#notRun(reasonOf(this.#life.signal))
		if (!this.#isAhead) return undefined
		return this.#notRun(
			new RemoteTermError('NOT_STARTED', `Expected ${this.name} to be started first`, { term: this.name }),
		)
	}

	/** Whether everything is still to come. */
	get #isAhead(): boolean {
		return this.#starting === undefined && !this.#life.signal.aborted
	}

	#contextOf(signal: AbortSignal): FetchContext {
		const { clock, logger, name } = this.#settings
		const onProgress = (received: number, total: number | undefined): void =>
			this.#events.emit('progress', { name, received, total })
		return { signal, clock, logger, onProgress }
	}

	#unchanged(): Outcome {
		return { status: 'unchanged', version: this.version, durationMs: 0, steps: {} }
	}

	#notRun(error: RemoteTermError): Outcome {
		return { status: 'failed', version: this.version, error, durationMs: 0, steps: {} }
	}
}
