import { reasonOf, untilAborted } from '../lib/core/clock.ts'
import { RemoteTermError } from '../lib/core/errors.ts'
import type { Download, FetchContext, Fetcher, Freshness, NotModified, Version } from '../lib/core/fetcher.ts'
import { redactUrl } from '../lib/core/redact.ts'
import { contentLengthOf, encodingOf, failureOf, refusalOf } from './http-answer.ts'
import { HttpDigests } from './http-digests.ts'
import { exchange, type Answer } from './http-exchange.ts'
import { freshnessOf, isRelative, policyOf, repeats, revalidated, type Policy } from './http-freshness.ts'
import {
	bearerAuthorization,
	besideOptions,
	checkedHeaders,
	contradiction,
	parseHttpOptions,
	type HttpFetcherOptions,
	type HttpSettings,
} from './http-options.ts'
import { faultOf } from './http-request/fault.ts'
import { createFetchClient } from './http-request/fetch.ts'
import type { HttpClient, HttpHeaders } from './http-request/http-request.ts'
import { appliesTo, preconditionOf, versionOf } from './http-validators.ts'

export type { HttpFetcherOptions, PerRequest } from './http-options.ts'
export type { FetchInit, FetchLike } from './http-request/fetch.ts'

/** The last 200 that had a validator: what a later 304 is about. */
interface Held {
	readonly version: Version
	/** Where it came from, after redirects. */
	readonly url: URL
	readonly policy: Policy
	/** The last 304, where another like it would mean the same. */
	readonly confirmed?: { readonly headers: HttpHeaders; readonly freshness: Freshness } | undefined
}

/**
 * A term's content over HTTP: one conditional GET for each refresh.
 *
 * - Only a complete 200, or a 304 to a conditional request, counts. 404 and 410 are `FETCH_NOT_FOUND`; 401, 403 and
 *   407 `FETCH_DENIED`; 429 `FETCH_THROTTLED`; every other status, 203, 204 and 206 among them, `FETCH_STATUS`.
 *   `retryAfter` is set wherever the answer holds a valid `Retry-After`.
 * - The version is the ETag, weak or strong, or else Last-Modified, verbatim (RFC 9110 §8.8).
 * - `freshFor` is what `Cache-Control`, `Expires`, `Age` and `Date` say (RFC 9111 §4.2, as a private cache), within
 *   `[minRefreshInterval, maxRefreshInterval]`. There is no heuristic: a source that says nothing leaves it out.
 *   `usableFor` comes from `must-revalidate` and `stale-if-error`, `noStore` from `no-store`.
 * - Caches on the way may answer: `Cache-Control: no-cache` is not sent, since `Age` tells how old an answer is. Set
 *   it in `headers` if they must not.
 * - Redirects are followed within bounds, from `https:` never to `http:`; `headers`, `bearerToken` and the user of
 *   the URL stay with their origin. Validators go only to where they came from (`appliesTo`); after a restart, which
 *   forgets that, to `url` itself.
 * - `Content-Digest` and `Repr-Digest` (RFC 9530, sha-256 and sha-512) of a 200 become `digests`, which the term verifies.
 *   A field that cannot be read is logged, and counts as none. Where the client itself undoes a content coding (`fetch`)
 *   there are none either, as nobody has seen the bytes that they speak of.
 * - Several terms may share one fetcher.
 */
export class HttpFetcher implements Fetcher {
	readonly #settings: HttpSettings
	readonly #options: HttpFetcherOptions
	readonly #digests = new HttpDigests()
	readonly #commonHeaders: Readonly<Record<string, string>>
	/** Where no function has to be asked for them. */
	readonly #fixedHeaders: Readonly<Record<string, string>> | undefined
	#client: HttpClient | undefined
	#held: Held | undefined

