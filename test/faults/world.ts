import type { Fetcher } from '../../lib/core/fetcher.ts'
import type { Clock } from '../../lib/core/clock.ts'
import type { Behaviour, SourceKind } from './faults.ts'
import type { Publisher } from './publisher.ts'

/** Who ends what was begun: a test, or whoever runs without one. */
export interface Scope {
	teardown(end: () => unknown): void
}

export interface WorldOptions {
	readonly publisher: Publisher
	/** The clock by which the source dates its answers. */
	readonly clock: Clock
}

/** A source that serves what its publisher has published last, until it is told to misbehave. */
export interface World {
	readonly kind: SourceKind
	readonly publisher: Publisher
	/** For one term. */
	createFetcher(): Fetcher
	/** Serves the publisher's newest edition, whole. */
	serve(): Promise<void>
	/**
	 * Misbehaves from now on, until `serve`. A behaviour that needs something new to be damaged, or to be lied about,
	 * publishes it.
	 */
	misbehave(behaviour: Behaviour): Promise<void>
	/** Whether a question has come to where the source falls silent. */
	readonly silent: boolean
	/**
	 * How far time may go at once while the source is silent, in milliseconds: where a limit that runs out has to go
	 * through real sockets to have its effect, not past the next refresh.
	 */
	readonly pace: number
	/** Connections, files and bodies that are still open for the term. */
	open(): Promise<number>
	/** Questions so far. */
	readonly asked: number
}

/** A new scope, to be ended by `end`, last things first. */
export const openScope = (): Scope & { end(): Promise<void> } => {
	const ends: Array<() => unknown> = []
	return {
		teardown: end => void ends.push(end),
		async end() {
			for (const end of ends.splice(0).reverse()) await end()
		},
	}
}
