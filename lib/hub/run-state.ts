import type { Fault, FleetHealth } from './fleet-term.ts'
import { MAX_PAST, MAX_REASON, MAX_VERSION, type Answers, type Reason, type RunState } from './rows.ts'

/** The versions of something, each with when it was put in place. */
export interface Track {
	readonly version: string | undefined
	readonly since: number | undefined
	readonly past: ReadonlyArray<readonly [version: string, since: number]>
}

export const NO_TRACK: Track = { version: undefined, since: undefined, past: [] }

export const advance = (track: Track, version: string | undefined, now: number): Track => {
	const clipped = version === undefined ? undefined : clip(version, MAX_VERSION)
	if (clipped === track.version) return track
	const { version: left, since = now } = track
	const past = left === undefined ? track.past : [[left, since] as const, ...track.past].slice(0, MAX_PAST)
	return { version: clipped, since: now, past }
}

export const stateOf = (health: FleetHealth, track: Track, answers: Answers): RunState => {
	const {
		consecutiveFailures,
		lastError,
		lastSuccessAt,
		pinnedVersion,
		refusedBecause,
		refusedVersion,
		status,
	} = health
	const { past, since, version } = track
	const isRefused = refusedVersion !== undefined && refusedBecause !== undefined
	return {
		...(version !== undefined && { version }),
		...(version !== undefined && since !== undefined && { since }),
		status: clip(status, 32),
		...(consecutiveFailures > 0 && lastError !== undefined && { error: reasonOf(lastError) }),
		...(isRefused && {
			refused: { ...reasonOf(refusedBecause), version: clip(refusedVersion, MAX_VERSION) },
		}),
		...(lastSuccessAt !== undefined && { lastSuccessAt }),
		...(pinnedVersion !== undefined && { pinned: clip(pinnedVersion, MAX_VERSION) }),
		...(past.length > 0 && { past: past.map(([one, at]): [string, number] => [one, at]) }),
		...(Object.keys(answers).length > 0 && { answers }),
	}
}

export const reasonOf = ({ code, message }: Fault): Reason => ({
	code: clip(String(code), 64),
	message: clip(String(message), MAX_REASON),
})

export const clip = (text: string, length: number): string => {
	const whole = text.length <= length ? text : `${text.slice(0, length - 1)}…`
	// A cut, or a foreign text, may leave half a character, which no message can carry.
	return whole.replace(/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g, '\ufffd')
}
