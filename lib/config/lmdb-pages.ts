import { fstatSync, readSync } from 'node:fs'

/*
 * LMDB maps its file into memory and trusts it: one that is cut off or overwritten ends the whole process with SIGBUS
 * or SIGSEGV. So the structure is walked through before LMDB gets to see it, by reading, which cannot do that.
 *
 * The layout is that of lmdb-js's LMDB (data version 2, 64-bit, little-endian): a page begins with its number (8 bytes),
 * its transaction (8), padding (2), flags (2), and the bounds of its free space (2 + 2); nodes are found by 16-bit
 * offsets that follow; all of these offsets count from the header's end. The first two pages are metas; the one with the higher transaction counts.
 */

const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
const HEADER = 24
const NODE_HEADER = 8
const [BRANCH, LEAF, OVERFLOW, META] = [0x01, 0x02, 0x04, 0x08]
/** A node whose data is on overflow pages, of which it holds the first one's number; one that is a tree of its own. */
const [BIG, SUBTREE, DUPLICATES] = [0x01, 0x02, 0x04]
const NO_PAGE = 0xffff_ffff_ffff_ffffn
/** LMDB's cursors end there, too. */
const MAX_DEPTH = 32

interface Meta {
	readonly pageSize: number
	readonly roots: readonly bigint[]
	readonly lastPage: number
	readonly transaction: bigint
}

export type PageFault = { readonly kind: 'foreign' | 'torn'; readonly reason: string }

class Torn extends Error {}

/** What is wrong with the file, `undefined` where nothing is, or where it is empty. It may be in use. */
export const metaFault = (file: number): PageFault | undefined => {
	const read = readMeta(file)
	return read === undefined || !('kind' in read) ? undefined : read
}

/** What is wrong with anything in the file. Nobody may be writing to it. */
export const pagesFault = (file: number): PageFault | undefined => {
	const meta = readMeta(file)
	if (meta === undefined) return undefined
	if ('kind' in meta) return meta
	const seen = new Uint8Array(meta.lastPage + 1)
	try {
		for (const root of meta.roots) if (root !== NO_PAGE) walk(file, meta, root, seen, 0)
		return undefined
	} catch (error) {
		if (error instanceof Torn) return { kind: 'torn', reason: error.message }
		throw error
	}
}

const readMeta = (file: number): Meta | PageFault | undefined => {
	const { size } = fstatSync(file)
	if (size === 0) return undefined
	const first = Buffer.alloc(HEADER + 136)
	const magicRead = readSync(file, first, 0, first.length, 0) === first.length
	if (!magicRead || first.readUInt32LE(HEADER) !== MAGIC) {
		return { kind: 'foreign', reason: 'it does not begin as an LMDB file does' }
	}
	const version = first.readUInt32LE(HEADER + 4)
	if (version !== DATA_VERSION) {
		return { kind: 'foreign', reason: `it is of version ${version} of LMDB's format, not ${DATA_VERSION}` }
	}
	const pageSize = first.readUInt32LE(HEADER + 24)
	if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) {
		return { kind: 'torn', reason: `its pages would have ${pageSize} bytes` }
	}
	const metas = [0, 1].map(page => metaOf(file, page, pageSize)).filter(meta => meta !== undefined)
	if (metas.length < 2) return { kind: 'torn', reason: 'it ends, or is overwritten, within its first pages' }
	const [a, b] = metas as [Meta, Meta]
	const newest = b.transaction > a.transaction ? b : a
	const needed = (newest.lastPage + 1) * pageSize
	if (size < needed) return { kind: 'torn', reason: `it has ${size} bytes, and should have ${needed}` }
	return newest
}

const metaOf = (file: number, page: number, pageSize: number): Meta | undefined => {
	const bytes = Buffer.alloc(HEADER + 136)
	if (readSync(file, bytes, 0, bytes.length, page * pageSize) < bytes.length) return undefined
	if ((bytes.readUInt16LE(18) & META) === 0 || bytes.readUInt32LE(HEADER) !== MAGIC) return undefined
	const lastPage = Number(bytes.readBigUInt64LE(HEADER + 120))
	if (!Number.isSafeInteger(lastPage) || lastPage > 2 ** 32) return undefined
	return {
		pageSize,
		// Two trees: free pages, then the data.
		roots: [bytes.readBigUInt64LE(HEADER + 64), bytes.readBigUInt64LE(HEADER + 112)],
		lastPage,
		transaction: bytes.readBigUInt64LE(HEADER + 128),
	}
}

