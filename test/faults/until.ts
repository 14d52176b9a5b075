import { PATIENCE } from '../support/wait.ts'

/** Waits, turn by turn, for what other parts of the machine have to do first; gives up where that never happens. */
export const until = async (holds: () => boolean, within = PATIENCE): Promise<void> => {
	const deadline = performance.now() + within
	while (!holds() && performance.now() < deadline) await nextTurn()
}

export const nextTurn = (): Promise<void> => new Promise(resolve => void setImmediate(resolve))
