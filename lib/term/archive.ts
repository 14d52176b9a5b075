import { untilAborted } from '../core/clock.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import type { Download, Encoding, FetchContext, Version } from '../core/fetcher.ts'
import { SNAPSHOT_DEFAULTS, type SnapshotFacts, type SnapshotStore } from '../last-known-good/store.ts'
import type { Settings } from './options.ts'
import type { Packed } from './packed.ts'

/** A state that passed every check, in a form in which it can pass them again. */
export interface Accepted {
	readonly version: Version
	readonly validator: Version | undefined
	/** Of the bytes; `undefined` for a value that came as one. */
	readonly digest: string | undefined
	readonly encoding: Encoding | undefined
	readonly sent: readonly Uint8Array[] | undefined
	/** The value, in a form that takes the place of `sent` on disk. */
	readonly packed?: Packed | undefined
	/** How many bytes the body had after decompression, where that is known. */
	readonly inflatedBytes?: number | undefined
	/** A value that came as one. */
	readonly value: unknown
	readonly publishedAt: number | undefined
	readonly acceptedAt: number
	/** The signature that the bytes came with. */
	readonly envelope: string | undefined
	/** The source forbids that it be kept beyond this process. */
	readonly noStore: boolean
}

/** How the last attempt to save went. */
export interface LastSave {
	readonly savedAt: number | undefined
	readonly error: RemoteTermError | undefined
}

type ArchiveSettings = Pick<
	Settings<unknown>,
	'clock' | 'history' | 'lastKnownGood' | 'logger' | 'name' | 'maxBytes'
>

/**
 * The states that were accepted: the last few in memory, as the bytes that they came as, which are much smaller than
 * their values; or on disk, where `lastKnownGood` names a directory.
 */
export class Archive {
	lastSave: LastSave = { savedAt: undefined, error: undefined }
	readonly #settings: ArchiveSettings
	readonly #packs: boolean
	#store: Promise<SnapshotStore> | undefined
	#memory: readonly Accepted[] = []
	#saving: Promise<void> = Promise.resolve()
	/** What waits for a disk that is slower than the source, oldest first; no more than remain after a save. */
	#waiting: readonly Accepted[] = []

	/** @param packs Values are kept in a form of their own, to whose size `maxBytes`, which is about bodies, says nothing. */
	constructor(settings: ArchiveSettings, packs = false) {
		this.#settings = settings
		this.#packs = packs
	}

	get onDisk(): boolean {
		return this.#settings.lastKnownGood !== undefined
	}

	/** @throws `INVALID_OPTION` where this runtime has no disk */
	async open(): Promise<void> {
		await this.#open()
	}

	/** Never rejects: what cannot be saved costs the snapshot, not the term. */
	remember(accepted: Accepted): void {
		const { history } = this.#settings
		const hasBytes = accepted.sent !== undefined || accepted.packed !== undefined
		const onDisk = this.onDisk && !accepted.noStore && hasBytes
		// Of two forms, memory has the small one, and the disk the one that is ready.
		const kept: Accepted =
			onDisk && accepted.packed !== undefined
				? { ...accepted, sent: undefined }
				: { ...accepted, packed: undefined }
		// What is on disk need not be in memory, save the one that was accepted last: it may not be there yet.
		this.#memory = [kept, ...this.#memory].slice(0, onDisk ? 1 : history + 1)
		if (!onDisk) return
		const idle = this.#waiting.length === 0
		this.#waiting = [...this.#waiting, kept].slice(
			-(this.#settings.lastKnownGood?.keep ?? SNAPSHOT_DEFAULTS.keep),
		)
		if (idle) this.#saving = this.#saving.then(() => this.#saveWaiting())
	}

	/** Every state that can still be had, newest first. Reasons for those that cannot are logged. */
	async *states(context: FetchContext): AsyncGenerator<Accepted, void, undefined> {
		const seen = new Set<string>()
		for (const accepted of this.#memory) {
			seen.add(accepted.version)
			yield accepted
		}
		for await (const accepted of this.snapshots(context)) if (!seen.has(accepted.version)) yield accepted
	}

