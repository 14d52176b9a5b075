import type { Position } from './wire.ts'

export interface Mine {
	readonly epoch: string
	readonly newest: number
	/** The number of the oldest update that is still in the log; one more than `newest` where the log is empty. */
	readonly oldestLogged: number
}

/** What a peer that asks is to be sent. */
export type Answer =
	| { readonly kind: 'nothing' }
	/** The updates from number `from` on, out of the log. */
	| { readonly kind: 'updates'; readonly from: number }
	| { readonly kind: 'data' }

/**
 * As little as possible: nothing to one that has it all, the missing updates to one that has not been away for long,
 * everything otherwise. A position that we have never been at belongs to somebody else: everything.
 */
export const answerTo = (has: Position | undefined, mine: Mine): Answer => {
	if (has === undefined || has.epoch !== mine.epoch || has.number > mine.newest) return { kind: 'data' }
	if (has.number === mine.newest) return { kind: 'nothing' }
	return has.number + 1 >= mine.oldestLogged ? { kind: 'updates', from: has.number + 1 } : { kind: 'data' }
}
