import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { FileFetcher } from '../../fetchers/file.ts'
import { systemClock } from '../../lib/core/clock.ts'
import type { FetchContext } from '../../lib/core/fetcher.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { FakeClock } from '../../lib/testing/index.ts'
import { context } from '../support/context.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { waitFor } from '../support/wait.ts'

const directory = async (t: ExecutionContext): Promise<string> => {
	const { path, remove } = await temporaryDirectory()
	t.teardown(remove)
	return path
}

/** Counts calls of onChange, and waits for the next one. */
const watch = (t: ExecutionContext, path: string, overrides: Partial<FetchContext> = {}) => {
	let calls = 0
	const disposable = new FileFetcher({ path }).watch(() => (calls += 1), context(overrides))
	t.teardown(() => disposable[Symbol.dispose]())
	return {
		disposable,
		get calls() {
			return calls
		},
		/** Resolves when `change` has been noticed. Fails by the test's own limit. */
		async notices(change: () => Promise<unknown>): Promise<void> {
			const before = calls
			await change()
			await waitFor(() => calls > before)
		},
	}
}

test('a file that does not exist yet, nor its directories, is noticed at each step', async t => {
	const path = await directory(t)
	const watching = watch(t, join(path, 'a', 'b', 'term'))
	await watching.notices(() => mkdir(join(path, 'a')))
	await watching.notices(() => mkdir(join(path, 'a', 'b')))
	await watching.notices(() => writeFile(join(path, 'a', 'b', 'term'), 'x'))
	await watching.notices(() => writeFile(join(path, 'a', 'b', 'term'), 'y'))
	await watching.notices(() => rm(join(path, 'a'), { recursive: true }))
	await watching.notices(() => mkdir(join(path, 'a')))
	t.true(watching.calls >= 6)
})

test('a directory replaced by another is followed', async t => {
	const path = await directory(t)
	await mkdir(join(path, 'live'))
	await mkdir(join(path, 'next'))
	const watching = watch(t, join(path, 'live', 'term'))
	await watching.notices(async () => {
		await rename(join(path, 'live'), join(path, 'old'))
		await rename(join(path, 'next'), join(path, 'live'))
	})
	await watching.notices(() => writeFile(join(path, 'live', 'term'), 'x'))
	const { calls } = watching
	await writeFile(join(path, 'old', 'term'), 'x')
	await watching.notices(() => writeFile(join(path, 'live', 'term'), 'y'))
	t.true(watching.calls > calls)
})

test('every link on the way is followed: relative, absolute, upwards, and swapped', async t => {
	const path = await directory(t)
	for (const name of ['store/one', 'store/two', 'etc']) await mkdir(join(path, name), { recursive: true })
	await writeFile(join(path, 'store/one/term'), '1')
	await writeFile(join(path, 'store/two/term'), '2')
	await symlink(join(path, 'store'), join(path, 'mnt'))
	await symlink('one', join(path, 'store/current'))
	await symlink('../mnt/current/term', join(path, 'etc/term'))
	const watching = watch(t, join(path, 'etc', 'term'))
	const swap = (target: string, link: string) => async () => {
		await symlink(target, `${join(path, link)}.new`)
		await rename(`${join(path, link)}.new`, join(path, link))
	}
	await watching.notices(() => writeFile(join(path, 'store/one/term'), '1b'))
	await watching.notices(swap('two', 'store/current'))
	await watching.notices(() => writeFile(join(path, 'store/two/term'), '2b'))
	await watching.notices(swap('../store/one/term', 'etc/term'))
	await watching.notices(() => writeFile(join(path, 'store/one/term'), '1c'))
	await watching.notices(swap('../mnt/current/term', 'etc/term'))
	await watching.notices(async () => {
		await mkdir(join(path, 'other/current'), { recursive: true })
		await swap(join(path, 'other'), 'mnt')()
	})
	await watching.notices(() => writeFile(join(path, 'other/current/term'), '3'))
	t.true(watching.calls >= 8)
})

