import type { Clock } from '../core/clock.ts'
import { positive } from '../core/options.ts'

export interface RateLimitOptions {
	/** How many requests a second in the long run. */
	readonly perSecond: number
	/** How many may come at once after a pause. */
	readonly burst: number
}

export interface Allowance {
	readonly allowed: boolean
	/** Whole requests that are left now. */
	readonly remaining: number
	/** Milliseconds until there is one more. */
	readonly retryAfter: number
}

/** Buckets beyond are forgotten, the least recently used first: they would have filled up meanwhile, most likely. */
const MAX_BUCKETS = 10_000

interface Bucket {
	level: number
	at: number
}

/** A token bucket per key: full at first, refilled steadily, one out per request. */
export class RateLimit {
	readonly burst: number
	readonly perSecond: number
	readonly #clock: Clock
	/** In the order of their last use. */
	readonly #buckets = new Map<string, Bucket>()

	/** @throws `INVALID_OPTION` */
	constructor(name: string, { perSecond, burst }: RateLimitOptions, clock: Clock) {
		this.perSecond = positive(`${name}.perSecond`, perSecond)
		this.burst = Math.max(1, positive(`${name}.burst`, burst))
		this.#clock = clock
	}

	/** How many keys are remembered. */
	get size(): number {
		return this.#buckets.size
	}

	/** Takes one out, if there is one. */
	take(key: string): Allowance {
		const bucket = this.#at(key)
		const allowed = bucket.level >= 1
		if (allowed) bucket.level--
		return this.#allowance(bucket, allowed)
	}

	/** Whether `take` would be allowed. */
	peek(key: string): Allowance {
		const bucket = this.#at(key)
		return this.#allowance(bucket, bucket.level >= 1)
	}

	#at(key: string): Bucket {
		const now = this.#clock.monotonic()
		const known = this.#buckets.get(key)
		const bucket = known ?? { level: this.burst, at: now }
		bucket.level = Math.min(this.burst, bucket.level + ((now - bucket.at) * this.perSecond) / 1_000)
		bucket.at = now
		this.#buckets.delete(key)
		this.#buckets.set(key, bucket)
		if (known === undefined && this.#buckets.size > MAX_BUCKETS) {
			for (const oldest of this.#buckets.keys()) {
				this.#buckets.delete(oldest)
				break
			}
		}
		return bucket
	}

	#allowance({ level }: Bucket, allowed: boolean): Allowance {
		const missing = Math.max(0, 1 - level)
		return { allowed, remaining: Math.floor(level), retryAfter: (missing * 1_000) / this.perSecond }
	}
}

/** What clients go by: draft-ietf-httpapi-ratelimit-headers, and RFC 9110 §10.2.3. Whole seconds, rounded up. */
export const rateLimitHeaders = (
	{ burst, perSecond }: RateLimit,
	{ allowed, remaining, retryAfter }: Allowance,
): Record<string, string> => {
	const seconds = Math.max(1, Math.ceil(retryAfter / 1_000))
	return {
		'ratelimit-policy': `"token";q=${Math.floor(burst)};w=${Math.max(1, Math.ceil(burst / perSecond))}`,
		ratelimit: `"token";r=${remaining};t=${allowed ? Math.max(0, Math.ceil((burst - remaining) / perSecond)) : seconds}`,
		...(!allowed && { 'retry-after': String(seconds) }),
	}
}