	/** Those on disk, newest first. */
	async *snapshots({ signal }: FetchContext): AsyncGenerator<Accepted, void, undefined> {
		if (!this.onDisk) return
		await untilAborted(this.#saving, signal)
		const store = await this.#open()
		for await (const candidate of store.candidates({ signal })) {
			// The store has logged why.
			if (candidate.status === 'skipped') continue
			const { version, validator, digest, encoding, publishedAt, acceptedAt } = candidate.snapshot
			const { body, kind, meta } = candidate.snapshot
			const envelope = typeof meta?.['envelope'] === 'string' ? meta['envelope'] : undefined
			const inflatedBytes = typeof meta?.['inflatedBytes'] === 'number' ? meta['inflatedBytes'] : undefined
			const isBody = kind === 'body'
			yield {
				version,
				validator,
				digest,
				encoding,
				publishedAt,
				acceptedAt,
				envelope,
				sent: isBody ? [body] : undefined,
				packed: isBody ? undefined : { kind, pieces: [body], facts: meta?.['packed'] ?? null },
				inflatedBytes,
				value: undefined,
				noStore: false,
			}
		}
	}

	/** Removes a version that must not return at the next start. */
	async forget(version: Version, { signal }: FetchContext): Promise<void> {
		this.#memory = this.#memory.filter(accepted => accepted.version !== version)
		if (!this.onDisk) return
		const { logger, name } = this.#settings
		try {
			await this.#saving
			await (await this.#open()).forget(version, { signal })
		} catch (error) {
			logger.warn(`A snapshot of ${name} could not be removed: ${messageOf(error)}`, {
				term: name,
				version,
				error,
			})
		}
	}

	/** Resolves when nothing is being saved. */
	settled(): Promise<void> {
		return this.#saving
	}

	async #saveWaiting(): Promise<void> {
		for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
			await this.#save(next)
			this.#waiting = this.#waiting.filter(accepted => accepted !== next)
		}
	}

	async #save(accepted: Accepted): Promise<void> {
		const { clock, logger, name } = this.#settings
		const { version, validator, digest, encoding, publishedAt, acceptedAt, sent, packed } = accepted
		try {
			const store = await this.#open()
			await store.save({
				kind: packed?.kind ?? 'body',
				version,
				validator,
				digest: digest!,
				encoding,
				publishedAt,
				acceptedAt,
				meta: metaOf(accepted),
				body: packed?.pieces ?? sent!,
			})
			this.lastSave = { savedAt: clock.now(), error: undefined }
		} catch (error) {
			const failed =
				error instanceof RemoteTermError
					? error
					: new RemoteTermError('SNAPSHOT_FAILED', `Cannot save ${name}@${version}: ${messageOf(error)}`, {
							cause: error,
						})
			// A disk that is full stays full for a while: one line, not one for each new version.
			if (this.lastSave.error?.code !== failed.code)
				logger.warn(`${name} goes on without a new snapshot: ${failed.message}`, {
					term: name,
					version,
					error: failed,
				})
			this.lastSave = { ...this.lastSave, error: failed.withTerm(name) }
		}
	}

	#open(): Promise<SnapshotStore> {
		const { clock, lastKnownGood, logger, maxBytes, name } = this.#settings
		// Loaded only where it is asked for: most terms have no disk, and some runtimes have none.
		this.#store ??= import('#last-known-good').then(({ openSnapshots }) =>
			openSnapshots({ ...(!this.#packs && { maxBytes }), ...lastKnownGood!, name, clock, logger }),
		)
		return this.#store
	}
}

const metaOf = ({ envelope, inflatedBytes, packed }: Accepted): SnapshotFacts['meta'] => {
	if (packed !== undefined)
		return { packed: packed.facts, ...(inflatedBytes !== undefined && { inflatedBytes }) }
	return envelope === undefined ? undefined : { envelope }
}

/** The state as a source would answer it, so that it takes the same way through the gate. */
export const asDownload = ({
	validator,
	encoding,
	sent,
	packed,
	value,
	version,
	publishedAt,
	digest,
}: Accepted): Download =>
	sent === undefined && packed === undefined
		? { value, version, publishedAt }
		: {
				body: inOrder(sent ?? []),
				version: validator,
				encoding,
				publishedAt,
				...(digest !== undefined && {
					digests: [{ algorithm: 'sha-256', value: digest, of: 'body-as-sent' }],
				}),
			}

async function* inOrder(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
	yield* chunks
}
