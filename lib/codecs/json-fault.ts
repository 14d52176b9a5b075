/**
 * Where a text stops being JSON (RFC 8259): the offset of the first character that cannot be there, or the length of
 * the text if it only ends too early. Undefined for a text without fault.
 *
 * V8 tells the position of some faults only, and quotes the document, which may hold secrets, for the others. This
 * is slower than `JSON.parse`, and runs only after that has failed. It does not recurse.
 */
export const findJsonFault = (text: string): number | undefined => {
	/** The closing brackets that are owed. */
	const closers: string[] = []
	let expected: 'value' | 'value or ]' | 'key' | 'key or }' | 'after' = 'value'
	let at = skipSpace(text, 0)
	for (;;) {
		const character = text[at]
		if (expected === 'after') {
			const closer = closers.at(-1)
			if (closer === undefined) return at === text.length ? undefined : at
			if (character === ',') {
				expected = closer === '}' ? 'key' : 'value'
				at++
			} else if (character === closer) {
				closers.pop()
				at++
			} else return at
		} else if (
			(expected === 'value or ]' && character === ']') ||
			(expected === 'key or }' && character === '}')
		) {
			closers.pop()
			expected = 'after'
			at++
		} else if (expected === 'key' || expected === 'key or }') {
			if (character !== '"') return at
			const { end, fault } = scanString(text, at)
			if (fault !== undefined) return fault
			at = skipSpace(text, end)
			if (text[at] !== ':') return at
			expected = 'value'
			at++
		} else if (character === '[' || character === '{') {
			closers.push(character === '[' ? ']' : '}')
			expected = character === '[' ? 'value or ]' : 'key or }'
			at++
		} else {
			const { end, fault } = scanScalar(text, at)
			if (fault !== undefined) return fault
			expected = 'after'
			at = end
		}
		at = skipSpace(text, at)
	}
}

interface Scanned {
	readonly end: number
	readonly fault?: number
}

const skipSpace = (text: string, from: number): number => {
	let at = from
	while (at < text.length) {
		const code = text.charCodeAt(at)
		if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) break
		at++
	}
	return at
}

const scanScalar = (text: string, from: number): Scanned => {
	if (text[from] === '"') return scanString(text, from)
	for (const word of ['true', 'false', 'null']) {
		if (text[from] !== word[0]) continue
		for (let index = 0; index < word.length; index++)
			if (text[from + index] !== word[index]) return { end: from, fault: from + index }
		return { end: from + word.length }
	}
	return scanNumber(text, from)
}

const scanNumber = (text: string, from: number): Scanned => {
	const digits = (start: number): number => {
		let at = start
		while (isDigit(text[at])) at++
		return at
	}
	let at = text[from] === '-' ? from + 1 : from
	if (!isDigit(text[at])) return { end: from, fault: at }
	at = text[at] === '0' ? at + 1 : digits(at)
	if (text[at] === '.') {
		const end = digits(at + 1)
		if (end === at + 1) return { end: from, fault: end }
		at = end
	}
	if (text[at] === 'e' || text[at] === 'E') {
		const start = text[at + 1] === '+' || text[at + 1] === '-' ? at + 2 : at + 1
		const end = digits(start)
		if (end === start) return { end: from, fault: end }
		at = end
	}
	return { end: at }
}

const scanString = (text: string, from: number): Scanned => {
	for (let at = from + 1; at < text.length; at++) {
		const code = text.charCodeAt(at)
		if (code === 0x22) return { end: at + 1 }
		if (code < 0x20) return { end: from, fault: at }
		if (code !== 0x5c) continue
		at++
		if (text[at] === 'u') {
			for (let digit = 0; digit < 4; digit++) {
				at++
				if (!/^[\da-f]$/i.test(text[at] ?? '')) return { end: from, fault: at }
			}
		} else if (!'"\\/bfnrt'.includes(text[at] ?? ' ')) return { end: from, fault: at }
	}
	return { end: from, fault: text.length }
}

const isDigit = (character: string | undefined): boolean =>
	character !== undefined && character >= '0' && character <= '9'

/** An offset as people count: `line 3, column 14`, both from 1. Columns are UTF-16 code units. */
export const describePosition = (text: string, offset: number): string => {
	let line = 1
	let lineStart = 0
	for (let at; (at = text.indexOf('\n', lineStart)) !== -1 && at < offset; lineStart = at + 1) line++
	return `line ${line}, column ${offset - lineStart + 1}`
}
