import type { Outcome } from '../term/events.ts'
import type { TermStatus } from '../term/health.ts'
import type { CodecName } from './codecs.ts'
import type { EndingSignal } from './exit-codes.ts'

/** What `watch` has to tell. Dates are milliseconds since the Unix epoch, spans milliseconds. */
export type WatchEvent =
	| {
			readonly event: 'started'
			readonly source: string
			readonly codec: CodecName
			readonly interval: number | undefined
	  }
	| {
			readonly event: Outcome['status']
			/** Which one since the start, from 1. */
			readonly refresh: number
			readonly outcome: Outcome
			/** Of a failure, fit to be shown. */
			readonly message: string | undefined
			readonly nextRefreshAt: number | undefined
	  }
	| {
			readonly event: 'status'
			readonly status: TermStatus
			readonly previous: TermStatus
			/** How many refreshes had failed in a row before. */
			readonly failures: number
	  }
	| {
			readonly event: 'stopped'
			readonly reason: 'count' | EndingSignal
			readonly tally: Tally
			readonly version: string | undefined
			readonly duration: number
	  }

export interface Tally {
	refreshes: number
	updated: number
	unchanged: number
	failed: number
}

/** What each line says besides. */
export interface Moment {
	readonly at: number
	readonly term: string
}

/** Counts what a term tells, and passes it on in the order in which people understand it. */
export class Chronicle {
	readonly tally: Tally = { refreshes: 0, updated: 0, unchanged: 0, failed: 0 }
	last: Outcome | undefined
	readonly #show: (event: WatchEvent) => void
	readonly #clean: (text: string) => string
	#failuresInARow = 0
	#consequence: WatchEvent | undefined

	/** @param clean Takes out of a foreign text what must not be shown. */
	constructor(show: (event: WatchEvent) => void, clean: (text: string) => string) {
		this.#show = show
		this.#clean = clean
	}

	landed(outcome: Outcome, nextRefreshAt: number | undefined): void {
		this.last = outcome
		const { tally } = this
		const refresh = ++tally.refreshes
		tally[outcome.status]++
		const message = outcome.status === 'failed' ? this.#clean(outcome.error.message) : undefined
		this.#show({ event: outcome.status, refresh, outcome, message, nextRefreshAt })
		if (this.#consequence !== undefined) this.#show(this.#consequence)
		this.#consequence = undefined
		this.#failuresInARow = outcome.status === 'failed' ? this.#failuresInARow + 1 : 0
	}

	/** A term changes its status just before it tells of the refresh that was the reason. */
	changed(status: TermStatus, previous: TermStatus): void {
		const event = { event: 'status', status, previous, failures: this.#failuresInARow } as const
		if (status === 'ready' || status === 'failing') this.#consequence = event
		else this.#show(event)
	}
}
