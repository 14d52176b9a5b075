import { messageOf, RemoteTermError, type ErrorCode } from '../lib/core/errors.ts'

/** What the SDK throws, as far as we look at it. All of it may be missing. */
interface Thrown {
	readonly name?: string
	readonly code?: unknown
	readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string }
	readonly $response?: { readonly headers?: Readonly<Record<string, string>> }
}

/**
 * The status of the answer behind an error. A 304 reaches the caller of the SDK as an error too, and one without a
 * useful name, since S3 sends no document with it: only its status tells it from a failure.
 */
export const statusOf = (thrown: unknown): number | undefined =>
	(thrown as Thrown | null | undefined)?.$metadata?.httpStatusCode

const NOT_FOUND = new Set(['NoSuchKey', 'NoSuchBucket', 'NoSuchVersion', 'NotFound'])
const DENIED = new Set([
	'AccessDenied',
	'AllAccessDisabled',
	'ExpiredToken',
	'Forbidden',
	'InvalidAccessKeyId',
	'InvalidToken',
	'SignatureDoesNotMatch',
	'TokenRefreshRequired',
	// Thrown by the credential chain before any request.
	'CredentialsProviderError',
	'TokenProviderError',
])
const THROTTLED = new Set([
	'SlowDown',
	'Throttling',
	'ThrottlingException',
	'TooManyRequests',
	'RequestLimitExceeded',
])

/** Broken connections, which the SDK calls timeouts too. */
const BROKEN = new Set<unknown>(['ECONNRESET', 'ECONNREFUSED', 'EPIPE'])

const codeOf = (name: string, systemCode: unknown, status: number | undefined): ErrorCode => {
	if (THROTTLED.has(name) || status === 429) return 'FETCH_THROTTLED'
	if (NOT_FOUND.has(name) || status === 404 || status === 410) return 'FETCH_NOT_FOUND'
	if (DENIED.has(name) || status === 401 || status === 403) return 'FETCH_DENIED'
	if (name === 'TimeoutError' && !BROKEN.has(systemCode)) return 'FETCH_TIMEOUT'
	// A success whose body broke off carries a 2xx status.
	return status === undefined || (status >= 200 && status < 300) ? 'FETCH_FAILED' : 'FETCH_STATUS'
}

const RETRY_AFTER_SECONDS = /^\d{1,9}$/

export const asFetchError = (thrown: unknown, subject: string): RemoteTermError => {
	if (thrown instanceof RemoteTermError) return thrown
	const { name = 'Error', code: systemCode, $response } = (thrown ?? {}) as Thrown
	const status = statusOf(thrown)
	const message = messageOf(thrown)
	// The SDK compares the body with the checksum that S3 sent along, and has no name for what it finds.
	const code = message.startsWith('Checksum mismatch') ? 'DIGEST_MISMATCH' : codeOf(name, systemCode, status)
	const kind = typeof systemCode === 'string' ? systemCode : name
	const found = [status, kind === 'Error' ? undefined : kind].filter(part => part !== undefined).join(' ')
	const seconds = $response?.headers?.['retry-after']
	return new RemoteTermError(
		code,
		`Cannot fetch ${subject}: ${found}${found === '' ? '' : ': '}${shorten(message)}`,
		{
			status,
			retryAfter:
				seconds !== undefined && RETRY_AFTER_SECONDS.test(seconds) ? Number(seconds) * 1000 : undefined,
			cause: withoutSecrets(thrown, message),
		},
	)
}

/** A server may answer with a page for a message. */
const shorten = (message: string): string => {
	const line = message.replace(/\s+/g, ' ').trim()
	return line.length > 200 ? `${line.slice(0, 200)}…` : line
}

/**
 * An error of the service carries all that its XML does: for a wrong signature the canonical request with the session
 * token, for an expired token the token itself; and `$response` the answer. None of it may reach a log by way of
 * `cause`, so only what identifies the error is kept. Errors of the system (`ECONNREFUSED`, …) have no such thing.
 */
const withoutSecrets = (thrown: unknown, message: string): unknown => {
	const { name = 'Error', code, $metadata } = (thrown ?? {}) as Thrown
	const bare = new Error(shorten(message))
	bare.name = name
	if (thrown instanceof Error && thrown.stack !== undefined) bare.stack = stackOf(thrown, bare.message)
	const { httpStatusCode, requestId } = $metadata ?? {}
	return Object.assign(bare, {
		...(typeof code === 'string' && { code }),
		...(httpStatusCode !== undefined && { status: httpStatusCode }),
		...(requestId !== undefined && { requestId }),
	})
}

const stackOf = (thrown: Error, message: string): string => {
	const frames = thrown.stack!.split('\n').filter(line => /^\s+at /.test(line))
	return [`${thrown.name}: ${message}`, ...frames].join('\n')
}
