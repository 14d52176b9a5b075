/**
 * The right to give up one flight. `signal` tells those who do the work; `race` tells the one who waits for it, without
 * going through the signal's event machinery, which would cost as much as a sixth of an unchanged refresh.
 */
export class Cancellation {
	readonly #controller: AbortController
	#reject: ((reason: Error) => void) | undefined

	constructor(controller: AbortController) {
		this.#controller = controller
	}

	get signal(): AbortSignal {
		return this.#controller.signal
	}

	cancel(reason: Error): void {
		this.#controller.abort(reason)
		this.#reject?.(reason)
	}

	/** Settles like `work`, or rejects as soon as it is cancelled. Called once. */
	race<Result>(work: Promise<Result>): Promise<Result> {
		return new Promise((resolve, reject) => {
			this.#reject = reject
			work.then(resolve, reject)
		})
	}
}
