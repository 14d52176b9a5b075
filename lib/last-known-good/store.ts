import type { Clock } from '../core/clock.ts'
import type { Encoding, Version } from '../core/fetcher.ts'
import type { Logger } from '../core/logger.ts'

/** What the bytes of a snapshot are: a body as a source sends it, or an image that need not be parsed again. */
export type SnapshotKind = 'body' | 'table-image' | (string & {})

export type JsonValue =
	string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue }

/** What is known about the bytes. Kept beside them and covered by the same checksum. */
export interface SnapshotFacts {
	readonly version: Version
	/** `version`, where the source gave it and so can be asked about it. */
	readonly validator?: Version | undefined
	/** Of the bytes as they travelled; what it is a digest of is the caller's affair, it is compared for equality. */
	readonly digest: string
	/** The content coding that `body` still has. */
	readonly encoding?: Encoding | undefined
	/** 1 to 32 of `a`–`z`, `0`–`9` and `-`. */
	readonly kind: SnapshotKind
	/** When the source published it, in milliseconds since the Unix epoch, where it says. */
	readonly publishedAt?: number | undefined
	/** When it passed every check, in milliseconds since the Unix epoch. */
	readonly acceptedAt: number
	/** Anything else that must come back with the bytes, such as their signature. Small: see `MAX_HEADER_BYTES`. */
	readonly meta?: { readonly [key: string]: JsonValue } | undefined
}

export interface SnapshotToSave extends SnapshotFacts {
	/** One piece or several, written one after the other. Not to be changed before `save` has settled. */
	readonly body: Uint8Array | readonly Uint8Array[]
}

export interface Snapshot extends SnapshotFacts {
	/** In shared memory, where `kind` is `table-image`: all threads read it where it is. */
	readonly body: Uint8Array
}

/**
 * - `truncated`: it ends too early
 * - `damaged`: its checksum is wrong, or its header makes no sense
 * - `foreign`: not a snapshot at all, or not a regular file
 * - `newer-format`: written by a later version of this library
 * - `other-term`: of a term whose name leads to the same file name
 * - `misnamed`: renamed since it was written, so that its place in the order is not its own
 * - `too-large`: its body has more than `maxBytes`
 * - `unreadable`: the file system refuses; also for a directory that cannot be listed
 * - `vanished`: another process removed it, which it does once there are newer ones
 */
export type SkipReason =
	| 'truncated'
	| 'damaged'
	| 'foreign'
	| 'newer-format'
	| 'other-term'
	| 'misnamed'
	| 'too-large'
	| 'unreadable'
	| 'vanished'

export interface IntactSnapshot {
	readonly status: 'intact'
	/** The file's name within the directory. */
	readonly file: string
	readonly snapshot: Snapshot
}

export interface SkippedSnapshot {
	readonly status: 'skipped'
	/** The file's name within the directory; the directory, where that is what cannot be read. */
	readonly file: string
	readonly reason: SkipReason
	/** The reason in words: what was expected, what was found. */
	readonly detail: string
}

export type SnapshotCandidate = IntactSnapshot | SkippedSnapshot

export interface LoadedSnapshot {
	/** The newest intact one, or `undefined`. */
	readonly snapshot: Snapshot | undefined
	/** What was newer, and why it was not used. */
	readonly skipped: readonly SkippedSnapshot[]
}

export interface SnapshotOperation {
	/** Rejects the call with the signal's reason as soon as it is aborted, even while the disk hangs. */
	readonly signal?: AbortSignal | undefined
}

/**
 * The last states of one term that passed every check, on disk, for the start at which the source does not answer.
 *
 * Several processes, and several terms, may share a directory. At any moment, a SIGKILL or a power cut included, the
 * newest intact snapshot is the one last saved or, while a save is under way, the one before.
 */
export interface SnapshotStore {
	/**
	 * Writes a new file, makes it durable, and removes what is older than the newest `keep`. Nothing is written where
	 * the newest snapshot holds the same already. Calls take turns.
	 *
	 * @throws `SNAPSHOT_FAILED`, with the older snapshots as they were
	 */
	save(snapshot: SnapshotToSave, operation?: SnapshotOperation): Promise<void>
	/**
	 * Newest first, each read only when it is asked for. Rejects only where the signal is aborted: what cannot be used
	 * is a `skipped` one. Where another process removes files meanwhile, what it put in their place follows.
	 */
	candidates(operation?: SnapshotOperation): AsyncGenerator<SnapshotCandidate, void, undefined>
	/** The first intact one of `candidates`. */
	load(operation?: SnapshotOperation): Promise<LoadedSnapshot>
	/**
	 * Removes every snapshot of this version, so that one that was rolled back does not return at the next start.
	 * Resolves to how many there were.
	 *
	 * @throws `SNAPSHOT_FAILED`
	 */
	forget(version: Version, operation?: SnapshotOperation): Promise<number>
}

export interface SnapshotOptions {
	/** Created, with its parents, by the first `save`, readable for nobody else. */
	readonly directory: string
	/** The term's. May hold any character; up to `MAX_NAME_LENGTH` of them. */
	readonly name: string
	/** How many snapshots remain after a save. Default 3. */
	readonly keep?: number | undefined
	/** A larger body is neither saved nor read. In bytes; default 1 GiB. */
	readonly maxBytes?: number | undefined
	readonly clock: Clock
	readonly logger: Logger
}

export const SNAPSHOT_DEFAULTS = { keep: 3, maxBytes: 1024 ** 3 } as const

export const MAX_NAME_LENGTH = 4096
