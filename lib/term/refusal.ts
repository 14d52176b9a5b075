import type { Version } from '../core/fetcher.ts'
import type { ErrorCode, RemoteTermError } from '../core/errors.ts'

/** A state of the source that came through whole and was found bad. */
export interface Refusal {
	readonly version: Version | undefined
	/** Of the bytes as they came; `undefined` for a value that came as one. */
	readonly digest: string | undefined
	readonly error: RemoteTermError
	/** How often in a row it was downloaded and refused. */
	readonly times: number
}

/**
 * The verdict on these does not depend on how the bytes travelled, so it stands at once. A body that does not inflate
 * may have been damaged on its way by something that HTTP cannot see; it gets a second chance.
 */
const FINAL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
	'DESERIALIZE_FAILED',
	'VALIDATION_FAILED',
	'INFLATED_TOO_LARGE',
])
const FINAL_WHEN_REPEATED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
	'INFLATE_FAILED',
	'EMPTY_BODY',
	'TOO_LARGE',
])

/** What to remember after a failed attempt to apply what was downloaded; `undefined` for what is not the data's fault. */
export const refuse = (
	previous: Refusal | undefined,
	version: Version | undefined,
	digest: string | undefined,
	error: RemoteTermError,
): Refusal | undefined => {
	if (!FINAL.has(error.code) && !FINAL_WHEN_REPEATED.has(error.code)) return undefined
	const same = previous !== undefined && version !== undefined && previous.version === version
	return { version, digest, error, times: same ? previous.times + 1 : 1 }
}

/**
 * Whether a refused version need not be downloaded again while the source still holds it. It is then asked about
 * like the version in place: at the price of a conditional request.
 */
export const isSettled = (refusal: Refusal | undefined): refusal is Refusal & { version: Version } =>
	refusal?.version !== undefined && (FINAL.has(refusal.error.code) || refusal.times >= 2)
