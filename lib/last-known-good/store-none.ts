import { RemoteTermError } from '../core/errors.ts'
import type { SnapshotOptions, SnapshotStore } from './store.ts'

/** @throws `INVALID_OPTION`, since there is nowhere to keep anything. */
export const openSnapshots = ({ name }: SnapshotOptions): SnapshotStore => {
	throw new RemoteTermError(
		'INVALID_OPTION',
		`${name} cannot have \`lastKnownGood\`: this runtime has no file system that we know of (Node has)`,
	)
}
