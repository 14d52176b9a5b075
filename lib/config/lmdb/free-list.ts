import { Torn } from './meta.ts'

/** Pages from `first` on, `count` of them. */
export interface Run {
	readonly first: bigint
	readonly count: number
}

const WORD = 8

/**
 * The free pages that one row of LMDB's list names. A row is a count of 64-bit words, then these: a page's number;
 * minus a number of pages, before the number of the first of them; or zero, which is room that was left.
 *
 * @throws Torn
 */
export const freePages = function* (row: Buffer): Generator<Run> {
	const words = Math.floor(row.length / WORD) - 1
	const count = words < 0 ? -1n : row.readBigInt64LE(0)
	if (row.length % WORD !== 0 || count < 0n || count > BigInt(words)) {
		throw new Torn(`a row of ${row.length} bytes in the list of its free pages would have ${count} words`)
	}
	for (let word = 1; word <= Number(count); word++) {
		const entry = row.readBigInt64LE(word * WORD)
		if (entry === 0n) continue
		if (entry > 0n) yield { first: entry, count: 1 }
		else {
			word++
			const first = word <= Number(count) ? row.readBigInt64LE(word * WORD) : 0n
			if (first <= 0n || entry < -(2n ** 32n)) throw new Torn('the list of its free pages is overwritten')
			yield { first, count: Number(-entry) }
		}
	}
}
