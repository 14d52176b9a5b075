import type { Clock, Timer } from '../core/clock.ts'

/** So much at a stretch, then whoever else has something to do in this process has his turn. */
const SLICE_MS = 5
const SLICE_COUNT = 900

type Job = () => void

/**
 * What has come from the network, in order. It is dealt with at once while there is little of it; a flood of it is taken
 * in slices, between which timers, sockets and the program's own updates get their turn.
 */
export class Inbox {
	readonly #clock: Clock
	readonly #limit: number
	#jobs: Job[] = []
	#next = 0
	#working = false
	#timer: Timer | undefined
	#sliceBegan = -Infinity
	#sliceUsed = 0
	#sliceCount = 0
	#closed = false

	constructor(clock: Clock, limit: number) {
		this.#clock = clock
		this.#limit = limit
	}

	get size(): number {
		return this.#jobs.length - this.#next
	}

	/** @returns `false` where it was full, and the job is dropped. What `must` be done never is. */
	push(job: Job, must: boolean): boolean {
		if (this.#closed || (!must && this.size >= this.#limit)) return false
		this.#jobs.push(job)
		if (!this.#working && this.#timer === undefined) this.#work()
		return true
	}

	close(): void {
		this.#closed = true
		this.#jobs = []
		this.#next = 0
		this.#timer?.[Symbol.dispose]()
		this.#timer = undefined
	}

	#work(): void {
		this.#working = true
		while (this.size > 0) {
			const began = this.#clock.monotonic()
			if (began - this.#sliceBegan >= 2 * SLICE_MS) this.#newSlice(began)
			if (this.#sliceUsed >= SLICE_MS || this.#sliceCount >= SLICE_COUNT) {
				this.#timer = this.#clock.timer(0, () => {
					this.#timer = undefined
					this.#newSlice(this.#clock.monotonic())
					this.#work()
				})
				break
			}
			const job = this.#jobs[this.#next]!
			this.#next++
			job()
			this.#sliceCount++
			this.#sliceUsed += this.#clock.monotonic() - began
		}
		if (this.#next > 1_000 || this.size === 0) {
			this.#jobs = this.#jobs.slice(this.#next)
			this.#next = 0
		}
		this.#working = false
	}

	#newSlice(now: number): void {
		this.#sliceBegan = now
		this.#sliceUsed = 0
		this.#sliceCount = 0
	}
}
