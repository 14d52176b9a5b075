import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { folder, isWhole, open, snapshotOf } from '../support/snapshots.ts'

const CHILD = fileURLToPath(new URL('kill-child.js', import.meta.url))
const AT_ONCE = 2

const run = async (...args: string[]): Promise<'killed' | number> => {
	const child = spawn(process.execPath, [CHILD, ...args], { stdio: ['ignore', 'ignore', 'inherit'] })
	const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
	return signal === 'SIGKILL' ? 'killed' : (code ?? -1)
}

const posix = process.platform === 'win32' ? test.skip : test

posix(
	'a process killed at any step of a save leaves the snapshot before it or the new one, whole',
	async t => {
		t.timeout(120_000)
		let [points, before, after] = [0, 0, 0]
		let [next, end] = [0, Infinity]

		const inspect = async (step: number, when: string): Promise<void> => {
			const where = `killed ${when} step ${step}`
			const directory = await folder(t)
			const store = open(directory, { keep: 2 })
			for (const version of ['v1', 'v2', 'v3']) await store.save(snapshotOf(version, 900))
			const outcome = await run(directory, 'v4', String(step), when)
			if (outcome === 0) {
				end = Math.min(end, step)
				t.is((await store.load()).snapshot?.version, 'v4')
				return
			}
			t.is(outcome, 'killed', where)
			points++

			const { snapshot, skipped } = await store.load()
			t.true(snapshot !== undefined && isWhole(snapshot), where)
			t.deepEqual(skipped, [], where)
			if (snapshot?.version === 'v3') before++
			else if (snapshot?.version === 'v4') after++
			else t.fail(`${where}: found ${snapshot?.version}`)

			await store.save(snapshotOf('v5', 900))
			t.is((await store.load()).snapshot?.version, 'v5', where)

			const leftovers = (await readdir(directory)).filter(file => file.endsWith('.tmp'))
			t.true(leftovers.length <= 1, where)
			const anHourAgo = new Date(Date.now() - 3_600_000)
			for (const file of leftovers) await utimes(join(directory, file), anHourAgo, anHourAgo)
			await store.save(snapshotOf('v6', 900))
			const left = await readdir(directory)
			t.deepEqual([left.length, left.every(file => file.endsWith('.lkg'))], [2, true], where)
		}

		const work = async (): Promise<void> => {
			while (next < end) {
				const step = next++
				// After a step is before the next one.
				for (const when of ['before', 'within']) await inspect(step, when)
			}
		}
		await Promise.all(Array.from({ length: AT_ONCE }, work))

		t.log(`${points} kill points: ${before} left the snapshot before, ${after} the new one`)
		t.true(points > 60, `${points} kill points`)
		t.true(before > 40, `${before} before`)
		t.true(after > 4, `${after} after`)
	},
)

posix('a process killed in its very first save leaves nothing, or all of it', async t => {
	const steps = Array.from({ length: 10 }, (_, index) => index * 6)
	let [none, all] = [0, 0]
	for (const step of steps) {
		const directory = join(await folder(t), 'cache')
		await run(directory, 'v1', String(step), 'within')
		const { snapshot, skipped } = await open(directory).load()
		t.deepEqual(skipped, [])
		if (snapshot === undefined) none++
		else {
			t.true(isWhole(snapshot))
			all++
		}
		await open(directory).save(snapshotOf('v2'))
		t.is((await open(directory).load()).snapshot?.version, 'v2')
	}
	t.true(none > 0)
	t.true(all > 0)
})
