import type { Clock } from '../lib/core/clock.ts'
import { RemoteTermError, type ErrorCode } from '../lib/core/errors.ts'
import { encodingNamed, encodingNames, type Encoding } from '../lib/core/fetcher.ts'
import { redactUrl } from '../lib/core/redact.ts'
import { parseHttpDate } from './http-date.ts'
import type { Fault } from './http-request/fault.ts'
import { fieldOf, onlyFieldOf, type HttpHeaders } from './http-request/http-request.ts'

const LONGEST_RETRY_AFTER = 24 * 3_600_000

/**
 * The error for an answer that is neither a 200 nor an expected 304. Other successes are none here: 204 and 206 are
 * not the whole content, and 203 is not the source's content but what a proxy has made of it.
 * What the body says is not quoted: it may be a page of HTML, or repeat what was sent.
 */
export const refusalOf = (
	status: number,
	headers: HttpHeaders,
	{ url, conditional, clock }: { url: URL; conditional: boolean; clock: Clock },
): RemoteTermError => {
	const subject = redactUrl(url)
	const retryAfter = retryAfterOf(headers, clock.now())
	const expected = conditional ? '200 or 304' : '200'
	const message =
		status === 304
			? `${subject} answered 304 to a request that was not conditional`
			: `${subject} answered ${status}, expected ${expected}`
	return new RemoteTermError(codeOf(status), message, { status, retryAfter })
}

const codeOf = (status: number): ErrorCode => {
	switch (status) {
		case 404:
		case 410:
			return 'FETCH_NOT_FOUND'
		case 401:
		case 403:
		case 407:
			return 'FETCH_DENIED'
		case 429:
			return 'FETCH_THROTTLED'
		default:
			return 'FETCH_STATUS'
	}
}

/** Milliseconds, from seconds or a date (RFC 9110 §10.2.3), a day at most; `undefined` for anything else. */
export const retryAfterOf = (headers: HttpHeaders, now: number): number | undefined => {
	const value = onlyFieldOf(headers, 'retry-after')?.trim()
	if (value === undefined) return undefined
	const wait = /^\d+$/.test(value) ? Number(value) * 1000 : (parseHttpDate(value, now) ?? NaN) - now
	return Number.isNaN(wait) ? undefined : Math.min(Math.max(0, wait), LONGEST_RETRY_AFTER)
}

/** The error for a request that got no answer, or (`within: 'body'`) not all of it. */
export const failureOf = (fault: Fault, url: URL, within: 'request' | 'body'): RemoteTermError => {
	const subject = redactUrl(url)
	const { kind, message, status, cause } = fault
	if (kind === 'proxy') {
		const refused = `The proxy refused to connect to ${subject}, with status ${status}`
		return new RemoteTermError(codeOf(status ?? 0), refused, { status, cause })
	}
	if (kind === 'timeout')
		return new RemoteTermError('FETCH_TIMEOUT', `Cannot reach ${subject} in time: ${message}`, { cause })
	if (within === 'request')
		return new RemoteTermError('FETCH_FAILED', `Cannot fetch ${subject}: ${message}`, { cause })
	return kind === 'cut'
		? new RemoteTermError('FETCH_INCOMPLETE', `The body from ${subject} is not complete: ${message}`, {
				cause,
			})
		: new RemoteTermError('FETCH_FAILED', `The connection to ${subject} broke within the body: ${message}`, {
				cause,
			})
}

/** The bytes that are announced. A field that is no number says nothing. */
export const contentLengthOf = (headers: HttpHeaders): number | undefined => {
	const value = onlyFieldOf(headers, 'content-length')?.trim()
	return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined
}

/** The one coding that has to be undone. Several, or one that nobody has asked for, make the answer unusable. */
export const encodingOf = (headers: HttpHeaders, url: URL): Encoding | undefined => {
	const codings = (fieldOf(headers, 'content-encoding') ?? '')
		.split(',')
		.map(coding => coding.trim().toLowerCase())
		.filter(coding => coding !== '' && coding !== 'identity')
	if (codings.length === 0) return undefined
	const [coding] = codings
	const encoding = encodingNamed(coding!)
	if (codings.length === 1 && encoding !== undefined) return encoding
	throw new RemoteTermError(
		'FETCH_STATUS',
		`${redactUrl(url)} answered with a Content-Encoding that cannot be undone (${codings.length === 1 ? 'unknown' : `${codings.length} codings`}), expected one of ${encodingNames.join(', ')}`,
		{ status: 200 },
	)
}
