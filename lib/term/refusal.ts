import type { Version } from '../core/fetcher.ts'
import type { ErrorCode, RemoteTermError } from '../core/errors.ts'

/** A state of the source that came through whole and was found bad. */
export interface Refusal {
	readonly version: Version | undefined
	/** Of the bytes as they came; `undefined` for a value that came as one. */
	readonly digest: string | undefined
	readonly error: RemoteTermError
	/** By what lies beside the content, and so can be mended without the content being touched. */
	readonly mendable: boolean
	/** How often in a row it was downloaded and refused. */
	readonly times: number
	/** When it was refused last, on the monotonic clock. */
	readonly at: number
}

/** What of a source's state a step looked at. */
export interface Judged {
	readonly version: Version | undefined
	/** Left out as long as it is not known. */
	readonly digest?: string | undefined
	/** Default: false. */
	readonly mendable?: boolean
}

/**
 * The verdict on these does not depend on how the bytes travelled, so it stands at once. A body that does not inflate
 * may have been damaged on its way by something that HTTP cannot see; it gets a second chance. Signatures and checksum
 * files lie beside the content, and so are looked at anew each time, whatever was wrong with them.
 */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
	'DESERIALIZE_FAILED',
	'VALIDATION_FAILED',
	'INFLATED_TOO_LARGE',
	'DRIFT_REFUSED',
	'DOWNGRADE_REFUSED',
])
const FINAL_WHEN_REPEATED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
	'INFLATE_FAILED',
	'EMPTY_BODY',
	'TOO_LARGE',
	'DIGEST_MISMATCH',
])
const NEVER_FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
	'SIGNATURE_MISSING',
	'SIGNATURE_INVALID',
	'ROLLBACK_REFUSED',
])

/**
 * A verdict of the user's code may have been a mood: a canary that failed because something else was down. So what was
 * refused is downloaded and judged once more after this long. In milliseconds.
 */
const REEXAMINED_AFTER = 3_600_000

/** What to remember after a failed attempt to apply what was downloaded; `undefined` for what is not the data's fault. */
export const refuse = (
	previous: Refusal | undefined,
	{ version, digest, mendable, error, at }: Pick<Refusal, 'version' | 'digest' | 'mendable' | 'error' | 'at'>,
): Refusal | undefined => {
	if (![FINAL, FINAL_WHEN_REPEATED, NEVER_FINAL].some(codes => codes.has(error.code))) return undefined
	const same = previous !== undefined && version !== undefined && previous.version === version
	return { version, digest, mendable, error, at, times: same ? previous.times + 1 : 1 }
}

/**
 * Whether a refused version need not be downloaded again while the source still holds it. It is then asked about
 * like the version in place: at the price of a conditional request.
 */
export const isSettled = (
	refusal: Refusal | undefined,
	now: number,
): refusal is Refusal & { version: Version } => {
	if (refusal?.version === undefined) return false
	if (refusal.mendable) return false
	const { code } = refusal.error
	if (now - refusal.at >= REEXAMINED_AFTER) return false
	return FINAL.has(code) || (FINAL_WHEN_REPEATED.has(code) && refusal.times >= 2)
}

/** Whether the very same bytes need not be judged again. */
export const isSameContent = (
	refusal: Refusal | undefined,
	digest: string,
	now: number,
): refusal is Refusal => {
	if (refusal?.digest !== digest || refusal.mendable) return false
	return FINAL.has(refusal.error.code) && now - refusal.at < REEXAMINED_AFTER
}
