import type { Clock } from '../../core/clock.ts'

/**
 * In which order a service's nodes are asked: theirs, save that those which have failed lately come after the others.
 *
 * A round is one pull and those that follow it at once because a node was turned away. Within it a node that has
 * failed stays failed, however short `recoverAfter` is: so a round has no more pulls than there are nodes.
 */
export class NodeOrder {
	readonly #count: number
	readonly #clock: Clock
	readonly #recoverAfter: number
	readonly #failedUntil = new Map<number, number>()
	readonly #failedInRound = new Set<number>()

	/** @param recoverAfter milliseconds */
	constructor(count: number, clock: Clock, recoverAfter: number) {
		this.#count = count
		this.#clock = clock
		this.#recoverAfter = recoverAfter
	}

	/** All of them. */
	get places(): number[] {
		const [well, failed] = this.#split()
		return [...well, ...failed]
	}

	/** Whether there is one that has not failed lately. */
	get hasWell(): boolean {
		return this.#split()[0].length > 0
	}

	succeeded(place: number): void {
		this.#failedUntil.delete(place)
	}

	/** `inRound`: not to be asked again before the next round. */
	failed(place: number, { inRound }: { readonly inRound: boolean }): void {
		this.#failedUntil.set(place, this.#clock.monotonic() + this.#recoverAfter)
		if (inRound) this.#failedInRound.add(place)
	}

	beginRound(): void {
		this.#failedInRound.clear()
	}

	#split(): [well: number[], failed: number[]] {
		const now = this.#clock.monotonic()
		const well: number[] = []
		const failed: number[] = []
		for (let place = 0; place < this.#count; place++) {
			const isFailed = this.#failedInRound.has(place) || (this.#failedUntil.get(place) ?? -Infinity) > now
			;(isFailed ? failed : well).push(place)
		}
		return [well, failed]
	}
}
