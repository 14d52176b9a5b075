import type { RemoteTermError } from '../core/errors.ts'

/** All in milliseconds. */
export interface RetryCurves {
	/** The first delay; default 1 s. A stream's `retry:` takes its place. */
	readonly base: number
	/** No delay of the normal curve is longer; default 30 s. */
	readonly cap: number
	/** The first delay after the server refused us; default 5 min. */
	readonly extendedBase: number
	/** No delay of the extended curve is longer; default 1 h. */
	readonly extendedCap: number
	/** How long a stream must have been good for the next failure to be a first one; default 60 s. */
	readonly healthyAfter: number
}

export const RETRY_DEFAULTS: RetryCurves = {
	base: 1_000,
	cap: 30_000,
	extendedBase: 5 * 60_000,
	extendedCap: 60 * 60_000,
	healthyAfter: 60_000,
}

/** A stream may not make us hammer its server, nor stay away for ever. */
const MIN_RETRY = 100
const MAX_WAIT = 60 * 60_000

/** At most so much of a delay is left to chance, downwards. */
const JITTER = 0.5

export interface Retry {
	readonly delay: number
	/** Whether it is this failure that led to the extended curve. */
	readonly becameExtended: boolean
}

/**
 * How long to wait before the next connection (SPEC §1.7). There is always a next one: a refused key may be put right,
 * and whoever has given up would never hear of it.
 *
 * It starts no timers. `now` is monotonic time.
 */
export class RetryPolicy {
	readonly #curves: RetryCurves
	readonly #random: () => number
	#base: number
	#failures = 0
	#isExtended = false
	#goodSince: number | undefined

	constructor(curves: RetryCurves, random: () => number) {
		this.#curves = curves
		this.#random = random
		this.#base = curves.base
	}

	/** The stream's `retry:` field: the first delay of the normal curve, until another one comes. */
	suggest(milliseconds: number): void {
		this.#base = Math.min(MAX_WAIT, Math.max(MIN_RETRY, milliseconds))
	}

	connecting(): void {
		this.#goodSince = undefined
	}

	/** An event that could be used. The first one after connecting is what health is measured from. */
	usable(now: number): void {
		this.#goodSince ??= now
		if (this.#isExtended) this.#failures = 0
		this.#isExtended = false
	}

	failed(error: RemoteTermError | undefined, now: number): Retry {
		const { cap, extendedBase, extendedCap, healthyAfter } = this.#curves
		if (this.#goodSince !== undefined && now - this.#goodSince >= healthyAfter) this.#failures = 0
		this.#goodSince = undefined
		const becameExtended = !this.#isExtended && isRefusal(error?.status)
		if (becameExtended) {
			this.#isExtended = true
			this.#failures = 0
		}
		const [base, limit] = this.#isExtended
			? [extendedBase, extendedCap]
			: [this.#base, Math.max(cap, this.#base)]
		// Beyond 2^52 the doubling has long passed any cap.
		const full = Math.min(limit, base * 2 ** Math.min(this.#failures++, 52))
		const delay = full - full * JITTER * this.#random()
		return { delay: Math.max(delay, Math.min(error?.retryAfter ?? 0, MAX_WAIT)), becameExtended }
	}
}

/** A 4xx that no later attempt is likely to change. Bad luck (400), slowness (408) and haste (429) pass. */
export const isRefusal = (status: number | undefined): boolean =>
	status !== undefined && status >= 400 && status < 500 && status !== 400 && status !== 408 && status !== 429
