import type { RemoteTermError } from '../core/errors.ts'

/** What one subscriber has not read yet. Ends at once, without what is left in it: who has left wants no more. */
export class NotificationQueue<Notification> implements AsyncIterableIterator<Notification, undefined> {
	#waiting: Notification[] = []
	#readers: Array<{
		resolve: (result: IteratorResult<Notification, undefined>) => void
		reject: (error: RemoteTermError) => void
	}> = []
	#ended = false
	#error: RemoteTermError | undefined
	readonly #onReturn: () => void

	/** @param onReturn The reader leaves by itself: `break` out of a `for await`. */
	constructor(onReturn: () => void) {
		this.#onReturn = onReturn
	}

	get size(): number {
		return this.#waiting.length
	}

	push(notification: Notification): void {
		if (this.#ended) return
		const reader = this.#readers.shift()
		if (reader === undefined) this.#waiting.push(notification)
		else reader.resolve({ done: false, value: notification })
	}

	/** With an error, the next read rejects with it; every read after that finds the end. */
	end(error?: RemoteTermError): void {
		if (this.#ended) return
		this.#ended = true
		this.#waiting = []
		const readers = this.#readers
		this.#readers = []
		const [first, ...others] = readers
		if (first === undefined) this.#error = error
		else if (error === undefined) first.resolve(DONE)
		else first.reject(error)
		for (const reader of others) reader.resolve(DONE)
	}

	next(): Promise<IteratorResult<Notification, undefined>> {
		if (this.#waiting.length > 0) return Promise.resolve({ done: false, value: this.#waiting.shift()! })
		const error = this.#error
		this.#error = undefined
		if (error !== undefined) return Promise.reject(error)
		if (this.#ended) return Promise.resolve(DONE)
		return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
	}

	return(): Promise<IteratorResult<Notification, undefined>> {
		this.end()
		this.#onReturn()
		return Promise.resolve(DONE)
	}

	[Symbol.asyncIterator](): this {
		return this
	}
}

const DONE = { done: true, value: undefined } as const
