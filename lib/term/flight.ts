import { reasonOf, untilAborted, type Timer } from '../core/clock.ts'
import { asRemoteTermError, RemoteTermError } from '../core/errors.ts'
import type { FetchContext } from '../core/fetcher.ts'
import { Cancellation } from './cancellation.ts'
import type { Outcome } from './events.ts'
import type { Admission, Trace } from './admission.ts'
import type { Gate } from './gate.ts'
import type { Settings } from './options.ts'
import type { Source } from './source.ts'

/** What a flight comes back with: the outcome for everybody, the value for the event, the rest for the records. */
export interface Landing<T> {
	readonly outcome: Outcome
	readonly term?: T
	readonly trace: Trace
	/** The source was not asked: this says nothing about how it is doing. */
	readonly isLocal: boolean
	/** What was put in place out of the archive, because the source did not answer. */
	readonly restored?: Landing<T> | undefined
}

/** What a flight does instead of asking the source. */
export type Task<T> = (context: FetchContext, trace: Trace) => Promise<Admission<T>>

export interface FlightCrew<T> {
	/** What comes before the first question ever. */
	prepare(context: FetchContext): Promise<void>
	/** What a flight does that has no task of its own. */
	readonly refresh: Task<T>
	/** What to do when the source does not answer and nothing good is in place; `undefined`: nothing. */
	fallback(error: RemoteTermError): Task<T> | undefined
	contextOf(signal: AbortSignal): FetchContext
	/** Aborted when the term stops. */
	readonly life: AbortSignal
}

type Ended<T> = Admission<T> | { readonly status: 'failed'; readonly error: RemoteTermError }

/** One refresh: prepare if that is still to be done, ask the source, pass the gate. Ends in time, and never rejects. */
export class Flight<T> {
	readonly #settings: Settings<T>
	readonly #source: Source
	readonly #gate: Gate<T>
	readonly #crew: FlightCrew<T>

	constructor(settings: Settings<T>, source: Source, gate: Gate<T>, crew: FlightCrew<T>) {
		this.#settings = settings
		this.#source = source
		this.#gate = gate
		this.#crew = crew
	}

	async run(cancellation: Cancellation, task?: Task<T>): Promise<Landing<T>> {
		const { clock, name, timeout } = this.#settings
		const trace: Trace = { clock, steps: {}, blocked: {} }
		const began = clock.monotonic()
		let timer: Timer | undefined
		let ended: Ended<T>
		try {
			const context = this.#crew.contextOf(cancellation.signal)
			if (task !== undefined || !this.#source.prepared)
				await this.#prepare(cancellation, context, task !== undefined)
			// Before the question, so that no change falls between the two.
			if (task === undefined && !this.#source.watched)
				this.#source.watch(this.#crew.contextOf(this.#crew.life))
			timer = this.#limit(cancellation, timeout, 'timeout')
			ended = await cancellation.race((task ?? this.#crew.refresh)(context, trace))
		} catch (thrown) {
			const error = asRemoteTermError(thrown, 'FETCH_FAILED', message => `Cannot refresh ${name}: ${message}`)
			ended = { status: 'failed', error: error.withTerm(name) }
		} finally {
			timer?.[Symbol.dispose]()
		}
		const restored =
			ended.status === 'failed' && task === undefined ? await this.#fallBack(ended.error) : undefined
		return this.#landingOf(ended, trace, clock.monotonic() - began, task !== undefined, restored)
	}

	/** Asks the source about what it was last known to hold, and lets in what it answers. */
	readonly askAndAdmit: Task<T> = async (context, trace) => {
		const { known } = this.#gate
		const began = trace.clock.monotonic()
		const answer = await this.#source.ask(known, context)
		trace.steps.ask = trace.clock.monotonic() - began
		return this.#gate.admit(answer, known, context, trace)
	}

	async #fallBack(error: RemoteTermError): Promise<Landing<T> | undefined> {
		const task = this.#crew.fallback(error)
		if (task === undefined) return undefined
		const cancellation = new Cancellation(new AbortController())
		const onStop = (): void => cancellation.cancel(reasonOf(this.#crew.life))
		this.#crew.life.addEventListener('abort', onStop)
		try {
			return await this.run(cancellation, task)
		} finally {
			this.#crew.life.removeEventListener('abort', onStop)
		}
	}

	async #prepare(cancellation: Cancellation, context: FetchContext, isLocal: boolean): Promise<void> {
		const timer = this.#limit(cancellation, this.#settings.startTimeout, 'startTimeout')
		try {
			await untilAborted(
				isLocal
					? this.#crew.prepare(context)
					: this.#source.prepare(context, () => this.#crew.prepare(context)),
				cancellation.signal,
			)
		} finally {
			timer[Symbol.dispose]()
		}
	}

	/** Written out, since a spread of objects would cost more than the rest of an unchanged refresh. */
	#landingOf(
		ended: Ended<T>,
		trace: Trace,
		durationMs: number,
		isLocal: boolean,
		restored: Landing<T> | undefined,
	): Landing<T> {
		const { bytes, inflatedBytes, steps } = trace
		const { status } = ended
		switch (status) {
			case 'updated': {
				const { version, previousVersion, term } = ended
				return {
					trace,
					isLocal,
					term,
					outcome: { status, version, previousVersion, durationMs, steps, bytes, inflatedBytes },
				}
			}
			case 'unchanged':
				return {
					trace,
					isLocal,
					outcome: { status, version: ended.version, durationMs, steps, bytes, inflatedBytes },
				}
			case 'failed': {
				const version = this.#gate.held?.version
				return {
					trace,
					isLocal,
					restored,
					outcome: { status, version, error: ended.error, durationMs, steps, bytes, inflatedBytes },
				}
			}
		}
	}

	#limit(cancellation: Cancellation, ms: number, option: string): Timer {
		const { clock, name } = this.#settings
		return clock.timer(ms, () => cancellation.cancel(tookTooLong(name, 'refresh', ms, option)))
	}
}

export const tookTooLong = (name: string, act: string, ms: number, option: string): RemoteTermError =>
	new RemoteTermError('TIMEOUT', `Expected ${name} to ${act} within ${ms} ms (${option})`, { term: name })
