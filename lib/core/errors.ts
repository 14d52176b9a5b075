/**
 * Every way in which something here can fail. The prefix says whose fault it is:
 *
 * - the caller: `INVALID_OPTION`, `NOT_STARTED`, `STOPPED`
 * - the source or the network: `FETCH_*`
 * - the data: `EMPTY_BODY`, `TOO_LARGE`, `INFLATED_TOO_LARGE`, `INFLATE_FAILED`, `DIGEST_MISMATCH`,
 *   `DESERIALIZE_FAILED`, `VALIDATION_FAILED`
 * - whoever published the data, or somebody in between: `SIGNATURE_MISSING`, `SIGNATURE_INVALID`, `ROLLBACK_REFUSED`
 * - the gateway, of what is pushed to it: `CONFLICT`, `DOWNGRADE_REFUSED`, `ORIGIN_REFUSED`
 * - the disk, or a server in its place: `SNAPSHOT_FAILED`, `DATABASE_FAILED`
 * - the network between peers: `TRANSPORT_FAILED`, `SUBSCRIPTION_LOST`
 * - code of the user's that we called: `SETUP_FAILED`, `PUT_FAILED`
 * - this machine: `WORKER_FAILED`
 * - time: `TIMEOUT`
 */
export type ErrorCode =
	| 'INVALID_OPTION'
	| 'NOT_STARTED'
	| 'STOPPED'
	/** The connection failed: refused, reset, no such host, TLS. */
	| 'FETCH_FAILED'
	/** The source did not send its headers, or went silent within its body, for too long. */
	| 'FETCH_TIMEOUT'
	/** The body ended before, or went on after, the length that the source had promised. */
	| 'FETCH_INCOMPLETE'
	/** The source says that there is no such thing: HTTP 404 and 410, `NoSuchKey`, `ENOENT`. */
	| 'FETCH_NOT_FOUND'
	/** The source refuses us: HTTP 401 and 403, `AccessDenied`, `EACCES`. */
	| 'FETCH_DENIED'
	/** The source asks us to slow down: HTTP 429. */
	| 'FETCH_THROTTLED'
	/** Any other answer that is no success. */
	| 'FETCH_STATUS'
	/** Too many redirects, a loop of them, or one to a place where we do not go. */
	| 'FETCH_REDIRECT'
	/** The body has no bytes, before or after inflating. Empty is not unknown: nothing is replaced by it. */
	| 'EMPTY_BODY'
	/** More than `maxBytes` came, or were announced. */
	| 'TOO_LARGE'
	/** More than `maxInflatedBytes` came out of the decompressor. */
	| 'INFLATED_TOO_LARGE'
	/** Compressed data that is truncated, corrupt, or followed by something that is not its kind. */
	| 'INFLATE_FAILED'
	| 'DIGEST_MISMATCH'
	| 'DESERIALIZE_FAILED'
	| 'VALIDATION_FAILED'
	/** Signatures are asked for, and there is none. */
	| 'SIGNATURE_MISSING'
	/** A signature that is malformed, made by no trusted key, or made for another name or other bytes. */
	| 'SIGNATURE_INVALID'
	/** Properly signed, but with a lower sequence than has been accepted before, or the same one for other bytes. */
	| 'ROLLBACK_REFUSED'
	/** So much larger or smaller than the last accepted value that a person should look first (`driftGuard`). */
	| 'DRIFT_REFUSED'
	/** `rollback` or `pin` wants a version that neither the history nor the source has. */
	| 'VERSION_UNAVAILABLE'
	/** An operator does not want this version: rolled back from, or not the pinned one. A reason, never an outcome. */
	| 'NOT_WANTED'
	/** The last-known-good snapshot could not be written. It costs the snapshot; the term goes on. */
	| 'SNAPSHOT_FAILED'
	/** A service's configuration has changed since it was read (compare-and-set). Read it again, decide again. */
	| 'CONFLICT'
	/** A lower version than the one that is stored, pushed without `force`. */
	| 'DOWNGRADE_REFUSED'
	/** A push asks to be pulled from a place that the gateway's operator has not allowed. */
	| 'ORIGIN_REFUSED'
	/** The database could not be opened, read or written: torn, foreign, in use, full, or its server not reachable. */
	| 'DATABASE_FAILED'
	/** The network between peers could not be joined. */
	| 'TRANSPORT_FAILED'
	/** A subscription could not go on without a gap: it did not keep up, or a callback failed. Subscribe again. */
	| 'SUBSCRIPTION_LOST'
	| 'SETUP_FAILED'
	| 'PUT_FAILED'
	/** A thread of ours ended, or ran out of memory, while it worked for a term. The next refresh gets a new one. */
	| 'WORKER_FAILED'
	/** A limit on the whole refresh (`timeout`) or the whole start (`startTimeout`) ran out. */
	| 'TIMEOUT'

