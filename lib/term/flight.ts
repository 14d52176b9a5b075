import { untilAborted, type Timer } from '../core/clock.ts'
import { asRemoteTermError, RemoteTermError } from '../core/errors.ts'
import type { FetchContext } from '../core/fetcher.ts'
import type { Cancellation } from './cancellation.ts'
import type { Outcome } from './events.ts'
import type { Admission, Gate, Trace } from './gate.ts'
import type { Settings } from './options.ts'
import type { Source } from './source.ts'

/** What a flight comes back with: the outcome for everybody, the value for the event, the rest for the records. */
export interface Landing<T> {
	readonly outcome: Outcome
	readonly term?: T
	readonly trace: Trace
}

export interface FlightCrew {
	/** What comes before the first question ever. */
	prepare(context: FetchContext): Promise<void>
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
	readonly #crew: FlightCrew

	constructor(settings: Settings<T>, source: Source, gate: Gate<T>, crew: FlightCrew) {
		this.#settings = settings
		this.#source = source
		this.#gate = gate
		this.#crew = crew
	}

	async run(cancellation: Cancellation): Promise<Landing<T>> {
		const { clock, name, timeout } = this.#settings
		const trace: Trace = { clock, steps: {} }
		const began = clock.monotonic()
		let timer: Timer | undefined
		let ended: Ended<T>
		try {
			const context = this.#crew.contextOf(cancellation.signal)
			if (!this.#source.prepared) await this.#prepare(cancellation, context)
			// Before the question, so that no change falls between the two.
			if (!this.#source.watched) this.#source.watch(this.#crew.contextOf(this.#crew.life))
			timer = this.#limit(cancellation, timeout, 'timeout')
			ended = await cancellation.race(this.#askAndAdmit(context, trace))
		} catch (thrown) {
			const error = asRemoteTermError(thrown, 'FETCH_FAILED', message => `Cannot refresh ${name}: ${message}`)
			ended = { status: 'failed', error: error.withTerm(name) }
		} finally {
			timer?.[Symbol.dispose]()
		}
		return this.#landingOf(ended, trace, clock.monotonic() - began)
	}

	async #prepare(cancellation: Cancellation, context: FetchContext): Promise<void> {
		const timer = this.#limit(cancellation, this.#settings.startTimeout, 'startTimeout')
		try {
			await untilAborted(
				this.#source.prepare(context, () => this.#crew.prepare(context)),
				cancellation.signal,
			)
		} finally {
			timer[Symbol.dispose]()
		}
	}

	async #askAndAdmit(context: FetchContext, trace: Trace): Promise<Admission<T>> {
		const { known } = this.#gate
		const began = trace.clock.monotonic()
		const answer = await this.#source.ask(known, context)
		trace.steps.ask = trace.clock.monotonic() - began
		return this.#gate.admit(answer, known, context, trace)
	}

	/** Written out, since a spread of objects would cost more than the rest of an unchanged refresh. */
	#landingOf(ended: Ended<T>, trace: Trace, durationMs: number): Landing<T> {
		const { bytes, inflatedBytes, steps } = trace
		const { status } = ended
		switch (status) {
			case 'updated': {
				const { version, previousVersion, term } = ended
				return {
					trace,
					term,
					outcome: { status, version, previousVersion, durationMs, steps, bytes, inflatedBytes },
				}
			}
			case 'unchanged':
				return { trace, outcome: { status, version: ended.version, durationMs, steps, bytes, inflatedBytes } }
			case 'failed': {
				const version = this.#gate.held?.version
				return {
					trace,
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
