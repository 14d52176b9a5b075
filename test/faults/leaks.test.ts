import { readdir } from 'node:fs/promises'
import test from 'ava'
import { atMost } from './at-most.ts'
import { cells, isPossible, runCell, type Cell } from './matrix.ts'
import { openScope } from './world.ts'

const openFiles = async (): Promise<number> => (await readdir('/proc/self/fd').catch(() => [])).length

/** Timers, sockets, file handles: what would keep this process alive. */
const resources = (): Record<string, number> => {
	const counts: Record<string, number> = {}
	for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1
	return counts
}

const settled = async (isSettled: () => Promise<boolean>): Promise<void> => {
	for (let turn = 0; turn < 500 && !(await isSettled()); turn++)
		await new Promise(resolve => void setImmediate(resolve))
}

/** Each mostly waits for the turn of the event loop. */
const AT_ONCE = 12

for (const kind of ['http', 's3', 'file', 'failover'] as const) {
	// One after the other, since they are counted together.
	test.serial(
		`no file descriptor, socket or timer is left when ${kind} has been through every fault`,
		async t => {
			const ours = cells.filter(cell => cell.kind === kind && cell.state === 'warm' && isPossible(cell))
			const run = async (): Promise<void> => {
				const inTurn = atMost(AT_ONCE)
				const one = async (cell: Cell): Promise<void> => {
					const scope = openScope()
					const { breaches } = await runCell(cell, scope).finally(() => scope.end())
					t.deepEqual(breaches, [])
				}
				await Promise.all(ours.map(cell => inTurn(() => one(cell))))
			}
			// What is loaded and kept once is no leak; what grows is.
			await run()
			const [files, before] = [await openFiles(), resources()]
			await run()
			await settled(async () => (await openFiles()) <= files)
			t.true((await openFiles()) <= files, `${await openFiles()} open files, ${files} before`)
			for (const [name, count] of Object.entries(resources()))
				t.true(count <= (before[name] ?? 0), `${count} × ${name}, ${before[name] ?? 0} before`)
		},
	)
}
