import { BLOCKED_BUCKETS, DURATION_BUCKETS, LAG_BUCKETS } from '../metrics/families.ts'

/**
 * The attributes, as `docs/observability.md` shows them. `error.type` and `http.response.status_code` are those of
 * OpenTelemetry's semantic conventions; for the rest these have no words.
 */
export const ATTRIBUTES = {
	name: ['remote_term.name', 'The name of the term.'],
	fetcher: ['remote_term.fetcher', 'The class of its fetcher.'],
	trigger: [
		'remote_term.trigger',
		'What began the refresh: start, update, schedule, change, disk, rollback, pin.',
	],
	retry: ['remote_term.retry', 'How many refreshes have failed in a row before this one.'],
	outcome: ['remote_term.outcome', 'updated, unchanged, failed.'],
	version: ['remote_term.version', 'The version of the value in place afterwards.'],
	previousVersion: ['remote_term.previous_version', 'The version that was replaced.'],
	source: [
		'remote_term.source',
		'Where the value in place came from: remote, initial, last-known-good, rollback.',
	],
	bodySize: ['remote_term.body.size', 'Bytes of the body as it travelled.'],
	inflatedSize: ['remote_term.body.inflated_size', 'Bytes of the body after decompression.'],
	lag: [
		'remote_term.propagation_lag',
		'Seconds from publication, where the source dates it, until it was in place.',
	],
	consecutiveFailures: ['remote_term.consecutive_failures', 'How many refreshes have failed in a row now.'],
	step: [
		'remote_term.step',
		'ask, receive, deserialize, validate, put. On spans each is an attribute: `remote_term.step.ask`, in seconds.',
	],
	part: [
		'remote_term.part',
		'deserialize, validate, put, notify. On spans each is an attribute: `remote_term.blocked.put`, in seconds.',
	],
	errorType: ['error.type', 'The code of the error.'],
	httpStatus: [
		'http.response.status_code',
		'The HTTP status of the answer, where a refresh failed because of it.',
	],
} as const satisfies Readonly<Record<string, readonly [name: string, meaning: string]>>

export interface Metric {
	readonly name: string
	readonly kind: 'counter' | 'histogram' | 'gauge'
	readonly unit: string
	readonly description: string
	readonly attributes: ReadonlyArray<keyof typeof ATTRIBUTES>
	readonly buckets?: readonly number[]
}

/** The metrics, as `docs/observability.md` shows them. */
export const METRICS = {
	duration: {
		name: 'remote_term.refresh.duration',
		kind: 'histogram',
		unit: 's',
		attributes: ['name', 'outcome', 'errorType'],
		buckets: DURATION_BUCKETS,
		description: 'How long refreshes that asked the source took.',
	},
	steps: {
		name: 'remote_term.refresh.step.duration',
		kind: 'histogram',
		unit: 's',
		attributes: ['name', 'step'],
		buckets: DURATION_BUCKETS,
		description: 'How long the steps of refreshes took.',
	},
	blocked: {
		name: 'remote_term.event_loop.blocked',
		kind: 'histogram',
		unit: 's',
		attributes: ['name', 'part'],
		buckets: BLOCKED_BUCKETS,
		description: 'How long a new value kept the event loop to itself.',
	},
	lag: {
		name: 'remote_term.propagation.lag',
		kind: 'histogram',
		unit: 's',
		attributes: ['name'],
		buckets: LAG_BUCKETS,
		description: 'From the publication of a new version, where the source dates it, until it was in place.',
	},
	received: {
		name: 'remote_term.received',
		kind: 'counter',
		unit: 'By',
		attributes: ['name'],
		description: 'Bytes of bodies as they travelled.',
	},
	inflated: {
		name: 'remote_term.inflated',
		kind: 'counter',
		unit: 'By',
		attributes: ['name'],
		description: 'Bytes of bodies after decompression.',
	},
	recalls: {
		name: 'remote_term.recalls',
		kind: 'counter',
		unit: '{recall}',
		attributes: ['name', 'trigger', 'outcome'],
		description: 'Starts from disk, rollbacks and pins.',
	},
	ready: {
		name: 'remote_term.ready',
		kind: 'gauge',
		unit: '1',
		attributes: ['name'],
		description: '1 where a value is in place.',
	},
	stale: {
		name: 'remote_term.stale',
		kind: 'gauge',
		unit: '1',
		attributes: ['name'],
		description: '1 where the value has gone unconfirmed for longer than staleAfter.',
	},
	age: {
		name: 'remote_term.age',
		kind: 'gauge',
		unit: 's',
		attributes: ['name'],
		description: 'How long ago the source confirmed or replaced the value.',
	},
	consecutiveFailures: {
		name: 'remote_term.consecutive_failures',
		kind: 'gauge',
		unit: '{failure}',
		attributes: ['name'],
		description: 'How many refreshes have failed in a row.',
	},
} as const satisfies Readonly<Record<string, Metric>>
