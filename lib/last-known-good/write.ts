import { createHash } from 'node:crypto'
import { dirname } from 'node:path'
import { reasonOf } from '../core/clock.ts'
import { codeOf, type OpenFile, type SnapshotFileSystem } from './file-system.ts'

/** Digested and written in one go. Small enough for the event loop (well below 1 ms), large enough for the disk. */
const PIECE = 512 * 1024

/**
 * Writes the pieces and, behind them, their SHA-256; resolves once all of it is on the disk, to the moment at which
 * the file system says that this was. Nothing remains of what fails.
 */
export const writeDurably = async (
	fileSystem: SnapshotFileSystem,
	path: string,
	pieces: readonly Uint8Array[],
	signal: AbortSignal,
): Promise<number> => {
	const file = await fileSystem.create(path)
	try {
		let writtenAt: number
		try {
			const hash = createHash('sha256')
			for (const piece of pieces) {
				for (let at = 0; at < piece.length; at += PIECE) {
					if (signal.aborted) throw reasonOf(signal)
					const part = piece.subarray(at, at + PIECE)
					hash.update(part)
					await writeAll(file, part)
				}
			}
			await writeAll(file, hash.digest())
			await file.sync()
			writtenAt = (await file.stat()).mtimeMs
		} finally {
			await file.close()
		}
		if (signal.aborted) throw reasonOf(signal)
		return writtenAt
	} catch (error) {
		// If this fails too, the leftover is found by its age later.
		await fileSystem.remove(path).catch(() => {})
		throw error
	}
}

const writeAll = async (file: OpenFile, bytes: Uint8Array): Promise<void> => {
	let written = 0
	while (written < bytes.length) {
		const { bytesWritten } = await file.write(bytes, written, bytes.length - written)
		if (bytesWritten <= 0) throw new Error(`the file takes no more after ${written} of ${bytes.length} bytes`)
		written += bytesWritten
	}
}

/** What file systems answer that cannot make a folder durable, or always do (Windows, some network file systems). */
const NEEDS_NO_SYNC: readonly (string | undefined)[] = ['EPERM', 'EISDIR', 'EINVAL', 'ENOTSUP', 'EBADF']

/** Makes what was created, renamed or removed in the folder survive a power cut. */
export const syncFolder = async (fileSystem: SnapshotFileSystem, path: string): Promise<void> => {
	try {
		const folder = await fileSystem.openFolder(path)
		try {
			await folder.sync()
		} finally {
			await folder.close()
		}
	} catch (error) {
		if (!NEEDS_NO_SYNC.includes(codeOf(error))) throw error
	}
}

/** The folder and those above it that are missing, so that they survive a power cut. */
export const makeFolderDurably = async (fileSystem: SnapshotFileSystem, path: string): Promise<void> => {
	const topmost = await fileSystem.makeFolder(path)
	if (topmost === undefined) return
	const above = dirname(topmost)
	for (let folder = dirname(path); ; folder = dirname(folder)) {
		await syncFolder(fileSystem, folder)
		if (folder === above || folder === dirname(folder)) return
	}
}
