import { untilAborted, type Timer } from '../core/clock.ts'
import { asRemoteTermError, RemoteTermError } from '../core/errors.ts'
import type { FetchContext } from '../core/fetcher.ts'
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

	async run(controller: AbortController): Promise<Landing<T>> {
		const { clock, name, startTimeout, timeout } = this.#settings
		const { signal } = controller
		const trace: Trace = { clock, steps: {} }
		const began = clock.monotonic()
		const limit = (ms: number, option: string): Timer =>
			clock.timer(ms, () => controller.abort(tookTooLong(name, 'refresh', ms, option)))

		let timer: Timer | undefined
		let ended: Admission<T> | { readonly status: 'failed'; readonly error: RemoteTermError }
		try {
			const context = this.#crew.contextOf(signal)
			if (!this.#source.prepared) {
				timer = limit(startTimeout, 'startTimeout')
				await untilAborted(
					this.#source.prepare(context, () => this.#crew.prepare(context)),
					signal,
				)
				timer[Symbol.dispose]()
			}
			// Before the question, so that no change falls between the two.
			this.#source.watch(() => this.#crew.contextOf(this.#crew.life))
			timer = limit(timeout, 'timeout')
			ended = await untilAborted(this.#askAndAdmit(context, trace), signal)
		} catch (thrown) {
			const error = asRemoteTermError(thrown, 'FETCH_FAILED', message => `Cannot refresh ${name}: ${message}`)
			ended = { status: 'failed', error: error.withTerm(name) }
		} finally {
			timer?.[Symbol.dispose]()
		}
		const { bytes, inflatedBytes, steps } = trace
		const common = { durationMs: clock.monotonic() - began, steps, bytes, inflatedBytes }
		switch (ended.status) {
			case 'updated': {
				const { term, ...updated } = ended
				return { trace, term, outcome: { ...updated, ...common } }
			}
			case 'unchanged':
				return { trace, outcome: { ...ended, ...common } }
			case 'failed':
				return { trace, outcome: { ...ended, version: this.#gate.held?.version, ...common } }
		}
	}

	async #askAndAdmit(context: FetchContext, trace: Trace): Promise<Admission<T>> {
		const { known } = this.#gate
		const began = trace.clock.monotonic()
		const answer = await this.#source.ask(known, context)
		trace.steps.ask = trace.clock.monotonic() - began
		return this.#gate.admit(answer, known, context, trace)
	}
}

export const tookTooLong = (name: string, act: string, ms: number, option: string): RemoteTermError =>
	new RemoteTermError('TIMEOUT', `Expected ${name} to ${act} within ${ms} ms (${option})`, { term: name })
