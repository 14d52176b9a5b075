import { isAscii, isUtf8 } from 'node:buffer'
import { parseJson } from '../../codecs/json.ts'
import { findJsonFault } from '../../codecs/json-fault.ts'
import { malformed } from './row-stream.ts'

/** Bytes as text; `undefined` where they are not UTF-8. */
export const textOf = (bytes: Buffer<ArrayBuffer>, from: number, to: number): string | undefined => {
	const part = bytes.subarray(from, to)
	if (isAscii(part)) return part.toString('latin1')
	return isUtf8(part) ? part.toString('utf8') : undefined
}

/** One JSON value, or the error that tells where it is none. */
export const parseRow = (
	bytes: Buffer<ArrayBuffer>,
	from: number,
	to: number,
	row: number,
	before: number,
): unknown => {
	const text = textOf(bytes, from, to)
	if (text === undefined) throw malformed('bytes that are not UTF-8', row, before + from)
	try {
		return parseJson(text)
	} catch {
		const fault = findJsonFault(text) ?? 0
		const what = fault === text.length ? 'a value that ends too early' : 'an unexpected character'
		throw malformed(what, row, before + from + Buffer.byteLength(text.slice(0, fault)))
	}
}
