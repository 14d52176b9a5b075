import { RemoteTermError } from '../core/errors.ts'

const strict = new TextDecoder('utf-8', { fatal: true })
const strictWithBom = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Bytes as text, by the rules of UTF-8 and no others: a replacement character is garbage that nobody would notice.
 * A byte order mark at the start is left out, unless `keepBom` says that this is no start.
 */
export const decodeUtf8 = (data: Uint8Array, subject: string, { keepBom = false } = {}): string => {
	try {
		return (keepBom ? strictWithBom : strict).decode(data)
	} catch (error) {
		// Invalid bytes are a TypeError in every runtime. A string that gets too long is another error in each.
		throw error instanceof TypeError
			? new RemoteTermError('DESERIALIZE_FAILED', `${subject} is not valid UTF-8`, { cause: error })
			: new RemoteTermError(
					'DESERIALIZE_FAILED',
					`${subject} has ${data.length} bytes, which is more than this runtime can hold in one string (V8: ${V8_STRING_LIMIT} bytes)`,
					{ cause: error },
				)
	}
}

/** 2^29 − 24, on 64-bit machines. */
const V8_STRING_LIMIT = 536_870_888
