/** Runs no more than so many at once, in the order in which they came. */
export const atMost = (places: number): (<Result>(work: () => Promise<Result>) => Promise<Result>) => {
	const waiting: Array<() => void> = []
	let free = places
	return async work => {
		if (free > 0) free--
		else await new Promise<void>(resolve => waiting.push(resolve))
		try {
			return await work()
		} finally {
			const next = waiting.shift()
			if (next === undefined) free++
			else next()
		}
	}
}
