import { RemoteTermError } from '../../core/errors.ts'
import { decodeHead, type Head } from './entry.ts'

export interface StoredMessage {
	readonly sequence: number
	readonly operation: string
	readonly data: Uint8Array
}

/** A head as it lies in the bucket. `revision` is what compare-and-set goes by. */
export interface StoredHead {
	readonly revision: number
	/** `undefined` where the key was deleted with a tool of NATS. */
	readonly head: Head | undefined
}

export type WriteOutcome =
	{ readonly status: 'stored'; readonly revision: number } | { readonly status: 'conflict' }

export const headOf = (service: string, { sequence, operation, data }: StoredMessage): StoredHead =>
	operation !== 'PUT' && data.length === 0
		? { revision: sequence, head: undefined }
		: { revision: sequence, head: decodeHead(service, data) }

/** What became of a write, by the head that is found; `undefined` where it has not arrived, and may yet. */
export const outcomeOf = (
	found: StoredHead | undefined,
	id: string,
	replaces: number,
): WriteOutcome | undefined => {
	const revision = found?.revision ?? 0
	if (revision === replaces) return undefined
	const lineage = found?.head?.lineage ?? []
	const place = lineage.findIndex(([ancestor]) => ancestor === id)
	if (place === 0) return { status: 'stored', revision }
	// Superseded already: what came right after it says which revision it was.
	if (place > 0) return { status: 'stored', revision: lineage[place - 1]![1] }
	if (lineage.some(([, replaced]) => replaced === replaces)) return { status: 'conflict' }
	throw new RemoteTermError(
		'DATABASE_FAILED',
		`It is unknown whether ${id} was written: too many others have been written since`,
	)
}
