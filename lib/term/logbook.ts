import type { Emitter } from '../core/events.ts'
import { blocking } from './admission.ts'
import type { Archive } from './archive.ts'
import { ChangeLog } from './change-log.ts'
import type { RefreshTrigger } from './channels.ts'
import type { TermEvents } from './events.ts'
import type { Landing } from './flight.ts'
import type { Gate } from './gate.ts'
import type { Health } from './health.ts'
import type { Settings } from './options.ts'
import type { NextFlight } from './refresh-loop.ts'
import { Observer } from './observer.ts'
import type { RefreshLoop } from './refresh-loop.ts'
import { nextDelay } from './schedule.ts'
import { Vitals } from './vitals.ts'

type LoopState = Pick<RefreshLoop<unknown>, 'nextAt' | 'flying'>

/** What a landing means: for the records, for those who listen, for the log, and for the disk, in this order. */
export class Logbook<T> {
	readonly vitals: Vitals
	readonly log: ChangeLog
	readonly #settings: Settings<T>
	readonly #events: Emitter<TermEvents<T>>
	readonly #gate: Gate<T>
	readonly #archive: Archive
	readonly #observer: Observer

	constructor(settings: Settings<T>, events: Emitter<TermEvents<T>>, gate: Gate<T>, archive: Archive) {
		const { logger, name } = settings
		this.#settings = settings
		this.#events = events
		this.#gate = gate
		this.#archive = archive
		this.log = new ChangeLog(name, logger)
		this.#observer = new Observer(settings)
		this.vitals = new Vitals(settings, (status, previous) => {
			if (status === 'stale') this.log.stale()
			events.emit('status', { name, status, previous })
			this.#observer.status(status, previous)
		})
	}

	health(loop: LoopState): Health {
		const { clock, name } = this.#settings
		const { nextAt, flying } = loop
		return {
			name,
			...this.vitals.tell(),
			version: this.#gate.held?.version,
			source: this.#gate.held?.source,
			refreshing: flying,
			nextRefreshAt: nextAt === undefined ? undefined : clock.now() + nextAt - clock.monotonic(),
			refusedVersion: this.#gate.excluded.current?.version,
			refusedBecause: this.#gate.excluded.current?.error,
			pinnedVersion: this.#gate.pinned,
			lastKnownGood: this.#archive.onDisk ? this.#archive.lastSave : undefined,
		}
	}

	/** What a flight brought back is recorded before anybody hears of it. */
	record({ outcome, trace, isLocal, restored }: Landing<T>): NextFlight {
		const { random } = this.#settings
		this.#recordLocal(restored)
		if (isLocal) this.#recordLocal({ outcome, trace })
		else if (outcome.status === 'failed') this.vitals.failed(outcome.error)
		else this.vitals.succeeded(trace.freshness ?? {})
		const { consecutiveFailures, freshness } = this.vitals
		const retryAfter = outcome.error?.retryAfter
		const last = { consecutiveFailures, retryAfter, freshFor: freshness.freshFor }
		return { delay: nextDelay(this.#settings, last, random), mustWait: retryAfter !== undefined }
	}

	#recordLocal(landing: Pick<Landing<T>, 'outcome' | 'trace'> | undefined): void {
		if (landing?.outcome.status !== 'updated') return
		if (this.#gate.held?.source === 'last-known-good')
			this.vitals.restored(landing.trace.accepted!.acceptedAt)
		else this.vitals.gotValue()
	}

	/** Runs a flight, under the eyes of whoever watches. */
	watch(trigger: RefreshTrigger, fly: () => Promise<Landing<T>>): Promise<Landing<T>> {
		return this.#observer.watch(trigger, this.vitals.consecutiveFailures, fly)
	}

	/** The last act. `ended`: nobody is told any more but those who watch from outside. */
	announce(landing: Landing<T>, loop: LoopState, ended: boolean): void {
		// Now, as a listener may begin the next flight.
		const { sighting } = this.#observer
		if (sighting === undefined) {
			if (!ended) this.#announce(landing)
			return
		}
		if (!ended) blocking(landing.trace, 'notify', () => this.#announce(landing))
		this.#observer.over(sighting, landing, this.health(loop))
	}

	#announce({ outcome, term, isLocal, restored, trace }: Landing<T>): void {
		const { name } = this.#settings
		if (restored !== undefined) this.#announce(restored)
		const source = this.#gate.held?.source
		if (isLocal && outcome.status === 'unchanged') return
		if (!isLocal) this.log.note(outcome)
		else if (source === 'last-known-good') this.log.restored(outcome.version)
		else if (outcome.status === 'updated') this.log.broughtBack(outcome.version)
		if (this.#events.has(outcome.status)) {
			switch (outcome.status) {
				case 'updated':
					this.#events.emit('updated', { name, term: term as T, source: source!, ...outcome })
					break
				case 'unchanged':
					this.#events.emit('unchanged', { name, ...outcome })
					break
				case 'failed':
					this.#events.emit('failed', { name, ...outcome })
			}
		}
		// Last: a slow disk must not keep anybody from hearing the news.
		if (trace.accepted !== undefined && !isLocal) this.#archive.remember(trace.accepted)
	}
}
