import { readFileSync } from 'node:fs'

export interface Stall {
	/** The longest time, in ms, for which a timer of 1 ms was late: what a request would have waited. */
	readonly wall: number
	/** The longest time for which this thread itself was at work meanwhile; `undefined` where the system does not tell. */
	readonly own: number | undefined
}

/**
 * Watches this thread's event loop by a timer that is due every millisecond. On Linux it also reads how long the thread
 * has run, so that time in which somebody else had the processor can be told from time in which the thread was busy.
 */
export class StallProbe {
	#wall = 0
	#own = 0
	#last = 0
	#ran: number | undefined
	#timer: NodeJS.Timeout | undefined

	begin(): void {
		this.#wall = 0
		this.#own = 0
		this.#last = performance.now()
		this.#ran = ranMs()
		this.#timer = setTimeout(() => this.#tick(), 1)
	}

	/** Waits for the loop to turn once more, so that what has just been done counts. */
	async end(): Promise<Stall> {
		await new Promise(resolve => setTimeout(resolve, 2))
		clearTimeout(this.#timer)
		return { wall: this.#wall, own: this.#ran === undefined ? undefined : this.#own }
	}

	#tick(): void {
		const now = performance.now()
		const ran = ranMs()
		this.#wall = Math.max(this.#wall, now - this.#last - 1)
		if (ran !== undefined) this.#own = Math.max(this.#own, ran - this.#ran!)
		this.#last = now
		this.#ran = ran
		this.#timer = setTimeout(() => this.#tick(), 1)
	}
}

/** How long the main thread has had a processor, in ms. */
const ranMs = (): number | undefined => {
	try {
		const [ran] = readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'latin1').split(' ')
		return Number(ran) / 1e6
	} catch {
		return undefined
	}
}
