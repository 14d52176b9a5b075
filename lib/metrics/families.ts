import type { Family } from './exposition.ts'

/** From 5 ms, an answer from next door, to a minute, twice the default `timeout`. In seconds. */
export const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const
/** From 1 ms, which nobody notices, to 5 s, by when a probe has given up. In seconds. */
export const BLOCKED_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5] as const
/** From a second, which takes a `watch`, to a day. In seconds. */
export const LAG_BUCKETS = [1, 5, 15, 30, 60, 120, 300, 900, 3600, 14_400, 86_400] as const

/** Every metric, as `docs/observability.md` shows it. The prefix comes before the name. */
export const FAMILIES = {
	refreshes: {
		name: 'refreshes_total',
		type: 'counter',
		labels: ['term', 'outcome'],
		help: 'Refreshes that asked the source, by outcome: updated, unchanged, failed.',
	},
	failures: {
		name: 'refresh_failures_total',
		type: 'counter',
		labels: ['term', 'code'],
		help: 'Refreshes that failed, by the code of the error.',
	},
	retries: {
		name: 'refresh_retries_total',
		type: 'counter',
		labels: ['term'],
		help: 'Refreshes that came after a failed one.',
	},
	recalls: {
		name: 'recalls_total',
		type: 'counter',
		labels: ['term', 'trigger', 'outcome'],
		help: 'Starts from disk, rollbacks and pins, by outcome.',
	},
	statusChanges: {
		name: 'status_changes_total',
		type: 'counter',
		labels: ['term', 'status'],
		help: 'How often the status became what the label says.',
	},
	received: {
		name: 'received_bytes_total',
		type: 'counter',
		labels: ['term'],
		help: 'Bytes of bodies as they travelled.',
	},
	inflated: {
		name: 'inflated_bytes_total',
		type: 'counter',
		labels: ['term'],
		help: 'Bytes of bodies after decompression.',
	},
	duration: {
		name: 'refresh_duration_seconds',
		type: 'histogram',
		labels: ['term', 'outcome'],
		buckets: DURATION_BUCKETS,
		help: 'How long refreshes that asked the source took.',
	},
	steps: {
		name: 'refresh_step_duration_seconds',
		type: 'histogram',
		labels: ['term', 'step'],
		buckets: DURATION_BUCKETS,
		help: 'How long the steps of refreshes took: ask, receive, deserialize, validate, put.',
	},
	blocked: {
		name: 'event_loop_blocked_seconds',
		type: 'histogram',
		labels: ['term', 'part'],
		buckets: BLOCKED_BUCKETS,
		help: 'How long a new value kept the event loop to itself: deserialize, validate, put, notify.',
	},
	blockedMax: {
		name: 'event_loop_blocked_max_seconds',
		type: 'gauge',
		labels: ['term'],
		help: 'The most that all parts of one refresh took together, since the metrics were created.',
	},
	lag: {
		name: 'propagation_lag_seconds',
		type: 'histogram',
		labels: ['term'],
		buckets: LAG_BUCKETS,
		help: 'From the publication of a new version, where the source dates it, until it was in place.',
	},
	ready: {
		name: 'ready',
		type: 'gauge',
		labels: ['term'],
		help: '1 where a value is in place.',
	},
	status: {
		name: 'status',
		type: 'gauge',
		labels: ['term', 'status'],
		help: '1 for the status that the term has, 0 for the others.',
	},
	stale: {
		name: 'stale',
		type: 'gauge',
		labels: ['term'],
		help: '1 where the value has gone unconfirmed for longer than staleAfter.',
	},
	age: {
		name: 'age_seconds',
		type: 'gauge',
		labels: ['term'],
		help: 'How long ago the source confirmed or replaced the value.',
	},
	consecutiveFailures: {
		name: 'consecutive_failures',
		type: 'gauge',
		labels: ['term'],
		help: 'How many refreshes have failed in a row.',
	},
	nextRefresh: {
		name: 'next_refresh_timestamp_seconds',
		type: 'gauge',
		labels: ['term'],
		help: 'When the next refresh begins, since the Unix epoch; missing while one is under way or none is due.',
	},
} as const satisfies Readonly<Record<string, Family>>
