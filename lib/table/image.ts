import { crc32 } from 'node:zlib'
import { reasonOf } from '../core/clock.ts'
import { checkImage, damaged } from './image-check.ts'
import {
	aligned,
	FORMAT_VERSION,
	Head,
	HEAD_BYTES,
	MAGIC,
	MAX_BUCKET_BITS,
	MAX_FIELDS,
	MAX_SEGMENTS,
	SEGMENT_BYTES,
} from './layout.ts'
import { readPlain, type Words } from './row-reader.ts'

/** The sections of an image, over shared memory: what is posted between threads, and written to disk one by one. */
export interface ImageParts {
	readonly head: Uint8Array<SharedArrayBuffer>
	readonly index: Uint8Array<SharedArrayBuffer>
	readonly keys: Uint8Array<SharedArrayBuffer>
	readonly segments: ReadonlyArray<Uint8Array<SharedArrayBuffer>>
}

export interface Segment {
	readonly bytes: Buffer
	readonly view: DataView
}

/** An image as a thread sees it: its own views of memory that all share. Opening one costs microseconds at any size. */
export class Image implements Words {
	readonly parts: ImageParts
	readonly rowCount: number
	readonly seed0: number
	readonly seed1: number
	/** A hash, shifted to the right by this, is the number of its bucket. */
	readonly bucketShift: number
	readonly index: Uint32Array
	readonly keys: DataView
	readonly segments: readonly Segment[]
	readonly shapes: ReadonlyArray<readonly string[]>
	readonly wordCount: number
	readonly #words: Array<string | undefined>
	readonly #wordTable: Uint32Array
	readonly #vocabulary: Segment

