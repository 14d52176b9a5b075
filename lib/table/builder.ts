import { webcrypto } from 'node:crypto'
import { hashNumber, hashString } from './hash.ts'
import { seal, vocabularyAt, wordsOf, type Image, type ImageParts, type Segment } from './image.ts'
import { KeyTable, type BuiltKeys, type Duplicate, type OnDuplicate } from './key-table.ts'
import {
	aligned,
	FORMAT_VERSION,
	Head,
	MAGIC,
	MAX_SEGMENTS,
	MAX_WORDS,
	SEGMENT_BYTES,
	SEGMENT_SHIFT,
} from './layout.ts'
import { RowFault, RowWriter, type Key } from './row-writer.ts'
import { GrowingVocabulary } from './vocabulary.ts'

export interface BuilderOptions {
	/** The table before: its vocabulary and seed are inherited, so that what is unchanged has unchanged bytes. */
	readonly previous?: Image | undefined
	/** In bytes of the packed record. */
	readonly maxRowBytes: number
	readonly onDuplicate: OnDuplicate
}

export interface Built {
	readonly parts: ImageParts
	/** How many rows had a key that another row had before them, and the first of them. */
	readonly duplicates: number
	readonly firstDuplicates: readonly Duplicate[]
}

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
	readonly #keys = new KeyTable()
	readonly #seed: { readonly seed0: number; readonly seed1: number }

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
		return this.#keys.count
	}

	/** Throws `RowFault`, and then has kept nothing. `rowNumber` is for telling which row a duplicate was. */
	add(key: Key, row: object, rowNumber: number): void {
		const writer = this.#writer
		const start = writer.at
		const info = writer.write(key, row, this.#options.maxRowBytes)
		let offset = start
		const isOver = writer.at > SEGMENT_BYTES
		if ((isOver && this.#segments.length === MAX_SEGMENTS - 1) || !this.#keys.hasRoom(info)) {
			writer.at = start
			throw new RowFault('does not fit: the table is full')
		}
		if (isOver) {
			this.#segments.push(sharedCopy(writer.bytes, 0, start))
			writer.bytes.copyWithin(0, start, writer.at)
			writer.at -= start
			offset = 0
		}
		const hash = typeof key === 'string' ? hashString(key, this.#seed) : hashNumber(key, this.#seed)
		this.#keys.add(hash, info, (this.#segments.length << SEGMENT_SHIFT) | (offset >>> 3), rowNumber)
	}

	/** The builder is spent afterwards. */
	finish(): Built {
		if (this.#writer.at > 0) this.#segments.push(sharedCopy(this.#writer.bytes, 0, this.#writer.at))
		const built = this.#keys.finish(this.#segments.map(asSegment), this.#options.onDuplicate)
		const { duplicates, firstDuplicates } = built
		const parts = {
			head: this.#head(built),
			index: new Uint8Array(built.index.buffer),
			keys: built.keys,
			segments: this.#segments,
		}
		seal(parts)
		return { parts, duplicates, firstDuplicates }
	}

	#head({ bucketBits, duplicates, keyBytes }: BuiltKeys): Uint8Array<SharedArrayBuffer> {
		const segments = this.#segments.length
		const vocabulary = this.#packedVocabulary(vocabularyAt(segments))
		const head = new Uint8Array(new SharedArrayBuffer(aligned(vocabularyAt(segments) + vocabulary.length)))
		const words = wordsOf(head)
		words[0] = MAGIC[0]
		words[1] = MAGIC[1]
		words[Head.version] = FORMAT_VERSION
		words[Head.rowCount] = this.count - duplicates
		words[Head.bucketBits] = bucketBits
		words[Head.seed0] = this.#seed.seed0
		words[Head.seed1] = this.#seed.seed1
		words[Head.vocabularyBytes] = vocabulary.length
		words[Head.segments] = segments
		words[Head.keyBytes] = keyBytes
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
