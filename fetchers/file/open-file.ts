import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { reasonOf, untilAborted } from '../../lib/core/clock.ts'
import { messageOf, RemoteTermError, type ErrorCode } from '../../lib/core/errors.ts'
import type { DownloadedBody, Version } from '../../lib/core/fetcher.ts'
import { lookAt, type Look } from './identity.ts'

/** Files up to this size are read at once, larger ones twice: for their version, and then as the body. In bytes. */
export const READ_WHOLE = 4 * 2 ** 20
const CHUNK = 256 * 2 ** 10

/** A regular file held open. It stays the same one, whatever its path comes to mean meanwhile. */
export class OpenFile {
	readonly look: Look
	readonly #path: string
	readonly #handle: FileHandle
	#closing: Promise<void> | undefined

	private constructor(path: string, handle: FileHandle, look: Look) {
		this.#path = path
		this.#handle = handle
		this.look = look
	}

	/** @throws `FETCH_NOT_FOUND`, `FETCH_DENIED`, `FETCH_FAILED` (not a regular file, and all else) */
	static async open(path: string, signal: AbortSignal): Promise<OpenFile> {
		// Asked before it is opened, since to open a FIFO is to wake its writer. Not blocked by one that slips in.
		await look(path, signal)
		const opening = attempt(path, open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)))
		let handle: FileHandle
		try {
			handle = await untilAborted(opening, signal)
		} catch (error) {
			void opening.then(late => late.close()).catch(() => {})
			throw error
		}
		try {
			const stats = await untilAborted(attempt(path, handle.stat({ bigint: true })), signal)
			assertRegular(path, stats)
			return new OpenFile(path, handle, lookAt(stats))
		} catch (error) {
			void handle.close().catch(() => {})
			throw error
		}
	}

	/** Nothing has been written to it since it was opened, as far as the file system's dates can tell. */
	async assertUnchanged(signal: AbortSignal): Promise<void> {
		const stats = await untilAborted(attempt(this.#path, this.#handle.stat({ bigint: true })), signal)
		if (lookAt(stats).identity !== this.look.identity) throw changed(this.#path)
	}

	/** All that there is, even if it is more than was announced: the files of `/proc` announce nothing. */
	async readWhole(signal: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
		let bytes = new Uint8Array(this.look.size + 1)
		let length = 0
		for (;;) {
			const count = await this.#read(bytes, length, bytes.length - length, length, signal)
			if (count === 0) return bytes.subarray(0, length)
			length += count
			if (length > READ_WHOLE) throw changed(this.#path)
			if (length === bytes.length) {
				const larger = new Uint8Array(2 * length + 4096)
				larger.set(bytes)
				bytes = larger
			}
		}
	}

	/** The version of its content, read chunk by chunk. */
	async digest(signal: AbortSignal): Promise<Version> {
		const hash = createHash('sha256')
		const buffer = new Uint8Array(Math.min(CHUNK, this.look.size))
		for (let offset = 0; offset < this.look.size;) {
			const count = await this.#read(buffer, 0, Math.min(CHUNK, this.look.size - offset), offset, signal)
			if (count === 0) throw changed(this.#path)
			hash.update(buffer.subarray(0, count))
			offset += count
		}
		return versionOf(hash.digest('hex'))
	}

	/**
	 * The content as a body, whose last chunk comes only if all of them are what `version` was made of. However it
	 * ends, the file is closed.
	 */
	stream(version: Version, signal: AbortSignal, onEnd: () => void): Pick<DownloadedBody, 'body' | 'cancel'> {
		let over = false
		const end = (): void => {
			over = true
			signal.removeEventListener('abort', end)
			onEnd()
			void this.close()
		}
		signal.addEventListener('abort', end, { once: true })
		const chunks = this.#chunks(version, signal)
		const next = async (): Promise<IteratorResult<Uint8Array, void>> => {
			if (signal.aborted) throw reasonOf(signal)
			if (over) throw new RemoteTermError('STOPPED', `Reading ${this.#path} was given up, or is over`)
			try {
				const step = await chunks.next()
				if (step.done === true) end()
				return step
			} catch (error) {
				end()
				throw error
			}
		}
		return {
			body: {
				[Symbol.asyncIterator]: () => ({
					next,
					return: async () => {
						end()
						return { done: true, value: undefined }
					},
				}),
			},
			cancel: end,
		}
	}

	/** Resolves when the read under way is over, which on a disk that hangs may be never: mostly not waited for. */
	async close(): Promise<void> {
		// What can go wrong here has no meaning for a file that was only read.
		await (this.#closing ??= this.#handle.close().catch(() => {}))
	}

	async *#chunks(version: Version, signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
		const hash = createHash('sha256')
		for (let offset = 0; offset < this.look.size;) {
			const chunk = new Uint8Array(Math.min(CHUNK, this.look.size - offset))
			const count = await this.#read(chunk, 0, chunk.length, offset, signal)
			if (count === 0) throw changed(this.#path)
			const read = chunk.subarray(0, count)
			hash.update(read)
			offset += count
			if (offset === this.look.size && versionOf(hash.digest('hex')) !== version) throw changed(this.#path)
			yield read
		}
	}

	async #read(
		into: Uint8Array,
		at: number,
		length: number,
		position: number,
		signal: AbortSignal,
	): Promise<number> {
		// A read from a disk that hangs cannot be ended, but need not be waited for.
		const reading = attempt(this.#path, this.#handle.read(into, at, length, position))
		return (await untilAborted(reading, signal)).bytesRead
	}
}

/** @throws `FETCH_NOT_FOUND`, `FETCH_DENIED`, `FETCH_FAILED` (not a regular file, and all else) */
export const look = async (path: string, signal: AbortSignal): Promise<Look> => {
	if (signal.aborted) throw reasonOf(signal)
	const stats = await untilAborted(attempt(path, stat(path, { bigint: true })), signal)
	assertRegular(path, stats)
	return lookAt(stats)
}

export const versionOf = (digest: string): Version => `sha-256:${digest}`

export const versionOfBytes = (bytes: Uint8Array): Version =>
	versionOf(createHash('sha256').update(bytes).digest('hex'))

interface Kind {
	isFile(): boolean
	isDirectory(): boolean
	isFIFO(): boolean
	isSocket(): boolean
}

const assertRegular = (path: string, stats: Kind): void => {
	if (stats.isFile()) return
	const kind = stats.isDirectory()
		? 'a directory'
		: stats.isFIFO()
			? 'a FIFO'
			: stats.isSocket()
				? 'a socket'
				: 'a device'
	throw new RemoteTermError('FETCH_FAILED', `Expected ${path} to be a regular file, but it is ${kind}`)
}

const changed = (path: string): RemoteTermError =>
	new RemoteTermError(
		'FETCH_INCOMPLETE',
		`${path} was written to while it was read; to replace it in one step, write another file and rename that`,
	)

const codes: Readonly<Record<string, ErrorCode>> = {
	ENOENT: 'FETCH_NOT_FOUND',
	ENOTDIR: 'FETCH_NOT_FOUND',
	EACCES: 'FETCH_DENIED',
	EPERM: 'FETCH_DENIED',
}

/** Errors of the file system as ours. */
const attempt = async <Result>(path: string, work: Promise<Result>): Promise<Result> => {
	try {
		return await work
	} catch (error) {
		const code = codes[(error as NodeJS.ErrnoException).code ?? ''] ?? 'FETCH_FAILED'
		// Node ends its message with the call and the path, which the message has already.
		const reason = messageOf(error).replace(/, \w+(?: '.*)?$/s, '')
		throw new RemoteTermError(code, `Cannot read ${path}: ${reason}`, { cause: error })
	}
}
