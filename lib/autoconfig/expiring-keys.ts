import type { Clock, Timer } from '../core/clock.ts'
import { Rotator, type EndedKey, type Grace } from './rotator.ts'

export interface Expired extends EndedKey {
	readonly envId: string
}

/** The wall clock may jump, and no timer notices: it is looked at again after so long at the latest. */
const LONGEST_WAIT = 60_000

/**
 * The keys of all environments, and the one timer that waits for the next of them to expire. Exact to the millisecond
 * while the wall clock runs evenly; after a jump of it, late by a minute at most.
 */
export class ExpiringKeys {
	readonly #clock: Clock
	readonly #onDue: () => void
	readonly #rotators = new Map<string, Rotator>()
	/** Of the environments that have a key in grace, the first expiry. */
	readonly #expiries = new Map<string, number>()
	/** The same, the next one last; `undefined` where something has changed since it was sorted. */
	#sorted: Array<readonly [envId: string, expiry: number]> | undefined
	#timer: Timer | undefined
	#armedFor = Infinity

	/** @param onDue Called by the timer; what is due is then got by `takeDue`. */
	constructor(clock: Clock, onDue: () => void) {
		this.#clock = clock
		this.#onDue = onDue
	}

	/** Returns the keys that this has ended. */
	rotate(envId: string, primary: string, grace: Grace | undefined): EndedKey[] {
		const known = this.#rotators.get(envId)
		const rotator = known ?? new Rotator()
		if (known === undefined) this.#rotators.set(envId, rotator)
		else if (grace === undefined && known.primary === primary) return []
		const now = this.#clock.now()
		rotator.rotate(primary, grace, now)
		const { expirations } = rotator.step(now)
		this.#note(envId, rotator)
		return [...expirations]
	}

	/** An environment that is gone has no keys that could expire. */
	delete(envId: string): void {
		this.#rotators.delete(envId)
		if (this.#expiries.delete(envId)) this.#sorted = undefined
	}

	/** What has expired by now; the timer waits for the next. */
	takeDue(): Expired[] {
		const now = this.#clock.now()
		this.#sorted ??= [...this.#expiries].sort(([, a], [, b]) => b - a)
		const sorted = this.#sorted
		const due: Expired[] = []
		for (let next = sorted.at(-1); next !== undefined && next[1] < now; next = sorted.at(-1)) {
			sorted.pop()
			const [envId] = next
			const rotator = this.#rotators.get(envId)
			if (rotator === undefined) continue
			for (const ended of rotator.step(now).expirations) due.push({ envId, ...ended })
			// With a second key in grace it has a new place in the order.
			if (rotator.nextExpiry !== undefined) this.#note(envId, rotator)
			else this.#expiries.delete(envId)
		}
		this.#disarm()
		let next = this.#sorted?.at(-1)?.[1]
		if (this.#sorted === undefined)
			for (const expiry of this.#expiries.values()) next = Math.min(next ?? expiry, expiry)
		if (next !== undefined) this.#arm(next)
		return due
	}

	close(): void {
		this.#disarm()
		this.#rotators.clear()
		this.#expiries.clear()
		this.#sorted = undefined
	}

	#disarm(): void {
		this.#timer?.[Symbol.dispose]()
		this.#timer = undefined
		this.#armedFor = Infinity
	}

	#note(envId: string, rotator: Rotator): void {
		const expiry = rotator.nextExpiry
		if (expiry === this.#expiries.get(envId)) return
		this.#sorted = undefined
		if (expiry === undefined) this.#expiries.delete(envId)
		else {
			this.#expiries.set(envId, expiry)
			this.#arm(expiry)
		}
	}

	/** One that rings too early, because its key has gone or been given more time, does no harm. */
	#arm(expiry: number): void {
		if (expiry >= this.#armedFor) return
		this.#disarm()
		this.#armedFor = expiry
		// At the moment of its expiry a key is still good.
		const wait = Math.min(LONGEST_WAIT, Math.max(0, expiry + 1 - this.#clock.now()))
		this.#timer = this.#clock.timer(
			wait,
			() => {
				this.#timer = undefined
				this.#onDue()
			},
			{ background: true },
		)
	}
}
