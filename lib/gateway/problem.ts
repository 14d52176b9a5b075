import { messageOf, RemoteTermError, type ErrorCode, type ErrorIssue } from '../core/errors.ts'

/** What only a gateway can refuse with. */
type OwnCode =
	/** The request itself is malformed: not HTTP, an impossible URL, a parameter that is none. */
	| 'BAD_REQUEST'
	/** No token, or one that nobody has. */
	| 'UNAUTHORIZED'
	/** A token without the scope that this takes. */
	| 'FORBIDDEN'
	| 'NOT_FOUND'
	/** It is there, and an operator has disabled it. */
	| 'DISABLED'
	| 'METHOD_NOT_ALLOWED'
	/** The body did not arrive in time. */
	| 'REQUEST_TIMEOUT'
	| 'UNSUPPORTED_MEDIA_TYPE'
	| 'RATE_LIMITED'
	| 'HEADERS_TOO_LARGE'
	/** Too much at once, not yet started, or about to end: the same request may succeed elsewhere, or later. */
	| 'UNAVAILABLE'
	| 'INTERNAL'

/** The `code` of a problem. Those of `RemoteTermError` mean here what they mean everywhere. */
export type ProblemCode = ErrorCode | OwnCode

/** RFC 9457, with our `code` and `issues` as extension members. */
export interface Problem {
	readonly type: 'about:blank'
	readonly title: string
	readonly status: number
	readonly detail: string
	readonly code: ProblemCode
	readonly issues?: readonly ErrorIssue[]
}

export const PROBLEM_TYPE = 'application/problem+json'

/** Whose fault an error of ours is, in the words of HTTP. What is not here is ours: 500. */
const STATUS_OF: Readonly<Partial<Record<ErrorCode, number>>> = {
	INVALID_OPTION: 400,
	EMPTY_BODY: 400,
	DESERIALIZE_FAILED: 400,
	INFLATE_FAILED: 400,
	ORIGIN_REFUSED: 403,
	CONFLICT: 409,
	DOWNGRADE_REFUSED: 409,
	TOO_LARGE: 413,
	INFLATED_TOO_LARGE: 413,
	VALIDATION_FAILED: 422,
	NOT_STARTED: 503,
	STOPPED: 503,
	DATABASE_FAILED: 503,
	FETCH_FAILED: 502,
	FETCH_INCOMPLETE: 502,
	FETCH_NOT_FOUND: 502,
	FETCH_DENIED: 502,
	FETCH_THROTTLED: 502,
	FETCH_STATUS: 502,
	FETCH_REDIRECT: 502,
	FETCH_TIMEOUT: 504,
	TIMEOUT: 504,
}

const TITLES: Readonly<Record<number, string>> = {
	400: 'Bad Request',
	401: 'Unauthorized',
	403: 'Forbidden',
	404: 'Not Found',
	405: 'Method Not Allowed',
	408: 'Request Timeout',
	409: 'Conflict',
	413: 'Content Too Large',
	415: 'Unsupported Media Type',
	422: 'Unprocessable Content',
	429: 'Too Many Requests',
	431: 'Request Header Fields Too Large',
	500: 'Internal Server Error',
	502: 'Bad Gateway',
	503: 'Service Unavailable',
	504: 'Gateway Timeout',
}

export interface RefusalOptions extends ErrorOptions {
	readonly headers?: Readonly<Record<string, string>> | undefined
	readonly issues?: readonly ErrorIssue[] | undefined
}

/** How a handler says no. Its message is shown to whoever asked. */
export class Refusal extends Error {
	readonly status: number
	readonly code: ProblemCode
	readonly headers: Readonly<Record<string, string>>
	readonly issues: readonly ErrorIssue[] | undefined

	constructor(status: number, code: ProblemCode, message: string, options: RefusalOptions = {}) {
		super(message, 'cause' in options ? { cause: options.cause } : undefined)
		this.status = status
		this.code = code
		this.headers = options.headers ?? {}
		this.issues = options.issues
	}
}

/** Whatever was thrown, as a refusal. What is our fault is told to the log, and not to the client. */
export const refusalOf = (thrown: unknown): Refusal => {
	if (thrown instanceof Refusal) return thrown
	if (!(thrown instanceof RemoteTermError))
		return new Refusal(500, 'INTERNAL', 'The gateway failed. Its log says more', { cause: thrown })
	const { code, issues } = thrown
	const status = STATUS_OF[code] ?? 500
	const isTheirs = status < 500 || status === 502 || status === 504
	return new Refusal(status, code, isTheirs ? thrown.message : (OUR_WORDS[code] ?? 'The gateway failed'), {
		cause: thrown,
		issues,
		headers: status === 503 ? { 'retry-after': '1' } : {},
	})
}

const OUR_WORDS: Readonly<Partial<Record<ErrorCode, string>>> = {
	NOT_STARTED: 'The gateway has not started yet',
	STOPPED: 'The gateway is about to end',
	DATABASE_FAILED: 'The database could not be read or written, and nothing has changed',
}

export const problemOf = ({ status, code, message, issues }: Refusal): Problem => ({
	type: 'about:blank',
	title: TITLES[status] ?? 'Error',
	status,
	detail: message,
	code,
	...(issues !== undefined && { issues }),
})

export const problemResponse = (refusal: Refusal): Response =>
	new Response(JSON.stringify(problemOf(refusal)), {
		status: refusal.status,
		headers: { 'content-type': PROBLEM_TYPE, 'cache-control': 'no-store', ...refusal.headers },
	})

/** For the log: what is behind a refusal that is our fault. */
export const causeOf = ({ cause, message }: Refusal): string =>
	cause === undefined ? message : messageOf(cause)
