import assert from 'node:assert/strict'
import { sleep, systemClock } from '../core/clock.ts'

/** Settles as `work` does, but fails where that takes longer than `limit` milliseconds. */
export const within = async <Result>(
	limit: number,
	work: PromiseLike<Result>,
	subject: string,
): Promise<Result> => {
	const pause = new AbortController()
	const late = sleep(systemClock, limit, { signal: pause.signal }).then(() =>
		assert.fail(`Expected ${subject} to settle within ${limit} ms`),
	)
	late.catch(() => {})
	try {
		return await Promise.race([work, late])
	} finally {
		pause.abort()
	}
}
