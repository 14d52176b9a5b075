import { RemoteTermError } from '../core/errors.ts'
import { decodePayload, encodePayload } from '../transports/payload.ts'

/**
 * Updates and full data travel as bytes within messages: what is in them is encoded once for everybody, and kept so. It
 * is the encoding of the transports, so that whatever may be sent may be an update.
 *
 * @throws `INVALID_OPTION` for what cannot be encoded, `TOO_LARGE` for more than `maxBytes`.
 */
export const pack = (what: string, value: unknown, maxBytes = Infinity): Uint8Array => {
	const bytes = encodePayload(value, Infinity)
	if (bytes.length <= maxBytes) return bytes
	throw new RemoteTermError('TOO_LARGE', `${what} has ${bytes.length} bytes, more than ${maxBytes}`)
}

/** @throws `DESERIALIZE_FAILED` */
export const unpack = (bytes: Uint8Array): unknown => decodePayload(bytes)
