import { RemoteTermError } from '../core/errors.ts'
import { causeOf, parseJson } from './json.ts'
import { findJsonFault } from './json-fault.ts'
import { decodeUtf8 } from './utf8.ts'

const LF = 0x0a

/** How many bytes are made a string at a time. A longer line is made one by itself. */
const BLOCK = 2 ** 20

/**
 * One JSON document per line, as an array. Lines end with `\n` or `\r\n`, the last one with either or neither; blank
 * lines are skipped. `T` is what you expect a line to be, and is not checked. What is said of `json` holds for each
 * line; the document as a whole may be longer than a string can be.
 *
 * Errors: `DESERIALIZE_FAILED` with the line's number, from 1, and for invalid JSON the column.
 */
export const ndjson = <T>(data: Uint8Array): T[] => {
	const values: T[] = []
	let line = 0
	for (let from = 0; from < data.length;) {
		const to = endOfBlock(data, from)
		const block = decodeBlock(data.subarray(from, to), line, from > 0)
		for (let start = 0; start < block.length;) {
			const newline = block.indexOf('\n', start)
			const end = newline === -1 ? block.length : newline
			line++
			const text = block.slice(start, end)
			if (!isBlank(text)) values.push(parseLine(text, line) as T)
			start = end + 1
		}
		from = to
	}
	return values
}

/** Behind the last newline within reach, or else behind the next one, or at the end of all. */
const endOfBlock = (data: Uint8Array, from: number): number => {
	if (data.length - from <= BLOCK) return data.length
	const last = data.lastIndexOf(LF, from + BLOCK - 1)
	if (last >= from) return last + 1
	const next = data.indexOf(LF, from + BLOCK)
	return next === -1 ? data.length : next + 1
}

const decodeBlock = (block: Uint8Array, linesBefore: number, keepBom: boolean): string => {
	try {
		return decodeUtf8(block, 'A line', { keepBom })
	} catch {
		return decodeLines(block, linesBefore, keepBom)
	}
}

/** The same line by line, to find the one that is at fault. */
const decodeLines = (block: Uint8Array, linesBefore: number, keepBom: boolean): string => {
	const lines: string[] = []
	for (let start = 0; start < block.length;) {
		const newline = block.indexOf(LF, start)
		const end = newline === -1 ? block.length : newline + 1
		const subject = `Line ${linesBefore + lines.length + 1}`
		lines.push(decodeUtf8(block.subarray(start, end), subject, { keepBom: keepBom || start > 0 }))
		start = end
	}
	return lines.join('')
}

const isBlank = (text: string): boolean => text === '' || /^[ \t\r]*$/.test(text)

const parseLine = (text: string, line: number): unknown => {
	try {
		return parseJson(text)
	} catch (error) {
		if (!(error instanceof SyntaxError))
			throw new RemoteTermError('DESERIALIZE_FAILED', `Line ${line} cannot be parsed`, { cause: error })
		const fault = findJsonFault(text)
		const where = fault === undefined ? '' : `, column ${fault + 1}`
		const what = fault === text.length ? 'it ends too early' : 'unexpected character'
		throw new RemoteTermError(
			'DESERIALIZE_FAILED',
			`Line ${line} is not valid JSON: ${what} at line ${line}${where}`,
			causeOf(error),
		)
	}
}
