import type { ErrorCode } from '../core/errors.ts'
import { notNegative, onlyKnownOptions } from '../core/options.ts'
import type { Health } from './health.ts'

export interface ProbeOptions {
	/**
	 * For how long a stale value is still good enough for `ready`, in milliseconds beyond the moment at which it became
	 * stale. Default: for ever, since an old value is better than none.
	 */
	readonly maxStaleMs?: number | undefined
}

export interface Probe {
	/** False only where nothing but a restart would help. No failure of a source makes it so. */
	readonly live: boolean
	/** Every term has a value that is good enough, and is kept fresh. */
	readonly ready: boolean
	/** `ok`: nothing to report; `degraded`: ready all the same; `down`: not ready. */
	readonly status: 'ok' | 'degraded' | 'down'
	/** What is wrong, the worst of each term first; nothing where the status is `ok`. */
	readonly reasons: readonly ProbeReason[]
}

/** One thing that is wrong with one term. Nothing in here is a secret. */
export interface ProbeReason {
	readonly term: string
	/**
	 * These are `down`:
	 * - `not-started`: `start()` was not called, or has failed
	 * - `stopped`: `stop()` was called
	 * - `no-value`: started, and nothing is in place yet
	 * - `too-stale`: stale for longer than `maxStaleMs`
	 * - `stuck`: failing, and no refresh is under way or due. It cannot happen; if it does, `live` is false
	 *
	 * These are `degraded`:
	 * - `failing`: the last refresh failed
	 * - `stale`: the value has gone unconfirmed for longer than `staleAfter`
	 * - `unconfirmed`: the source has not spoken yet, and what is in place is `initial` or a snapshot
	 */
	readonly reason:
		'not-started' | 'stopped' | 'no-value' | 'too-stale' | 'stuck' | 'failing' | 'stale' | 'unconfirmed'
	/** Since when, in milliseconds since the Unix epoch, where that is known. */
	readonly since?: number
	/** Of the error behind it, where there is one. */
	readonly code?: ErrorCode
}

const DOWN: ReadonlySet<ProbeReason['reason']> = new Set([
	'not-started',
	'stopped',
	'no-value',
	'too-stale',
	'stuck',
] as const)

/**
 * What to answer a probe, from the `health()` of one term or of many:
 *
 * ```ts
 * const { live, ready, status, reasons } = probe([rates.health(), flags.health()])
 * ```
 *
 * `live` is for `/healthz`, `ready` for `/readyz`. A source that is down makes a service `degraded`, and neither dead
 * nor, as long as there is a value, unready: a fleet that restarts because its configuration server does not answer
 * has two outages.
 *
 * @throws `INVALID_OPTION`
 */
export const probe = (health: Health | readonly Health[], options: ProbeOptions = {}): Probe => {
	onlyKnownOptions('probe', options, ['maxStaleMs'])
	const { maxStaleMs = Infinity } = options
	if (maxStaleMs !== Infinity) notNegative('maxStaleMs', maxStaleMs)
	const all = Array.isArray(health) ? (health as readonly Health[]) : [health as Health]
	const reasons = all.flatMap(one => reasonsOf(one, maxStaleMs))
	const ready = !reasons.some(({ reason }) => DOWN.has(reason))
	return {
		live: !reasons.some(({ reason }) => reason === 'stuck'),
		ready,
		status: ready ? (reasons.length === 0 ? 'ok' : 'degraded') : 'down',
		reasons,
	}
}

const reasonsOf = (health: Health, maxStaleMs: number): ProbeReason[] => {
	const { name: term, status, since, staleMs, consecutiveFailures, lastError, failingSince } = health
	const code = lastError?.code
	const isFailing = consecutiveFailures > 0
	const because = isFailing && code !== undefined ? { code } : {}
	if (status === 'stopped') return [{ term, reason: 'stopped', since }]
	if (status === 'idle') return [{ term, reason: 'not-started', since, ...because }]

	const found: ProbeReason[] = []
	const failed = { ...(failingSince !== undefined && { since: failingSince }), ...because }
	if (isFailing && !health.refreshing && health.nextRefreshAt === undefined)
		found.push({ term, reason: 'stuck', ...failed })
	if (!health.ready) found.push({ term, reason: 'no-value', since, ...because })
	if (staleMs !== undefined) {
		const reason = staleMs > maxStaleMs ? 'too-stale' : 'stale'
		found.push({ term, reason, since, ...because })
	}
	if (isFailing) found.push({ term, reason: 'failing', ...failed })
	// What an operator has pinned or rolled back to is as it should be.
	if (health.source === 'initial' || health.source === 'last-known-good')
		found.push({ term, reason: 'unconfirmed' })
	return found
}
