import type { ExecutionContext } from 'ava'
import { mkdtemp, readdir, readlink, rm } from 'node:fs/promises'
import { realpathSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A directory of one's own, by its real path. */
export const temporaryDirectory = async (): Promise<{ path: string; remove: () => Promise<void> }> => {
	const path = realpathSync(await mkdtemp(join(tmpdir(), 'remote-term-')))
	return { path, remove: async () => rm(path, { recursive: true, force: true }) }
}

/** How many files within a directory this process holds open; 0 where there is no `/proc` to tell. */
export const openFilesIn = async (directory: string): Promise<number> => {
	const fds = await readdir('/proc/self/fd').catch(() => [])
	const paths = await Promise.all(fds.map(fd => readlink(`/proc/self/fd/${fd}`).catch(() => '')))
	return paths.filter(path => path.startsWith(`${directory}/`)).length
}

/** The same, gone with the test. */
export const temporaryFolder = async (t: ExecutionContext): Promise<string> => {
	const { path, remove } = await temporaryDirectory()
	t.teardown(remove)
	return path
}
