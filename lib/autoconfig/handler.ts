import type { EnvironmentParams, FilterParams } from './environment.ts'
import type { KeyEnd } from './rotator.ts'
import type { StreamStatus } from './status.ts'

/** Where a configuration came from. */
export type ConfigurationSource = 'stream' | 'last-good'

/** What a complete configuration has changed. */
export interface ReceivedAll {
	readonly source: ConfigurationSource
	readonly added: number
	readonly updated: number
	readonly deleted: number
	/** How many could not be used; which ones, `refused` tells. */
	readonly refused: number
}

/**
 * What every handler may want to know. All callbacks of a manager are made one after the other, in the order of what they
 * tell; one that returns a promise is waited for, within `handlerTimeout`. One that throws is logged, and harms nobody.
 */
interface CommonHandler {
	/** The ids that could not be used, each with the reason. A complete configuration replaces all of them. */
	refused?(refused: ReadonlyMap<string, string>): unknown
	statusChanged?(status: StreamStatus): unknown
}

export interface ItemHandler<Item> extends CommonHandler {
	add(id: string, item: Item): unknown
	update(id: string, item: Item): unknown
	delete(id: string): unknown
	/**
	 * After each complete configuration, when all that it changed has been told. Between the first change and this call
	 * the handler has seen a part of it: whoever must not show a half waits for it.
	 */
	receivedAll?(received: ReceivedAll): unknown
}

export interface EnvironmentHandler extends CommonHandler {
	addEnvironment(params: EnvironmentParams): unknown
	updateEnvironment(params: EnvironmentParams): unknown
	deleteEnvironment(envId: string): unknown
	/** See `ItemHandler.receivedAll`. Before the first one, nobody knows which keys exist: answer 503, not 401. */
	receivedAllEnvironments?(received: ReceivedAll): unknown
	/**
	 * An SDK key that this environment had is no longer good: its time ran out, or another took its place without leaving
	 * it any. Once for each key, after the update that brought it about, and not for an environment that is gone.
	 */
	keyExpired?(envId: string, key: string, reason: KeyEnd): unknown
	addFilter?(params: FilterParams): unknown
	deleteFilter?(id: string): unknown
}
