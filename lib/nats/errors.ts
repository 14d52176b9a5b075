import { messageOf, RemoteTermError, type ErrorCode } from '../core/errors.ts'

/** What the packages of NATS throw, as far as we look at it. All of it may be missing. */
interface Thrown {
	readonly name?: string
	readonly message?: unknown
	/** JetStream's own code of an error, or the system's. */
	readonly code?: unknown
	/** JetStream's status, in the manner of HTTP. */
	readonly status?: unknown
	readonly cause?: unknown
}

/** By what they are for the caller; each room has codes of its own for them. */
export type NatsFault =
	| 'denied'
	| 'timeout'
	| 'not_found'
	| 'conflict'
	| 'no_jetstream'
	/** It has reached nobody: JetStream is not there, or has no leader for what was asked. */
	| 'no_responders'
	| 'refused'
	| 'lost'

/** https://github.com/nats-io/nats-server/blob/main/server/errors.json */
const WRONG_LAST_SEQUENCE = new Set<unknown>([10071, 10164])
const NOT_FOUND = new Set<unknown>([10014, 10037, 10059])
/** Of a cluster that is just starting: too few servers known, or no leader yet. */
const NOT_YET = new Set<unknown>([10005, 10008, 10009])
const NO_JETSTREAM = new Set<unknown>([10039, 10076])

export const faultOf = (thrown: unknown): NatsFault => {
	const { name = '', message, code, status, cause } = (thrown ?? {}) as Thrown
	if (WRONG_LAST_SEQUENCE.has(code)) return 'conflict'
	if (NOT_YET.has(code)) return 'no_responders'
	if (NOT_FOUND.has(code) || status === 404) return 'not_found'
	if (name === 'NoRespondersError' || (cause as Thrown | undefined)?.name === 'NoRespondersError')
		return 'no_responders'
	if (name === 'JetStreamNotEnabled' && (cause as Thrown | undefined)?.name === 'RequestError')
		return 'no_responders'
	if (NO_JETSTREAM.has(code) || name === 'JetStreamNotEnabled') return 'no_jetstream'
	// The server waits a second or two for a client to say who it is. One that is late was not refused.
	if (name === 'AuthorizationError' && /timeout/i.test(String(message))) return 'timeout'
	if (
		['AuthorizationError', 'UserAuthenticationExpiredError', 'PermissionViolationError'].includes(name) ||
		(cause as Thrown | undefined)?.name === 'PermissionViolationError'
	)
		return 'denied'
	if (name === 'TimeoutError') return 'timeout'
	// 503: no leader now, or nobody listens to the request.
	if (status === 503) return 'lost'
	return typeof status === 'number' ? 'refused' : 'lost'
}

/** Whether what was asked for may have been done even so: the answer is missing, not negative. */
export const isAmbiguous = (thrown: unknown): boolean => {
	const fault = faultOf(thrown)
	return fault === 'timeout' || fault === 'lost'
}

/** Whether the same may go well in a moment: a server is away, a leader is being chosen. */
export const isPassing = (thrown: unknown): boolean =>
	isAmbiguous(thrown) || faultOf(thrown) === 'no_responders'

const HINTS: Partial<Record<NatsFault, string>> = {
	no_jetstream: ' (JetStream is not enabled on this server or for this account)',
	no_responders: ' (nobody answers: is JetStream enabled, and does the cluster have a leader?)',
}

const wrap = (thrown: unknown, code: ErrorCode, what: string): RemoteTermError => {
	if (thrown instanceof RemoteTermError) return thrown
	const message = messageOf(thrown).replace(/\s+/g, ' ').trim()
	const short = message.length > 200 ? `${message.slice(0, 200)}…` : message
	return new RemoteTermError(code, `${what}: ${short}${HINTS[faultOf(thrown)] ?? ''}`, { cause: thrown })
}

/** @param what `Cannot …`, without the reason. */
export const asTransportError = (thrown: unknown, what: string): RemoteTermError =>
	wrap(thrown, 'TRANSPORT_FAILED', what)

export const asDatabaseError = (thrown: unknown, what: string): RemoteTermError =>
	wrap(thrown, 'DATABASE_FAILED', what)

const FETCH_CODES: Readonly<Record<NatsFault, ErrorCode>> = {
	denied: 'FETCH_DENIED',
	timeout: 'FETCH_TIMEOUT',
	not_found: 'FETCH_NOT_FOUND',
	conflict: 'FETCH_STATUS',
	no_jetstream: 'FETCH_STATUS',
	no_responders: 'FETCH_FAILED',
	refused: 'FETCH_STATUS',
	lost: 'FETCH_FAILED',
}

export const asFetchError = (thrown: unknown, what: string): RemoteTermError =>
	wrap(thrown, FETCH_CODES[faultOf(thrown)], what)
