import { reasonOf, sleep } from '../core/clock.ts'
import type { HubSettings } from './options.ts'

const SECOND = 1_000

/** How often it is looked whether everybody has been heard of, in milliseconds. */
const LOOK = 20

/** How well this node knows the others: from the moment at which somebody comes up, it is not known yet what that one runs. */
export class Acquaintance {
	readonly #settings: Pick<HubSettings, 'clock' | 'joinDebounce'>
	readonly #company: { readonly members: { readonly size: number } }
	readonly #registry: { readonly others: number }
	/** By the monotonic clock; our own start included. */
	#lastUpAt = -Infinity

	/**
	 * @param company Who else is up.
	 * @param registry Of how many of them something is known.
	 */
	constructor(
		settings: Pick<HubSettings, 'clock' | 'joinDebounce'>,
		company: { readonly members: { readonly size: number } },
		registry: { readonly others: number },
	) {
		this.#settings = settings
		this.#company = company
		this.#registry = registry
	}

	/** Somebody has come up, be it this node. */
	up(): void {
		this.#lastUpAt = this.#settings.clock.monotonic()
	}

	/** For how long more somebody may be up of whom it is not known yet what it runs; not positive: nobody is. */
	strangersFor(beganAt: number): number {
		const { clock, joinDebounce } = this.#settings
		const { size } = this.#company.members
		if (size > 0 && this.#registry.others >= size) return 0
		return Math.min(beganAt, this.#lastUpAt) + 4 * joinDebounce + SECOND - clock.monotonic()
	}

	/** Resolves when there are no strangers, with whether anybody else is there. Rejects with the reason of a signal. */
	async made(life: AbortSignal, signal?: AbortSignal): Promise<boolean> {
		const { clock } = this.#settings
		const beganAt = clock.monotonic()
		for (;;) {
			if (signal?.aborted) throw reasonOf(signal)
			const left = this.strangersFor(beganAt)
			if (left <= 0) return this.#company.members.size > 0
			await sleep(clock, Math.min(left, LOOK), { signal: life })
		}
	}
}
