import type { Clock, Timer } from '../core/clock.ts'
import { notNegative } from '../core/options.ts'

interface Pending {
	readonly due: number
	readonly order: number
	readonly fire: () => void
}

/**
 * A clock that stands still until it is told to move. Timers fire in the order of their due time, each at exactly
 * that time, and what they start (promises, further timers) gets its turn before the next one fires.
 */
export class FakeClock implements Clock {
	#wall: number
	#monotonic = 0
	#order = 0
	readonly #pending = new Set<Pending>()

	/** @param start Milliseconds since the Unix epoch at which the wall clock begins. Default: 2026-01-01. */
	constructor(start = Date.UTC(2026, 0, 1)) {
		this.#wall = start
	}

	now(): number {
		return this.#wall
	}

	monotonic(): number {
		return this.#monotonic
	}

	timer(delay: number, fire: () => void): Timer {
		const pending: Pending = { due: this.#monotonic + Math.max(0, delay), order: this.#order++, fire }
		this.#pending.add(pending)
		return { [Symbol.dispose]: () => void this.#pending.delete(pending) }
	}

	/** How many timers wait. A term that has stopped leaves none. */
	get pendingTimers(): number {
		return this.#pending.size
	}

	/** Milliseconds until the next timer fires, `undefined` where none waits. */
	get nextTimerIn(): number | undefined {
		const next = this.#next()
		return next && next.due - this.#monotonic
	}

	/** Milliseconds until each waiting timer fires, soonest first. */
	get timers(): readonly number[] {
		return [...this.#pending].map(({ due }) => due - this.#monotonic).sort((a, b) => a - b)
	}

	/** Moves time on, firing what falls due on the way. */
	async advance(ms: number): Promise<void> {
		const target = this.#monotonic + notNegative('ms', ms)
		await settle()
		for (let next = this.#next(); next !== undefined && next.due <= target; next = this.#next()) {
			this.#moveTo(next.due)
			this.#pending.delete(next)
			next.fire()
			await settle()
		}
		this.#moveTo(target)
	}

	/** The wall clock jumps, as NTP or an operator makes it jump. No timer notices. */
	jump(ms: number): void {
		this.#wall += ms
	}

	#next(): Pending | undefined {
		let next: Pending | undefined
		for (const one of this.#pending) {
			if (next === undefined || one.due < next.due || (one.due === next.due && one.order < next.order))
				next = one
		}
		return next
	}

	#moveTo(monotonic: number): void {
		this.#wall += monotonic - this.#monotonic
		this.#monotonic = monotonic
	}
}

/** Long enough for any chain of promises that waits for no I/O. */
const settle = (): Promise<void> =>
	new Promise(resolve => {
		setTimeout(resolve, 0)
	})
