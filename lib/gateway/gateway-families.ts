import type { Family } from '../metrics/exposition.ts'
import { DURATION_BUCKETS } from '../metrics/families.ts'

/** What the gateway adds to the metrics of terms. The prefix `remote_term` comes before the name. */
export const GATEWAY_FAMILIES = {
	requests: {
		name: 'gateway_requests_total',
		type: 'counter',
		labels: ['route', 'method', 'status'],
		help: 'Requests, by route, method and HTTP status.',
	},
	duration: {
		name: 'gateway_request_duration_seconds',
		type: 'histogram',
		labels: ['route'],
		buckets: DURATION_BUCKETS,
		help: 'From the first header until the answer began.',
	},
	refusals: {
		name: 'gateway_refusals_total',
		type: 'counter',
		labels: ['code'],
		help: 'Requests that were refused or failed, by the code of the problem.',
	},
	pushes: {
		name: 'gateway_pushes_total',
		type: 'counter',
		labels: ['outcome'],
		help: 'Pushes, by outcome: accepted, skipped, refused.',
	},
	limited: {
		name: 'gateway_rate_limited_total',
		type: 'counter',
		labels: ['by'],
		help: 'Requests that were answered with 429, by what had no more left: token, address.',
	},
	unauthenticated: {
		name: 'gateway_authentication_failures_total',
		type: 'counter',
		labels: [],
		help: 'Requests without a token that is good, where one is asked for.',
	},
	services: {
		name: 'gateway_services',
		type: 'gauge',
		labels: [],
		help: 'Services that are stored.',
	},
	items: { name: 'gateway_items', type: 'gauge', labels: [], help: 'Items that are stored.' },
	failures: {
		name: 'gateway_failure_records',
		type: 'gauge',
		labels: [],
		help: 'Failure records that are kept.',
	},
	pulls: {
		name: 'gateway_pulls',
		type: 'gauge',
		labels: ['status'],
		help: 'Services that are pulled, by how that goes.',
	},
	connections: {
		name: 'gateway_connections',
		type: 'gauge',
		labels: [],
		help: 'Connections that are open.',
	},
	inFlight: {
		name: 'gateway_requests_in_flight',
		type: 'gauge',
		labels: [],
		help: 'Requests that have not been answered yet.',
	},
	bodies: {
		name: 'gateway_body_bytes_in_flight',
		type: 'gauge',
		labels: [],
		help: 'Bytes of bodies that are being read.',
	},
	ready: { name: 'gateway_ready', type: 'gauge', labels: [], help: '1 where /readyz answers with 200.' },
	loopDelay: {
		name: 'gateway_event_loop_delay_seconds',
		type: 'gauge',
		labels: ['quantile'],
		help: 'How late the event loop ran, since the scrape before this one.',
	},
} as const satisfies Readonly<Record<string, Family>>
