import CachePolicy from 'http-cache-semantics'
import type { Freshness } from '../lib/core/fetcher.ts'
import { parseHttpDate } from './http-date.ts'
import { fieldOf, onlyFieldOf, type HttpHeaders } from './http-request/http-request.ts'

/** What is remembered of an answer, so that a later 304 can be merged into it. */
export type Policy = CachePolicy

export interface RefreshBounds {
	readonly minRefreshInterval: number
	readonly maxRefreshInterval: number
}

const LONGEST_AGE = 2 ** 31
const REQUEST = { method: 'GET', url: '/', headers: {} } as const
/** We are a private cache, and we do not guess: without explicit freshness the term's own interval counts. */
const OPTIONS = { shared: false, cacheHeuristic: 0 } as const

/** The policy of a 200, or of a 304 to a version whose 200 we have not seen, because an earlier process has. */
export const policyOf = (headers: HttpHeaders, now: number): Policy => {
	moment = now
	return new MomentaryPolicy(
		REQUEST,
		{ status: 200, headers: { ...ABSENT, ...tidied(headers, now) } },
		OPTIONS,
	)
}

/**
 * The policy of `held` after a 304: its fields replace the stored ones, the rest stays (RFC 9111 §4.3.4). `Age` and
 * `Date` never stay, being about the answer that they came with.
 */
export const revalidated = (held: Policy, headers: HttpHeaders, now: number): Policy => {
	const fields: CachePolicy.Headers = { age: undefined, date: undefined, ...tidied(headers, now) }
	if (fields.etag === undefined && fields['last-modified'] === undefined) {
		// A 304 without a validator is about the one that we had sent.
		const { resh } = held.toObject()
		fields.etag = resh.etag
		fields['last-modified'] = resh['last-modified']
	}
	moment = now
	return held.revalidatedPolicy(REQUEST, { status: 304, headers: fields }).policy
}

/** What a term is told, `now` being when the answer came: RFC 9111 §4.2, RFC 5861 §4. */
export const freshnessOf = (policy: Policy, now: number, bounds: RefreshBounds): Freshness => {
	moment = now
	if (!policy.storable()) return { noStore: true }
	const { rescc, resh } = policy.toObject()
	const explicit =
		'max-age' in rescc || 'no-cache' in rescc || 'immutable' in rescc || resh.expires !== undefined
	const left = Math.max(0, policy.maxAge() - policy.age()) * 1000
	const freshFor = explicit
		? Math.min(Math.max(left, bounds.minRefreshInterval), bounds.maxRefreshInterval)
		: undefined
	const usable =
		'must-revalidate' in rescc
			? explicit
				? left
				: undefined
			: 'stale-if-error' in rescc
				? policy.timeToLive()
				: undefined
	return {
		...(freshFor !== undefined && { freshFor }),
		// Nobody can refresh sooner than the bounds allow, so content is not unusable before that.
		...(usable !== undefined && { usableFor: Math.max(usable, freshFor ?? bounds.minRefreshInterval) }),
	}
}

/**
 * Whether a 304 that says the same as the one before it means the same, as most do: its freshness counts from its own
 * arrival. Not so with Expires, which is a moment.
 */
export const repeats = (before: HttpHeaders, headers: HttpHeaders): boolean =>
	REPEATED.every(name => before[name] === headers[name])

export const isRelative = (policy: Policy): boolean => policy.toObject().resh.expires === undefined

/** A field that the stored headers do not have would not be taken over from a 304, so they have them all. */
const ABSENT: CachePolicy.Headers = Object.freeze({
	'cache-control': undefined,
	pragma: undefined,
	expires: undefined,
	date: undefined,
	age: undefined,
	vary: undefined,
	etag: undefined,
	'last-modified': undefined,
})

const REPEATED = Object.keys(ABSENT).filter(name => name !== 'date')

/**
 * The few fields that matter, in the form in which http-cache-semantics reads them without surprises. It takes
 * directive names as they are spelt, splits quoted strings at commas, and parses dates and numbers leniently.
 */