	/** Throws `INVALID_OPTION`. Nothing is connected before the first request. */
	constructor(options: HttpFetcherOptions) {
		this.#settings = parseHttpOptions(options)
		// As they are now, in case the caller goes on using the object.
		this.#options = { ...options, url: new URL(options.url) }
		const { headers, authorization, wantDigest } = this.#settings
		this.#fixedHeaders =
			typeof headers === 'function' || typeof authorization === 'function'
				? undefined
				: { ...headers, ...(authorization !== undefined && { authorization }) }
		this.#commonHeaders = {
			accept: '*/*',
			'user-agent': 'remote-term',
			'accept-encoding': this.#settings.acceptEncoding,
			...(wantDigest && { 'want-repr-digest': 'sha-256=10, sha-512=5' }),
		}
	}

	async init(): Promise<void> {
		const { fetch, connectTimeout, dispatcher } = this.#settings
		if (this.#client !== undefined) return
		if (fetch) {
			this.#client = createFetchClient(fetch)
			return
		}
		// Loaded where it is used: a service that is configured by its environment may never need it.
		const { createHttpClient } = await import('#http-request')
		this.#client = createHttpClient({ connectTimeout, dispatcher })
	}

	/** By HEAD, or by a GET whose body is dropped where HEAD is not allowed. */
	async currentVersion(context: FetchContext): Promise<Version> {
		let answer = await this.#ask('HEAD', undefined, context)
		if (answer.response.status === 405 || answer.response.status === 501) {
			await answer.discard()
			answer = await this.#ask('GET', undefined, context)
		}
		await answer.discard()
		if (context.signal.aborted) throw reasonOf(context.signal)
		const { status, headers } = answer.response
		if (status !== 200) throw refusalOf(status, headers, { ...answer, clock: context.clock })
		// Without a validator there is no saying that nothing has changed.
		return versionOf(headers, context.clock.now()) ?? `unknown-${crypto.randomUUID()}`
	}

	async download(context: FetchContext): Promise<Download> {
		const answer = await this.#ask('GET', undefined, context)
		return this.#accept(answer, context)
	}

	async downloadIfChanged(
		known: Version | undefined,
		context: FetchContext,
	): Promise<Download | NotModified> {
		const answer = await this.#ask('GET', known, context)
		return answer.response.status === 304 && answer.conditional
			? this.#confirm(answer, known!, context)
			: this.#accept(answer, context)
	}

	/**
	 * The same options, for the same URL with `suffix` behind its path; the query stays. A query that is signed for one
	 * object (a presigned URL) fits no other: give the term a fetcher for the other as `integrity.signature`. Redirects
	 * are followed from there, so what lies beside is found beside `url` and not beside where that led to.
	 */
	beside(suffix: string): HttpFetcher {
		return new HttpFetcher(besideOptions(this.#options, suffix))
	}

	async close(): Promise<void> {
		await this.#client?.close()
		this.#client = undefined
	}

	async #ask(method: 'GET' | 'HEAD', known: Version | undefined, context: FetchContext): Promise<Answer> {
		if (this.#client === undefined)
			throw new RemoteTermError('NOT_STARTED', 'HttpFetcher was used before `init` or after `close`')
		const client = this.#client
		const settings = this.#settings
		const condition = preconditionOf(known, context.clock.now())
		const origin = this.#held?.version === known ? this.#held?.url : undefined
		const askWith = (ownHeaders: Readonly<Record<string, string>>): Promise<Answer> =>
			exchange(client, settings, context, {
				method,
				ownHeaders,
				commonHeaders: this.#commonHeaders,
				precondition: (url, hop) =>
					condition !== undefined && (origin === undefined ? hop === 0 : appliesTo(condition, origin, url))
						? condition
						: undefined,
			})
		const ownHeaders = this.#fixedHeaders ?? (await ownHeadersOf(settings, context))
		const answer = await askWith(ownHeaders)
		if (answer.response.status !== 401 || !answer.trusted || this.#fixedHeaders !== undefined) return answer
		await answer.discard()
		const renewed = await ownHeadersOf(settings, context)
		return renewed.authorization === ownHeaders.authorization ? answer : askWith(renewed)
	}

	async #confirm(
		{ response, url, limits }: Answer,
		known: Version,
		{ clock }: FetchContext,
	): Promise<NotModified> {
		// A 304 has no body, whatever its Content-Length says, so there is nothing that could take long.
		await response.discard(Number.MAX_SAFE_INTEGER)
		limits.release()
		const held = this.#held?.version === known ? this.#held : undefined
		const { headers } = response
		if (held?.confirmed !== undefined && repeats(held.confirmed.headers, headers))
			return { notModified: true, ...held.confirmed.freshness }
		const now = clock.now()
		const policy = held ? revalidated(held.policy, headers, now) : policyOf(headers, now)
		const freshness = freshnessOf(policy, now, this.#settings)
		const confirmed = isRelative(policy) ? { headers, freshness } : undefined
		this.#held = { version: known, url, policy, confirmed }
		return { notModified: true, ...freshness }
	}

	async #accept(answer: Answer, { clock, logger }: FetchContext): Promise<Download> {
		const { response, url } = answer
		const { status, headers, decoded } = response
		try {
			if (status !== 200) throw refusalOf(status, headers, { ...answer, clock })
			const size = decoded ? undefined : contentLengthOf(headers)
			const encoding = decoded ? undefined : encodingOf(headers, url)
			const digests = decoded ? [] : this.#digests.promisedBy(headers, url, logger)
			const now = clock.now()
			const version = versionOf(headers, now)
			const policy = policyOf(headers, now)
			if (version !== undefined) this.#held = { version, url, policy }
			return {
				...bodyOf(answer, size, this.#settings.bodyTimeout),
				...(version !== undefined && { version }),
				...(size !== undefined && { size }),
				...(encoding !== undefined && { encoding }),
				...(digests.length > 0 && { digests }),
				...freshnessOf(policy, now, this.#settings),
			}
		} catch (error) {
			await answer.discard()
			throw error
		}
	}
}

/** The user's headers and credentials for one request. What the user's functions throw is the cause, unquoted. */
const ownHeadersOf = async (
	{ headers, authorization }: HttpSettings,
	{ signal }: FetchContext,
): Promise<Readonly<Record<string, string>>> => {
	const ask = async <T>(
		name: string,
		perRequest: (call: { signal: AbortSignal }) => T,
	): Promise<Awaited<T>> => {
		try {
			return await untilAborted(Promise.resolve(perRequest({ signal })), signal)
		} catch (error) {
			if (error instanceof RemoteTermError) throw error
			throw new RemoteTermError('FETCH_FAILED', `The function \`${name}\` failed`, { cause: error })
		}
	}
	const own = typeof headers === 'function' ? checkedHeaders(await ask('headers', headers)) : headers
	if (authorization === undefined) return own
	if ('authorization' in own) throw contradiction(['`headers.authorization`', 'other credentials'])
	return {
		...own,
		authorization:
			typeof authorization === 'function'
				? bearerAuthorization(await ask('bearerToken', authorization))
				: authorization,
	}
}

/** The body, timed and counted while it is read; and the way to be rid of it, read, half read or not read at all. */
const bodyOf = (
	{ response, url, limits, discard }: Answer,
	size: number | undefined,
	bodyTimeout: number,
): { body: AsyncIterable<Uint8Array>; cancel: () => Promise<void> } => {
	const subject = redactUrl(url)
	let begun = false
	let ended = false
	const silent = (): RemoteTermError =>
		new RemoteTermError('FETCH_TIMEOUT', `${subject} went silent for ${bodyTimeout} ms within its body`)
	const incomplete = (received: number): RemoteTermError =>
		new RemoteTermError(
			'FETCH_INCOMPLETE',
			`The body from ${subject} has ${received} bytes${received > size! ? ' or more' : ''}, expected ${size}`,
		)
	const chunks = async function* (): AsyncGenerator<Uint8Array, void, void> {
		begun = true
		let received = 0
		const iterator = response.body[Symbol.asyncIterator]()
		const next = async (): Promise<IteratorResult<Uint8Array>> => {
			try {
				return await limits.within(bodyTimeout, silent, () => iterator.next())
			} catch (error) {
				throw limits.reason ?? failureOf(faultOf(error), url, 'body')
			}
		}
		try {
			for (;;) {
				const chunk = await next()
				// A body that was aborted may also just end.
				if (limits.reason !== undefined) throw limits.reason
				if (chunk.done) break
				received += chunk.value.length
				if (size !== undefined && received > size) throw incomplete(received)
				yield chunk.value
			}
			ended = true
			if (size !== undefined && received < size) throw incomplete(received)
			try {
				await response.confirm?.()
			} catch (error) {
				throw failureOf(faultOf(error), url, 'body')
			}
		} finally {
			if (!ended) limits.end(new RemoteTermError('STOPPED', `The body from ${subject} was given up`))
			ended = true
			limits.release()
		}
	}
	return {
		body: chunks(),
		async cancel() {
			if (ended) return
			ended = true
			if (begun) limits.end(new RemoteTermError('STOPPED', `The body from ${subject} was given up`))
			else await discard()
		},
	}
}
