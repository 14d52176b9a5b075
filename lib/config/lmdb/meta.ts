import { fstatSync, readSync } from 'node:fs'

/*
 * The first two pages of an LMDB file, by the layout of lmdb-js's LMDB (data version 2, 64-bit, little-endian). A page
 * begins with its number (8 bytes), its transaction (8), padding (2) and flags (2). A meta page goes on, after 24 bytes,
 * with a magic (4), the version (4), an address (8), the size of the map (8), two trees (48 each: the free pages, then
 * the data), the last page's number (8) and the transaction that wrote it (8). Transactions write the two in turn.
 */

export const HEADER = 24
export const META = 0x08
const SIZE = HEADER + 136
const MAGIC = 0xbeefc0de
const DATA_VERSION = 2
const [FREE_TREE, DATA_TREE] = [HEADER + 24, HEADER + 72]
/** How a tree compares, and whether it has duplicates: `MDB_REVERSEKEY` to `MDB_REVERSEDUP`. */
const KEY_FLAGS = 0x7e
const INTEGER_KEY = 0x08
/** Of the whole file, and kept beside those of the first tree. We have it neither at a fixed address nor encrypted. */
const [FIXED_MAP, ENCRYPTED] = [0x01, 0x2000]

/** Pages that one transaction may have taken and given back, all at the end of the file. */
const MAX_UNWRITTEN = 2 ** 24

export interface Tree {
	readonly name: 'free pages' | 'data'
	/** `undefined` where the tree is empty. */
	readonly root: number | undefined
	readonly depth: number
	readonly entries: bigint
	readonly pages: { readonly branch: bigint; readonly leaf: bigint; readonly overflow: bigint }
}

export interface Meta {
	readonly pageSize: number
	/** Whole pages that the file has. It may end before `lastPage`: pages that were taken and given back in one transaction are not written. */
	readonly filePages: number
	readonly lastPage: number
	readonly transaction: bigint
	readonly free: Tree
	readonly data: Tree
}

export type FileFault = { readonly kind: 'foreign' | 'torn'; readonly reason: string }

/** That the structure is not what it must be; `message` says in what. */
export class Torn extends Error {}

/** What `look` finds, or the fault that it has thrown. */
export const foundOrTorn = <Found>(look: () => Found): Found | FileFault => {
	try {
		return look()
	} catch (error) {
		if (error instanceof Torn) return { kind: 'torn', reason: error.message }
		throw error
	}
}

/** What the newer meta page says, or what is wrong with the two. `undefined` where the file is empty. */
export const readMeta = (file: number): Meta | FileFault | undefined => {
	const { size } = fstatSync(file)
	if (size === 0) return undefined
	const first = Buffer.alloc(SIZE)
	const whole = readSync(file, first, 0, SIZE, 0) === SIZE
	if (!whole || first.readUInt32LE(HEADER) !== MAGIC) {
		return { kind: 'foreign', reason: 'it does not begin as an LMDB file does' }
	}
	const version = first.readUInt32LE(HEADER + 4)
	if (version !== DATA_VERSION) {
		return { kind: 'foreign', reason: `it is of version ${version} of LMDB's format, not ${DATA_VERSION}` }
	}
	const pageSize = first.readUInt32LE(FREE_TREE)
	if (pageSize < 512 || pageSize > 65_536 || (pageSize & (pageSize - 1)) !== 0) {
		return { kind: 'torn', reason: `its pages would have ${pageSize} bytes` }
	}
	const filePages = Math.floor(size / pageSize)
	const read = (page: number): Meta => metaOf(file, page, pageSize, filePages)
	return foundOrTorn(() => newest([read(0), read(1)]))
}

/**
 * A meta page is written by every other transaction, and says by which. Where a number is another than its place and
 * its twin let expect, going by it would bring back what was overwritten or deleted.
 */
const newest = ([even, odd]: readonly [Meta, Meta]): Meta => {
	const [a, b] = [even.transaction, odd.transaction]
	if (a === 0n && b === 0n) return even
	if (a % 2n !== 0n || b % 2n !== 1n || (a - b !== 1n && b - a !== 1n)) {
		throw new Torn(`its first pages are of transactions ${a} and ${b}, which do not follow each other`)
	}
	return a > b ? even : odd
}

const metaOf = (file: number, page: number, pageSize: number, filePages: number): Meta => {
	const bytes = Buffer.alloc(SIZE)
	const read = readSync(file, bytes, 0, SIZE, page * pageSize)
	const expected = [MAGIC, DATA_VERSION, pageSize]
	const found = [HEADER, HEADER + 4, FREE_TREE].map(offset => bytes.readUInt32LE(offset))
	const meta = read === SIZE && (bytes.readUInt16LE(18) & META) !== 0
	if (!meta || filePages < 2 || found.some((value, index) => value !== expected[index])) {
		throw new Torn('it ends, or is overwritten, within its first pages')
	}
	const last = bytes.readBigUInt64LE(HEADER + 120)
	if (last > BigInt(filePages + MAX_UNWRITTEN)) {
		throw new Torn(`it has ${filePages} pages, and its last one would be page ${last}`)
	}
	const lastPage = Number(last)
	const within = Math.min(lastPage, filePages - 1)
	return {
		...{ pageSize, filePages, lastPage },
		transaction: bytes.readBigUInt64LE(HEADER + 128),
		free: treeOf(bytes.subarray(FREE_TREE), 'free pages', INTEGER_KEY, within),
		data: treeOf(bytes.subarray(DATA_TREE), 'data', 0, within),
	}
}

const NO_PAGE = 0xffff_ffff_ffff_ffffn

const treeOf = (bytes: Buffer, name: Tree['name'], keyFlags: number, lastPage: number): Tree => {
	if ((bytes.readUInt16LE(4) & (KEY_FLAGS | FIXED_MAP | ENCRYPTED)) !== keyFlags)
		throw new Torn(`the tree of its ${name} is of another kind`)
	const root = bytes.readBigUInt64LE(40)
	if (root !== NO_PAGE && (root < 2n || root > BigInt(lastPage))) {
		throw new Torn(`the tree of its ${name} begins on page ${root}, which it does not have`)
	}
	return {
		name,
		root: root === NO_PAGE ? undefined : Number(root),
		depth: bytes.readUInt16LE(6),
		entries: bytes.readBigUInt64LE(32),
		pages: {
			branch: bytes.readBigUInt64LE(8),
			leaf: bytes.readBigUInt64LE(16),
			overflow: bytes.readBigUInt64LE(24),
		},
	}
}
