import { webcrypto } from 'node:crypto'
import { hashNumber, hashString } from './hash.ts'
import { seal, vocabularyAt, wordsOf, type Image, type ImageParts, type Segment } from './image.ts'
import {
	aligned,
	FORMAT_VERSION,
	Head,
	KEY_DEAD,
	LOAD_FACTOR,
	MAGIC,
	MAX_SEGMENTS,
	MAX_WORDS,
	RECORD_HEADER,
	SEGMENT_BYTES,
	SEGMENT_SHIFT,
	UNIT_MASK,
} from './layout.ts'
import { firstSlot, sameKey } from './probe.ts'
import { RowFault, RowWriter, type Key } from './row-writer.ts'
import { GrowingVocabulary } from './vocabulary.ts'

export type OnDuplicate = 'refuse' | 'first' | 'last'

export interface BuilderOptions {
	/** The table before: its vocabulary and seed are inherited, so that what is unchanged has unchanged bytes. */
	readonly previous?: Image | undefined
	/** In bytes of the packed record. */
	readonly maxRowBytes: number
	readonly onDuplicate: OnDuplicate
}

export interface Duplicate {
	/** Of the row whose key has been seen before, and of that row, counted from 0. */
	readonly row: number
	readonly earlier: number
}

export interface Built {
	readonly parts: ImageParts
	/** How many rows had a key that another row had before them, and the first of them. */
	readonly duplicates: number
	readonly firstDuplicates: readonly Duplicate[]
}

const DUPLICATES_SHOWN = 5

/** A vocabulary that is fuller than this may be full of words that nobody uses any more, and is not inherited. */
const MAX_INHERITED_WORDS_SHARE = 0.9

/**
 * Rows become an image. Grows by segments, so that no step copies what came before; the index is made at the end, when
 * the number of rows is known.
 */
export class TableBuilder {
	readonly #options: BuilderOptions
	readonly #vocabulary: GrowingVocabulary
	readonly #writer: RowWriter
	readonly #segments: Array<Uint8Array<SharedArrayBuffer>> = []
	readonly #seed: { readonly seed0: number; readonly seed1: number }
	#count = 0
	#hashes = new Uint32Array(1024)
	#addresses = new Uint32Array(1024)
	#rowNumbers = new Uint32Array(1024)

	constructor(options: BuilderOptions) {
		this.#options = options
		const { previous } = options
		// A vocabulary that is nearly full of what may be yesterday's words begins anew.
		const inherited =
			previous === undefined || previous.wordCount > MAX_INHERITED_WORDS_SHARE * MAX_WORDS
				? undefined
				: previous
		this.#vocabulary = new GrowingVocabulary(inherited)
		this.#writer = new RowWriter(this.#vocabulary)
		const [seed0, seed1] = webcrypto.getRandomValues(new Int32Array(2))
		this.#seed = previous ?? { seed0: seed0!, seed1: seed1! }
	}

	get count(): number {
		return this.#count
	}

