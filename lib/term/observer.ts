import type { Clock } from '../core/clock.ts'
import type { Fetcher } from '../core/fetcher.ts'
import {
	refreshChannel,
	statusChannel,
	type Blocked,
	type RefreshContext,
	type RefreshTrigger,
} from './channels.ts'
import type { Landing } from './flight.ts'
import type { Hooks, TimedHooks } from './gate.ts'
import type { Health, TermStatus } from './health.ts'
import { publishableError } from './publishable-error.ts'

export interface Observed {
	readonly name: string
	readonly clock: Clock
	readonly fetcher: Fetcher
}

type Filling = { -readonly [Key in keyof RefreshContext]: RefreshContext[Key] }

/**
 * Publishes what a term does. A refresh that nobody watches when it begins pays for one question and is not published
 * at all, so that subscribers always see whole ones.
 */
export class Observer {
	readonly #observed: Observed
	/** Of the refresh under way, where somebody watches. */
	#context: Filling | undefined
	#blocked: Blocked = {}

	constructor(observed: Observed) {
		this.#observed = observed
	}

	/** Runs a refresh within the stores that are bound to `start`, for those who trace what it does in turn. */
	watch<T>(
		trigger: RefreshTrigger,
		{ consecutiveFailures: retry }: Pick<Health, 'consecutiveFailures'>,
		fly: () => Promise<Landing<T>>,
	): Promise<Landing<T>> {
		if (!refreshChannel.hasSubscribers) {
			this.#context = undefined
			return fly()
		}
		const { name, clock, fetcher } = this.#observed
		const context: Filling = {
			term: name,
			fetcher: classOf(fetcher),
			trigger,
			startedAt: clock.now(),
			retry,
		}
		this.#context = context
		this.#blocked = {}
		return refreshChannel.start.runStores(context, async () => {
			const flight = fly()
			refreshChannel.end.publish(context)
			const landing = await flight
			this.#fill(context, landing)
			if (context.error !== undefined) refreshChannel.error.publish(context)
			refreshChannel.asyncStart.publish(context)
			return landing
		})
	}

	/** The last act of a refresh: listeners are told, if there is anything to tell them. */
	landed(announce: (() => void) | undefined, health: () => Health): void {
		// A listener may begin the next refresh.
		const context = this.#context
		const blocked = this.#blocked
		if (announce !== undefined) this.#measure('notify', announce)
		if (context === undefined) return
		const { consecutiveFailures, nextRefreshAt } = health()
		context.blocked = blocked
		context.consecutiveFailures = consecutiveFailures
		context.nextRefreshAt = nextRefreshAt
		refreshChannel.asyncEnd.publish(context)
	}

	status(status: TermStatus, previous: TermStatus): void {
		if (!statusChannel.hasSubscribers) return
		const { name, clock } = this.#observed
		statusChannel.publish({ term: name, status, previous, at: clock.now() })
	}

	timing<T>({ deserialize, validate, put }: Hooks<T>): TimedHooks<T> {
		return {
			measure: (part, run) => this.#measure(part, run),
			deserialize: data => this.#measure('deserialize', () => deserialize(data)),
			validate: term => this.#measure('validate', () => validate(term)),
			put: (term, info) => this.#measure('put', () => put(term, info)),
		}
	}

	/** Counts the time until `run` returns, be it with a promise. */
	#measure<Result>(part: keyof Blocked, run: () => Result): Result {
		if (this.#context === undefined) return run()
		const { clock } = this.#observed
		const blocked = this.#blocked
		const began = clock.monotonic()
		try {
			return run()
		} finally {
			blocked[part] = (blocked[part] ?? 0) + clock.monotonic() - began
		}
	}

	#fill(context: Filling, { outcome, trace }: Landing<unknown>): void {
		const { status, version, durationMs, bytes, inflatedBytes, steps, error } = outcome
		const publishedAt = trace.freshness?.publishedAt
		context.outcome = status
		context.durationMs = durationMs
		context.version = version
		context.bytes = bytes
		context.inflatedBytes = inflatedBytes
		context.steps = { ...steps }
		context.publishedAt = publishedAt
		if (status === 'updated') {
			context.previousVersion = outcome.previousVersion
			if (publishedAt !== undefined) context.lagMs = this.#observed.clock.now() - publishedAt
		}
		if (error !== undefined) context.error = publishableError(error)
	}
}

/** The name of its class; what was written as a mere object has none. */
const classOf = (fetcher: Fetcher): string | undefined => {
	const name: unknown = fetcher.constructor?.name
	return typeof name === 'string' && name !== '' && name !== 'Object' ? name : undefined
}
