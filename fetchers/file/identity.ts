import type { BigIntStats } from 'node:fs'
import type { Version } from '../../lib/core/fetcher.ts'

/** What tells, without reading it, that a file is the same one and was not written to. */
export type Identity = string

/** A file as it is seen from outside. */
export interface Look {
	readonly identity: Identity
	/** As the file system tells it, which for the files of `/proc` is 0. */
	readonly size: number
	/** In milliseconds since the Unix epoch. */
	readonly modifiedAt: number
}

/** `ctime` is there for the writer that puts `mtime` back (`cp -p`, `rsync -t`, `touch -r`): nobody can set it. */
export const lookAt = ({ dev, ino, size, mtimeMs, mtimeNs, ctimeNs }: BigIntStats): Look => ({
	identity: [dev, ino, size, mtimeNs, ctimeNs].join(':'),
	size: Number(size),
	modifiedAt: Number(mtimeMs),
})

/** Longer than any file system's dates are coarse: 2 s on FAT, 1 s on ext3 and HFS+, some ms elsewhere. */
const COARSEST_DATE = 2_000

/**
 * Which content a file's identity stood for, so that an unchanged file need not be read again.
 *
 * Two writes within one tick of the file system's clock leave one identity behind them, so an identity that is as
 * young as its file's last change says nothing (git calls such an entry of its index "racily clean"). It is trusted
 * once the same content has been read under the same identity by two reads at least 2 s apart: a write after the
 * second must then bear a later date than the first has seen. This compares the file system's clock with nothing but
 * itself, so that a file server's may differ from ours, and ours may jump.
 */
export class IdentityMemory {
	#known: { readonly identity: Identity; readonly version: Version; readonly seenAt: number } | undefined
	#trusted = false

	/** The version of the content behind an identity, where that can be known without reading. */
	recall(identity: Identity): Version | undefined {
		return this.#trusted && this.#known?.identity === identity ? this.#known.version : undefined
	}

	/** Both times monotonic; the identity was the same before and after the read. */
	record(identity: Identity, version: Version, began: number, ended: number): void {
		if (this.#known?.identity === identity && this.#known.version === version) {
			this.#trusted ||= began - this.#known.seenAt >= COARSEST_DATE
			return
		}
		this.#known = { identity, version, seenAt: ended }
		this.#trusted = false
	}
}
