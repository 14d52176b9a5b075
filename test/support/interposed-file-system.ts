import {
	nodeFileSystem,
	type OpenFile,
	type SnapshotFileSystem,
} from '../../lib/last-known-good/file-system.ts'

export type Step = keyof SnapshotFileSystem | keyof OpenFile

/** What stands between the store and the disk: may throw, wait, do it, do half of it, or end the process. */
export type Interpose = <Result>(
	step: Step,
	perform: () => Promise<Result>,
	/** For `write`: as much of it as is asked for. */
	partly?: (length: number) => Promise<Result>,
) => Promise<Result>

/** A file system each of whose steps passes through `around`. `longestWrite` is how much of a write is done at most. */
export const interposed = (
	around: Interpose,
	{ longestWrite = Infinity, on = nodeFileSystem }: { longestWrite?: number; on?: SnapshotFileSystem } = {},
): SnapshotFileSystem => {
	const wrap = (file: OpenFile): OpenFile => ({
		stat: () => around('stat', () => file.stat()),
		read: (...args) => around('read', () => file.read(...args)),
		write: (buffer, offset, length) => {
			const partly = (most: number): ReturnType<OpenFile['write']> =>
				file.write(buffer, offset, Math.min(length, most))
			return around('write', () => partly(longestWrite), partly)
		},
		sync: () => around('sync', () => file.sync()),
		close: () => around('close', () => file.close()),
	})
	return {
		makeFolder: path => around('makeFolder', () => on.makeFolder(path)),
		list: path => around('list', () => on.list(path)),
		create: async path => wrap(await around('create', () => on.create(path))),
		open: async path => wrap(await around('open', () => on.open(path))),
		openFolder: async path => {
			const folder = await around('openFolder', () => on.openFolder(path))
			return {
				sync: () => around('sync', () => folder.sync()),
				close: () => around('close', () => folder.close()),
			}
		},
		rename: (from, to) => around('rename', () => on.rename(from, to)),
		remove: path => around('remove', () => on.remove(path)),
		modifiedAt: path => around('modifiedAt', () => on.modifiedAt(path)),
	}
}

/** An error as Node makes it. */
export const systemError = (code: string): Error =>
	Object.assign(new Error(`${code}: made for a test`), { code })
