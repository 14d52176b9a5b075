import { join } from 'node:path'
import { isTemporary, newestFirst, type SnapshotFile } from './file-names.ts'
import { unlessGone, type SnapshotFileSystem } from './file-system.ts'
import { isFlaw } from './format.ts'
import { readHeader, type Expected } from './read.ts'
import type { SkipReason } from './store.ts'

/**
 * Removes what lies behind the newest `keep` snapshots that look whole, and only what is older than the one that was
 * just saved: that one is known to be intact, so the newest intact one is never removed, whatever the others hold.
 *
 * Not ours to remove is what another term, a later version of this library or somebody else wrote.
 */
export const prune = async (
	fileSystem: SnapshotFileSystem,
	found: readonly SnapshotFile[],
	saved: SnapshotFile,
	keep: number,
	expected: Expected,
): Promise<void> => {
	let kept = 0
	for (const one of found) {
		const header = await readHeader(fileSystem, one, expected)
		const isWhole = !isFlaw(header) || header.reason === 'too-large'
		if (!isWhole && !USELESS.includes(header.reason)) continue
		if (kept >= keep && newestFirst(saved, one) < 0)
			await unlessGone(fileSystem.remove(join(expected.directory, one.file)))
		else if (isWhole) kept++
	}
}

/** What is wrong with files of ours that nobody will ever read again. */
const USELESS: readonly SkipReason[] = ['truncated', 'damaged', 'misnamed']

const MINUTE = 60_000

/** No save goes on without writing for so long, not even on a slow network file system. */
const SAFE_AGE = 15 * MINUTE

/** A process that dies in each save must not fill the disk meanwhile: with more leftovers than this … */
const MANY = 8

/** … those that have not been written to for this long go. At worst a slow save is begun a second time. */
const SAFE_AGE_OF_MANY = MINUTE

/**
 * Removes the temporary files of processes that died. Their age is what tells, as the process may be on another host:
 * both it and `now` are the file system's.
 */
export const removeLeftovers = async (
	fileSystem: SnapshotFileSystem,
	directory: string,
	stem: string,
	listing: readonly string[],
	now: number,
): Promise<void> => {
	const temporaries = listing.filter(file => isTemporary(stem, file))
	const safeAge = temporaries.length > MANY ? SAFE_AGE_OF_MANY : SAFE_AGE
	for (const file of temporaries) {
		const path = join(directory, file)
		const modifiedAt = await unlessGone(fileSystem.modifiedAt(path))
		if (modifiedAt !== undefined && now - modifiedAt > safeAge) await unlessGone(fileSystem.remove(path))
	}
}
