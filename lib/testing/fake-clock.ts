import type { Clock, Timer } from '../core/clock.ts'
import { Heap } from '../core/heap.ts'
import { notNegative } from '../core/options.ts'

interface Pending {
	readonly due: number
	readonly order: number
	readonly fire: () => void
	/** Disposed of: it stays where it is until its time has come. */
	isOff: boolean
}

/**
 * A clock that stands still until it is told to move. Timers fire in the order of their due time, each at exactly
 * that time, and what they start (promises, further timers) gets its turn before the next one fires.
 */
export class FakeClock implements Clock {
	#wall: number
	#monotonic = 0
	#order = 0
	#waiting = 0
	readonly #pending = new Heap<Pending>(
		(one, other) => one.due < other.due || (one.due === other.due && one.order < other.order),
	)

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
		const due = this.#monotonic + Math.max(0, delay)
		const pending: Pending = { due, order: this.#order++, fire, isOff: false }
		this.#pending.push(pending)
		this.#waiting += 1
		return {
			[Symbol.dispose]: () => {
				if (pending.isOff) return
				pending.isOff = true
				this.#waiting -= 1
			},
		}
	}

	/** How many timers wait. A term that has stopped leaves none. */
	get pendingTimers(): number {
		return this.#waiting
	}

	/** Milliseconds until the next timer fires, `undefined` where none waits. */
	get nextTimerIn(): number | undefined {
		const next = this.#next()
		return next && next.due - this.#monotonic
	}

	/** Milliseconds until each waiting timer fires, soonest first. */
	get timers(): readonly number[] {
		return [...this.#pending]
			.filter(({ isOff }) => !isOff)
			.map(({ due }) => due - this.#monotonic)
			.sort((a, b) => a - b)
	}

	/** Moves time on, firing what falls due on the way. */
	async advance(ms: number): Promise<void> {
		const target = this.#monotonic + notNegative('ms', ms)
		await settle()
		while (this.#fireNext(target)) await settle()
		this.#moveTo(target)
	}

	/**
	 * Moves time on without giving promises their turn, which takes a millisecond of real time each: for simulations in
	 * which timers alone drive everything. Between two timers nothing that was awaited goes on.
	 */
	run(ms: number): void {
		const target = this.#monotonic + notNegative('ms', ms)
		while (this.#fireNext(target)) continue
		this.#moveTo(target)
	}

	/** The wall clock jumps, as NTP or an operator makes it jump. No timer notices. */
	jump(ms: number): void {
		this.#wall += ms
	}

	#fireNext(target: number): boolean {
		const next = this.#next()
		if (next === undefined || next.due > target) return false
		this.#moveTo(next.due)
		this.#pending.pop()
		next.isOff = true
		this.#waiting -= 1
		next.fire()
		return true
	}

	#next(): Pending | undefined {
		while (this.#pending.peek()?.isOff) this.#pending.pop()
		return this.#pending.peek()
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
