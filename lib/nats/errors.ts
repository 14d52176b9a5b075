import { messageOf, RemoteTermError, type ErrorCode } from '../core/errors.ts'

/** What the packages of NATS throw, as far as we look at it. All of it may be missing. */
interface Thrown {
	readonly name?: string
	/** JetStream's own code of an error, or the system's. */
	readonly code?: unknown
	/** JetStream's status, in the manner of HTTP. */
	readonly status?: unknown
	readonly cause?: unknown
}

/** By what they are for the caller; each room has codes of its own for them. */
export type NatsFault = 'denied' | 'timeout' | 'not_found' | 'conflict' | 'no_jetstream' | 'refused' | 'lost'

/** https://github.com/nats-io/nats-server/blob/main/server/errors.json */
const WRONG_LAST_SEQUENCE = new Set<unknown>([10071, 10164])
const NOT_FOUND = new Set<unknown>([10014, 10037, 10059])
const NO_JETSTREAM = new Set<unknown>([10039, 10076])

export const faultOf = (thrown: unknown): NatsFault => {
	const { name = '', code, status, cause } = (thrown ?? {}) as Thrown
	if (WRONG_LAST_SEQUENCE.has(code)) return 'conflict'
	if (NOT_FOUND.has(code) || status === 404) return 'not_found'
	if (NO_JETSTREAM.has(code) || name === 'JetStreamNotEnabled') return 'no_jetstream'
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

const HINTS: Partial<Record<NatsFault, string>> = {
	no_jetstream: ' (JetStream is not enabled on this server or for this account)',
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
	refused: 'FETCH_STATUS',
	lost: 'FETCH_FAILED',
}

export const asFetchError = (thrown: unknown, what: string): RemoteTermError =>
	wrap(thrown, FETCH_CODES[faultOf(thrown)], what)
