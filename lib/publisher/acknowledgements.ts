import type { Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { waiting, type Settle, type WaitLimits } from '../core/waiting.ts'

interface Waiter {
	readonly number: number
	/** So many peers, or these. */
	readonly wanted: number | Set<string>
	settle: Settle
}

/** Who has confirmed what, and who waits for it. Only peers that are up count: what a dead peer had is gone with it. */
export class Acknowledgements {
	readonly #clock: Clock
	readonly #limit: number
	readonly #confirmed = new Map<string, number>()
	// In the order of their numbers, since updates are numbered in the order in which they are waited for.
	readonly #waiters = new Set<Waiter>()

	constructor(clock: Clock, limit: number) {
		this.#clock = clock
		this.#limit = limit
	}

	get waiting(): number {
		return this.#waiters.size
	}

	confirmed(peer: string): number {
		return this.#confirmed.get(peer) ?? 0
	}

	/** @throws `TOO_LARGE` where too many wait already; called before anything has changed. */
	admit(): void {
		if (this.#waiters.size >= this.#limit)
			throw new RemoteTermError(
				'TOO_LARGE',
				`${this.#waiters.size} updates wait for their replication already, and no more than that may`,
			)
	}

	record(peer: string, number: number): void {
		if (number <= this.confirmed(peer)) return
		this.#confirmed.set(peer, number)
		this.#settle(peer)
	}

	/** What a peer has, by its own account: less than it has confirmed where it has lost it. */
	set(peer: string, number: number): void {
		this.#confirmed.set(peer, number)
		this.#settle(peer)
	}

	forget(peer: string): void {
		this.#confirmed.delete(peer)
		for (const waiter of this.#waiters) {
			if (typeof waiter.wanted === 'number') continue
			waiter.wanted.delete(peer)
			if (waiter.wanted.size === 0) waiter.settle()
		}
	}

	/** Until `wanted` peers, or all of these that stay, have confirmed this number. */
	wait(number: number, wanted: number | Set<string>, limits: WaitLimits): Promise<void> {
		const waiter: Waiter = { number, wanted, settle: () => {} }
		return waiting(
			this.#clock,
			limits,
			settle => {
				waiter.settle = settle
				this.#waiters.add(waiter)
				if (this.#met(waiter)) settle()
			},
			() => void this.#waiters.delete(waiter),
			() => this.#tooLate(waiter, limits.timeout),
		)
	}

	stop(error: RemoteTermError): void {
		for (const waiter of this.#waiters) waiter.settle(error)
		this.#confirmed.clear()
	}

	/** Somebody has confirmed more. Those who wait for a number of peers are asked oldest first, until one must wait on. */
	#settle(peer: string): void {
		const unmet = new Set<number>()
		const number = this.confirmed(peer)
		for (const waiter of this.#waiters) {
			if (waiter.number > number) break
			if (typeof waiter.wanted === 'number' && unmet.has(waiter.wanted)) continue
			if (this.#met(waiter)) waiter.settle()
			else if (typeof waiter.wanted === 'number') unmet.add(waiter.wanted)
		}
	}

	#met({ number, wanted }: Waiter): boolean {
		return typeof wanted === 'number'
			? this.#count(number) >= wanted
			: [...wanted].every(peer => this.confirmed(peer) >= number)
	}

	#count(number: number): number {
		let count = 0
		for (const confirmed of this.#confirmed.values()) if (confirmed >= number) count++
		return count
	}

	#tooLate({ number, wanted }: Waiter, timeout: number): RemoteTermError {
		const [has, of] =
			typeof wanted === 'number'
				? [this.#count(number), wanted]
				: [[...wanted].filter(peer => this.confirmed(peer) >= number).length, wanted.size]
		return new RemoteTermError(
			'TIMEOUT',
			`Update ${number} is applied here and was sent, but only ${has} of ${of} peers confirmed it within ${timeout} ms`,
		)
	}
}
