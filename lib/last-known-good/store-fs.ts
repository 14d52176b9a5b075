import { isDeepStrictEqual } from 'node:util'
import { join, resolve } from 'node:path'
import { reasonOf, untilAborted, type Clock } from '../core/clock.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import type { Version } from '../core/fetcher.ts'
import { safeLogger, type Logger } from '../core/logger.ts'
import { invalid, nonEmptyString, onlyKnownOptions, positiveInteger } from '../core/options.ts'
import {
	nameSnapshot,
	nameTemporary,
	newestFirst,
	nextSequence,
	snapshotsIn,
	stemOf,
	type SnapshotFile,
} from './file-names.ts'
import { codeOf, nodeFileSystem, unlessGone, type SnapshotFileSystem } from './file-system.ts'
import { encodeHead, isFlaw, type Flaw } from './format.ts'
import { prune, removeLeftovers } from './prune.ts'
import { readHeader, readWhole, type Expected } from './read.ts'
import {
	MAX_NAME_LENGTH,
	SNAPSHOT_DEFAULTS,
	type LoadedSnapshot,
	type SkippedSnapshot,
	type SnapshotCandidate,
	type SnapshotFacts,
	type SnapshotOperation,
	type SnapshotOptions,
	type SnapshotStore,
	type SnapshotToSave,
} from './store.ts'
import { makeFolderDurably, syncFolder, writeDurably } from './write.ts'

export interface FileSnapshotOptions extends SnapshotOptions {
	/** What stands for the disk in tests. */
	readonly fileSystem?: SnapshotFileSystem | undefined
}

/** Touches nothing yet. @throws `INVALID_OPTION` */
export const openSnapshots = (options: FileSnapshotOptions): SnapshotStore => new FileSnapshots(options)

const OPTIONS = ['directory', 'name', 'keep', 'maxBytes', 'clock', 'logger', 'fileSystem']
const MOST_KEPT = 1000

/** A save whose temporary file, or folder, somebody removed is tried once more. */
const ATTEMPTS = 2

/** How often `candidates` looks again because what it was about to read had been replaced. */
const LISTINGS = 10

class FileSnapshots implements SnapshotStore {
	readonly #directory: string
	readonly #name: string
	readonly #stem: string
	readonly #keep: number
	readonly #expected: Expected
	readonly #clock: Clock
	readonly #logger: Logger
	readonly #fileSystem: SnapshotFileSystem
	/** What writes takes turns, so that the order of the calls is the order of the sequence. */
	#last: Promise<unknown> = Promise.resolve()

	constructor(options: FileSnapshotOptions) {
		onlyKnownOptions('The snapshot store', options, OPTIONS)
		const { directory, name, clock, logger, fileSystem = nodeFileSystem } = options
		const { keep = SNAPSHOT_DEFAULTS.keep, maxBytes = SNAPSHOT_DEFAULTS.maxBytes } = options
		nonEmptyString('lastKnownGood', directory)
		if (directory.includes('\0')) throw invalid('lastKnownGood', 'a path without NUL', directory)
		if (nonEmptyString('name', name).length > MAX_NAME_LENGTH)
			throw invalid('name', `at most ${MAX_NAME_LENGTH} characters long`, name)
		if (positiveInteger('keep', keep) > MOST_KEPT) throw invalid('keep', `at most ${MOST_KEPT}`, keep)
		// Resolved now, so that a later change of the working directory does not split the history.
		this.#directory = resolve(directory)
		this.#name = name
		this.#stem = stemOf(name)
		this.#keep = keep
		this.#expected = { directory: this.#directory, name, maxBytes: positiveInteger('maxBytes', maxBytes) }
		this.#clock = clock
		this.#logger = safeLogger(logger)
		this.#fileSystem = fileSystem
	}

	save(snapshot: SnapshotToSave, operation: SnapshotOperation = {}): Promise<void> {
		return this.#inTurn('save a snapshot', operation, signal => this.#save(snapshot, signal))
	}

	forget(version: Version, operation: SnapshotOperation = {}): Promise<number> {
		return this.#inTurn('forget a version', operation, signal => this.#forget(version, signal))
	}

	async load(operation: SnapshotOperation = {}): Promise<LoadedSnapshot> {
		const skipped: SkippedSnapshot[] = []
		for await (const candidate of this.candidates(operation)) {
			if (candidate.status === 'intact') return { snapshot: candidate.snapshot, skipped }
			skipped.push(candidate)
		}
		return { snapshot: undefined, skipped }
	}

