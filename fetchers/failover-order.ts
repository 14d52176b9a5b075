import type { Version } from '../lib/core/fetcher.ts'

/** One state of one source's content, as far as the source tells. */
export interface Sighting {
	/** The source's own version, without our mark. */
	readonly version: Version | undefined
	/** Milliseconds since the Unix epoch. */
	readonly publishedAt: number | undefined
}

/** What the term holds, and which source it came from: `undefined` where that is none of ours. */
export interface Held extends Sighting {
	readonly source: number | undefined
}

/** How a source has fared. Times are monotonic milliseconds; `-Infinity` where there is nothing to wait for. */
export interface SourceHealth {
	/** Its last request failed. */
	readonly failed: boolean
	/** Before this it is not asked while another source can be. */
	readonly notBefore: number
	/** Before this it is not asked while any other is left, failing or not: it has told us to wait (`Retry-After`). */
	readonly restUntil: number
}

/**
 * The order in which to ask: the preferred sources whose time for another look has come, then the one that answered
 * last, then the healthy ones, then the failing ones, the one that may be asked soonest first. Those that have told us
 * to wait are left out, unless that would leave nobody.
 *
 * @param current The source that answered last.
 */
export const askingOrder = (sources: readonly SourceHealth[], current: number, now: number): number[] => {
	const rank = (source: SourceHealth, index: number): number => {
		const due = source.notBefore <= now
		if (index < current && due) return 0
		if (index === current && (due || !source.failed)) return 1
		return due || !source.failed ? 2 : 3
	}
	const ranked = sources
		.map((source, index) => ({ ...source, index, rank: rank(source, index) }))
		.sort((a, b) => a.rank - b.rank || (a.rank === 3 ? a.notBefore - b.notBefore : 0) || a.index - b.index)
	const willing = ranked.filter(source => source.restUntil <= now)
	return (willing.length > 0 ? willing : ranked).map(({ index }) => index)
}

/**
 * What to do with content that a source offers.
 *
 * - `take`: hand it to the term
 * - `same`: the source holds what it held when we last looked
 * - `older`: it was published before what the term holds: the source lags behind
 * - `undated`: nobody tells whether it is older
 */
export type Verdict = 'take' | 'same' | 'older' | 'undated'

/**
 * A source may replace its own content by whatever it likes: going back on purpose is its right. Between sources the
 * rule is never to go back by accident: dates decide where both sides have one. Where they do not,
 *
 * - a source that has moved since we last looked is taken at its word;
 * - a source that is preferred to the one in place is, too: it is what the user asked for, and the other a stopgap;
 * - a source that we see for the first time, and that is there to step in, is not. It may be a replica that lags or a
 *   bundled default, and a refresh that changes nothing is a smaller harm than content that jumps back for as long as
 *   an outage lasts. It is believed as soon as it moves.
 *
 * @param held What the term holds; `undefined` for nothing, when anything is better.
 * @param seen What the source held when we last looked.
 */
export const judge = (
	held: Held | undefined,
	index: number,
	seen: Sighting | undefined,
	offered: Sighting,
	{ acceptUndated }: { readonly acceptUndated: boolean },
): Verdict => {
	if (held === undefined) return 'take'
	if (offered.version !== undefined && offered.version === seen?.version) return 'same'
	if (held.source === undefined || held.source === index) return 'take'
	if (held.publishedAt !== undefined && offered.publishedAt !== undefined) {
		return offered.publishedAt < held.publishedAt ? 'older' : 'take'
	}
	if (acceptUndated || index < held.source) return 'take'
	const moved = seen?.version !== undefined && offered.version !== undefined
	return moved ? 'take' : 'undated'
}

/**
 * How a source that has not moved since we last looked stands to what the term holds. It can inform us of news if it
 * is `abreast`; not if it is `behind`; `unknown` is what it says.
 */
export type Standing = 'abreast' | 'behind' | 'unknown'

export const standing = (held: Held | undefined, index: number, seen: Sighting | undefined): Standing => {
	if (held === undefined || held.source === index) return 'abreast'
	if (held.publishedAt === undefined || seen?.publishedAt === undefined) return 'unknown'
	return seen.publishedAt < held.publishedAt ? 'behind' : 'abreast'
}

/** A version says which source it came from: `name|version`. Whatever the two contain, `unmark` finds them again. */
export const mark = (name: string, version: Version): Version =>
	`${name.replaceAll('%', '%25').replaceAll('|', '%7C')}|${version}`

export const unmark = (marked: Version): { readonly name: string; readonly version: Version } | undefined => {
	const end = marked.indexOf('|')
	if (end === -1) return undefined
	const name = marked.slice(0, end).replaceAll('%7C', '|').replaceAll('%25', '%')
	return { name, version: marked.slice(end + 1) }
}
