import { messageOf, RemoteTermError } from '../lib/core/errors.ts'
import type { FetchContext } from '../lib/core/fetcher.ts'
import { redactUrl } from '../lib/core/redact.ts'
import { failureOf } from './http-answer.ts'
import { Limits } from './http-limits.ts'
import type { HttpSettings } from './http-options.ts'
import { faultOf } from './http-request/fault.ts'
import { onlyFieldOf, type HttpClient, type HttpResponse } from './http-request/http-request.ts'
import type { Precondition } from './http-validators.ts'

export interface Exchange {
	readonly method: 'GET' | 'HEAD'
	/** Sent to the origin that they were configured for, and to no other. */
	readonly ownHeaders: Readonly<Record<string, string>>
	/** Sent wherever a redirect leads. */
	readonly commonHeaders: Readonly<Record<string, string>>
	/** What makes the request to this URL conditional. */
	readonly precondition?: (url: URL, hop: number) => Precondition | undefined
}

/** An answer that is no redirect, with its body still to come. */
export interface Answer {
	readonly response: HttpResponse
	/** The URL that answered, after redirects. */
	readonly url: URL
	readonly conditional: boolean
	/** It was asked with `ownHeaders`. */
	readonly trusted: boolean
	readonly limits: Limits
	/** Gives the body up. Its connection is kept where the rest is short, and closed otherwise. */
	readonly discard: () => Promise<void>
}

const REDIRECTS = new Set([301, 302, 303, 307, 308])
/** What may be read for the sake of keeping a connection: more costs more than a new one. */
const DISCARD_BYTES = 64 * 1024
const DISCARD_MS = 1000

/**
 * One request and its answer, after whatever redirects lie between them. Once a redirect has led to another origin,
 * `ownHeaders` stay behind for the rest of the way, even if that leads back: whoever wrote the redirect decides
 * what is asked for there, and it must not be asked for in our name.
 */
export const exchange = async (
	client: HttpClient,
	settings: HttpSettings,
	context: FetchContext,
	{ method, ownHeaders, commonHeaders, precondition }: Exchange,
): Promise<Answer> => {
	const limits = new Limits(context)
	const discard = async (response: HttpResponse): Promise<void> => {
		await limits
			.within(
				Math.min(settings.bodyTimeout, DISCARD_MS),
				() => new RemoteTermError('FETCH_TIMEOUT', 'The rest of a body took too long'),
				() => response.discard(DISCARD_BYTES),
			)
			.finally(() => limits.release())
	}
	const way = [settings.url]
	let trusted = true
	for (let hop = 0; ; hop++) {
		const url = way[hop]!
		const condition = precondition?.(url, hop)
		const headers = {
			...commonHeaders,
			...(trusted && ownHeaders),
			...(condition && { [condition.name]: condition.value }),
		}
		let response: HttpResponse
		try {
			response = await limits.within(
				settings.headersTimeout,
				() =>
					new RemoteTermError(
						'FETCH_TIMEOUT',
						`${redactUrl(url)} sent no complete headers within ${settings.headersTimeout} ms`,
					),
				() => client.request({ method, url, headers, signal: limits }),
			)
		} catch (error) {
			limits.release()
			// A dispatcher may refuse in words of ours: a guard that does not connect to such an address.
			throw (
				limits.reason ??
				(error instanceof RemoteTermError ? error : failureOf(faultOf(error), url, 'request'))
			)
		}
		if (!REDIRECTS.has(response.status) && response.status !== 0) {
			return {
				response,
				url,
				conditional: condition !== undefined,
				trusted,
				limits,
				discard: () => discard(response),
			}
		}
		let next: URL
		try {
			next = nextHop(response, way, settings)
		} catch (error) {
			await discard(response)
			throw limits.reason ?? error
		}
		await limits.within(
			Math.min(settings.bodyTimeout, DISCARD_MS),
			() => new RemoteTermError('FETCH_TIMEOUT', `The redirect from ${redactUrl(url)} took too long`),
			() => response.discard(DISCARD_BYTES),
		)
		if (limits.reason !== undefined) throw limits.reason
		trusted &&= next.origin === url.origin
		way.push(next)
	}
}

const nextHop = (response: HttpResponse, way: readonly URL[], settings: HttpSettings): URL => {
	const { status } = response
	const from = way.at(-1)!
	const refuse = (why: string, cause?: unknown): RemoteTermError =>
		new RemoteTermError(
			'FETCH_REDIRECT',
			`${why}: ${way.map(redactUrl).join(' → ')}`,
			cause === undefined ? { status } : { status, cause },
		)
	if (status === 0) throw refuse('Redirected, but this runtime does not tell where to')
	const location = onlyFieldOf(response.headers, 'location')
	if (location === undefined) throw refuse(`Status ${status} without exactly one Location`)
	let next: URL
	try {
		next = new URL(location, from)
	} catch {
		throw refuse(`Status ${status} with a Location that is no URL`)
	}
	// A source must not choose in whose name we ask, nor does a server see the fragment.
	next.username = next.password = next.hash = ''
	const to = redactUrl(next)
	if (next.protocol !== 'https:' && next.protocol !== 'http:')
		throw refuse(`Redirected to ${next.protocol} where only http: and https: are followed`)
	if (from.protocol === 'https:' && next.protocol === 'http:')
		throw refuse(`Redirected from https: to ${to}, which is not encrypted`)
	if (way.some(({ href }) => href === next.href)) throw refuse(`Redirected in a circle, back to ${to}`)
	if (way.length > settings.maxRedirects)
		throw refuse(`Redirected more than ${settings.maxRedirects} times, last to ${to}`)
	let allowed: boolean
	try {
		allowed = settings.allowRedirectTo(new URL(next))
	} catch (error) {
		throw refuse(`\`allowRedirectTo\` threw for ${to}: ${messageOf(error)}`, error)
	}
	if (allowed !== true) throw refuse(`Redirected to ${to}, which \`allowRedirectTo\` refuses`)
	return next
}
