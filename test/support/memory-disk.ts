import { basename } from 'node:path'
import type { OpenFile, SnapshotFileSystem } from '../../lib/last-known-good/file-system.ts'
import { systemError } from './interposed-file-system.ts'

interface Inode {
	/** What a reader sees. */
	bytes: Buffer
	/** What survives a power cut for certain. */
	durable: Buffer
	modifiedAt: number
}

/** What a power cut does to that of which the disk was never told to keep it. */
export interface PowerCut {
	/** Whether a name that was added, changed or removed since the folder was last synced has its new state. */
	keepsName(): boolean
	/** How much of the bytes since the last sync is there: none, all, or as many as there should be, but zeroes. */
	content(): 'lost' | 'there' | 'zeroes'
}

/**
 * One folder on a disk that forgets, when its power is cut, whatever it may forget: bytes that were not synced, and
 * names whose folder was not. Stricter than any real file system.
 */
export class MemoryDisk implements SnapshotFileSystem {
	#names = new Map<string, Inode>()
	#durableNames = new Map<string, Inode>()
	#time = 0

	cutPower(cut: PowerCut): void {
		const survivors = new Map(this.#durableNames)
		for (const name of new Set([...this.#names.keys(), ...this.#durableNames.keys()])) {
			const [now, then] = [this.#names.get(name), this.#durableNames.get(name)]
			if (now === then || !cut.keepsName()) continue
			if (now === undefined) survivors.delete(name)
			else survivors.set(name, now)
		}
		for (const inode of new Set(survivors.values())) {
			if (inode.bytes.equals(inode.durable)) continue
			const content = cut.content()
			if (content === 'lost') inode.bytes = inode.durable
			else if (content === 'zeroes')
				inode.bytes = Buffer.concat([
					inode.durable,
					Buffer.alloc(Math.max(0, inode.bytes.length - inode.durable.length)),
				])
			inode.durable = inode.bytes
		}
		this.#names = survivors
		this.#durableNames = new Map(survivors)
	}

	/** The same disk, as it would be after the cut, while this one goes on. */
	clone(): MemoryDisk {
		const copies = new Map<Inode, Inode>()
		const copy = (inode: Inode): Inode => {
			const made = copies.get(inode) ?? { ...inode }
			copies.set(inode, made)
			return made
		}
		const disk = new MemoryDisk()
		disk.#names = new Map([...this.#names].map(([name, inode]) => [name, copy(inode)]))
		disk.#durableNames = new Map([...this.#durableNames].map(([name, inode]) => [name, copy(inode)]))
		disk.#time = this.#time
		return disk
	}

	async makeFolder(): Promise<undefined> {}

	async list(): Promise<string[]> {
		return [...this.#names.keys()]
	}

	async create(path: string): Promise<OpenFile> {
		if (this.#names.has(basename(path))) throw systemError('EEXIST')
		const inode = { bytes: Buffer.alloc(0), durable: Buffer.alloc(0), modifiedAt: this.#time++ }
		this.#names.set(basename(path), inode)
		return this.#handle(inode)
	}

	async open(path: string): Promise<OpenFile> {
		return this.#handle(this.#inode(path))
	}

	async openFolder(): Promise<Pick<OpenFile, 'sync' | 'close'>> {
		return {
			sync: async () => {
				this.#durableNames = new Map(this.#names)
			},
			close: async () => {},
		}
	}

	async rename(from: string, to: string): Promise<void> {
		const inode = this.#inode(from)
		this.#names.delete(basename(from))
		this.#names.set(basename(to), inode)
	}

	async remove(path: string): Promise<void> {
		this.#inode(path)
		this.#names.delete(basename(path))
	}

	async modifiedAt(path: string): Promise<number> {
		return this.#inode(path).modifiedAt
	}

	#inode(path: string): Inode {
		const inode = this.#names.get(basename(path))
		if (inode === undefined) throw systemError('ENOENT')
		return inode
	}

	#handle(inode: Inode): OpenFile {
		return {
			stat: async () => ({ size: inode.bytes.length, mtimeMs: inode.modifiedAt, isFile: () => true }),
			read: async (buffer, offset, length, position) => {
				const part = inode.bytes.subarray(position, position + length)
				buffer.set(part, offset)
				return { bytesRead: part.length }
			},
			write: async (buffer, offset, length) => {
				inode.bytes = Buffer.concat([inode.bytes, buffer.subarray(offset, offset + length)])
				return { bytesWritten: length }
			},
			sync: async () => {
				inode.durable = inode.bytes
			},
			close: async () => {},
		}
	}
}
