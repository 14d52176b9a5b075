import { reasonOf } from '../core/clock.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import { Emitter, type Listener } from '../core/events.ts'
import type { FetchContext, Version } from '../core/fetcher.ts'
import { ChangeLog } from './change-log.ts'
import type { Outcome, PutInfo, TermEvents } from './events.ts'
import { Flight, tookTooLong, type Landing } from './flight.ts'
import { Gate } from './gate.ts'
import type { Health } from './health.ts'
import { Observer } from './observer.ts'
import { parseOptions, type RemoteTermOptions, type Settings } from './options.ts'
import { RefreshLoop } from './refresh-loop.ts'
import { nextDelay } from './schedule.ts'
import { Source } from './source.ts'
import { Vitals } from './vitals.ts'

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
	readonly #vitals: Vitals
	readonly #log: ChangeLog
	readonly #observer: Observer
	readonly #source: Source
	readonly #gate: Gate<T>
	readonly #flight: Flight<T>
	readonly #loop: RefreshLoop<Landing<T>>
	readonly #life = new AbortController()
	#value: T | undefined
	#starting: Promise<this> | undefined
	#stopping: Promise<void> | undefined
	#isSetUp = false

	/** @throws `INVALID_OPTION` */
	constructor(options: RemoteTermOptions<T>) {
		this.#settings = parseOptions(options, new.target.name || 'RemoteTerm')
		const { clock, initial, logger, minRefreshInterval, name, signal } = this.#settings
		this.#events = new Emitter(logger)
		this.#log = new ChangeLog(name, logger)
		this.#observer = new Observer(this.#settings)
		this.#vitals = new Vitals(this.#settings, (status, previous) => {
			if (status === 'stale') this.#log.stale()
			this.#events.emit('status', { name, status, previous })
			this.#observer.status(status, previous)
		})
		this.#source = new Source(this.#settings, () => this.#loop.sourceChanged())
		const hooks = {
			deserialize: (data: Uint8Array) => this.deserialize(data),
			validate: (term: T) => this.validate(term),
			put: (term: T, info: PutInfo) => this.put(term, info),
		}
		this.#gate = new Gate(this.#settings, this.#observer.timing(hooks))
		this.#flight = new Flight(this.#settings, this.#source, this.#gate, {
			prepare: context => this.#prepare(context),
			contextOf: flightSignal => this.#contextOf(flightSignal),
			life: this.#life.signal,
		})
		this.#loop = new RefreshLoop({
			clock,
			minInterval: minRefreshInterval,
			run: (cancellation, trigger) =>
				this.#observer.watch(trigger, this.#vitals, () => this.#flight.run(cancellation)),
			nextDelay: landing => this.#recordAndSchedule(landing),
			landed: (landing, ended) => {
				const announce = ended ? undefined : (): void => this.#announce(landing)
				this.#observer.landed(announce, () => this.health())
			},
		})
		if (initial !== undefined) {
			this.#value = initial
			this.#gate.held = { version: undefined, validator: undefined, digest: undefined, source: 'initial' }
			this.#vitals.gotValue()
		}
		if (signal?.aborted) void this.stop()
		else signal?.addEventListener('abort', () => void this.stop(), { once: true, signal: this.#life.signal })
	}

	/** Called once, before the first fetch. What it throws fails the start with `SETUP_FAILED`. */
	protected setup(): void | Promise<void> {}

	/** How bytes, decompressed, become a value. What it throws is reported as `DESERIALIZE_FAILED`. */
	protected abstract deserialize(data: Uint8Array): T | Promise<T>

	/** Throw to refuse a value that `schema` has let through: `VALIDATION_FAILED`. */
	protected validate(_term: T): void | Promise<void> {}

	/**
	 * Puts the value where `get` finds it. Override both to keep it elsewhere. A put that throws is `PUT_FAILED`: the
	 * version is not recorded, and the value will be fetched and put again.
	 */
	protected put(term: T, _info: PutInfo): void | Promise<void> {
		this.#value = term
	}

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
		const { name } = this.#settings
		if (this.#life.signal.aborted) return this.#notRun(reasonOf(this.#life.signal))
		if (this.#starting === undefined) {
			return this.#notRun(
				new RemoteTermError('NOT_STARTED', `Expected ${name} to be started before it is updated`, {
					term: name,
				}),
			)
		}
		return (await this.#loop.fly('update')).outcome
	}

	/** Resolves as soon as a value is in place, for those who start lazily. Rejects if `signal` is aborted, or the term stopped, first. */
	async ready({ signal }: { readonly signal?: AbortSignal } = {}): Promise<this> {
		if (this.#gate.held !== undefined) return this
		const off: Array<() => void> = []
		try {
			await new Promise<void>((resolve, reject) => {
				off.push(this.on('updated', () => resolve()))
				for (const one of [this.#life.signal, ...(signal === undefined ? [] : [signal])]) {
					const onAbort = (): void => reject(reasonOf(one))
					if (one.aborted) onAbort()
					one.addEventListener('abort', onAbort)
					off.push(() => one.removeEventListener('abort', onAbort))
				}
			})
		} finally {
			for (const remove of off) remove()
		}
		return this
	}

	/** What a probe, a dashboard or a curious engineer wants to know. Cheap enough to be asked at every request. */
	health(): Health {
		const { clock, name } = this.#settings
		const { nextAt, flying } = this.#loop
		return {
			name,
			...this.#vitals.tell(),
			version: this.version,
			source: this.#gate.held?.source,
			refreshing: flying,
			nextRefreshAt: nextAt === undefined ? undefined : clock.now() + nextAt - clock.monotonic(),
			refusedVersion: this.#gate.refusal?.version,
		}
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
		const { clock, lazyInit, name, startTimeout } = this.#settings
		if (this.#life.signal.aborted) throw reasonOf(this.#life.signal)
		this.#vitals.enter('started')
		const flight = this.#loop.fly('start')
		if (lazyInit) return this

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
		this.#vitals.enter('idle')
		throw error
	}

	async #stop(): Promise<void> {
		const { name } = this.#settings
		const reason = new RemoteTermError('STOPPED', `${name} is stopped`, { term: name })
		this.#events.clear()
		this.#life.abort(reason)
		this.#source.unwatch()
		this.#vitals.enter('stopped')
		await this.#loop.end(reason)
		if (this.#isSetUp) await this.#source.close()
	}

	async #prepare(context: FetchContext): Promise<void> {
		if (this.#isSetUp) return
		const { initial, name } = this.#settings
		try {
			await this.setup()
		} catch (error) {
			throw new RemoteTermError('SETUP_FAILED', `Cannot set up ${name}: ${messageOf(error)}`, {
				cause: error,
			})
		}
		if (initial !== undefined) await this.#gate.admitInitial(initial, context)
		this.#isSetUp = true
	}

	/** What a flight brought back is recorded before anybody hears of it. */
	#recordAndSchedule({ outcome, trace }: Landing<T>): number | undefined {
		const { random } = this.#settings
		if (outcome.status === 'failed') this.#vitals.failed(outcome.error)
		else this.#vitals.succeeded(trace.freshness ?? {})
		const { consecutiveFailures, freshness } = this.#vitals
		const retryAfter = outcome.status === 'failed' ? outcome.error.retryAfter : undefined
		return nextDelay(
			this.#settings,
			{ consecutiveFailures, retryAfter, freshFor: freshness.freshFor },
			random,
		)
	}

	#announce({ outcome, term }: Landing<T>): void {
		const { name } = this.#settings
		this.#log.note(outcome)
		if (!this.#events.has(outcome.status)) return
		switch (outcome.status) {
			case 'updated':
				return this.#events.emit('updated', { name, term: term as T, ...outcome })
			case 'unchanged':
				return this.#events.emit('unchanged', { name, ...outcome })
			case 'failed':
				return this.#events.emit('failed', { name, ...outcome })
		}
	}

	#contextOf(signal: AbortSignal): FetchContext {
		const { clock, logger, name } = this.#settings
		return {
			signal,
			clock,
			logger,
			onProgress: (received, total) => this.#events.emit('progress', { name, received, total }),
		}
	}

	#notRun(error: RemoteTermError): Outcome {
		return { status: 'failed', version: this.version, error, durationMs: 0, steps: {} }
	}
}
