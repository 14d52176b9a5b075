import { RemoteTermError } from '../core/errors.ts'
import type { Image, Segment } from './image.ts'
import {
	aligned,
	KEY_DEAD,
	KEY_LENGTH,
	KEY_NUMBER,
	RECORD_HEADER,
	SEGMENT_SHIFT,
	UNIT_MASK,
} from './layout.ts'
import { entrySize } from './probe.ts'

export const damaged = (what: string): RemoteTermError =>
	new RemoteTermError('DESERIALIZE_FAILED', `Expected a packed table, found ${what}`)

/** How many bytes of records, or buckets, are looked through in one step. */
const STEP_BYTES = 2 ** 20
const STEP_BUCKETS = 2 ** 14

/**
 * That the buckets follow each other without a gap and consist of whole entries, that each entry leads to the beginning
 * of a live record, and each live record has its entry. In steps of about a millisecond; each is a plain function, since
 * V8 optimizes those sooner than generators, and at a restart all code is cold.
 *
 * Whether an entry has the key of its row is not asked: that is a random read per row, and takes as long as all the rest
 * of a restart (measured). Checksums find what is damaged; whoever forges those can write rows of his own anyway.
 */
export function* checkImage(image: Image): Generator<undefined, void, undefined> {
	const { bucketShift, index, keys, rowCount, segments } = image
	const buckets = 2 ** (32 - bucketShift)
	if (index[0] !== 0 || index[buckets] !== keys.byteLength) throw damaged('an index that is none')
	const starts = segments.map(({ bytes }) => new Uint8Array((bytes.length >>> 6) + 1))
	let live = 0
	for (const [i, segment] of segments.entries()) {
		const walk: Walk = { at: 0, live: 0 }
		while (walk.at < segment.bytes.length) {
			walkRecords(segment, starts[i]!, walk, Math.min(segment.bytes.length, walk.at + STEP_BYTES))
			yield
		}
		live += walk.live
	}
	if (live !== rowCount) throw damaged(`${live} rows, not the ${rowCount} that its head says`)
	for (let bucket = 0; bucket < buckets; bucket += STEP_BUCKETS) {
		live -= matchEntries(image, starts, bucket, Math.min(buckets, bucket + STEP_BUCKETS))
		yield
	}
	if (live !== 0) throw damaged('a row without its key entry')
}

interface Walk {
	at: number
	live: number
}

/** `starts`: a bit for each unit at which a live record begins, cleared again by the entry that leads there. */
const walkRecords = ({ bytes, view }: Segment, starts: Uint8Array, walk: Walk, until: number): void => {
	const { length: end } = bytes
	let { at, live } = walk
	while (at < until) {
		if (at + RECORD_HEADER > end) throw damaged('a record outside its segment')
		const length = view.getUint32(at, true)
		const info = view.getUint32(at + 4, true)
		const keyLength = info & KEY_LENGTH
		if (length < RECORD_HEADER + keyLength + 1 || at + length > end)
			throw damaged('a record outside its segment')
		if ((info & KEY_NUMBER) !== 0 && keyLength !== 8) throw damaged('a key of an impossible length')
		if ((info & KEY_DEAD) === 0) {
			live++
			starts[at >>> 6]! |= 1 << ((at >>> 3) & 7)
		}
		at += aligned(length)
	}
	walk.at = at
	walk.live = live
}

/** Returns how many rows the entries have found. */
const matchEntries = (
	{ index, keys }: Image,
	starts: readonly Uint8Array[],
	from: number,
	to: number,
): number => {
	let found = 0
	for (let bucket = from; bucket < to; bucket++) {
		const end = index[bucket + 1]!
		let at = index[bucket]!
		if (end < at || end > keys.byteLength) throw damaged('a bucket outside the keys')
		while (at < end) {
			const next = at + entrySize(keys.getUint8(at))
			if (next > end) throw damaged('a key entry outside its bucket')
			const address = keys.getUint32(at + 2, true)
			const bits = starts[address >>> SEGMENT_SHIFT]
			const unit = address & UNIT_MASK
			const bit = 1 << (unit & 7)
			if (bits === undefined || (bits[unit >>> 3]! & bit) === 0)
				throw damaged('a key entry that leads to no row')
			bits[unit >>> 3]! &= ~bit
			found++
			at = next
		}
	}
	return found
}
