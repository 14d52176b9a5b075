import type { PublisherStatus } from '../../autoconfig/index.ts'
import type { Family, Sample } from '../../metrics/exposition.ts'

/** What `/relay_auto_config` adds to the metrics. */
export const STREAM_FAMILIES = {
	clients: { name: 'gateway_stream_clients', type: 'gauge', labels: [], help: 'Streams that are open.' },
	views: {
		name: 'gateway_stream_views',
		type: 'gauge',
		labels: [],
		help: 'Groups of tokens that see the same part of the stream.',
	},
	log: {
		name: 'gateway_stream_log_bytes',
		type: 'gauge',
		labels: [],
		help: 'Bytes of events that are kept for clients that come back.',
	},
	connected: {
		name: 'gateway_stream_connections_total',
		type: 'counter',
		labels: ['from'],
		help: 'Streams that were begun, by from where: put, the whole; resumed, what was missed.',
	},
	refused: {
		name: 'gateway_stream_refusals_total',
		type: 'counter',
		labels: ['reason'],
		help: 'Streams that were not begun: starting, stale, full, closed.',
	},
	ended: {
		name: 'gateway_stream_ends_total',
		type: 'counter',
		labels: ['reason'],
		help: 'Streams that ended: gone, lifetime, slow, stalled, removed, closed, failed.',
	},
	events: {
		name: 'gateway_stream_events_total',
		type: 'counter',
		labels: ['event'],
		help: 'Changes that were told, by event, once for each view: put, patch, delete.',
	},
	bytes: {
		name: 'gateway_stream_bytes_total',
		type: 'counter',
		labels: [],
		help: 'Bytes that were handed over to streams.',
	},
} as const satisfies Readonly<Record<string, Family>>

const one = (value: number): readonly Sample[] => [{ labels: [], value }]

const by = (label: string, values: Readonly<Record<string, number>>): readonly Sample[] =>
	Object.entries(values).map(([name, value]) => ({ labels: [[label, name]], value }))

export const streamSamples = (
	status: PublisherStatus,
): ReadonlyArray<readonly [Family, readonly Sample[]]> => [
	[STREAM_FAMILIES.clients, one(status.clients)],
	[STREAM_FAMILIES.views, one(status.views)],
	[STREAM_FAMILIES.log, one(status.logBytes)],
	[STREAM_FAMILIES.connected, by('from', status.connected)],
	[STREAM_FAMILIES.refused, by('reason', status.refused)],
	[STREAM_FAMILIES.ended, by('reason', status.ended)],
	[STREAM_FAMILIES.events, by('event', status.events)],
	[STREAM_FAMILIES.bytes, one(status.bytes)],
]
