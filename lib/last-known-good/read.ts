import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { reasonOf } from '../core/clock.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import type { SnapshotFile } from './file-names.ts'
import { codeOf, type OpenFile, type SnapshotFileSystem } from './file-system.ts'
import {
	CHECKSUM_BYTES,
	decodeHeader,
	decodePreamble,
	isFlaw,
	PREAMBLE_BYTES,
	type Flaw,
	type SnapshotHeader,
} from './format.ts'

/** What a file must be for it to be used. */
export interface Expected {
	readonly directory: string
	readonly name: string
	readonly maxBytes: number
}

export interface Whole {
	readonly header: SnapshotHeader
	readonly body: Uint8Array
}

const PIECE = 512 * 1024

/** The header, checked against everything but the checksum: what is cheap to know of a file of any size. */
export const readHeader = (
	fileSystem: SnapshotFileSystem,
	found: SnapshotFile,
	expected: Expected,
): Promise<SnapshotHeader | Flaw> =>
	withFile(fileSystem, found, expected, async file => {
		const head = await readHead(file, found, expected)
		return isFlaw(head) ? head : head.header
	})

/** The whole of it, if it is what was written. */
export const readWhole = (
	fileSystem: SnapshotFileSystem,
	found: SnapshotFile,
	expected: Expected,
	signal: AbortSignal,
): Promise<Whole | Flaw> =>
	withFile(fileSystem, found, expected, async (file): Promise<Whole | Flaw> => {
		const head = await readHead(file, found, expected)
		if (isFlaw(head)) return head
		const { header, bytes } = head
		const hash = createHash('sha256').update(bytes)
		const isShared = header.kind === 'table-image'
		const body = new Uint8Array(isShared ? new SharedArrayBuffer(header.size) : new ArrayBuffer(header.size))
		const read = (at: number): Promise<number> =>
			at < body.length ? readAll(file, body.subarray(at, at + PIECE), bytes.length + at) : Promise.resolve(0)
		// The next piece is read while this one is digested.
		let reading = read(0)
		for (let at = 0; at < body.length; at += PIECE) {
			const piece = body.subarray(at, at + PIECE)
			if ((await reading) < piece.length) return shortened
			if (signal.aborted) throw reasonOf(signal)
			reading = read(at + PIECE)
			hash.update(piece)
		}
		const checksum = new Uint8Array(CHECKSUM_BYTES)
		if ((await readAll(file, checksum, bytes.length + body.length)) < checksum.length) return shortened
		if (!hash.digest().equals(checksum)) return { reason: 'damaged', detail: 'its checksum is wrong' }
		return { header, body }
	})

const shortened: Flaw = { reason: 'truncated', detail: 'it was shortened while it was read' }

const withFile = async <Result>(
	fileSystem: SnapshotFileSystem,
	{ file }: SnapshotFile,
	{ directory }: Expected,
	read: (file: OpenFile) => Promise<Result>,
): Promise<Result | Flaw> => {
	let open: OpenFile | undefined
	try {
		open = await fileSystem.open(join(directory, file))
		return await read(open)
	} catch (error) {
		return flawOf(error)
	} finally {
		// A file that was only read loses nothing if it cannot be closed.
		await open?.close().catch(() => {})
	}
}

const flawOf = (error: unknown): Flaw => {
	// An abort is nobody's flaw.
	if (error instanceof RemoteTermError) throw error
	const code = codeOf(error)
	if (code === 'ENOENT') return { reason: 'vanished', detail: 'it was there a moment ago' }
	if (code === 'ELOOP') return { reason: 'foreign', detail: 'it is a symbolic link' }
	if (error instanceof RangeError) return { reason: 'too-large', detail: messageOf(error) }
	return { reason: 'unreadable', detail: messageOf(error) }
}

const readHead = async (
	file: OpenFile,
	{ sequence }: SnapshotFile,
	{ name, maxBytes }: Expected,
): Promise<{ readonly header: SnapshotHeader; readonly bytes: Uint8Array } | Flaw> => {
	const stat = await file.stat()
	if (!stat.isFile()) return { reason: 'foreign', detail: 'it is no regular file' }

	const preamble = new Uint8Array(PREAMBLE_BYTES)
	const length = decodePreamble(preamble.subarray(0, await readAll(file, preamble, 0)))
	if (typeof length !== 'number') return length

	const bytes = new Uint8Array(PREAMBLE_BYTES + length)
	bytes.set(preamble)
	const rest = bytes.subarray(PREAMBLE_BYTES)
	if ((await readAll(file, rest, PREAMBLE_BYTES)) < length)
		return { reason: 'truncated', detail: `it ends within its header, at ${stat.size} bytes` }
	const header = decodeHeader(rest)
	if (isFlaw(header)) return header

	if (header.name !== name) return { reason: 'other-term', detail: 'it is of a term with another name' }
	if (header.sequence !== sequence)
		return { reason: 'misnamed', detail: `it was written as number ${header.sequence}` }
	const size = bytes.length + header.size + CHECKSUM_BYTES
	if (stat.size < size) return { reason: 'truncated', detail: `expected ${size} bytes, found ${stat.size}` }
	if (stat.size > size) return { reason: 'damaged', detail: `expected ${size} bytes, found ${stat.size}` }
	if (header.size > maxBytes)
		return {
			reason: 'too-large',
			detail: `expected a body of at most ${maxBytes} bytes, found ${header.size}`,
		}
	return { header, bytes }
}

/** Fills the buffer, or as much of it as the file has. */
const readAll = async (file: OpenFile, buffer: Uint8Array, position: number): Promise<number> => {
	let filled = 0
	while (filled < buffer.length) {
		const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, position + filled)
		if (bytesRead === 0) break
		filled += bytesRead
	}
	return filled
}
