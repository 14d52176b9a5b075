import type { Freshness } from '../core/fetcher.ts'
import { backoffDelay, type Backoff } from './backoff.ts'

export interface ScheduleSettings {
	/** A number: that often. `null`: as the source's freshness says, or never. Left out: as it says, or once a minute. */
	readonly refreshInterval: number | null | undefined
	readonly minRefreshInterval: number
	readonly maxRefreshInterval: number
	readonly jitter: number
	readonly backoff: Backoff
}

export interface StalenessSettings extends ScheduleSettings {
	/** What the user said: milliseconds, `null` for never. */
	readonly staleAfter: number | null | undefined
}

/** What the last refresh left behind. */
export interface LastRefresh {
	readonly consecutiveFailures: number
	/** How long the source asked us to wait (`Retry-After`), where it did. */
	readonly retryAfter?: number | undefined
	/** How long the source says that what we hold is fresh, where it says so. */
	readonly freshFor?: number | undefined
}

/** How often a source is asked that says nothing about it, unless `refreshInterval` does. */
export const DEFAULT_REFRESH_INTERVAL = 60_000

/**
 * How long to wait before the next refresh; `undefined`: none is due, ever.
 *
 * After a failure there is always a next one, whatever the interval, since otherwise one bad answer would end
 * refreshing for good. A delay that the source asked for is only ever lengthened by jitter, the user's own interval
 * goes both ways.
 */
export const nextDelay = (
	settings: ScheduleSettings,
	{ consecutiveFailures, retryAfter, freshFor }: LastRefresh,
	random: () => number,
): number | undefined => {
	const { refreshInterval, minRefreshInterval, maxRefreshInterval, jitter, backoff } = settings
	const later = (delay: number): number => delay * (1 + jitter * random())

	if (consecutiveFailures > 0) {
		const delay = backoffDelay(consecutiveFailures, backoff, random())
		return retryAfter === undefined ? delay : Math.max(delay, later(Math.min(retryAfter, maxRefreshInterval)))
	}
	if (typeof refreshInterval === 'number') return refreshInterval * (1 + jitter * (2 * random() - 1))
	if (freshFor !== undefined)
		return later(Math.min(Math.max(freshFor, minRefreshInterval), maxRefreshInterval))
	return refreshInterval === null ? undefined : later(DEFAULT_REFRESH_INTERVAL)
}

/**
 * How long a value may go unconfirmed before it is called stale; `undefined`: for ever. The user's word counts, then
 * the source's, then three intervals. A source's word that polling cannot keep is stretched to two intervals: what is
 * asked about once a minute is not confirmed more often, whatever its `max-age=0, must-revalidate` wants.
 */
export const staleAfter = (
	{ staleAfter: wanted, refreshInterval, minRefreshInterval, maxRefreshInterval }: StalenessSettings,
	{ freshFor, usableFor }: Freshness,
): number | undefined => {
	if (wanted !== undefined) return wanted ?? undefined
	const ownInterval = refreshInterval === null ? undefined : (refreshInterval ?? DEFAULT_REFRESH_INTERVAL)
	const interval =
		typeof refreshInterval !== 'number' && freshFor !== undefined
			? Math.min(Math.max(freshFor, minRefreshInterval), maxRefreshInterval)
			: ownInterval
	if (usableFor !== undefined) return usableFor > (interval ?? -1) ? usableFor : 2 * interval!
	return interval === undefined ? undefined : 3 * interval
}
