import type { Clock, Timer } from '../../core/clock.ts'
import { Heap } from '../../core/heap.ts'

/** Something that will happen. Must not throw. */
export interface Happening {
	happen(): void
}

/**
 * What will happen when, behind one timer. Times are rounded up to whole ticks, so that what is due together comes in
 * one go, in the order in which it was planned. What is planned meanwhile comes in the next go at the earliest.
 */
export class Timetable {
	#timer: Timer | undefined
	#armedFor = Infinity
	readonly #clock: Clock
	readonly #tick: number
	readonly #dues = new Heap<number>((one, other) => one < other)
	readonly #byDue = new Map<number, Happening[]>()

	constructor(clock: Clock, tick: number) {
		this.#clock = clock
		this.#tick = tick
	}

	get now(): number {
		return this.#clock.monotonic()
	}

	/** When that is, in whole ticks. */
	dueIn(delay: number): number {
		return Math.ceil((this.now + delay) / this.#tick) * this.#tick
	}

	/** @param due From `dueIn`. */
	plan(due: number, happening: Happening): void {
		const together = this.#byDue.get(due)
		if (together !== undefined) {
			together.push(happening)
			return
		}
		this.#byDue.set(due, [happening])
		this.#dues.push(due)
		if (due < this.#armedFor) this.#arm()
	}

	#arm(): void {
		this.#timer?.[Symbol.dispose]()
		this.#timer = undefined
		const due = this.#dues.peek()
		this.#armedFor = due ?? Infinity
		if (due !== undefined) this.#timer = this.#clock.timer(due - this.now, () => this.#ring())
	}

	#ring(): void {
		this.#timer = undefined
		const now = this.now
		const ripe: Happening[][] = []
		for (let due = this.#dues.peek(); due !== undefined && due <= now; due = this.#dues.peek()) {
			ripe.push(this.#byDue.get(due)!)
			this.#byDue.delete(due)
			this.#dues.pop()
		}
		// Nobody else arms the timer while it runs.
		this.#armedFor = -Infinity
		try {
			for (const together of ripe) for (const happening of together) happening.happen()
		} finally {
			this.#arm()
		}
	}
}
