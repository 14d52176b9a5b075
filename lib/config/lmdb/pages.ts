import { readSync } from 'node:fs'
import { freePages } from './free-list.ts'
import { foundOrTorn, HEADER, META, readMeta, Torn, type FileFault, type Meta, type Tree } from './meta.ts'

/*
 * LMDB maps its file into memory and trusts it: one that is cut off or overwritten ends the whole process with SIGBUS
 * or SIGSEGV, and one whose list of free pages is wrong is overwritten further by the next write. So the structure is
 * walked through by reading, which cannot do that, before any of it is used.
 *
 * A page of a tree goes on, after its flags, with the bounds of its free space (2 + 2 bytes); nodes are found by 16-bit
 * offsets that follow; all of these count from the header's end. A node has the data's size or the child's page (6, the
 * flags among them), the key's size (2), the key, and the data, or where that lies: its first page, and how many.
 */

const NODE_HEADER = 8
const [BRANCH, LEAF, OVERFLOW] = [0x01, 0x02, 0x04]
/** A node whose data is on overflow pages; one that is a tree of its own, or has several values. We never write those. */
const [BIG, SUBTREE, DUPLICATES] = [0x01, 0x02, 0x04]
/** LMDB's cursors end there, too. */
const MAX_DEPTH = 32
const LOOKS = 5

/** What is wrong with the file at a glance, `undefined` where nothing is, or where it is empty. It may be in use. */
export const metaFault = (file: number): FileFault | undefined => {
	let fault: FileFault | undefined
	// Whoever has it in use may commit between our reading of one first page and of the other; not each time, though.
	for (let look = 0; look < LOOKS; look++) {
		const meta = readMeta(file)
		if (meta === undefined || !('kind' in meta)) return undefined
		fault = meta
	}
	return fault
}

/** What is wrong with anything in the file. Nobody may be writing to it. */
export const pagesFault = (file: number): FileFault | undefined => {
	const meta = readMeta(file)
	if (meta === undefined) return undefined
	if ('kind' in meta) return meta
	return foundOrTorn(() => checkPages(new Pages(file, meta), meta))
}

/** @throws Torn */
const checkPages = (pages: Pages, meta: Meta): undefined => {
	const free: Buffer[] = []
	new TreeWalk(pages, meta.free, (key, data) => {
		if (key.length !== 8 || key.readBigUInt64LE() > meta.transaction) {
			throw new Torn('the list of its free pages is overwritten')
		}
		free.push(data())
	}).walk()
	new TreeWalk(pages, meta.data, () => {}).walk()
	// Each transaction has written the way from the root to what it changed.
	if (pages.newest !== meta.transaction) {
		throw new Torn(`its first page is of transaction ${meta.transaction}, and the rest of ${pages.newest}`)
	}
	// What is free is nobody's, neither a tree's nor twice somebody's.
	for (const row of free) for (const { first, count } of freePages(row)) pages.claim(first, count)
	pages.claimedBeyondTheFile()
}

interface Page {
	readonly number: number
	readonly bytes: Buffer
	readonly flags: number
}

/** The file's pages, each of which has one purpose. */
class Pages {
	readonly #file: number
	readonly #meta: Meta
	readonly #claimed: Uint8Array
	/** The newest transaction of any page that was read. */
	newest = 0n

	constructor(file: number, meta: Meta) {
		this.#file = file
		this.#meta = meta
		this.#claimed = new Uint8Array(meta.lastPage + 1)
	}

	get size(): number {
		return this.#meta.pageSize
	}

