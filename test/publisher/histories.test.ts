import test from 'ava'
import { History, type HistoryOptions } from './history.ts'

/** More with `REMOTE_TERM_SEEDS=5000`; one of them again with `REMOTE_TERM_SEED=4711`. */
const SEEDS = Number(process.env['REMOTE_TERM_SEEDS'] ?? 200)
const ONLY = process.env['REMOTE_TERM_SEED']

const runAll = async (first: number, options: HistoryOptions): Promise<string | undefined> => {
	const seeds =
		ONLY === undefined ? Array.from({ length: SEEDS }, (_, index) => first + index) : [Number(ONLY)]
	for (const seed of seeds) {
		const history = new History(seed, options)
		try {
			await history.run()
		} catch (error) {
			return `REMOTE_TERM_SEED=${seed}: ${String(error)}\n${history.log.join('\n')}`
		}
	}
	return undefined
}

test('whatever happens, views agree with subscribers at every step and with everybody in the end', async t => {
	t.timeout(3_600_000)
	t.is(await runAll(1, {}), undefined)
})

test('the same where callbacks throw now and then', async t => {
	t.timeout(3_600_000)
	t.is(await runAll(1_000_000, { faults: true }), undefined)
})
