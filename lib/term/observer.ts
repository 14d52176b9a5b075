import type { Clock } from '../core/clock.ts'
import type { Fetcher } from '../core/fetcher.ts'
import { refreshChannel, statusChannel, type RefreshContext, type RefreshTrigger } from './channels.ts'
import type { Landing } from './flight.ts'
import type { Health, TermStatus } from './health.ts'
import { publishableError } from './publishable-error.ts'

export interface Observed {
	readonly name: string
	readonly clock: Clock
	readonly fetcher: Fetcher
}

export type Sighting = { -readonly [Key in keyof RefreshContext]: RefreshContext[Key] }

/**
 * Publishes what a term does. A refresh that nobody watches when it begins pays for one question and is not published
 * at all, so that subscribers always see whole ones.
 */
export class Observer {
	readonly #observed: Observed
	#sighting: Sighting | undefined

	constructor(observed: Observed) {
		this.#observed = observed
	}

	/** What is published about the flight that was watched last; `undefined`: nothing. */
	get sighting(): Sighting | undefined {
		return this.#sighting
	}

	/** Runs a flight within the stores that are bound to `start`, for those who trace what it does in turn. */
	watch<T>(trigger: RefreshTrigger, retry: number, fly: () => Promise<Landing<T>>): Promise<Landing<T>> {
		if (!refreshChannel.hasSubscribers) {
			this.#sighting = undefined
			return fly()
		}
		const { name, clock, fetcher } = this.#observed
		const sighting: Sighting = {
			term: name,
			fetcher: classOf(fetcher),
			trigger,
			startedAt: clock.now(),
			retry,
		}
		this.#sighting = sighting
		return refreshChannel.start.runStores(sighting, async () => {
			const flight = fly()
			refreshChannel.end.publish(sighting)
			const landing = await flight
			this.#landed(sighting, landing)
			return landing
		})
	}

	/** The last act of a flight: the next one is scheduled, and listeners have been told. */
	over(sighting: Sighting, { trace }: Landing<unknown>, health: Health): void {
		sighting.blocked = { ...trace.blocked }
		sighting.source = health.source
		sighting.consecutiveFailures = health.consecutiveFailures
		sighting.nextRefreshAt = health.nextRefreshAt
		refreshChannel.asyncEnd.publish(sighting)
	}

	status(status: TermStatus, previous: TermStatus): void {
		if (!statusChannel.hasSubscribers) return
		const { name, clock } = this.#observed
		statusChannel.publish({ term: name, status, previous, at: clock.now() })
	}

	#landed(sighting: Sighting, { outcome, trace }: Landing<unknown>): void {
		const { status, version, durationMs, bytes, inflatedBytes, steps, error } = outcome
		const publishedAt = trace.freshness?.publishedAt
		sighting.outcome = status
		sighting.durationMs = durationMs
		sighting.version = version
		sighting.bytes = bytes
		sighting.inflatedBytes = inflatedBytes
		sighting.steps = { ...steps }
		sighting.publishedAt = publishedAt
		if (status === 'updated') {
			sighting.previousVersion = outcome.previousVersion
			if (publishedAt !== undefined) sighting.lagMs = this.#observed.clock.now() - publishedAt
		}
		if (error !== undefined) {
			sighting.error = publishableError(error)
			refreshChannel.error.publish(sighting)
		}
		refreshChannel.asyncStart.publish(sighting)
	}
}

/** The name of its class; what was written as a mere object has none. */
const classOf = (fetcher: Fetcher): string | undefined => {
	const name: unknown = fetcher.constructor?.name
	return typeof name === 'string' && name !== '' && name !== 'Object' ? name : undefined
}
