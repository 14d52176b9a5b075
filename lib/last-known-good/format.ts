import type { Encoding } from '../core/fetcher.ts'
import type { SkipReason, SnapshotFacts } from './store.ts'

/**
 * The format of a snapshot file, version 1. Numbers are big-endian.
 *
 * ```
 * offset  bytes
 *      0      8  magic: 89 52 54 4c 4b 47 0d 0a  ("\x89RTLKG\r\n")
 *      8      2  version of the format
 *     10      4  n, the length of the header, at most 65,536
 *     14      n  header: a JSON object in UTF-8, see `SnapshotHeader`
 * 14 + n   size  body, as long as the header says
 *      …     32  SHA-256 of everything before it
 * ```
 *
 * The file has no other byte. As with PNG, whose idea the magic is, its first byte shows a transfer that strips the
 * eighth bit, and its last two one that converts line ends.
 */
export const MAGIC = Uint8Array.of(0x89, 0x52, 0x54, 0x4c, 0x4b, 0x47, 0x0d, 0x0a)
export const FORMAT_VERSION = 1
export const PREAMBLE_BYTES = 14
export const MAX_HEADER_BYTES = 64 * 1024
export const CHECKSUM_BYTES = 32

export interface SnapshotHeader extends SnapshotFacts {
	/** The term's, in full: the name of the file holds only a digest of it. */
	readonly name: string
	/** The file's place in the order, which its name repeats. */
	readonly sequence: number
	/** The body's, in bytes. */
	readonly size: number
}

/** Why a file is not used. */
export interface Flaw {
	readonly reason: SkipReason
	readonly detail: string
}

const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Everything before the body; a flaw where that could not be decoded again. */
export const encodeHead = (header: SnapshotHeader): Uint8Array<ArrayBuffer> | Flaw => {
	const text = utf8.encode(JSON.stringify(header))
	if (text.length > MAX_HEADER_BYTES) return headerTooLong(text.length)
	const decoded = decodeHeader(text)
	if (isFlaw(decoded)) return decoded
	const head = new Uint8Array(PREAMBLE_BYTES + text.length)
	head.set(MAGIC)
	const view = new DataView(head.buffer)
	view.setUint16(8, FORMAT_VERSION)
	view.setUint32(10, text.length)
	head.set(text, PREAMBLE_BYTES)
	return head
}

/** The length of the header, from the file's first `PREAMBLE_BYTES` or fewer, if it has fewer. */
export const decodePreamble = (bytes: Uint8Array): number | Flaw => {
	// What a file system leaves of a file whose bytes it had not written yet when the power was cut.
	if (bytes.length > 0 && bytes.every(byte => byte === 0))
		return { reason: 'damaged', detail: 'it is filled with zeroes' }
	const known = Math.min(bytes.length, MAGIC.length)
	if (MAGIC.subarray(0, known).some((byte, at) => byte !== bytes[at]))
		return { reason: 'foreign', detail: 'it does not begin like a snapshot' }
	if (bytes.length < PREAMBLE_BYTES)
		return {
			reason: 'truncated',
			detail: `expected at least ${PREAMBLE_BYTES} bytes, found ${bytes.length}`,
		}
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
	const format = view.getUint16(8)
	if (format > FORMAT_VERSION)
		return { reason: 'newer-format', detail: `expected format ${FORMAT_VERSION}, found ${format}` }
	if (format < 1) return { reason: 'damaged', detail: `there is no format ${format}` }
	const length = view.getUint32(10)
	return length > MAX_HEADER_BYTES ? headerTooLong(length) : length
}

const headerTooLong = (length: number): Flaw => ({
	reason: 'damaged',
	detail: `expected a header of at most ${MAX_HEADER_BYTES} bytes, found ${length}`,
})

/** Takes exactly what `encodeHead` makes: each field of its type, within its bounds, and no other. */
export const decodeHeader = (bytes: Uint8Array): SnapshotHeader | Flaw => {
	let parsed: unknown
	try {
		parsed = JSON.parse(strictUtf8.decode(bytes))
	} catch {
		return { reason: 'damaged', detail: 'its header is no JSON in UTF-8' }
	}
	if (!isObject(parsed)) return { reason: 'damaged', detail: 'its header is no object' }
	for (const key of Object.keys(parsed)) {
		if (!Object.hasOwn(fields, key))
			return { reason: 'damaged', detail: 'its header has a field that format 1 does not have' }
	}
	for (const [key, isValid] of Object.entries(fields)) {
		if (!isValid(Object.hasOwn(parsed, key) ? parsed[key] : undefined))
			return { reason: 'damaged', detail: `the field ${key} of its header is missing or not valid` }
	}
	return parsed as unknown as SnapshotHeader
}

export const isFlaw = (result: object | number): result is Flaw =>
	typeof result === 'object' && 'reason' in result

const ENCODINGS: readonly unknown[] = ['gzip', 'deflate', 'br', 'zstd'] satisfies Encoding[]

const isObject = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' && value !== null && !Array.isArray(value)
const isString = (value: unknown): boolean => typeof value === 'string'
const isSize = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
const isTime = (value: unknown): boolean => typeof value === 'number' && Number.isFinite(value)
const optional =
	(isValid: (value: unknown) => boolean) =>
	(value: unknown): boolean =>
		value === undefined || isValid(value)

const fields: Readonly<Record<keyof SnapshotHeader, (value: unknown) => boolean>> = {
	name: isString,
	sequence: isSize,
	size: isSize,
	version: isString,
	validator: optional(isString),
	digest: isString,
	encoding: optional(value => ENCODINGS.includes(value)),
	kind: value => typeof value === 'string' && /^[a-z0-9-]{1,32}$/.test(value),
	publishedAt: optional(isTime),
	acceptedAt: isTime,
	meta: optional(isObject),
}
