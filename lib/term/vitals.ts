import type { Clock, Timer } from '../core/clock.ts'
import type { RemoteTermError } from '../core/errors.ts'
import type { Freshness } from '../core/fetcher.ts'
import { statusOf, type Health, type TermStatus } from './health.ts'
import { staleAfter, type StalenessSettings } from './schedule.ts'

export interface VitalsSettings extends StalenessSettings {
	readonly clock: Clock
}

type Told = Pick<
	Health,
	| 'status'
	| 'since'
	| 'ready'
	| 'lastSuccessAt'
	| 'ageMs'
	| 'stale'
	| 'staleMs'
	| 'consecutiveFailures'
	| 'failingSince'
	| 'lastError'
	| 'lastErrorAt'
>

/**
 * How the term is doing: what succeeded and failed last, and the status that follows from it. A value goes stale by
 * the mere passing of time, so this keeps a timer for that moment, in order that whoever watches hears of it.
 */
export class Vitals {
	consecutiveFailures = 0
	lastError: RemoteTermError | undefined
	/** What the source said with its last answer. */
	freshness: Freshness = {}
	readonly #settings: VitalsSettings
	readonly #onStatus: (status: TermStatus, previous: TermStatus) => void
	#phase: 'idle' | 'started' | 'stopped' = 'idle'
	#hasValue = false
	#status: TermStatus = 'idle'
	#since: number
	#lastErrorAt: number | undefined
	#failingSince: number | undefined
	/** The moment of the last confirmation by both clocks: one to be shown, one to be reckoned with. */
	#confirmed: { readonly wall: number; readonly monotonic: number } | undefined
	/** From when on an unconfirmed value ages: the start, if the source has never confirmed it. */
	#agesFrom = 0
	#staleTimer: Timer | undefined
	#staleTimerAt: number | undefined

	constructor(settings: VitalsSettings, onStatus: (status: TermStatus, previous: TermStatus) => void) {
		this.#settings = settings
		this.#onStatus = onStatus
		this.#since = settings.clock.now()
	}

	get status(): TermStatus {
		return this.#status
	}

	enter(phase: 'idle' | 'started' | 'stopped'): void {
		this.#phase = phase
		if (phase === 'started') this.#agesFrom = this.#settings.clock.monotonic()
		this.#review()
	}

	gotValue(): void {
		this.#hasValue = true
		this.#review()
	}

	/** A value is in place that the source confirmed long ago, perhaps to another process. */
	restored(acceptedAt: number): void {
		const { clock } = this.#settings
		// A date in the future was written by a clock that was wrong.
		const age = Math.max(0, clock.now() - acceptedAt)
		this.#confirmed = { wall: acceptedAt, monotonic: clock.monotonic() - age }
		this.#agesFrom = this.#confirmed.monotonic
		this.gotValue()
	}

	succeeded(freshness: Freshness): void {
		const { clock } = this.#settings
		this.#confirmed = { wall: clock.now(), monotonic: clock.monotonic() }
		this.#agesFrom = this.#confirmed.monotonic
		this.freshness = freshness
		this.consecutiveFailures = 0
		this.#failingSince = undefined
		this.#hasValue = true
		this.#review()
	}

	failed(error: RemoteTermError): void {
		this.consecutiveFailures++
		this.lastError = error
		this.#lastErrorAt = this.#settings.clock.now()
		this.#failingSince ??= this.#lastErrorAt
		this.#review()
	}

	tell(): Told {
		const { clock } = this.#settings
		const status = this.#statusNow()
		const staleFor = this.#staleFor()
		return {
			status,
			since: status === this.#status ? this.#since : clock.now(),
			ready: this.#hasValue,
			lastSuccessAt: this.#confirmed?.wall,
			ageMs: this.#confirmed && clock.monotonic() - this.#confirmed.monotonic,
			stale: staleFor !== undefined,
			staleMs: staleFor,
			consecutiveFailures: this.consecutiveFailures,
			failingSince: this.#failingSince,
			lastError: this.lastError,
			lastErrorAt: this.#lastErrorAt,
		}
	}

	#review(): void {
		const { clock } = this.#settings
		this.#watchForStaleness()
		const previous = this.#status
		const status = this.#statusNow()
		if (status === previous) return
		this.#status = status
		this.#since = clock.now()
		this.#onStatus(status, previous)
	}

	/** The timer is not moved at each refresh: when it fires too early, it is set again for what is left. */
	#watchForStaleness(): void {
		const { clock } = this.#settings
		const staleAt = this.#phase === 'started' ? this.#staleAt() : undefined
		const left = staleAt === undefined ? 0 : staleAt - clock.monotonic()
		if (left <= 0 || (this.#staleTimerAt !== undefined && this.#staleTimerAt > staleAt!)) {
			this.#staleTimer?.[Symbol.dispose]()
			this.#staleTimer = this.#staleTimerAt = undefined
		}
		if (left <= 0 || this.#staleTimer !== undefined) return
		this.#staleTimerAt = staleAt
		const fire = (): void => {
			this.#staleTimer = this.#staleTimerAt = undefined
			this.#review()
		}
		this.#staleTimer = clock.timer(left, fire, { background: true })
	}

	#statusNow(): TermStatus {
		const facts = {
			phase: this.#phase,
			hasValue: this.#hasValue,
			consecutiveFailures: this.consecutiveFailures,
			staleAt: this.#staleAt(),
		}
		return statusOf(facts, this.#settings.clock.monotonic())
	}

	#staleFor(): number | undefined {
		const staleAt = this.#staleAt()
		const now = this.#settings.clock.monotonic()
		return staleAt !== undefined && now >= staleAt ? now - staleAt : undefined
	}

	#staleAt(): number | undefined {
		if (!this.#hasValue || this.#phase === 'idle') return undefined
		const span = staleAfter(this.#settings, this.freshness)
		return span === undefined ? undefined : this.#agesFrom + span
	}
}
