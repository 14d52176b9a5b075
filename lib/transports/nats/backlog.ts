import type { NatsConnection } from '@nats-io/transport-node'

/**
 * How much was published that the server has not taken yet. The client does not say, and buffers without a limit; but it
 * answers a ping behind everything that was published before it.
 */
export class Backlog {
	#published = 0
	#taken = 0
	#isAsking = false
	readonly #connection: NatsConnection
	readonly #maxBytes: number

	constructor(connection: NatsConnection, maxBytes: number) {
		this.#connection = connection
		this.#maxBytes = maxBytes
	}

	get hasRoom(): boolean {
		return this.#published - this.#taken < this.#maxBytes
	}

	add(bytes: number): void {
		this.#published += bytes
		// Often enough that a steady stream never waits, and seldom enough to cost nothing.
		if (!this.#isAsking && this.#published - this.#taken >= this.#maxBytes / 8) this.#ask()
	}

	/** The connection is new: what was on its way in the one before is lost. */
	reset(): void {
		this.#taken = this.#published
	}

	#ask(): void {
		this.#isAsking = true
		const published = this.#published
		const answered = (): void => {
			this.#isAsking = false
			this.#taken = Math.max(this.#taken, published)
			if (this.#published - this.#taken >= this.#maxBytes / 8) this.#ask()
		}
		// Without a connection there is no answer, and nothing on its way either; `reset` comes with the next one.
		this.#connection.flush().then(answered, () => (this.#isAsking = false))
	}
}
