import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { reasonOf } from '../lib/core/clock.ts'
import { RemoteTermError } from '../lib/core/errors.ts'
import type { Download, FetchContext, Fetcher, NotModified, Version } from '../lib/core/fetcher.ts'
import { invalid, nonEmptyString, onlyKnownOptions } from '../lib/core/options.ts'
import { IdentityMemory } from './file/identity.ts'
import { look, OpenFile, READ_WHOLE, versionOfBytes } from './file/open-file.ts'
import { watchPath } from './file/watch-path.ts'

export interface FileFetcherOptions {
	/** A path, relative to the working directory at construction, or a `file:` URL. */
	readonly path: string | URL
}

/**
 * A file on this machine, or mounted on it, for instance a Kubernetes ConfigMap. It need not exist yet.
 *
 * The version is the SHA-256 of the content: it is the same whoever asks, and changes when and only when the bytes do.
 * It was published at the file's modification time.
 * An unchanged file is read at most twice, and from then on asked for its identity only (device, inode, size, dates;
 * see `IdentityMemory` for when that may be trusted).
 *
 * Whoever replaces the file should write another one and rename it into place: what is open here stays as it was. A
 * writer in place is noticed, and the download rejects with `FETCH_INCOMPLETE`, if it writes while the file is read;
 * one that pauses halfway cannot be told from one that has finished.
 *
 * Up to 4 MiB are read at once. A larger file is read twice, for its version and as the body; the second read must
 * have the digest of the first. Until the body is read to its end, cancelled or aborted, the file stays open.
 *
 * @throws `FETCH_NOT_FOUND`, `FETCH_DENIED`, `FETCH_INCOMPLETE`; `FETCH_FAILED` for what is no regular file, and for
 * any other fault of the file system.
 */
export class FileFetcher implements Fetcher {
	readonly #path: string
	readonly #memory = new IdentityMemory()
	readonly #open = new Set<OpenFile>()

	/** @throws `INVALID_OPTION` */
	constructor(options: FileFetcherOptions) {
		onlyKnownOptions('FileFetcher', options, ['path'])
		this.#path = parsePath(options.path)
	}

	async init(): Promise<void> {}

	async currentVersion(context: FetchContext): Promise<Version> {
		const { identity } = await look(this.#path, context.signal)
		const recalled = this.#memory.recall(identity)
		if (recalled !== undefined) return recalled
		const file = await OpenFile.open(this.#path, context.signal)
		try {
			return (await this.#read(file, context)).version
		} finally {
			void file.close()
		}
	}

	async download(context: FetchContext): Promise<Download> {
		const file = await OpenFile.open(this.#path, context.signal)
		try {
			return this.#deliver(file, await this.#read(file, context), context)
		} finally {
			if (!this.#open.has(file)) void file.close()
		}
	}

	async downloadIfChanged(
		known: Version | undefined,
		context: FetchContext,
	): Promise<Download | NotModified> {
		if (known !== undefined) {
			const { identity, modifiedAt } = await look(this.#path, context.signal)
			if (this.#memory.recall(identity) === known) return { notModified: true, publishedAt: modifiedAt }
		}
		const file = await OpenFile.open(this.#path, context.signal)
		try {
			const read = await this.#read(file, context)
			return read.version === known
				? { notModified: true, publishedAt: file.look.modifiedAt }
				: this.#deliver(file, read, context)
		} finally {
			if (!this.#open.has(file)) void file.close()
		}
	}

	/**
	 * Goes by the directories on the way to the file, so that it survives a rename over it, a deletion, a file that is
	 * not there yet, and a swapped symbolic link anywhere on the way. Changes within 50 ms make one call. Where the
	 * system has no watches left, that is logged, and polling remains; so it does for a directory further up which is
	 * itself replaced.
	 */
	watch(onChange: () => void, context: FetchContext): Disposable {
		return watchPath(this.#path, onChange, context)
	}

	/** The file in the same directory whose name has `suffix` behind it. */
	beside(suffix: string): FileFetcher {
		return new FileFetcher({ path: this.#path + nonEmptyString('suffix', suffix) })
	}

	/** Closes files that were neither read to their end nor given up. */
	async close(): Promise<void> {
		await Promise.all([...this.#open].map(file => file.close()))
		this.#open.clear()
	}

	/** The version of an open file, with its bytes where they had to be read for that and are few. */
	async #read(file: OpenFile, { signal, clock }: FetchContext): Promise<Read> {
		const large = file.look.size > READ_WHOLE
		const recalled = large ? this.#memory.recall(file.look.identity) : undefined
		if (recalled !== undefined) return { version: recalled, bytes: undefined }
		const began = clock.monotonic()
		const bytes = large ? undefined : await file.readWhole(signal)
		const version = bytes === undefined ? await file.digest(signal) : versionOfBytes(bytes)
		await file.assertUnchanged(signal)
		// The files of /proc and /sys change without a trace; what gives them away is that their size is made up.
		if (bytes === undefined || bytes.length === file.look.size) {
			this.#memory.record(file.look.identity, version, began, clock.monotonic())
		}
		return { version, bytes }
	}

	#deliver(file: OpenFile, { version, bytes }: Read, { signal }: FetchContext): Download {
		const { size, modifiedAt: publishedAt } = file.look
		if (bytes !== undefined) return { body: bytes, version, size: bytes.length, publishedAt }
		if (signal.aborted) throw reasonOf(signal)
		this.#open.add(file)
		const body = file.stream(version, signal, () => this.#open.delete(file))
		return { ...body, version, size, publishedAt }
	}
}

interface Read {
	readonly version: Version
	readonly bytes: Uint8Array | undefined
}

const parsePath = (path: string | URL): string => {
	if (path instanceof URL) {
		try {
			return fileURLToPath(path)
		} catch (cause) {
			throw new RemoteTermError('INVALID_OPTION', 'Expected `path` to be a path or the `file:` URL of one', {
				cause,
			})
		}
	}
	if (nonEmptyString('path', path).includes('\0'))
		throw invalid('path', 'a path, which has no NUL in it', path)
	return resolve(path)
}
