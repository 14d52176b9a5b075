import { Refusal } from './problem.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/**
 * How deep a JSON text nests, without parsing it: four million brackets make a small body and a large heap. Stops as
 * soon as `limit` is passed. What is no JSON gets some number, and its error from the parser.
 */
export const jsonDepth = (text: Uint8Array, limit: number): number => {
	let depth = 0
	let deepest = 0
	for (let at = 0; at < text.length; at++) {
		const byte = text[at]!
		if (byte === QUOTE) {
			at++
			while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1
		} else if (byte === 0x5b || byte === 0x7b) {
			depth++
			if (depth > deepest) deepest = depth
			if (deepest > limit) return deepest
		} else if (byte === 0x5d || byte === 0x7d) depth--
	}
	return deepest
}

export const tooDeep = (maxDepth: number): Refusal =>
	new Refusal(400, 'DESERIALIZE_FAILED', `The body nests deeper than ${maxDepth} levels`)
