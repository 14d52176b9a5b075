// This subpath and no other: it makes no code from data, has extensions and a native string reader registered by
// nobody else (both are global to a copy of msgpackr), and loads no packing side.
import { Unpackr } from 'msgpackr/unpack-no-eval'
import { RemoteTermError } from '../core/errors.ts'
import { scanMsgpack } from './msgpack-scan.ts'

const settings = { useRecords: false, int64AsType: 'auto', copyBuffers: true } as const
const toObjects = new Unpackr({ ...settings, mapsAsObjects: true })
const toMaps = new Unpackr({ ...settings, mapsAsObjects: false })

/**
 * One MessagePack value. Maps become plain objects; their keys may be strings and integers, of which the latter
 * become strings. 64-bit integers become numbers from −2^53 to 2^53, and BigInts beyond. Binary becomes `Uint8Array`,
 * a copy. Of extensions only the timestamp (−1) is decoded, to a `Date`, which holds no more than its milliseconds.
 * `T` is what you expect it to be, and is not checked.
 *
 * A string of more than 64 bytes loses a byte order mark that it begins with, which is msgpackr's doing.
 *
 * As in `json`, entries called `__proto__` are left out at any depth.
 *
 * Errors: `DESERIALIZE_FAILED` for data that is truncated, followed by more, or deeper than 512 levels, for strings
 * that are not UTF-8, and for other extensions and keys. Claimed lengths are checked before anything is allocated.
 */
export const msgpack = <T>(data: Uint8Array): T => msgpackUpTo(data, Infinity)

/**
 * The same, and `TOO_LARGE` for more than so many elements of arrays and members of maps together, an empty one counting
 * as one: 30 MB of empty maps are 2 GB of objects.
 */
export const msgpackUpTo = <T>(data: Uint8Array, maxValues: number): T => {
	const { namesProto } = scanMsgpack(data, maxValues)
	try {
		return (namesProto ? withoutMaps(toMaps.unpack(viewOf(data))) : toObjects.unpack(viewOf(data))) as T
	} catch (error) {
		throw new RemoteTermError('DESERIALIZE_FAILED', 'The MessagePack document cannot be decoded', {
			cause: error,
		})
	}
}

/** A view of our own, since msgpackr leaves its traces on the array it is given. */
const viewOf = (data: Uint8Array): Uint8Array => {
	const view = new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
	// msgpackr reads strings faster by this method of Node's, where the array that it is given has it.
	const { latin1Slice } = (globalThis.Buffer?.prototype ?? {}) as { latin1Slice?: unknown }
	return latin1Slice === undefined ? view : Object.assign(view, { latin1Slice })
}

/** msgpackr would rename `__proto__` to `__proto_`; as a map's key it keeps its name, and can be told apart. */
const withoutMaps = (value: unknown): unknown => {
	if (Array.isArray(value)) return value.map(withoutMaps)
	if (!(value instanceof Map)) return value
	const object: Record<string, unknown> = {}
	for (const [key, member] of value as Map<unknown, unknown>)
		if (key !== '__proto__') object[String(key)] = withoutMaps(member)
	return object
}
