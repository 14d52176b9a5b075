import type { Clock, Timer } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { Peer } from '../core/transport.ts'
import type { JoinTargets } from './strategy.ts'

/** Of so many newcomers at once it is remembered who they are. */
const MAX_REMEMBERED = 64

/**
 * Those that have come up, collected until nobody has for `debounce` milliseconds, and for four times that at most
 * (SPEC §3.3). Of very many, some are remembered, by chance, and how many they were.
 */
export class Joiners {
	readonly #clock: Clock
	readonly #random: Random
	readonly #debounce: number
	readonly #flush: (targets: JoinTargets) => void
	readonly #peers: Peer[] = []
	#count = 0
	#timer: Timer | undefined
	#quietAt = 0
	#latestAt = 0

	constructor(clock: Clock, random: Random, debounce: number, flush: (targets: JoinTargets) => void) {
		this.#clock = clock
		this.#random = random
		this.#debounce = debounce
		this.#flush = flush
	}

	add(peer: Peer): void {
		const now = this.#clock.monotonic()
		this.#count += 1
		if (this.#peers.length < MAX_REMEMBERED) this.#peers.push(peer)
		else {
			const at = Math.floor(this.#random() * this.#count)
			if (at < MAX_REMEMBERED) this.#peers[at] = peer
		}
		this.#quietAt = now + this.#debounce
		if (this.#timer !== undefined) return
		this.#latestAt = now + Math.max(4 * this.#debounce, this.#debounce + 500)
		this.#arm(this.#debounce)
	}

	close(): void {
		this.#timer?.[Symbol.dispose]()
		this.#peers.length = 0
	}

	/** One timer for all: it is not armed anew for each, but looks, when it fires, whether somebody came meanwhile. */
	#arm(delay: number): void {
		this.#timer = this.#clock.timer(delay, () => this.#fire(), { background: true })
	}

	#fire(): void {
		const now = this.#clock.monotonic()
		const due = Math.min(this.#quietAt, this.#latestAt)
		if (now < due) return this.#arm(due - now)
		this.#timer = undefined
		const targets = { peers: this.#peers.splice(0), count: this.#count }
		this.#count = 0
		this.#flush(targets)
	}
}
