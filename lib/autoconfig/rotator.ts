/**
 * - `expired`: its time ran out
 * - `revoked`: another key took its place, and it was given no time
 */
export type KeyEnd = 'expired' | 'revoked'

export interface EndedKey {
	readonly key: string
	readonly reason: KeyEnd
}

export interface Grace {
	readonly key: string
	/** Milliseconds since the Unix epoch. The key is still good at that moment, and no longer after it. */
	readonly expiry: number
}

export interface Step {
	/** Good from now on, and not so at the step before. */
	readonly additions: readonly string[]
	/** Good at the step before, and no longer. */
	readonly expirations: readonly EndedKey[]
}

/** A control plane that rotates without end must not fill the memory: with more keys in grace, the next to expire goes. */
const MAX_IN_GRACE = 1_000

/**
 * The keys of one environment: one primary, and those before it that have been given time (SPEC §1.8). It has no timer:
 * whoever has one calls `step`, after each `rotate` and when `nextExpiry` has passed.
 *
 * - A primary that is replaced ends at once, unless `grace` names it.
 * - The control plane goes on naming a key in `grace` after later rotations. That is no second grace: the primary that is
 *   replaced meanwhile ends at once, and the key in grace keeps its time. Only another time than before is news, and is
 *   taken over, be it later or earlier.
 * - A key in grace that is issued again is the primary, and has no end.
 * - A time that has passed is no grace. What it names ends, the replaced primary too.
 */
export class Rotator {
	#primary = ''
	readonly #inGrace = new Map<string, number>()
	readonly #additions = new Set<string>()
	readonly #expirations = new Map<string, KeyEnd>()

	get primary(): string {
		return this.#primary
	}

	/** The earliest time at which a key ends, in milliseconds since the Unix epoch. */
	get nextExpiry(): number | undefined {
		let next: number | undefined
		for (const expiry of this.#inGrace.values()) if (next === undefined || expiry < next) next = expiry
		return next
	}

	rotate(primary: string, grace: Grace | undefined, now: number): void {
		const replaced = this.#primary
		if (primary !== replaced) {
			this.#primary = primary
			if (primary !== '' && !this.#inGrace.delete(primary)) this.#begin(primary)
		}
		const { key = '', expiry = 0 } = grace ?? {}
		const isPast = now > expiry
		if (replaced !== '' && replaced !== primary && (replaced !== key || isPast))
			this.#end(replaced, replaced === key ? 'expired' : 'revoked')
		if (key === '' || key === primary) return
		if (isPast) {
			if (this.#inGrace.delete(key)) this.#end(key, 'expired')
			return
		}
		if (!this.#inGrace.has(key) && key !== replaced) this.#begin(key)
		this.#inGrace.set(key, expiry)
		if (this.#inGrace.size > MAX_IN_GRACE) this.#evict()
	}

	/** What has changed since the last step. */
	step(now: number): Step {
		for (const [key, expiry] of this.#inGrace) {
			if (now <= expiry) continue
			this.#inGrace.delete(key)
			this.#end(key, 'expired')
		}
		const additions = [...this.#additions]
		const expirations = [...this.#expirations].map(([key, reason]) => ({ key, reason }))
		this.#additions.clear()
		this.#expirations.clear()
		return { additions, expirations }
	}

	#begin(key: string): void {
		if (!this.#expirations.delete(key)) this.#additions.add(key)
	}

	#end(key: string, reason: KeyEnd): void {
		if (!this.#additions.delete(key)) this.#expirations.set(key, reason)
	}

	#evict(): void {
		const next = this.nextExpiry
		for (const [key, expiry] of this.#inGrace) {
			if (expiry !== next) continue
			this.#inGrace.delete(key)
			this.#end(key, 'revoked')
			return
		}
	}
}
