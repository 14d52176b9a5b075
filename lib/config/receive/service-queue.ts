import { RemoteTermError } from '../../core/errors.ts'

interface Waiting {
	readonly start: () => void
	readonly reject: (error: RemoteTermError) => void
}

/**
 * One piece of work at a time for each service, in the order in which it came; services do not wait for each other.
 * Both one service's queue and all of them together are bounded.
 */
export class ServiceQueue {
	readonly #queues = new Map<string, Waiting[]>()
	readonly #perService: number
	readonly #inAll: number
	#waiting = 0
	#running = 0
	#closed = false
	#idle: (() => void) | undefined

	constructor({ perService, inAll }: { readonly perService: number; readonly inAll: number }) {
		this.#perService = perService
		this.#inAll = inAll
	}

	/** Waiting and running. */
	get size(): number {
		return this.#waiting + this.#running
	}

	/**
	 * @throws `CONFLICT` where too much waits already: whoever asks may ask again; `STOPPED` where the queue was closed
	 * before its turn had come.
	 */
	run<Result>(service: string, work: () => Promise<Result>): Promise<Result> {
		return new Promise((resolve, reject) => {
			if (this.#closed) throw stopped()
			const start = (): void => {
				this.#running++
				const done = (): void => {
					this.#running--
					this.#next(service)
				}
				// In an async function, so that what throws at once is a rejection, too, and its turn ends.
				const running = (async () => work())()
				void running.then(resolve, reject).finally(done)
			}
			const queue = this.#queues.get(service)
			if (queue === undefined) {
				this.#queues.set(service, [])
				start()
				return
			}
			if (queue.length >= this.#perService || this.#waiting >= this.#inAll) {
				throw new RemoteTermError(
					'CONFLICT',
					`${queue.length} changes of this service are waiting already, ${this.#waiting} in all: try again later`,
				)
			}
			this.#waiting++
			queue.push({ start, reject })
		})
	}

	/** What waits is rejected, what runs is waited for. */
	async close(): Promise<void> {
		this.#closed = true
		for (const queue of this.#queues.values()) {
			for (const { reject } of queue.splice(0)) reject(stopped())
		}
		this.#waiting = 0
		if (this.#running > 0) await new Promise<void>(resolve => (this.#idle = resolve))
	}

	#next(service: string): void {
		const next = this.#queues.get(service)?.shift()
		if (next === undefined) {
			this.#queues.delete(service)
			if (this.#running === 0) this.#idle?.()
			return
		}
		this.#waiting--
		next.start()
	}
}

const stopped = (): RemoteTermError => new RemoteTermError('STOPPED', 'The receiver has been closed')
