/**
 * The binary layout of a packed table, format version 2. All numbers are little endian; all sections begin at a
 * multiple of 8 bytes, so that words can be read in place. An image is four kinds of sections, which live in shared
 * memory one by one, and on disk one after the other in this order:
 *
 * ```
 * head      magic "RTTABLE\n" · version · flags · row count · bits (n) · seed (2 × u32) · vocabulary length · segments
 *           CRC-32 of index · CRC-32 of vocabulary · length of keys · CRC-32 of keys · reserved
 *           CRC-32 of the head up to here and of the segment table
 *           segment table: per segment (u32 length in bytes, u32 CRC-32)
 *           vocabulary: shapes (lists of field names) and words (strings that occur often), as one packed value
 * index     per bucket of the hash table, u32 the offset in the keys at which it begins; then where the last one ends
 * keys      the entries of all buckets, without a gap
 * segment…  row records, one after the other, in the order of the source; none straddles two segments
 * ```
 *
 * There are 2^n buckets; the upper n bits of a hash tell which. A key entry has all that a search asks for, so that to
 * find a key, or that there is none, waits for main memory once: the index is so small that the processor keeps it, and
 * a bucket is a cache line or two. Entries are not aligned, as what is dense is what is near.
 *
 * ```
 * u8  2 bits of kind (Latin-1, UTF-16, number, far), 6 bits of the key's length in bytes
 * u8  the lower 8 bits of the hash
 * u32 address of the row record
 * key as in the record; one of more than `MAX_NEAR_KEY` bytes is far: only the record has it, and this length is 0
 * ```
 *
 * An address is `segment << 21 | offset / 8`: 32 bits that reach 32 GiB. A segment has at most 16 MiB.
 *
 * A row record, padded to a multiple of 8 bytes:
 *
 * ```
 * u32 length of the record, without padding
 * u32 key: 3 bits of flags (dead, number, UTF-16), 29 bits of length in bytes
 * key       Latin-1 or UTF-16 code units, or a float64: compared in place, never decoded for a lookup
 * value     see `Tag`
 * ```
 *
 * The key stands in the record too, so that whoever reads all rows, or compares two tables, reads them in one go. A dead
 * record is one that another row with the same key has replaced; no entry points at it.
 *
 * Values are MessagePack in spirit: the same tags for what both have, and the rest of the tag space for what a table
 * needs to be decoded fast: strings in Latin-1 or UTF-16 (a byte is a character, lone surrogates survive), records
 * whose field names stand once in the vocabulary, words of the vocabulary, and the row's own key.
 */
/** "RTTABLE
" as two words. */
export const MAGIC = Object.freeze([0x41545452, 0xa454c42] as const)
export const FORMAT_VERSION = 2

export const Head = Object.freeze({
	version: 2,
	flags: 3,
	rowCount: 4,
	bucketBits: 5,
	seed0: 6,
	seed1: 7,
	vocabularyBytes: 8,
	segments: 9,
	indexCrc: 10,
	vocabularyCrc: 11,
	keyBytes: 12,
	keysCrc: 13,
	headCrc: 15,
	/** The first word of the segment table. */
	table: 16,
})

export const HEAD_BYTES = Head.table * 4

export const SEGMENT_SHIFT = 21
export const SEGMENT_BYTES = 8 * 2 ** SEGMENT_SHIFT
export const UNIT_MASK = 2 ** SEGMENT_SHIFT - 1
export const MAX_SEGMENTS = 2 ** (32 - SEGMENT_SHIFT)

/** Rows per bucket: no more than this on average, and more than half of it. */
export const BUCKET_ROWS = 3
export const MAX_BUCKET_BITS = 28

export const ENTRY_HEADER = 6
export const ENTRY_LENGTH = 0x3f
export const ENTRY_KIND = 0xc0
export const ENTRY_UTF16 = 0x40
export const ENTRY_NUMBER = 0x80
export const ENTRY_FAR = 0xc0
/** The longest key that stands in its entry, in bytes: a UUID does, and a table of long keys has them once. */
export const MAX_NEAR_KEY = 48

export const RECORD_HEADER = 8
export const KEY_DEAD = 0x8000_0000
export const KEY_NUMBER = 0x4000_0000
export const KEY_UTF16 = 0x2000_0000
export const KEY_LENGTH = 0x1fff_ffff

/** Nesting of arrays and objects, the row itself counted; beyond it the row is refused. */
export const MAX_DEPTH = 200
export const MAX_SHAPES = 4096
export const MAX_FIELDS = 255
export const MAX_WORDS = 8192
export const MAX_WORD_LENGTH = 48

export const Tag = Object.freeze({
	// 0x00–0x7f: 0 to 127
	/** 0x80–0x8f: a record of one of the first 16 shapes. */
	shape: 0x80,
	/** 0x90–0x9f: an array of up to 15. */
	array: 0x90,
	/** 0xa0–0xbf: Latin-1 of up to 31 characters. */
	latin1: 0xa0,
	null: 0xc0,
	/** The row's own key; never used by MessagePack. */
	key: 0xc1,
	false: 0xc2,
	true: 0xc3,
	/** u32 length, bytes */
	binary: 0xc6,
	/** u32 length in bytes, UTF-16 code units */
	utf16: 0xc7,
	/** u8 length in bytes, UTF-16 code units */
	utf16Short: 0xc8,
	/** u16 shape, then the values */
	shape16: 0xc9,
	float32: 0xca,
	float64: 0xcb,
	uint8: 0xcc,
	uint16: 0xcd,
	uint32: 0xce,
	/** u32 length, Latin-1 decimal digits of an integer beyond 2^53 */
	bigint: 0xcf,
	int32: 0xd2,
	/** u8 word */
	word8: 0xd4,
	/** u16 word */
	word16: 0xd5,
	/** float64 milliseconds since the epoch */
	date: 0xd6,
	undefined: 0xd7,
	/** u8 length, Latin-1 */
	latin1Short: 0xd9,
	/** u32 length, Latin-1 */
	latin1Long: 0xdb,
	/** u32 count */
	arrayLong: 0xdd,
	/** u32 count, then names and values in turn */
	map: 0xdf,
	// 0xe0–0xff: −32 to −1
})

/** Up to 2^32 − 8. */
export const aligned = (bytes: number): number => ((bytes + 7) & ~7) >>> 0