	/** Trusts the parts as far as memory safety does not need otherwise; `imageFromBytes` is for those from elsewhere. */
	constructor(parts: ImageParts) {
		this.parts = parts
		const { head, index, keys, segments } = parts
		const words = wordsOf(head)
		if (words[0] !== MAGIC[0] || words[1] !== MAGIC[1]) throw damaged('something else (magic)')
		if (words[Head.version] !== FORMAT_VERSION)
			throw damaged(`one of format version ${words[Head.version]}, not ${FORMAT_VERSION}`)
		this.rowCount = words[Head.rowCount]!
		this.bucketShift = 32 - words[Head.bucketBits]!
		this.seed0 = words[Head.seed0]! | 0
		this.seed1 = words[Head.seed1]! | 0
		this.index = wordsOf(index)
		this.keys = new DataView(keys.buffer, keys.byteOffset, words[Head.keyBytes])
		this.segments = segments.map(segmentOf)
		this.#vocabulary = segmentOf(head)
		const from = vocabularyAt(segments.length)
		const to = from + words[Head.vocabularyBytes]!
		this.wordCount = words[from / 4]!
		this.#wordTable = words.subarray(from / 4 + 1, from / 4 + 2 + this.wordCount)
		this.#words = new Array<string | undefined>(this.wordCount)
		const shapesAt = this.#wordTable[this.wordCount] ?? to
		this.shapes = checkedShapes(readPlain(this.#vocabulary, shapesAt, to, NO_WORDS))
	}

	/** In bytes, of all sections. */
	get byteLength(): number {
		return byteLengthOf(this.parts)
	}

	get words(): string[] {
		return Array.from(this.#words, (_, id) => this.word(id))
	}

	word(id: number): string {
		return this.#words[id] ?? this.#decodeWord(id)
	}

	#decodeWord(id: number): string {
		if (id >= this.wordCount) throw damaged('a row with a word that is not in its vocabulary')
		const [from, to] = [this.#wordTable[id]!, this.#wordTable[id + 1]!]
		const { bytes } = this.#vocabulary
		// Not by `readPlain`: a row may be half read, and its state is the reader's.
		const word =
			bytes[from] === 0 ? bytes.toString('latin1', from + 1, to) : bytes.toString('utf16le', from + 1, to)
		this.#words[id] = word
		return word
	}
}

const NO_WORDS: Words = {
	shapes: [],
	word() {
		throw damaged('a word within the vocabulary')
	},
}

const checkedShapes = (value: unknown): ReadonlyArray<readonly string[]> => {
	const isShape = (names: unknown): boolean =>
		Array.isArray(names) &&
		names.length <= MAX_FIELDS &&
		names.every(name => typeof name === 'string' && name !== '__proto__')
	if (!Array.isArray(value) || !value.every(isShape)) throw damaged('a vocabulary that is none')
	return value as string[][]
}

export const wordsOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Uint32Array =>
	new Uint32Array(buffer, byteOffset, byteLength >>> 2)

const segmentOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Segment => ({
	bytes: Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength),
	view: new DataView(buffer, byteOffset, byteLength),
})

/** Where the vocabulary begins within the head. */
export const vocabularyAt = (segments: number): number => HEAD_BYTES + segments * 8

/** In bytes, with where the last bucket ends, and padding. */
export const indexBytes = (bucketBits: number): number => aligned((2 ** bucketBits + 1) * 4)

/** Computes all checksums, and writes them into the head: the last act of whoever makes an image. */
export const seal = ({ head, index, keys, segments }: ImageParts): void => {
	const words = wordsOf(head)
	words[Head.indexCrc] = crc32(index)
	words[Head.keysCrc] = crc32(keys)
	words[Head.vocabularyCrc] = crc32(head.subarray(vocabularyAt(segments.length)))
	segments.forEach((segment, i) => {
		words[Head.table + i * 2] = segment.byteLength
		words[Head.table + i * 2 + 1] = crc32(segment)
	})
	words[Head.headCrc] = headCrc(head, segments.length)
}

const headCrc = (head: Uint8Array, segments: number): number =>
	crc32(head.subarray(HEAD_BYTES, vocabularyAt(segments)), crc32(head.subarray(0, Head.headCrc * 4)))

/** The sections one after the other: what a file of this table contains. No copies. */
export const imageChunks = ({
	head,
	index,
	keys,
	segments,
}: ImageParts): ReadonlyArray<Uint8Array<SharedArrayBuffer>> => [head, index, keys, ...segments]

export const byteLengthOf = (parts: ImageParts): number =>
	imageChunks(parts).reduce((sum, { byteLength }) => sum + byteLength, 0)

/**
 * An image from bytes that come from elsewhere. Everything is checked before a row is read: checksums, lengths, that
 * the buckets are whole entries, that each entry leads to the beginning of a live record, and each live record has its
 * entry.
 *
 * Bytes that begin at a multiple of 8 within a `SharedArrayBuffer` are used where they are; others are copied once.
 *
 * @throws `DESERIALIZE_FAILED`
 */
export const imageFromBytes = (given: Uint8Array): Image => {
	const check = checkedImage(given)
	for (;;) {
		const { done, value } = check.next()
		if (done === true) return value
	}
}

/** The same in steps of about a millisecond, between which others have their turn. */
export const openImage = async (given: Uint8Array, signal: AbortSignal): Promise<Image> => {
	const check = checkedImage(given)
	for (;;) {
		const { done, value } = check.next()
		if (done === true) return value
		await new Promise(resolve => setImmediate(resolve))
		if (signal.aborted) throw reasonOf(signal)
	}
}

/** How much is copied or digested in one step. */
const STEP_BYTES = 2 ** 20

function* checkedImage(given: Uint8Array): Generator<undefined, Image, undefined> {
	const bytes = yield* shared(given)
	if (bytes.length < HEAD_BYTES) throw damaged(`only ${bytes.length} bytes`)
	const words = wordsOf(bytes.subarray(0, bytes.length & ~3))
	if (words[0] !== MAGIC[0] || words[1] !== MAGIC[1]) throw damaged('something else (magic)')
	if (words[Head.version] !== FORMAT_VERSION)
		throw damaged(`one of format version ${words[Head.version]}, not ${FORMAT_VERSION}`)
	const count = words[Head.segments]!
	if (count > MAX_SEGMENTS || vocabularyAt(count) > bytes.length) throw damaged('an impossible segment count')
	if (headCrc(bytes, count) !== words[Head.headCrc]) throw damaged('a damaged head (CRC-32)')

	const [vocabularyBytes, keyBytes] = [words[Head.vocabularyBytes]!, words[Head.keyBytes]!]
	if (vocabularyBytes > bytes.length || keyBytes > bytes.length)
		throw damaged(`${bytes.length} bytes, fewer than its head says`)

	let at = 0
	const take = (length: number): Uint8Array<SharedArrayBuffer> => {
		if (length > bytes.length - at) throw damaged(`${bytes.length} bytes, fewer than its head says`)
		const section = bytes.subarray(at, at + length)
		at += length
		return section
	}
	const head = take(aligned(vocabularyAt(count) + vocabularyBytes))
	const bits = words[Head.bucketBits]!
	if (bits < 1 || bits > MAX_BUCKET_BITS) throw damaged('an impossible number of buckets')
	const index = take(indexBytes(bits))
	const keys = take(aligned(keyBytes))
	const segments: Array<Uint8Array<SharedArrayBuffer>> = []
	for (let i = 0; i < count; i++) {
		const length = words[Head.table + i * 2]!
		if (length % 8 !== 0 || length > SEGMENT_BYTES) throw damaged('an impossible segment length')
		segments.push(take(length))
	}
	if (at !== bytes.length) throw damaged(`${bytes.length} bytes, more than the ${at} that its head says`)
	if (crc32(head.subarray(vocabularyAt(count))) !== words[Head.vocabularyCrc])
		throw damaged('a damaged vocabulary (CRC-32)')
	if ((yield* crcOf(index)) !== words[Head.indexCrc]) throw damaged('a damaged index (CRC-32)')
	if ((yield* crcOf(keys)) !== words[Head.keysCrc]) throw damaged('damaged keys (CRC-32)')
	for (const [i, segment] of segments.entries())
		if ((yield* crcOf(segment)) !== words[Head.table + i * 2 + 1]) throw damaged('a damaged segment (CRC-32)')
	checkVocabulary(head, count)
	const image = new Image({ head, index, keys, segments })
	yield* checkImage(image)
	return image
}

function* crcOf(bytes: Uint8Array): Generator<undefined, number, undefined> {
	let crc = 0
	for (let at = 0; at < bytes.length; at += STEP_BYTES) {
		crc = crc32(bytes.subarray(at, at + STEP_BYTES), crc)
		yield
	}
	return crc
}

function* shared(bytes: Uint8Array): Generator<undefined, Uint8Array<SharedArrayBuffer>, undefined> {
	if (bytes.buffer instanceof SharedArrayBuffer && bytes.byteOffset % 8 === 0)
		return bytes as Uint8Array<SharedArrayBuffer>
	const copy = new Uint8Array(new SharedArrayBuffer(bytes.length))
	for (let at = 0; at < bytes.length; at += STEP_BYTES) {
		copy.set(bytes.subarray(at, at + STEP_BYTES), at)
		yield
	}
	return copy
}

const checkVocabulary = (head: Uint8Array, segments: number): void => {
	const words = wordsOf(head)
	const from = vocabularyAt(segments)
	const to = from + words[Head.vocabularyBytes]!
	const count = words[from / 4]
	if (count === undefined || from + 8 + count * 4 > to) throw damaged('a vocabulary that is none')
	let previous = from + 8 + count * 4
	for (let id = 0; id <= count; id++) {
		const at = words[from / 4 + 1 + id]!
		if (at < previous || at > to) throw damaged('a vocabulary that is none')
		previous = at
	}
}
