import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, unlink } from 'node:fs/promises'

/** As much of a file system as snapshots need, so that each step can be made to fail. Errors are Node's, by `code`. */
export interface SnapshotFileSystem {
	/** With its parents. Resolves to the topmost folder that had to be made. */
	makeFolder(path: string): Promise<string | undefined>
	list(path: string): Promise<string[]>
	/** For writing, and only if there is no such file yet; readable for nobody else. */
	create(path: string): Promise<OpenFile>
	/** For reading. Neither follows a link nor waits for the other end of a pipe. */
	open(path: string): Promise<OpenFile>
	openFolder(path: string): Promise<Pick<OpenFile, 'sync' | 'close'>>
	rename(from: string, to: string): Promise<void>
	remove(path: string): Promise<void>
	/** Milliseconds since the Unix epoch, as the file system counts them. */
	modifiedAt(path: string): Promise<number>
}

export interface OpenFile {
	stat(): Promise<{ readonly size: number; readonly mtimeMs: number; isFile(): boolean }>
	read(
		buffer: Uint8Array,
		offset: number,
		length: number,
		position: number,
	): Promise<{ readonly bytesRead: number }>
	/** At the end of what has been written. May write less than it was given. */
	write(buffer: Uint8Array, offset: number, length: number): Promise<{ readonly bytesWritten: number }>
	sync(): Promise<void>
	close(): Promise<void>
}

// Windows has neither of the latter two, and none of what they guard against.
const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL } = constants
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants>

export const nodeFileSystem: SnapshotFileSystem = Object.freeze({
	makeFolder: (path: string) => mkdir(path, { recursive: true, mode: 0o700 }),
	list: (path: string) => readdir(path),
	create: (path: string) => open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600),
	open: (path: string) => open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
	openFolder: (path: string) => open(path, O_RDONLY),
	rename,
	remove: unlink,
	modifiedAt: async (path: string) => (await lstat(path)).mtimeMs,
})

export const codeOf = (error: unknown): string | undefined =>
	error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined

/** For what another process may have removed before us. */
export const unlessGone = async <Result>(work: Promise<Result>): Promise<Result | undefined> => {
	try {
		return await work
	} catch (error) {
		if (codeOf(error) === 'ENOENT') return undefined
		throw error
	}
}
