import type { Timer } from '../core/clock.ts'
import type { Peer } from '../core/transport.ts'
import type { Reply } from './exchange.ts'
import type { HubPort } from './strategy.ts'

export interface PacerOptions {
	/** How many messages may leave in one round, whatever they are. */
	readonly limit: number
	/** Milliseconds. */
	readonly interval: number
	/** How many may wait. */
	readonly maxWaiting: number
	/** What leaves the places of a round that answers have not taken: up to so many messages. Returns how many. */
	readonly fill: (places: number) => number
	/** Whether `fill` has something left to send. */
	readonly wantsMore: () => boolean
}

interface Waiting {
	readonly to: Peer
	readonly make: Reply
}

/**
 * Lets so many messages leave in a round, and no more: what a node costs its network is bounded, whatever happens. An
 * answer waits for its turn, and is made only then; where too many wait, the oldest is dropped, and a later round of
 * synchronization does its work. While there is nothing to send, no timer runs, and whatever comes first leaves at once.
 */
export class Pacer {
	readonly #hub: HubPort
	readonly #options: PacerOptions
	readonly #waiting: Waiting[] = []
	#timer: Timer | undefined
	#lastRound = -Infinity
	dropped = 0

	constructor(hub: HubPort, options: PacerOptions) {
		this.#hub = hub
		this.#options = options
	}

	answer(to: Peer, replies: readonly Reply[]): void {
		for (const make of replies) this.#waiting.push({ to, make })
		while (this.#waiting.length > this.#options.maxWaiting) {
			this.#waiting.shift()
			this.dropped += 1
		}
		this.wake()
	}

	/** There is something to send. */
	wake(): void {
		if (this.#timer !== undefined) return
		const { interval } = this.#options
		const wait = Math.max(0, this.#lastRound + interval - this.#hub.clock.monotonic())
		this.#timer = this.#hub.timer(wait, () => this.#round())
	}

	close(): void {
		this.#timer?.[Symbol.dispose]()
		this.#waiting.length = 0
	}

	#round(): void {
		this.#timer = undefined
		this.#lastRound = this.#hub.clock.monotonic()
		const { fill, limit, wantsMore } = this.#options
		// One place is kept for what spreads: a node that is asked much must not fall silent.
		const forAnswers = wantsMore() ? Math.max(1, limit - 1) : limit
		let sent = 0
		while (sent < forAnswers) {
			const next = this.#waiting.shift()
			if (next === undefined) break
			const message = next.make()
			if (message !== undefined && this.#hub.send(next.to, message)) sent += 1
		}
		if (sent < limit && wantsMore()) sent += fill(limit - sent)
		if (this.#waiting.length > 0 || wantsMore()) this.wake()
	}
}
