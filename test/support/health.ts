import type { Health } from '../../lib/term/health.ts'

/** What a term says of itself when all is well. */
export const healthy: Health = {
	name: 'rates',
	status: 'ready',
	since: 1_000,
	ready: true,
	version: '"1"',
	source: 'remote',
	lastSuccessAt: 9_000,
	ageMs: 1_000,
	stale: false,
	staleMs: undefined,
	refreshing: false,
	nextRefreshAt: 60_000,
	consecutiveFailures: 0,
	failingSince: undefined,
	lastError: undefined,
	lastErrorAt: undefined,
	refusedVersion: undefined,
	refusedBecause: undefined,
	pinnedVersion: undefined,
	lastKnownGood: undefined,
}