/** `count` pages, if they are within the file, are no meta, and were not visited before. */
const visit = (meta: Meta, first: bigint, count: number, seen: Uint8Array): number => {
	if (first < 2n || first + BigInt(count) - 1n > BigInt(meta.lastPage)) {
		throw new Torn(`it refers to page ${first}, which it does not have`)
	}
	const page = Number(first)
	for (let offset = 0; offset < count; offset++) {
		if (seen[page + offset] !== 0) throw new Torn(`it refers to page ${page + offset} twice`)
		seen[page + offset] = 1
	}
	return page
}

const readPage = (file: number, { pageSize }: Meta, page: number): Buffer => {
	const bytes = Buffer.allocUnsafe(pageSize)
	if (readSync(file, bytes, 0, pageSize, page * pageSize) < pageSize)
		throw new Torn(`page ${page} is cut off`)
	if (bytes.readBigUInt64LE(0) !== BigInt(page)) throw new Torn(`page ${page} is overwritten`)
	return bytes
}

const walk = (file: number, meta: Meta, root: bigint, seen: Uint8Array, depth: number): void => {
	if (depth > MAX_DEPTH) throw new Torn('its tree is too deep')
	const page = visit(meta, root, 1, seen)
	const bytes = readPage(file, meta, page)
	const flags = bytes.readUInt16LE(18)
	const lower = HEADER + bytes.readUInt16LE(20)
	const upper = HEADER + bytes.readUInt16LE(22)
	const leaf = (flags & LEAF) !== 0
	if (leaf === ((flags & BRANCH) !== 0) || (flags & (OVERFLOW | META)) !== 0) {
		throw new Torn(`page ${page} is neither branch nor leaf`)
	}
	if (lower > upper || upper > meta.pageSize || lower % 2 !== 0) {
		throw new Torn(`page ${page} is overwritten`)
	}
	for (let pointer = HEADER; pointer < lower; pointer += 2) {
		const node = HEADER + bytes.readUInt16LE(pointer)
		if (node < upper || node + NODE_HEADER > meta.pageSize) throw new Torn(`page ${page} is overwritten`)
		const low = bytes.readUInt32LE(node)
		const nodeFlags = bytes.readUInt16LE(node + 4)
		const data = node + NODE_HEADER + bytes.readUInt16LE(node + 6)
		if (data > meta.pageSize) throw new Torn(`page ${page} is overwritten`)
		if (!leaf) walk(file, meta, BigInt(low) + (BigInt(nodeFlags) << 32n), seen, depth + 1)
		else checkData(file, meta, bytes, { data, size: low, flags: nodeFlags, page }, seen)
	}
}

const checkData = (
	file: number,
	meta: Meta,
	bytes: Buffer,
	{ data, size, flags, page }: Readonly<Record<'data' | 'size' | 'flags' | 'page', number>>,
	seen: Uint8Array,
): void => {
	if ((flags & (SUBTREE | DUPLICATES)) !== 0) return
	if ((flags & BIG) === 0) {
		if (data + size > meta.pageSize) throw new Torn(`page ${page} is overwritten`)
		return
	}
	if (data + 8 > meta.pageSize) throw new Torn(`page ${page} is overwritten`)
	const count = Math.ceil((HEADER + size) / meta.pageSize)
	const first = visit(meta, bytes.readBigUInt64LE(data), count, seen)
	const header = Buffer.alloc(HEADER)
	readSync(file, header, 0, HEADER, first * meta.pageSize)
	const ours = header.readBigUInt64LE(0) === BigInt(first) && (header.readUInt16LE(18) & OVERFLOW) !== 0
	if (!ours || header.readUInt32LE(20) < count) throw new Torn(`page ${first} is overwritten`)
}