test('a ConfigMap: the generation is swapped, and the old one removed', async t => {
	const path = await directory(t)
	const publish = (generation: string, content: string) => async () => {
		await mkdir(join(path, generation))
		await writeFile(join(path, generation, 'term.json'), content)
		await symlink(generation, join(path, '..data_tmp'))
		await rename(join(path, '..data_tmp'), join(path, '..data'))
	}
	await publish('..2026_1', 'one')()
	await symlink('..data/term.json', join(path, 'term.json'))
	const fetcher = new FileFetcher({ path: join(path, 'term.json') })
	const watching = watch(t, join(path, 'term.json'))
	for (const generation of [2, 3, 4]) {
		await watching.notices(publish(`..2026_${generation}`, `generation ${generation}`))
		t.like(await fetcher.download(context()), { body: new TextEncoder().encode(`generation ${generation}`) })
		await rm(join(path, `..2026_${generation - 1}`), { recursive: true })
	}
})

test('links in a circle are given up, not followed for ever', async t => {
	const path = await directory(t)
	await symlink('two', join(path, 'one'))
	await symlink('one', join(path, 'two'))
	const watching = watch(t, join(path, 'one'))
	await watching.notices(async () => {
		await rm(join(path, 'two'))
		await writeFile(join(path, 'two'), 'x')
	})
	t.true(watching.calls > 0)
})

test('what happens to other files of the directory is not reported', async t => {
	const path = await directory(t)
	await writeFile(join(path, 'term'), 'x')
	await writeFile(join(path, 'other'), 'x')
	const clock = new FakeClock()
	const watching = watch(t, join(path, 'term'), { clock })
	const witness = watch(t, join(path, 'other'))
	await witness.notices(() => writeFile(join(path, 'other'), 'y'))
	t.is(clock.pendingTimers, 0)
	await writeFile(join(path, 'term'), 'y')
	await waitFor(() => clock.pendingTimers === 1)
	t.is(watching.calls, 0)
})

test('changes within 50 ms make one call, and constant ones do not put it off', async t => {
	const path = await directory(t)
	const clock = new FakeClock()
	const watching = watch(t, join(path, 'term'), { clock })
	const witness = watch(t, join(path, 'term'))
	await witness.notices(() => writeFile(join(path, 'term'), '1'))
	await waitFor(() => clock.pendingTimers === 1)
	await clock.advance(30)
	await witness.notices(() => writeFile(join(path, 'term'), '2'))
	t.is(clock.nextTimerIn, 20)
	t.is(watching.calls, 0)
	await clock.advance(20)
	t.is(watching.calls, 1)
	t.is(clock.pendingTimers, 0)
})

test('ended while a change waits for its 50 ms, it leaves no timer', async t => {
	const path = await directory(t)
	const clock = new FakeClock()
	const aborting = new AbortController()
	const disposed = watch(t, join(path, 'term'), { clock })
	const aborted = watch(t, join(path, 'term'), { clock, signal: aborting.signal })
	await writeFile(join(path, 'term'), '1')
	await waitFor(() => clock.pendingTimers === 2)
	disposed.disposable[Symbol.dispose]()
	aborting.abort()
	t.is(clock.pendingTimers, 0)
	await clock.advance(1_000)
	t.is(disposed.calls + aborted.calls, 0)
})

test('a watch does not keep the process alive', t => {
	const script = `
		import { FileFetcher } from ${JSON.stringify(new URL('../../fetchers/file.js', import.meta.url).href)}
		import { systemClock } from ${JSON.stringify(new URL('../../lib/core/clock.js', import.meta.url).href)}
		const context = { signal: new AbortController().signal, clock: systemClock, logger: console }
		new FileFetcher({ path: '/tmp/remote-term-none' }).watch(() => {}, context)
		console.log('watching')
	`
	const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
		encoding: 'utf8',
		timeout: 60_000,
	})
	t.is(stdout, 'watching\n')
	t.is(status, 0)
})

test.serial('where the system has no watches left, that is logged once, and nothing breaks', async t => {
	const path = await directory(t)
	const { watch: real } = fs
	const warnings: string[] = []
	fs.watch = () => {
		throw Object.assign(new Error('ENOSPC: System limit for number of file watchers reached'), {
			code: 'ENOSPC',
		})
	}
	syncBuiltinESMExports()
	t.teardown(() => {
		fs.watch = real
		syncBuiltinESMExports()
	})
	const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) }
	const fetcher = new FileFetcher({ path: join(path, 'term') })
	const watching = fetcher.watch(() => {}, context({ logger, clock: systemClock }))
	t.is(warnings.length, 1)
	t.regex(warnings[0]!, /^Cannot watch \S+: ENOSPC: .*found by polling only$/)
	await writeFile(join(path, 'term'), 'x')
	t.like(await fetcher.download(context()), { size: 1 })
	watching[Symbol.dispose]()
})