	/** Throws `RowFault`, and then has kept nothing. `rowNumber` is for telling which row a duplicate was. */
	add(key: Key, row: object, rowNumber: number): void {
		const writer = this.#writer
		const start = writer.at
		writer.write(key, row, this.#options.maxRowBytes)
		let offset = start
		if (writer.at > SEGMENT_BYTES) {
			if (this.#segments.length === MAX_SEGMENTS - 1) throw new RowFault('does not fit: the table is full')
			this.#segments.push(sharedCopy(writer.bytes, 0, start))
			writer.bytes.copyWithin(0, start, writer.at)
			writer.at -= start
			offset = 0
		}
		if (this.#count === this.#hashes.length) this.#grow()
		const i = this.#count++
		this.#hashes[i] = typeof key === 'string' ? hashString(key, this.#seed) : hashNumber(key, this.#seed)
		this.#addresses[i] = (this.#segments.length << SEGMENT_SHIFT) | (offset >>> 3)
		this.#rowNumbers[i] = rowNumber
	}

	/** The builder is spent afterwards. */
	finish(): Built {
		if (this.#writer.at > 0) this.#segments.push(sharedCopy(this.#writer.bytes, 0, this.#writer.at))
		const { index, rowCount, duplicates, firstDuplicates } = this.#index()
		const head = this.#head(rowCount, index.length / 2)
		const parts = {
			head,
			index: new Uint8Array(index.buffer),
			segments: this.#segments,
		}
		seal(parts)
		return { parts, duplicates, firstDuplicates }
	}

	#index(): {
		index: Uint32Array<SharedArrayBuffer>
		rowCount: number
		duplicates: number
		firstDuplicates: Duplicate[]
	} {
		const count = this.#count
		const slots = count === 0 ? 0 : Math.ceil(count / LOAD_FACTOR) + 1
		const index = new Uint32Array(new SharedArrayBuffer(slots * 8))
		// Which row sits in a slot, for telling what a duplicate duplicates. Only looked at where there is one.
		const firstDuplicates: Duplicate[] = []
		const views = this.#segments.map(asSegment)
		let duplicates = 0
		for (let i = 0; i < count; i++) {
			const hash = this.#hashes[i]!
			const address = this.#addresses[i]!
			let slot = firstSlot(hash, slots)
			let taken = index[slot * 2 + 1]!
			while (taken !== 0 && !(index[slot * 2] === hash && isSame(views, taken - 1, address))) {
				if (++slot === slots) slot = 0
				taken = index[slot * 2 + 1]!
			}
			if (taken === 0) {
				index[slot * 2] = hash
				index[slot * 2 + 1] = address + 1
				continue
			}
			duplicates++
			if (firstDuplicates.length < DUPLICATES_SHOWN) {
				const earlier = this.#rowNumbers[this.#addresses.subarray(0, count).indexOf(taken - 1)]!
				firstDuplicates.push({ row: this.#rowNumbers[i]!, earlier })
			}
			const keepsLast = this.#options.onDuplicate === 'last'
			bury(views, keepsLast ? taken - 1 : address)
			if (keepsLast) index[slot * 2 + 1] = address + 1
		}
		return { index, rowCount: count - duplicates, duplicates, firstDuplicates }
	}

	#head(rowCount: number, slots: number): Uint8Array<SharedArrayBuffer> {
		const segments = this.#segments.length
		const vocabulary = this.#packedVocabulary(vocabularyAt(segments))
		const head = new Uint8Array(new SharedArrayBuffer(aligned(vocabularyAt(segments) + vocabulary.length)))
		const words = wordsOf(head)
		words[0] = MAGIC[0]
		words[1] = MAGIC[1]
		words[Head.version] = FORMAT_VERSION
		words[Head.rowCount] = rowCount
		words[Head.slots] = slots
		words[Head.seed0] = this.#seed.seed0
		words[Head.seed1] = this.#seed.seed1
		words[Head.vocabularyBytes] = vocabulary.length
		words[Head.segments] = segments
		head.set(vocabulary, vocabularyAt(segments))
		return head
	}

	/**
	 * u32 number of words · u32 offset of each within the head, and of what follows the last · words, each a byte that
	 * tells Latin-1 (0) from UTF-16 (1), and its characters · shapes, as a packed array of arrays of names
	 */
	#packedVocabulary(begin: number): Buffer {
		const { shapes, words } = this.#vocabulary
		const writer = new RowWriter(new GrowingVocabulary())
		writer.writePlain(shapes)
		const packedShapes = writer.bytes.subarray(0, writer.at)
		const packedWords = words.map(word => {
			const isLatin1 = /^[\0-\xff]*$/.test(word)
			return Buffer.concat([Buffer.of(isLatin1 ? 0 : 1), Buffer.from(word, isLatin1 ? 'latin1' : 'utf16le')])
		})
		const table = Buffer.alloc(4 + 4 * (words.length + 1))
		table.writeUInt32LE(words.length, 0)
		let offset = begin + table.length
		packedWords.forEach((word, id) => {
			table.writeUInt32LE(offset, 4 + id * 4)
			offset += word.length
		})
		table.writeUInt32LE(offset, 4 + words.length * 4)
		return Buffer.concat([table, ...packedWords, packedShapes])
	}

	#grow(): void {
		const grown = (array: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => {
			const next = new Uint32Array(array.length * 2)
			next.set(array)
			return next
		}
		this.#hashes = grown(this.#hashes)
		this.#addresses = grown(this.#addresses)
		this.#rowNumbers = grown(this.#rowNumbers)
	}
}

const sharedCopy = (bytes: Uint8Array, from: number, to: number): Uint8Array<SharedArrayBuffer> => {
	const copy = new Uint8Array(new SharedArrayBuffer(to - from))
	copy.set(bytes.subarray(from, to))
	return copy
}

const asSegment = ({ buffer, byteOffset, byteLength }: Uint8Array<SharedArrayBuffer>): Segment => ({
	bytes: Buffer.from(buffer as unknown as ArrayBuffer, byteOffset, byteLength),
	view: new DataView(buffer, byteOffset, byteLength),
})

const isSame = (segments: readonly Segment[], a: number, b: number): boolean =>
	sameKey(
		segments[a >>> SEGMENT_SHIFT]!,
		(a & UNIT_MASK) * 8,
		segments[b >>> SEGMENT_SHIFT]!,
		(b & UNIT_MASK) * 8,
	)

const bury = (segments: readonly Segment[], address: number): void => {
	const { view } = segments[address >>> SEGMENT_SHIFT]!
	const at = (address & UNIT_MASK) * 8 + RECORD_HEADER - 4
	view.setUint32(at, view.getUint32(at, true) | KEY_DEAD, true)
}
