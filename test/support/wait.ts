import { setTimeout as delay } from 'node:timers/promises'

/** Far more than anything here takes on a busy machine, in milliseconds; only what never happens takes so long. */
export const PATIENCE = 60_000

/** Looks again and again until a fact holds. */
export const waitFor = async (
	holds: () => boolean | Promise<boolean>,
	orSay: () => string = () => 'It never came true',
	within = PATIENCE,
): Promise<void> => {
	const startedAt = performance.now()
	while (!(await holds())) {
		if (performance.now() - startedAt > within) throw new Error(orSay())
		await delay(2)
	}
}
