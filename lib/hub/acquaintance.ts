import { z } from 'zod'
import { reasonOf, sleep } from '../core/clock.ts'
import type { Peer } from '../core/transport.ts'
import { directiveKey } from './directive.ts'
import { directives, MAX_DIRECTIVES } from './messages.ts'
import type { HubSettings } from './options.ts'
import type { Registry } from './registry.ts'
import { rowKeyName } from './rows.ts'

/**
 * What a newcomer asks of some others, whatever their strategies, and what they say:
 *
 *     a → b  ask     What has the fleet been told? After this one, in the order of their keys.
 *     b → a  told    This; is there more; and whether I have been here for long enough to know.
 *
 * Whoever does not know these messages does not answer them, and is not needed.
 */
const question = z.discriminatedUnion('kind', [
	z.object({ kind: z.literal('ask'), after: rowKeyName }),
	z.object({
		kind: z.literal('told'),
		directives,
		/** There is more than a message holds. */
		more: z.literal(true).optional(),
		isSure: z.boolean(),
	}),
])

interface Company {
	readonly members: ReadonlyMap<string, Peer>
	sample(count: number): readonly Peer[]
	ask(to: Peer, data: unknown): void
}

const SECOND = 1_000

/** How many are asked at a time, and after how long others are, in milliseconds. */
const ASKED = 3
const AGAIN = 200

/** How often it is looked whether the answer is there, in milliseconds. */
const LOOK = 20

/** Who has been up for so long knows what the fleet was told, in milliseconds: greetings and several rounds have been. */
const KNOWS = 10 * SECOND

/** How well this node knows the fleet: from its own start on, and from the moment at which somebody else comes up. */
export class Acquaintance {
	readonly #settings: Pick<HubSettings, 'clock' | 'joinDebounce'>
	readonly #company: Company
	readonly #registry: Registry
	/** By the monotonic clock. */
	#startedAt = Infinity
	/** When somebody last came up, ourselves included. */
	#lastUpAt = -Infinity
	/** Somebody who knew has told us. */
	#isTold = false

	constructor(settings: Pick<HubSettings, 'clock' | 'joinDebounce'>, company: Company, registry: Registry) {
		this.#settings = settings
		this.#company = company
		this.#registry = registry
	}

	/** This node has come up. */
	begin(): void {
		this.#startedAt = this.#settings.clock.monotonic()
		this.up()
	}

	/** Somebody has come up. */
	up(): void {
		this.#lastUpAt = this.#settings.clock.monotonic()
	}

	/** For how long more somebody may be up of whom it is not known yet what it runs; not positive: nobody is. */
	strangersFor(beganAt: number): number {
		const { size } = this.#company.members
		if (size > 0 && this.#registry.others >= size) return 0
		return this.#leftOf(Math.min(beganAt, this.#lastUpAt))
	}

	/**
	 * Resolves when it is known what the fleet was told, or would be known by now, with whether anybody else is there.
	 * Rejects with the reason of a signal.
	 */
	async made(life: AbortSignal, signal?: AbortSignal): Promise<boolean> {
		const { clock } = this.#settings
		let askedAt = -Infinity
		for (;;) {
			if (signal?.aborted) throw reasonOf(signal)
			if (this.#isTold || this.#leftOf(this.#startedAt) <= 0) return this.#company.members.size > 0
			if (clock.monotonic() - askedAt >= AGAIN) {
				const asked = this.#company.sample(ASKED)
				for (const peer of asked) this.#company.ask(peer, { kind: 'ask', after: '' })
				if (asked.length > 0) askedAt = clock.monotonic()
			}
			await sleep(clock, Math.min(this.#leftOf(this.#startedAt), LOOK), { signal: life })
		}
	}

	heard(from: Peer, data: unknown): void {
		const { data: message } = question.safeParse(data)
		if (message?.kind === 'ask') this.#company.ask(from, this.#answer(message.after))
		if (message?.kind !== 'told') return
		this.#registry.apply({ deltas: [], directives: message.directives })
		if (message.isSure && !message.more) this.#isTold = true
		const last = message.directives.at(-1)
		if (message.more && last !== undefined)
			this.#company.ask(from, { kind: 'ask', after: directiveKey(last) })
	}

	#answer(after: string): z.infer<typeof question> {
		const all = [...this.#registry.directives.values()]
			.map(one => [directiveKey(one), one] as const)
			.filter(([one]) => one > after)
			.sort(([a], [b]) => (a < b ? -1 : 1))
		const portion = all.slice(0, MAX_DIRECTIVES)
		return {
			kind: 'told',
			directives: portion.map(([, one]) => one),
			...(portion.length < all.length && { more: true as const }),
			isSure: this.#isTold || this.#settings.clock.monotonic() - this.#startedAt >= KNOWS,
		}
	}

	/** How long it may still take until somebody has been heard of who was there at this moment. */
	#leftOf(moment: number): number {
		const { clock, joinDebounce } = this.#settings
		return moment + 4 * joinDebounce + SECOND - clock.monotonic()
	}
}
