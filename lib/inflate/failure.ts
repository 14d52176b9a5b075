import type { Encoding } from '../core/fetcher.ts'
import { RemoteTermError } from '../core/errors.ts'

export const inflateFailed = (encoding: Encoding, reason: string, cause?: unknown): RemoteTermError =>
	new RemoteTermError(
		'INFLATE_FAILED',
		`Cannot inflate ${encoding}: ${reason}`,
		cause === undefined ? {} : { cause },
	)

export const truncated = (encoding: Encoding, cause?: unknown): RemoteTermError =>
	inflateFailed(encoding, 'the compressed data ends too early', cause)

export const trailing = (encoding: Encoding): RemoteTermError =>
	inflateFailed(encoding, 'the compressed data is followed by bytes that are no part of it')

export const inflatedTooLarge = (encoding: Encoding, maxInflatedBytes: number): RemoteTermError =>
	new RemoteTermError(
		'INFLATED_TOO_LARGE',
		`Inflating ${encoding} gave more than the ${maxInflatedBytes} bytes that \`maxInflatedBytes\` allows`,
	)

/** Ends `body` unread, since nobody here can read it. What its own ending has to say is of no consequence then. */
export const refuseEncoding = async (
	body: AsyncIterable<Uint8Array>,
	encoding: Encoding,
	supported: readonly Encoding[],
): Promise<never> => {
	try {
		await body[Symbol.asyncIterator]().return?.()
	} catch {
		// That we cannot read it is the error that matters.
	}
	throw inflateFailed(encoding, `this runtime can inflate ${supported.join(', ')} only`)
}

export const isZeros = (bytes: Uint8Array): boolean => bytes.every(byte => byte === 0)
