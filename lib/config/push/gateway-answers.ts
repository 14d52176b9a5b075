import { z } from 'zod'
import { RemoteTermError, type ErrorCode, type ErrorIssue } from '../../core/errors.ts'
import { mask } from '../../core/redact.ts'
import type { PushOutcome, Verification } from '../receive/receiver-contract.ts'

const count = z.int().min(0)

const pushOutcome = z.discriminatedUnion('status', [
	z.object({
		status: z.literal('accepted'),
		service: z.string(),
		configVersion: z.string(),
		previousVersion: z.string().nullish(),
		revision: count,
		added: count,
		changed: count,
		removed: count,
	}),
	z.object({
		status: z.literal('skipped'),
		reason: z.literal('version_matches'),
		service: z.string(),
		configVersion: z.string(),
		revision: count,
	}),
])

const verification = z.discriminatedUnion('status', [
	z.object({ status: z.literal('matched') }),
	z.object({ status: z.literal('mismatch'), stored: z.string() }),
	z.object({ status: z.literal('not_found') }),
])

/** What a gateway answered, or `undefined` for what is none of its answers. */
export const pushOutcomeOf = (value: unknown): PushOutcome | undefined => {
	const { data } = pushOutcome.safeParse(value)
	return data?.status === 'accepted' ? { ...data, previousVersion: data.previousVersion ?? undefined } : data
}

export const verificationOf = (value: unknown): Verification | undefined => verification.safeParse(value).data

/** What a gateway may say of what it was sent. Its own troubles (`STOPPED`, `TIMEOUT`) are a status of 500 and more. */
const SAID: ReadonlySet<unknown> = new Set<ErrorCode>([
	...(['CONFLICT', 'DOWNGRADE_REFUSED', 'ORIGIN_REFUSED', 'VALIDATION_FAILED', 'DATABASE_FAILED'] as const),
	...(['TOO_LARGE', 'INFLATED_TOO_LARGE', 'INFLATE_FAILED', 'DESERIALIZE_FAILED'] as const),
])
const MAX_ISSUES = 100
const LONGEST_TEXT = 500
const DEEPEST_PATH = 32

/** RFC 9457 */
const problem = z.object({
	code: z.string().optional().catch(undefined),
	title: z.string().optional().catch(undefined),
	detail: z.string().optional().catch(undefined),
	issues: z
		.array(z.object({ path: z.array(z.union([z.string(), z.number()])), message: z.string() }))
		.optional()
		.catch(undefined),
})

export interface GatewayRefusal {
	/** What was asked of whom: for the message. */
	readonly subject: string
	readonly status: number
	readonly retryAfter: number | undefined
	/** The answer's JSON, if that is what it was. */
	readonly value: unknown
	/** What was sent as a token, which a badly written server may repeat. */
	readonly token: string | undefined
}

/** The error for an answer that is no success, in the gateway's own words as far as they can be shown. */
export const refusalOf = ({ subject, status, retryAfter, value, token }: GatewayRefusal): RemoteTermError => {
	const { code, title, detail, issues } = problem.safeParse(value).data ?? {}
	const show = (text: string): string => {
		const safe = token === undefined ? text : text.replaceAll(token, mask(token))
		return safe.replaceAll(/\p{Cc}+/gu, ' ').slice(0, LONGEST_TEXT)
	}
	const said = detail ?? title
	return new RemoteTermError(
		SAID.has(code) ? (code as ErrorCode) : codeOf(status),
		`${subject} answered ${status}${said === undefined ? '' : `: ${show(said)}`}`,
		{
			status,
			retryAfter,
			issues: issues?.slice(0, MAX_ISSUES).map(({ path, message }): ErrorIssue => ({
				path: path.slice(0, DEEPEST_PATH).map(one => (typeof one === 'string' ? show(one) : one)),
				message: show(message),
			})),
		},
	)
}

const codeOf = (status: number): ErrorCode => {
	switch (status) {
		case 401:
		case 403:
		case 407:
			return 'FETCH_DENIED'
		case 404:
		case 410:
			return 'FETCH_NOT_FOUND'
		case 409:
			return 'CONFLICT'
		case 413:
			return 'TOO_LARGE'
		case 422:
			return 'VALIDATION_FAILED'
		case 429:
			return 'FETCH_THROTTLED'
		default:
			return 'FETCH_STATUS'
	}
}

const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
	...([
		'INVALID_OPTION',
		'VALIDATION_FAILED',
		'DOWNGRADE_REFUSED',
		'ORIGIN_REFUSED',
		'FETCH_DENIED',
	] as const),
	...(['TOO_LARGE', 'INFLATED_TOO_LARGE', 'INFLATE_FAILED', 'DESERIALIZE_FAILED'] as const),
	...(['FETCH_NOT_FOUND', 'FETCH_REDIRECT'] as const),
])
/** Request Timeout, Too Early: of the moment, and not of the request. */
const PASSING = new Set([408, 425])

/** Whether the same request will hardly fare better for being made again. */
export const isRefusal = ({ code, status = 0 }: RemoteTermError): boolean =>
	REFUSALS.has(code) || (code === 'FETCH_STATUS' && status >= 400 && status < 500 && !PASSING.has(status))
