import type { Version } from '../core/fetcher.ts'
import type { RemoteTermError } from '../core/errors.ts'

/**
 * - `idle`: not started
 * - `starting`: started, no value yet, and nothing has failed yet
 * - `ready`: a value is in place, and the last refresh confirmed or replaced it
 * - `failing`: the last refresh failed; a value may be in place all the same (see `ready`)
 * - `stale`: the value in place has gone unconfirmed for longer than `staleAfter`
 * - `stopped`: `stop()` was called; the value in place is no longer refreshed
 */
export type TermStatus = 'idle' | 'starting' | 'ready' | 'failing' | 'stale' | 'stopped'

/**
 * Where the value in place came from: the source; the bundled `initial`; a snapshot on disk, as long as the source has
 * not confirmed it; or the history, by `rollback` or `pin`.
 */
export type ValueSource = 'remote' | 'initial' | 'last-known-good' | 'rollback'

/** All dates are milliseconds since the Unix epoch, all spans milliseconds. Nothing in here is a secret. */
export interface Health {
	readonly name: string
	readonly status: TermStatus
	/** When `status` became what it is. */
	readonly since: number
	/** A value is in place, so `get()` returns one. */
	readonly ready: boolean
	/** The version of the value in place; `undefined` for none and for `initial`. */
	readonly version: Version | undefined
	readonly source: ValueSource | undefined
	/** When the source last confirmed or replaced the value. */
	readonly lastSuccessAt: number | undefined
	/** How long ago that was, measured by a clock that does not jump. */
	readonly ageMs: number | undefined
	readonly stale: boolean
	/** For how long the value has been stale; `undefined` where it is not. */
	readonly staleMs: number | undefined
	/** A refresh is under way. */
	readonly refreshing: boolean
	/** When the next refresh begins; `undefined` while one is under way, and where none is due. */
	readonly nextRefreshAt: number | undefined
	readonly consecutiveFailures: number
	/** When the first of these failures happened; `undefined` without any. */
	readonly failingSince: number | undefined
	/** The last failure, kept after recovery: `consecutiveFailures` says whether it is over. */
	readonly lastError: RemoteTermError | undefined
	readonly lastErrorAt: number | undefined
	/** A version that the source holds and that is not put in place: bad, rolled back from, or not the pinned one. */
	readonly refusedVersion: Version | undefined
	/** Why not. */
	readonly refusedBecause: RemoteTermError | undefined
	/** The only version that may be put in place, by `pin`. */
	readonly pinnedVersion: Version | undefined
	/** How the last attempt to save a snapshot went; `undefined` without `lastKnownGood`. */
	readonly lastKnownGood:
		{ readonly savedAt: number | undefined; readonly error: RemoteTermError | undefined } | undefined
}

/** What the status is derived from. Times are monotonic. */
export interface StatusFacts {
	readonly phase: 'idle' | 'started' | 'stopped'
	readonly hasValue: boolean
	readonly consecutiveFailures: number
	/** When the value in place becomes stale unless it is confirmed; `undefined`: never. */
	readonly staleAt: number | undefined
}

export const statusOf = (
	{ phase, hasValue, consecutiveFailures, staleAt }: StatusFacts,
	now: number,
): TermStatus => {
	if (phase !== 'started') return phase
	if (hasValue && staleAt !== undefined && now >= staleAt) return 'stale'
	if (consecutiveFailures > 0) return 'failing'
	return hasValue ? 'ready' : 'starting'
}
