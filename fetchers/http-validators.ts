import type { Version } from '../lib/core/fetcher.ts'
import { parseHttpDate } from './http-date.ts'
import { onlyFieldOf, type HttpHeaders } from './http-request/http-request.ts'

/** `[ W/ ] DQUOTE *etagc DQUOTE` (RFC 9110 §8.8.3). No space, no control character, so no header can be smuggled in. */
const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"$/
const LONGEST_VALIDATOR = 4096

/** The header that makes a request conditional on a version. */
export interface Precondition {
	readonly name: 'if-none-match' | 'if-modified-since'
	readonly value: string
}

/**
 * The version that an answer carries: its ETag or, without one, its Last-Modified, both verbatim, since they are
 * only ever compared with themselves and sent back.
 *
 * Last-Modified counts only if it lies a full second before `Date`: within the second in which it changed, content
 * may change again without the date telling (RFC 9110 §8.8.2.2). An answer without `Date` was made now (§6.6.1).
 */
export const versionOf = (headers: HttpHeaders, now: number): Version | undefined => {
	const entityTag = onlyFieldOf(headers, 'etag')?.trim()
	if (entityTag !== undefined && isEntityTag(entityTag)) return entityTag
	const lastModified = onlyFieldOf(headers, 'last-modified')?.trim()
	if (lastModified === undefined) return undefined
	const modified = parseHttpDate(lastModified, now)
	if (modified === undefined) return undefined
	const date = parseHttpDate(onlyFieldOf(headers, 'date') ?? '', now) ?? now
	return date - modified >= 1000 ? lastModified : undefined
}

/**
 * The precondition for a version, told from its form alone, since it may come from an earlier process. `undefined`
 * for every other string, such as the digest of a body that came without a validator: that must not be sent.
 */
export const preconditionOf = (known: Version | undefined, now: number): Precondition | undefined => {
	if (known === undefined || known.length > LONGEST_VALIDATOR) return undefined
	if (isEntityTag(known)) return { name: 'if-none-match', value: known }
	if (parseHttpDate(known, now) !== undefined) return { name: 'if-modified-since', value: known }
	return undefined
}

const isEntityTag = (text: string): boolean => text.length <= LONGEST_VALIDATOR && ENTITY_TAG.test(text)

/**
 * Whether a precondition that came from `origin` may be put to `target`. A validator means something for one
 * resource only: put to another, it can be answered with a 304 that is about different content.
 *
 * What redirects lead to often differs in its query alone, because that holds a signature made for each request; an
 * entity-tag goes along then, for it changes with the content. A date does not: it would find any older content
 * unmodified.
 */
export const appliesTo = ({ name }: Precondition, origin: URL, target: URL): boolean =>
	target.origin === origin.origin &&
	target.pathname === origin.pathname &&
	(name === 'if-none-match' || target.search === origin.search)
