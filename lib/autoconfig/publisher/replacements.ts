import type { Clock } from '../../core/clock.ts'
import type { Ordering } from '../../core/ordering.ts'
import { Slices } from '../slices.ts'
import { Replacement, type Entry } from './replacement.ts'

export interface ReplacementsOptions<Item> {
	readonly ordering: Ordering<Item>
	readonly maxItems: number
	readonly clock: Clock
	/** Takes over what differs, a step for each item. */
	readonly takeOver: (replacement: Replacement<Item>) => Iterable<void>
	/** Whether others may have their turn between two of these steps, since nobody would see a half. */
	readonly mayPause: () => boolean
	/** Throws where nothing may be changed any more. */
	readonly check: () => void
}

/** Whole configurations that take each other's place, at once or in turns with whatever else there is to do. */
export class Replacements<Item> {
	readonly #options: ReplacementsOptions<Item>
	/** Those in turns that have been asked for, and are not done. */
	readonly #underWay = new Set<Replacement<Item>>()
	#last: Promise<void> = Promise.resolve()

	constructor(options: ReplacementsOptions<Item>) {
		this.#options = options
	}

	/** Something has been changed by itself. */
	touch(id: string): void {
		for (const one of this.#underWay) one.touch(id)
	}

	/** Something has been dropped by itself. */
	forget(id: string): void {
		for (const one of this.#underWay) one.forget(id)
	}

	atOnce(all: Iterable<Entry<Item>>): void {
		const replacement = this.#begin()
		for (const _ of replacement.prepare(all)) continue
		for (const older of this.#underWay) older.isAbandoned = true
		for (const _ of this.#options.takeOver(replacement)) continue
	}

	inTurns(all: Iterable<Entry<Item>>): Promise<void> {
		const replacement = this.#begin()
		this.#underWay.add(replacement)
		const work = this.#last.then(() => this.#work(replacement, all))
		this.#last = work.catch(() => {}).then(() => void this.#underWay.delete(replacement))
		return work
	}

	#begin(): Replacement<Item> {
		this.#options.check()
		return new Replacement(this.#options.ordering, this.#options.maxItems)
	}

	async #work(replacement: Replacement<Item>, all: Iterable<Entry<Item>>): Promise<void> {
		const { clock, check, takeOver, mayPause } = this.#options
		const slices = new Slices(clock)
		/** Resolves to whether there is no more to be done. */
		const pause = async (turn: Promise<void>): Promise<boolean> => {
			await turn
			check()
			return replacement.isAbandoned
		}
		for (const _ of replacement.prepare(all)) {
			const turn = slices.next()
			if (turn !== undefined && (await pause(turn))) return
		}
		check()
		if (replacement.isAbandoned) return
		for (const _ of takeOver(replacement)) {
			const turn = mayPause() ? slices.next() : undefined
			if (turn !== undefined && (await pause(turn))) return
		}
	}
}
