import { reasonOf } from '../../core/clock.ts'

/** At most so many at a time; the rest waits, first come, first served. */
export class Turns {
	#free: number
	readonly #waiting = new Set<() => void>()

	constructor(limit: number) {
		this.#free = limit
	}

	get waiting(): number {
		return this.#waiting.size
	}

	/** Resolves when it is one's turn, which lasts until what it resolves with is disposed of. Rejects with the signal's reason. */
	take(signal: AbortSignal): Promise<Disposable> {
		if (signal.aborted) return Promise.reject(reasonOf(signal))
		if (this.#free > 0) {
			this.#free--
			return Promise.resolve(this.#turn())
		}
		return new Promise((resolve, reject) => {
			const onAbort = (): void => {
				this.#waiting.delete(next)
				reject(reasonOf(signal))
			}
			const next = (): void => {
				signal.removeEventListener('abort', onAbort)
				resolve(this.#turn())
			}
			this.#waiting.add(next)
			signal.addEventListener('abort', onAbort, { once: true })
		})
	}

	#turn(): Disposable {
		let over = false
		return {
			[Symbol.dispose]: () => {
				if (over) return
				over = true
				const [next] = this.#waiting
				if (next === undefined) this.#free++
				else {
					this.#waiting.delete(next)
					next()
				}
			},
		}
	}
}
