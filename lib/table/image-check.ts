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

export const damaged = (what: string): RemoteTermError =>
	new RemoteTermError('DESERIALIZE_FAILED', `Expected a packed table, found ${what}`)

/** How many bytes of records, or slots of the index, are looked through in one step. */
const STEP_BYTES = 2 ** 20
const STEP_SLOTS = 2 ** 15

/**
 * That each slot of the index points at the beginning of a live record, and each live record has its slot. In steps of
 * about a millisecond; each is a plain function, since V8 optimizes those sooner than generators, and at a restart all
 * code is cold.
 */
export function* checkRecords(image: Image): Generator<undefined, void, undefined> {
	const { rowCount, segments, slots } = image
	if (rowCount > slots || (slots > 0 && rowCount === slots)) throw damaged('an index without a free slot')
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
	for (let slot = 0; slot < slots; slot += STEP_SLOTS) {
		live -= matchSlots(image.index, starts, slot, Math.min(slots, slot + STEP_SLOTS))
		yield
	}
	if (live !== 0) throw damaged('a row without its slot')
}

interface Walk {
	at: number
	live: number
}

/** `starts`: a bit for each unit at which a live record begins, cleared again by the slot that points there. */
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

/** Returns how many rows the slots have found. */
const matchSlots = (index: Uint32Array, starts: readonly Uint8Array[], from: number, to: number): number => {
	let found = 0
	for (let slot = from; slot < to; slot++) {
		const address = index[slot * 2 + 1]!
		if (address === 0) continue
		const bits = starts[(address - 1) >>> SEGMENT_SHIFT]
		const unit = (address - 1) & UNIT_MASK
		const bit = 1 << (unit & 7)
		if (bits === undefined || (bits[unit >>> 3]! & bit) === 0) throw damaged('a slot that points at no row')
		bits[unit >>> 3]! &= ~bit
		found++
	}
	return found
}
