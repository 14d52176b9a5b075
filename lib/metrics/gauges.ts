import type { Health, TermStatus } from '../term/health.ts'
import { FAMILIES } from './families.ts'
import type { Family, Sample } from './exposition.ts'

const STATUSES: readonly TermStatus[] = ['idle', 'starting', 'ready', 'failing', 'stale', 'stopped']

const seconds = (ms: number | undefined): number | undefined => (ms === undefined ? undefined : ms / 1000)
const lowest = (numbers: readonly number[]): number => Math.min(...numbers)
const highest = (numbers: readonly number[]): number => Math.max(...numbers)

/** What each gauge reads, and which of several readings counts: the one to worry about. */
const GAUGES: ReadonlyArray<
	readonly [Family, (health: Health) => number | undefined, (numbers: readonly number[]) => number]
> = [
	[FAMILIES.ready, ({ ready }) => Number(ready), lowest],
	[FAMILIES.stale, ({ stale }) => Number(stale), highest],
	[FAMILIES.age, ({ ageMs }) => seconds(ageMs), highest],
	[FAMILIES.consecutiveFailures, ({ consecutiveFailures }) => consecutiveFailures, highest],
	[FAMILIES.nextRefresh, ({ nextRefreshAt }) => seconds(nextRefreshAt), lowest],
]

/** How the terms are doing now. Those with one name make one sample, that of the worst. */
export const readGauges = (
	healths: ReadonlyMap<string, readonly Health[]>,
): ReadonlyArray<readonly [Family, readonly Sample[]]> => [
	...GAUGES.map(([family, read, worst]) => {
		const samples = [...healths].flatMap(([term, all]): Sample[] => {
			const readings = all.map(read).filter(reading => reading !== undefined)
			return readings.length === 0 ? [] : [{ labels: [['term', term]], value: worst(readings) }]
		})
		return [family, samples] as const
	}),
	[
		FAMILIES.status,
		[...healths].flatMap(([term, all]) => STATUSES.map(status => statusOf(term, status, all))),
	],
]

const statusOf = (term: string, status: TermStatus, all: readonly Health[]): Sample => ({
	labels: [
		['term', term],
		['status', status],
	],
	value: Number(all.some(health => health.status === status)),
})