	async *candidates({ signal = never() }: SnapshotOperation = {}): AsyncGenerator<
		SnapshotCandidate,
		void,
		undefined
	> {
		const seen = new Set<string>()
		for (let listing = 0; listing < LISTINGS; listing++) {
			let found: SnapshotFile[]
			try {
				found = await untilAborted(this.#list(), signal)
			} catch (error) {
				if (signal.aborted) throw reasonOf(signal)
				yield this.#skipped(this.#directory, { reason: 'unreadable', detail: messageOf(error) })
				return
			}
			let vanished = false
			for (const one of found) {
				const { file } = one
				if (seen.has(file)) continue
				seen.add(file)
				const read = readWhole(this.#fileSystem, one, this.#expected, signal)
				const result = await untilAborted(read, signal)
				if (isFlaw(result)) {
					yield this.#skipped(file, result)
					vanished = result.reason === 'vanished'
					if (vanished) break
				} else {
					const { name: _, sequence: __, size: ___, ...facts } = result.header
					yield { status: 'intact', file, snapshot: { ...facts, body: result.body } }
				}
			}
			if (!vanished) return
		}
	}

	async #save(snapshot: SnapshotToSave, signal: AbortSignal): Promise<void> {
		const { body, ...facts } = snapshot
		const pieces: readonly Uint8Array[] = body instanceof Uint8Array ? [body] : body
		const size = pieces.reduce((total, piece) => total + piece.length, 0)
		const { maxBytes } = this.#expected
		if (size > maxBytes) throw new Error(`expected a body of at most ${maxBytes} bytes, got ${size}`)

		for (let attempt = 1; ; attempt++) {
			await makeFolderDurably(this.#fileSystem, this.#directory)
			const found = await this.#list()
			if (signal.aborted) throw reasonOf(signal)
			if (found[0] !== undefined && (await this.#holds(found[0], facts, signal))) {
				// Whoever wrote it may not have come so far.
				await syncFolder(this.#fileSystem, this.#directory)
				await this.#tidy(undefined, this.#clock.now())
				return
			}
			try {
				const { file, writtenAt } = await this.#write(facts, pieces, size, nextSequence(found), signal)
				// From here on it is saved: an abort comes too late, and old files in the way are no failure.
				await syncFolder(this.#fileSystem, this.#directory)
				await this.#tidy(file, writtenAt)
				return
			} catch (error) {
				if (codeOf(error) !== 'ENOENT' || attempt === ATTEMPTS) throw error
			}
		}
	}

	async #write(
		facts: SnapshotFacts,
		pieces: readonly Uint8Array[],
		size: number,
		sequence: number,
		signal: AbortSignal,
	): Promise<{ readonly file: SnapshotFile; readonly writtenAt: number }> {
		const head = encodeHead({ ...picked(facts), name: this.#name, sequence, size })
		if (isFlaw(head)) throw new Error(`it could not be read again: ${head.detail}`)
		const temporary = join(this.#directory, nameTemporary(this.#stem))
		const file = nameSnapshot(this.#stem, sequence, this.#clock.now())
		const writtenAt = await writeDurably(this.#fileSystem, temporary, [head, ...pieces], signal)
		try {
			await this.#fileSystem.rename(temporary, join(this.#directory, file.file))
		} catch (error) {
			await this.#fileSystem.remove(temporary).catch(() => {})
			throw error
		}
		return { file, writtenAt }
	}

	/** Whether the file is intact and says the same. When it was accepted does not matter. */
	async #holds(found: SnapshotFile, facts: SnapshotFacts, signal: AbortSignal): Promise<boolean> {
		const header = await readHeader(this.#fileSystem, found, this.#expected)
		if (isFlaw(header)) return false
		if (!isDeepStrictEqual(withoutTimes(header), withoutTimes(facts))) return false
		return !isFlaw(await readWhole(this.#fileSystem, found, this.#expected, signal))
	}

	async #tidy(saved: SnapshotFile | undefined, now: number): Promise<void> {
		try {
			const listing = await this.#fileSystem.list(this.#directory)
			const found = snapshotsIn(this.#stem, listing)
			if (saved !== undefined) await prune(this.#fileSystem, found, saved, this.#keep, this.#expected)
			await removeLeftovers(this.#fileSystem, this.#directory, this.#stem, listing, now)
		} catch (error) {
			this.#logger.warn(`Cannot remove old snapshots of ${this.#name}: ${messageOf(error)}`, { error })
		}
	}

	async #forget(version: Version, signal: AbortSignal): Promise<number> {
		let forgotten = 0
		for (const one of await this.#list()) {
			if (signal.aborted) throw reasonOf(signal)
			const header = await readHeader(this.#fileSystem, one, this.#expected)
			if (isFlaw(header) || header.version !== version) continue
			await unlessGone(this.#fileSystem.remove(join(this.#directory, one.file)))
			forgotten++
		}
		if (forgotten > 0) await syncFolder(this.#fileSystem, this.#directory)
		return forgotten
	}

	/** Newest first; none where there is no directory yet. */
	async #list(): Promise<SnapshotFile[]> {
		const listing = await unlessGone(this.#fileSystem.list(this.#directory))
		return snapshotsIn(this.#stem, listing ?? []).sort(newestFirst)
	}

	#skipped(file: string, { reason, detail }: Flaw): SkippedSnapshot {
		const level = reason === 'vanished' || reason === 'other-term' ? 'debug' : 'warn'
		this.#logger[level](`Skipped a snapshot of ${this.#name}: ${detail}`, { file, reason })
		return { status: 'skipped', file, reason, detail }
	}

	async #inTurn<Result>(
		act: string,
		{ signal = never() }: SnapshotOperation,
		work: (signal: AbortSignal) => Promise<Result>,
	): Promise<Result> {
		const turn = this.#last.then(() => {
			if (signal.aborted) throw reasonOf(signal)
			return work(signal)
		})
		this.#last = turn.catch(() => {})
		try {
			return await untilAborted(turn, signal)
		} catch (error) {
			if (error instanceof RemoteTermError) throw error
			throw new RemoteTermError(
				'SNAPSHOT_FAILED',
				`Cannot ${act} of ${this.#name} in ${this.#directory}: ${messageOf(error)}`,
				{ cause: error, term: this.#name },
			)
		}
	}
}

/** The fields of the contract, and nothing else that an object happens to have. */
const picked = (facts: SnapshotFacts): SnapshotFacts => {
	const { version, validator, digest, encoding, kind, publishedAt, acceptedAt, meta } = facts
	return { version, validator, digest, encoding, kind, publishedAt, acceptedAt, meta }
}

const withoutTimes = (facts: SnapshotFacts): unknown =>
	JSON.parse(JSON.stringify({ ...picked(facts), publishedAt: undefined, acceptedAt: undefined }))

const never = (): AbortSignal => new AbortController().signal