const tidied = (headers: HttpHeaders, now: number): CachePolicy.Headers => {
	const fields: Record<string, string | undefined> = {}
	const cacheControl = fieldOf(headers, 'cache-control')
	if (cacheControl !== undefined) fields['cache-control'] = tidiedCacheControl(cacheControl)
	const expires = fieldOf(headers, 'expires')
	if (expires !== undefined) {
		// An invalid date, above all `0`, means "already expired" (RFC 9111 §5.3).
		fields.expires = new Date(parseHttpDate(expires.trim(), now) ?? 0).toUTCString()
	}
	// Only Expires is measured against Date, and Expires is ignored beside max-age (RFC 9111 §5.3).
	const date = fields['cache-control']?.includes('max-age')
		? undefined
		: parseHttpDate(onlyFieldOf(headers, 'date')?.trim() ?? '', now)
	if (date !== undefined) fields.date = new Date(date).toUTCString()
	// The first of several, and none that is not a number (RFC 9111 §5.1).
	const age = /^\s*(\d{1,15})\s*(?:,|$)/.exec(fieldOf(headers, 'age') ?? '')?.[1]
	if (age !== undefined) fields.age = String(Math.min(Number(age), LONGEST_AGE))
	const pragma = fieldOf(headers, 'pragma')
	if (pragma !== undefined) fields.pragma = pragma.toLowerCase()
	if (
		fieldOf(headers, 'vary')
			?.split(',')
			.some(name => name.trim() === '*')
	)
		fields.vary = '*'
	for (const name of ['etag', 'last-modified']) {
		const value = onlyFieldOf(headers, name)
		if (value !== undefined) fields[name] = value
	}
	return fields
}

const FLAGS = new Set(['no-store', 'no-cache', 'must-revalidate', 'immutable'])

const tidiedCacheControl = (text: string): string => {
	const directives = new Map<string, string>()
	for (const part of splitAtCommas(text)) {
		const equals = part.indexOf('=')
		const name = (equals < 0 ? part : part.slice(0, equals)).trim().toLowerCase()
		const value =
			equals < 0
				? undefined
				: part
						.slice(equals + 1)
						.trim()
						.replace(/^"(.*)"$/, '$1')
						.trim()
		// Of several the first counts (RFC 9111 §4.2.1).
		if (directives.has(name)) continue
		if (FLAGS.has(name)) {
			// `no-cache="set-cookie"` is about that field alone (RFC 9111 §5.2.2.4).
			if (name !== 'no-cache' || value === undefined || value === '') directives.set(name, name)
		} else if (name === 'max-age') {
			// Freshness that cannot be understood is none (RFC 9111 §4.2.1).
			directives.set(name, `max-age=${secondsOf(value) ?? 0}`)
		} else if (name === 'stale-if-error') {
			const seconds = secondsOf(value)
			if (seconds !== undefined) directives.set(name, `stale-if-error=${seconds}`)
		}
	}
	return [...directives.values()].join(', ')
}

const secondsOf = (value: string | undefined): number | undefined =>
	value !== undefined && /^\d+$/.test(value) ? Math.min(Number(value), LONGEST_AGE) : undefined

/** At the commas outside quoted strings; at all of them, where a quote is never closed. */
const splitAtCommas = (text: string): string[] => {
	const parts: string[] = []
	let start = 0
	let quoted = false
	for (let at = 0; at < text.length; at++) {
		const character = text[at]
		if (quoted && character === '\\') at++
		else if (character === '"') quoted = !quoted
		else if (character === ',' && !quoted) {
			parts.push(text.slice(start, at))
			start = at + 1
		}
	}
	return quoted ? text.split(',') : [...parts, text.slice(start)]
}

/**
 * The library asks its method `now()` for the time, in its constructor already. Nothing here waits, so the moment that
 * each of the functions above has been given holds until it returns.
 */
let moment = 0
class MomentaryPolicy extends CachePolicy {
	now(): number {
		return moment
	}
}
