import { RemoteTermError } from '../core/errors.ts'
import type { JsonValue, SnapshotKind } from '../last-known-good/store.ts'
import type { Admission } from './admission.ts'
import type { Accepted } from './archive.ts'
import type { Settings } from './options.ts'
import type { Readied } from './placement.ts'
import type { Received } from './receive.ts'

/** A value in a form in which it need not be parsed again. */
export interface Packed {
	readonly kind: SnapshotKind
	/** Not to be changed from here on. */
	readonly pieces: readonly Uint8Array[]
	/** Kept beside them; small. */
	readonly facts: JsonValue
}

/** For a term whose values are kept by `lastKnownGood` as they lie in memory, in place of the bytes they were made of. */
export interface Packing<T> {
	/** `undefined` for a value that has no such form. */
	pack(term: T): Packed | undefined
	/** Trusts nothing: what is damaged, or of another make, throws. Not called with a `kind` that `pack` does not give. */
	unpack(packed: Packed): T | Promise<T>
	readonly kind: SnapshotKind
}

/**
 * The packed form of a value that was accepted, for the snapshot. There is none where `integrity` is configured: its
 * proofs are of the bytes that the source sent, and nothing else could be checked against them at the next start.
 */
export const packedFor = <T>(
	packing: Packing<T> | undefined,
	{ integrity, lastKnownGood }: Pick<Settings<T>, 'integrity' | 'lastKnownGood'>,
	admission: Admission<T>,
): Packed | undefined =>
	lastKnownGood === undefined || integrity !== undefined || admission.status === 'unchanged'
		? undefined
		: packing?.pack(admission.term)

/**
 * What comes out of the archive packed, in the place of a body that was received.
 *
 * @throws `SIGNATURE_MISSING`, `DESERIALIZE_FAILED`
 */
export const receivePacked = <T>(
	{ digest = '', inflatedBytes }: Accepted,
	packed: Packed,
	packing: Packing<T> | undefined,
	{ integrity }: Pick<Settings<T>, 'integrity'>,
	subject: string,
): Received<Readied<T>> => {
	if (integrity !== undefined) {
		throw new RemoteTermError(
			'SIGNATURE_MISSING',
			`Expected the snapshot of ${subject} to hold bytes that \`integrity\` can be checked of, found a ${packed.kind}`,
		)
	}
	if (packing?.kind !== packed.kind) {
		throw new RemoteTermError(
			'DESERIALIZE_FAILED',
			`Expected the snapshot of ${subject} to hold ${packing === undefined ? '' : `a ${packing.kind} or `}a body, found a ${packed.kind}`,
		)
	}
	const toTerm = async (): Promise<T> => packing.unpack(packed)
	const bytes = packed.pieces.reduce((sum, piece) => sum + piece.length, 0)
	return { result: { inflatedBytes, toTerm }, bytes, digest, digests: [digest], sent: undefined }
}
