import { BUCKETS } from './map-digest.ts'

/** At the latest every so many times it is asked again: an answer may have been lost. */
const LONGEST_PAUSE = 8

/**
 * Which questions are worth asking. Where limits differ, or one refuses what the other has, two copies never agree: the
 * same question, about the same difference, is asked ever more rarely, and again at once when either side has changed.
 */
export class Questions {
	readonly #asked = new Map<string, { readonly difference: string; times: number }>()

	/** @returns the buckets to ask a peer for now. */
	about(peer: string, mine: readonly number[], theirs: readonly number[]): readonly number[] {
		const buckets: number[] = []
		for (let bucket = 0; bucket < BUCKETS; bucket++) if (mine[bucket] !== theirs[bucket]) buckets.push(bucket)
		if (buckets.length === 0) {
			this.#asked.delete(peer)
			return buckets
		}
		const difference = buckets.map(bucket => `${mine[bucket]!} ${theirs[bucket]!}`).join()
		let asked = this.#asked.get(peer)
		if (asked?.difference !== difference) {
			asked = { difference, times: 0 }
			this.#asked.set(peer, asked)
		}
		asked.times++
		const { times } = asked
		// 1, 2, 4, 8, and then every eighth.
		return times % LONGEST_PAUSE === 0 || (times < LONGEST_PAUSE && (times & (times - 1)) === 0)
			? buckets
			: []
	}

	forget(peer: string): void {
		this.#asked.delete(peer)
	}
}
