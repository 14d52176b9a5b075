import { indexBytes, type Segment } from './image.ts'
import {
	aligned,
	BUCKET_ROWS,
	ENTRY_HEADER,
	ENTRY_LENGTH,
	KEY_DEAD,
	MAX_BUCKET_BITS,
	RECORD_HEADER,
	SEGMENT_SHIFT,
	UNIT_MASK,
} from './layout.ts'
import { entryInfo, entrySize, findEntry } from './probe.ts'

export type OnDuplicate = 'refuse' | 'first' | 'last'

export interface Duplicate {
	/** Of the row whose key has been seen before, and of that row, counted from 0. */
	readonly row: number
	readonly earlier: number
}

export interface BuiltKeys {
	readonly index: Uint32Array<SharedArrayBuffer>
	/** With padding. */
	readonly keys: Uint8Array<SharedArrayBuffer>
	/** Without. */
	readonly keyBytes: number
	readonly bucketBits: number
	/** How many rows had a key that another row had before them, and the first of them. */
	readonly duplicates: number
	readonly firstDuplicates: readonly Duplicate[]
}

const DUPLICATES_SHOWN = 5

/** What the index can tell. A multiple of 8. */
const MAX_KEY_BYTES = 2 ** 32 - 8

/** Collects the keys of the rows as they come, and makes the hash table when their number is known. */
export class KeyTable {
	#count = 0
	#bytes = 0
	#hashes = new Int32Array(1024)
	#infos = new Uint16Array(1024)
	#addresses = new Uint32Array(1024)
	#rowNumbers = new Uint32Array(1024)

	get count(): number {
		return this.#count
	}

	/** Whether one more can be added. `recordInfo` is the word of the record that tells its key. */
	hasRoom(recordInfo: number): boolean {
		return this.#bytes + entrySize(entryInfo(0, recordInfo)) <= MAX_KEY_BYTES
	}

	add(hash: number, recordInfo: number, address: number, rowNumber: number): void {
		const info = entryInfo(hash, recordInfo)
		this.#bytes += entrySize(info)
		if (this.#count === this.#hashes.length) this.#grow()
		const i = this.#count++
		this.#hashes[i] = hash
		this.#infos[i] = info
		this.#addresses[i] = address
		this.#rowNumbers[i] = rowNumber
	}

	/** Marks the records as dead that others with the same key have replaced. */
	finish(segments: readonly Segment[], onDuplicate: OnDuplicate): BuiltKeys {
		const count = this.#count
		const bucketBits = bitsFor(count)
		const shift = 32 - bucketBits
		const index = this.#starts(bucketBits)
		const bytes = shared(this.#bytes)
		const keys = new DataView(bytes.buffer)
		const ends = index.slice(0, 2 ** bucketBits)
		const firstDuplicates: Duplicate[] = []
		let duplicates = 0
		for (let i = 0; i < count; i++) {
			const bucket = this.#hashes[i]! >>> shift
			const info = this.#infos[i]!
			const address = this.#addresses[i]!
			const segment = segments[address >>> SEGMENT_SHIFT]!
			const offset = (address & UNIT_MASK) * 8
			const end = ends[bucket]!
			const earlier = findEntry(keys, segments, index[bucket]!, end, info, segment, offset)
			if (earlier < 0) {
				keys.setUint16(end, info, true)
				keys.setUint32(end + 2, address, true)
				copyKey(bytes, end + ENTRY_HEADER, segment, offset + RECORD_HEADER, info & ENTRY_LENGTH)
				ends[bucket] = end + entrySize(info)
				continue
			}
			duplicates++
			const taken = keys.getUint32(earlier + 2, true)
			if (firstDuplicates.length < DUPLICATES_SHOWN) {
				const row = this.#rowNumbers[this.#addresses.subarray(0, count).indexOf(taken)]!
				firstDuplicates.push({ row: this.#rowNumbers[i]!, earlier: row })
			}
			bury(segments, onDuplicate === 'last' ? taken : address)
			if (onDuplicate === 'last') keys.setUint32(earlier + 2, address, true)
		}
		const built = { index, keys: bytes, keyBytes: this.#bytes, bucketBits, duplicates, firstDuplicates }
		return duplicates === 0 ? built : { ...built, ...withoutGaps(index, ends, bytes) }
	}

	/** Where each bucket begins if no key comes twice. */
	#starts(bucketBits: number): Uint32Array<SharedArrayBuffer> {
		const shift = 32 - bucketBits
		const index = new Uint32Array(new SharedArrayBuffer(indexBytes(bucketBits)))
		for (let i = 0; i < this.#count; i++) {
			const bucket = this.#hashes[i]! >>> shift
			index[bucket + 1] = index[bucket + 1]! + entrySize(this.#infos[i]!)
		}
		for (let bucket = 0; bucket < 2 ** bucketBits; bucket++)
			index[bucket + 1] = index[bucket + 1]! + index[bucket]!
		return index
	}

	#grow(): void {
		const { length } = this.#hashes
		const grown = <List extends { set(list: List): void }>(next: List, list: List): List => {
			next.set(list)
			return next
		}
		this.#hashes = grown(new Int32Array(length * 2), this.#hashes)
		this.#infos = grown(new Uint16Array(length * 2), this.#infos)
		this.#addresses = grown(new Uint32Array(length * 2), this.#addresses)
		this.#rowNumbers = grown(new Uint32Array(length * 2), this.#rowNumbers)
	}
}

const bitsFor = (count: number): number => {
	let bits = 1
	while (bits < MAX_BUCKET_BITS && count > BUCKET_ROWS * 2 ** bits) bits++
	return bits
}

const shared = (bytes: number): Uint8Array<SharedArrayBuffer> =>
	new Uint8Array(new SharedArrayBuffer(aligned(bytes)))

const copyKey = (keys: Uint8Array, at: number, { bytes }: Segment, from: number, length: number): void => {
	for (let i = 0; i < length; i++) keys[at + i] = bytes[from + i]!
}

const bury = (segments: readonly Segment[], address: number): void => {
	const { view } = segments[address >>> SEGMENT_SHIFT]!
	const at = (address & UNIT_MASK) * 8 + RECORD_HEADER - 4
	view.setUint32(at, view.getUint32(at, true) | KEY_DEAD, true)
}

/** Moves the buckets together. `ends` tells how far each is filled. */
const withoutGaps = (
	index: Uint32Array<SharedArrayBuffer>,
	ends: Uint32Array,
	keys: Uint8Array<SharedArrayBuffer>,
): Pick<BuiltKeys, 'keys' | 'keyBytes'> => {
	let keyBytes = 0
	for (let bucket = 0; bucket < ends.length; bucket++) {
		const from = index[bucket]!
		keys.copyWithin(keyBytes, from, ends[bucket])
		index[bucket] = keyBytes
		keyBytes += ends[bucket]! - from
	}
	index[ends.length] = keyBytes
	const exact = shared(keyBytes)
	exact.set(keys.subarray(0, keyBytes))
	return { keys: exact, keyBytes }
}
