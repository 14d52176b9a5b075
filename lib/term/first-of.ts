import { reasonOf } from '../core/clock.ts'

/** Resolves when `listen`'s event comes; rejects with the reason of the first signal that is aborted. Listens no longer than that. */
export const firstOf = async (
	listen: (resolve: () => void) => () => void,
	signals: readonly AbortSignal[],
): Promise<void> => {
	const off: Array<() => void> = []
	try {
		await new Promise<void>((resolve, reject) => {
			off.push(listen(() => resolve()))
			for (const signal of signals) {
				const onAbort = (): void => reject(reasonOf(signal))
				if (signal.aborted) onAbort()
				signal.addEventListener('abort', onAbort)
				off.push(() => signal.removeEventListener('abort', onAbort))
			}
		})
	} finally {
		for (const remove of off) remove()
	}
}