	/** `count` pages, if the file may have them, they are no meta pages, and nobody has claimed one before. */
	claim(first: bigint, count: number): number {
		if (first < 2n || first + BigInt(count) > BigInt(this.#claimed.length)) {
			throw new Torn(`it refers to page ${first + BigInt(count) - 1n}, which it does not have`)
		}
		const page = Number(first)
		const twice = this.#claimed.subarray(page, page + count).indexOf(1)
		if (twice !== -1) throw new Torn(`it refers to page ${page + twice} twice`)
		this.#claimed.fill(1, page, page + count)
		return page
	}

	/** That the file may end before its last page is LMDB's rule; what lies there must be free. */
	claimedBeyondTheFile(): void {
		const missing = this.#claimed.subarray(this.#meta.filePages).indexOf(0)
		if (missing !== -1) throw new Torn(`page ${this.#meta.filePages + missing} is cut off`)
	}

	/** The `length` bytes from a page's start on; `pages` of them are in use. */
	read(first: number, pages: number, length: number): Page {
		const { pageSize, filePages, transaction } = this.#meta
		if (first + pages > filePages) throw new Torn(`page ${first + pages - 1} is cut off`)
		const bytes = Buffer.allocUnsafe(length)
		if (readSync(this.#file, bytes, 0, length, first * pageSize) < length)
			throw new Torn(`page ${first} is cut off`)
		const written = bytes.readBigUInt64LE(8)
		// One of a later transaction would be taken for one that may be written to where it is.
		if (bytes.readBigUInt64LE(0) !== BigInt(first) || written > transaction) throw overwritten(first)
		if (written > this.newest) this.newest = written
		return { number: first, bytes, flags: bytes.readUInt16LE(18) & (BRANCH | LEAF | OVERFLOW | META) }
	}
}

const overwritten = (page: number): Torn => new Torn(`page ${page} is overwritten`)

interface Node {
	readonly key: Buffer
	/** Of the data, or the lower half of the child's page. */
	readonly size: number
	readonly flags: number
	readonly data: number
}

/** One of the two trees, from its root on: every page, every node, the order of the keys, and what the meta page counts. */
class TreeWalk {
	readonly #pages: Pages
	readonly #tree: Tree
	readonly #visit: (key: Buffer, data: () => Buffer) => void
	readonly #compare: (a: Buffer, b: Buffer) => number
	#branches = 0
	#leaves = 0
	#overflows = 0
	#entries = 0

	constructor(pages: Pages, tree: Tree, visit: (key: Buffer, data: () => Buffer) => void) {
		this.#pages = pages
		this.#tree = tree
		this.#visit = visit
		this.#compare = tree.name === 'data' ? (a, b) => a.compare(b) : compareNumbers
	}

	walk(): void {
		const { root, name, entries, pages, depth } = this.#tree
		if (root !== undefined) this.#page(BigInt(root), 1, undefined, undefined)
		const counted = [this.#entries, this.#branches, this.#leaves, this.#overflows].map(BigInt)
		const expected = [entries, pages.branch, pages.leaf, pages.overflow]
		if (counted.some((count, index) => count !== expected[index]) || (root === undefined) !== (depth === 0)) {
			throw new Torn(`the tree of its ${name} does not have as many pages and rows as it should`)
		}
	}

	/** The keys of a page, and of all below it, lie from `low` on and before `high`. */
	#page(number: bigint, level: number, low: Buffer | undefined, high: Buffer | undefined): void {
		if (level > MAX_DEPTH) throw new Torn('its tree is too deep')
		const page = this.#pages.read(this.#pages.claim(number, 1), 1, this.#pages.size)
		const leaf = page.flags === LEAF
		if ((!leaf && page.flags !== BRANCH) || leaf !== (level === this.#tree.depth)) {
			throw new Torn(`page ${number} is neither branch nor leaf`)
		}
		const nodes = this.#nodes(page, leaf)
		if (leaf) this.#leaves++
		else this.#branches++
		let previous = low
		for (const [index, node] of nodes.entries()) {
			// A branch's first key is not looked at.
			const key = !leaf && index === 0 ? low : node.key
			// The first key may be the one that the page above has for this page; all others come after the one before.
			const least = index === 0 ? 0 : 1
			const early = key && previous && this.#compare(key, previous) < least
			const late = key && high && this.#compare(key, high) >= 0
			if (early || late) throw overwritten(page.number)
			previous = key
			if (leaf) this.#row(page, node)
			else {
				const child = BigInt(node.size) + (BigInt(node.flags) << 32n)
				this.#page(child, level + 1, key, nodes[index + 1]?.key ?? high)
			}
		}
	}

	/** In the order of their keys. They fill the page from its end on, without a gap. */
	#nodes({ bytes, number }: Page, leaf: boolean): Node[] {
		const { size: pageSize } = this.#pages
		const lower = HEADER + bytes.readUInt16LE(20)
		const upper = HEADER + bytes.readUInt16LE(22)
		if (lower > upper || upper > pageSize || lower % 2 !== 0 || lower === HEADER) throw overwritten(number)
		const nodes: Node[] = []
		let filled = 0
		for (let pointer = HEADER; pointer < lower; pointer += 2) {
			const start = HEADER + bytes.readUInt16LE(pointer)
			if (start < upper || start + NODE_HEADER > pageSize) throw overwritten(number)
			const flags = bytes.readUInt16LE(start + 4)
			const size = bytes.readUInt32LE(start)
			const data = start + NODE_HEADER + bytes.readUInt16LE(start + 6)
			const inline = leaf ? ((flags & BIG) === 0 ? size : OVERFLOW_REFERENCE) : 0
			if (data + inline > pageSize) throw overwritten(number)
			filled += data + inline - start + ((data + inline - start) % 2)
			nodes.push({ key: bytes.subarray(start + NODE_HEADER, data), size, flags, data })
		}
		if (filled !== pageSize - upper) throw overwritten(number)
		return nodes
	}

	#row({ bytes, number }: Page, { key, data, size, flags }: Node): void {
		this.#entries++
		if ((flags & (SUBTREE | DUPLICATES)) !== 0) throw overwritten(number)
		if ((flags & BIG) === 0) {
			this.#visit(key, () => bytes.subarray(data, data + size))
			return
		}
		// More than it needs, where a longer value had been there.
		const count = Number(bytes.readBigUInt64LE(data + 16))
		if (count < Math.ceil((HEADER + size) / this.#pages.size) || count > 2 ** 32) throw overwritten(number)
		const first = this.#pages.claim(bytes.readBigUInt64LE(data), count)
		const head = this.#pages.read(first, count, HEADER)
		if (head.flags !== OVERFLOW || head.bytes.readUInt32LE(20) !== count) throw overwritten(first)
		this.#overflows += count
		this.#visit(key, () => this.#pages.read(first, count, HEADER + size).bytes.subarray(HEADER))
	}
}

/** Where data lies that does not fit in a node: its first page, that page's transaction, and the number of pages. */
const OVERFLOW_REFERENCE = 24

const compareNumbers = (a: Buffer, b: Buffer): number => {
	if (a.length !== 8 || b.length !== 8) throw new Torn('the list of its free pages is overwritten')
	const [x, y] = [a.readBigUInt64LE(), b.readBigUInt64LE()]
	return x < y ? -1 : Number(x > y)
}
