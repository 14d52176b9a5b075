/** Far more than anything here takes on a busy machine, in milliseconds; only what never happens takes so long. */
const LIMIT = 5_000

/** Waits, turn by turn, for what other parts of the machine have to do first; gives up where that never happens. */
export const until = async (holds: () => boolean): Promise<void> => {
	const deadline = performance.now() + LIMIT
	while (!holds() && performance.now() < deadline) await nextTurn()
}

export const nextTurn = (): Promise<void> => new Promise(resolve => void setImmediate(resolve))