export interface RemoteTermErrorOptions extends ErrorOptions {
	/** The name of the term that met the error. */
	readonly term?: string | undefined
	/** The HTTP status of the answer, where there was one. */
	readonly status?: number | undefined
	/** How long the source asked us to wait before the next request, in milliseconds (`Retry-After`). */
	readonly retryAfter?: number | undefined
	/** The single faults behind a refusal, for example the issues that a schema found. */
	readonly issues?: readonly ErrorIssue[] | undefined
}

/** One fault within a document. `path` is empty where the document as a whole is meant. */
export interface ErrorIssue {
	readonly path: ReadonlyArray<string | number>
	readonly message: string
}

/**
 * The only error that this library throws or reports. Go by `code`, which is stable; the message is for people
 * and may change. `cause` is the error underneath, whole.
 */
export class RemoteTermError extends Error {
	override readonly name = 'RemoteTermError'
	readonly code: ErrorCode
	readonly term: string | undefined
	readonly status: number | undefined
	readonly retryAfter: number | undefined
	readonly issues: readonly ErrorIssue[] | undefined

	constructor(code: ErrorCode, message: string, options: RemoteTermErrorOptions = {}) {
		super(message, 'cause' in options ? { cause: options.cause } : undefined)
		this.code = code
		this.term = options.term
		this.status = options.status
		this.retryAfter = options.retryAfter
		this.issues = options.issues
	}

	/** The same error with the name of its term, for errors born where no term is known. */
	withTerm(term: string): RemoteTermError {
		if (this.term !== undefined) return this
		const { message, cause, status, retryAfter, issues } = this
		const named = new RemoteTermError(this.code, message, { cause, term, status, retryAfter, issues })
		if (this.stack !== undefined) named.stack = this.stack
		return named
	}

	/** What may be shown to anybody: causes are left out, since a foreign error may quote what it was given. */
	toJSON(): {
		code: ErrorCode
		message: string
		term?: string
		status?: number
		issues?: readonly ErrorIssue[]
	} {
		const { code, message, term, status, issues } = this
		return {
			code,
			message,
			...(term !== undefined && { term }),
			...(status !== undefined && { status }),
			...(issues !== undefined && { issues }),
		}
	}
}

/** The message of anything that was thrown, an `Error` or not. */
export const messageOf = (thrown: unknown): string => {
	if (thrown instanceof Error) return thrown.message === '' ? thrown.name : thrown.message
	try {
		return String(thrown)
	} catch {
		return 'something that cannot be turned into a string'
	}
}

/** A `RemoteTermError` passes unchanged; anything else becomes the cause of a new one. */
export const asRemoteTermError = (
	thrown: unknown,
	code: ErrorCode,
	describe: (message: string) => string,
): RemoteTermError =>
	thrown instanceof RemoteTermError
		? thrown
		: new RemoteTermError(code, describe(messageOf(thrown)), { cause: thrown })
