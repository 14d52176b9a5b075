import { isName } from '../config/names.ts'
import type { Clock } from '../core/clock.ts'
import { addressKey, isLoopback, isLoopbackHost } from './address.ts'
import type { Audit } from './audit.ts'
import type { GatewayMetrics, Limit } from './gateway-metrics.ts'
import { Refusal } from './problem.ts'
import { RateLimit, rateLimitHeaders, type Allowance, type RateLimitOptions } from './rate-limit.ts'
import type { Route } from './route.ts'
import type { Strangers } from './strangers.ts'
import { bareTokenOf, bearerOf, isFor, SCOPES, type Identity, type TokenRing } from './tokens.ts'

/**
 * What may be done without a token. `loopback`: everything, by whoever connects from this machine and asks for it by a
 * loopback name, so that no page in a browser can have a name of its own resolved to us. `anywhere`: everything, by
 * everybody; for a gateway that stands behind something that asks.
 */
export type Anonymity = false | 'loopback' | 'anywhere'

export interface AdmissionOptions {
	readonly tokens: TokenRing
	readonly anonymity: Anonymity
	/** Per name of a token; `false`: no limit. */
	readonly rateLimit: RateLimitOptions | false
	/** Failed authentications per address; `false`: no limit. */
	readonly failedAuthentications: RateLimitOptions | false
	readonly metrics: GatewayMetrics
	/** Told of every write that a token is not good enough for. */
	readonly audit: Audit
	/** Told of every request without a token that is good. */
	readonly strangers: Strangers
	readonly clock: Clock
}

export interface Admitted {
	readonly identity: Identity | undefined
	/** What the answer says of the rate limit. */
	readonly headers: Readonly<Record<string, string>>
}

const ANONYMOUS: Identity = Object.freeze({
	name: 'anonymous',
	scopes: new Set(SCOPES),
	services: undefined,
})

/** Asks everybody who wants more than to know whether we are well: who are you, may you, and have you not had enough. */
export class Admission {
	readonly #options: AdmissionOptions
	readonly #perToken: RateLimit | undefined
	readonly #failures: RateLimit | undefined

	/** @throws `INVALID_OPTION` */
	constructor(options: AdmissionOptions) {
		const { rateLimit, failedAuthentications, clock } = options
		this.#options = options
		this.#perToken = rateLimit === false ? undefined : new RateLimit('rateLimit', rateLimit, clock)
		this.#failures =
			failedAuthentications === false
				? undefined
				: new RateLimit('failedAuthentications', failedAuthentications, clock)
	}

	/** @throws `Refusal`: 401, 403 or 429. The body has not been looked at. */
	admit(
		{ scopes, bareToken = false }: Route,
		request: Request,
		service: string | undefined,
		address: string | undefined,
	): Admitted {
		if (scopes.length === 0) return { identity: undefined, headers: {} }
		const identity = this.#identify(request, address, service, bareToken)
		const headers = this.#limit(identity)
		const forbid = (): void => this.#forbidden(request, identity, service, address)
		if (!scopes.some(scope => identity.scopes.has(scope))) {
			forbid()
			throw new Refusal(
				403,
				'FORBIDDEN',
				`This takes a token with the scope ${scopes.join(' or ')}, which '${identity.name}' has not`,
				{ headers: { ...headers, 'www-authenticate': challenge('insufficient_scope', scopes.join(' ')) } },
			)
		}
		if (service !== undefined && !isFor(identity, service)) {
			forbid()
			throw new Refusal(403, 'FORBIDDEN', `The token '${identity.name}' is not for the service ${service}`, {
				headers,
			})
		}
		return { identity, headers }
	}

	/**
	 * Whether what was let in would be let in again, for answers that take long. Whoever needed no token needs none.
	 *
	 * @param header `Authorization`, as it was
	 */
	stillAdmits({ scopes, bareToken = false }: Route, header: string | null, before: Identity): boolean {
		if (header === null) return before === ANONYMOUS
		const identity = this.#options.tokens.identify((bareToken ? bareTokenOf(header) : bearerOf(header)) ?? '')
		return (
			identity !== undefined &&
			scopes.some(scope => identity.scopes.has(scope)) &&
			JSON.stringify(identity.services) === JSON.stringify(before.services)
		)
	}

	/** A write that was not even looked at is a line of the audit log, as every other one is. The rate limit bounds them. */
	#forbidden({ method }: Request, { name }: Identity, service: string | undefined, address?: string): void {
		if (method === 'GET' || method === 'HEAD') return
		const { audit, clock } = this.#options
		audit({
			...{ at: clock.now(), who: name, address, action: 'authorize', service: nameOf(service) },
			...{ outcome: 'refused', code: 'FORBIDDEN' },
		})
	}

	#identify(
		request: Request,
		address: string | undefined,
		service: string | undefined,
		bareToken: boolean,
	): Identity {
		const { tokens, metrics, strangers } = this.#options
		if (this.#mayBeAnonymous(request, address)) return ANONYMOUS
		const key = address === undefined ? undefined : addressKey(address)
		if (key !== undefined && this.#failures?.peek(key).allowed === false)
			throw this.#tooMany('address', this.#failures, this.#failures.peek(key), 'Too many wrong tokens')
		const header = request.headers.get('authorization')
		const presented = bareToken ? bareTokenOf(header) : bearerOf(header)
		const identity = presented === undefined ? undefined : tokens.identify(presented)
		if (identity !== undefined) return identity
		metrics.unauthenticated()
		strangers.refused(address, nameOf(service))
		if (key !== undefined) this.#failures?.take(key)
		throw new Refusal(
			401,
			'UNAUTHORIZED',
			presented === undefined ? 'This takes a token: Authorization: Bearer …' : 'This token is not known',
			// RFC 6750 §3.1: whoever has sent no token is told no error.
			{ headers: { 'www-authenticate': challenge(presented === undefined ? undefined : 'invalid_token') } },
		)
	}

	#mayBeAnonymous(request: Request, address: string | undefined): boolean {
		const { anonymity } = this.#options
		if (anonymity === false || request.headers.has('authorization')) return false
		if (anonymity === 'anywhere') return true
		return (address === undefined || isLoopback(address)) && isLoopbackHost(new URL(request.url).hostname)
	}

	#limit(identity: Identity): Readonly<Record<string, string>> {
		if (this.#perToken === undefined) return {}
		const allowance = this.#perToken.take(identity.name)
		if (!allowance.allowed) throw this.#tooMany('token', this.#perToken, allowance, 'Too many requests')
		return rateLimitHeaders(this.#perToken, allowance)
	}

	#tooMany(by: Limit, limit: RateLimit, allowance: Allowance, what: string): Refusal {
		this.#options.metrics.limited(by)
		const seconds = Math.max(1, Math.ceil(allowance.retryAfter / 1_000))
		return new Refusal(429, 'RATE_LIMITED', `${what}; try again in ${seconds} s`, {
			headers: rateLimitHeaders(limit, allowance),
		})
	}
}

/** Of a path that names something that can be none, nothing is repeated. */
const nameOf = (service: string | undefined): string | undefined =>
	service !== undefined && isName(service) ? service : undefined

const challenge = (error?: string, scope?: string): string =>
	['Bearer realm="remote-term"', error && `error="${error}"`, scope && `scope="${scope}"`]
		.filter(Boolean)
		.join(', ')
