import type { Snapshot, SnapshotStore } from './store.ts'

/**
 * What `read` makes of the newest snapshot that it can read; `undefined` where there is none. `unreadable` is told of each
 * for which it throws; why others are skipped, the store says.
 *
 * @throws where `signal` is aborted
 */
export const readNewest = async <T>(
	store: SnapshotStore,
	signal: AbortSignal,
	read: (snapshot: Snapshot) => T | Promise<T>,
	unreadable: (file: string, error: unknown) => void,
): Promise<T | undefined> => {
	for await (const candidate of store.candidates({ signal })) {
		if (candidate.status === 'skipped') continue
		try {
			return await read(candidate.snapshot)
		} catch (error) {
			unreadable(candidate.file, error)
		}
	}
	return undefined
}
