const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c

export interface JsonShape {
	/** How deep arrays and objects nest. */
	readonly depth: number
	/** Elements and members, of all arrays and objects together; an empty one counts as one. */
	readonly values: number
}

/**
 * How deep a JSON text nests, and how much is in it, without parsing it: ten million times `{},` make a small body, a large
 * heap, and a parser that takes seconds. Stops as soon as a limit is passed. What is no JSON gets some numbers, and its
 * error from the parser.
 */
export const jsonShape = (
	text: Uint8Array,
	{ maxDepth, maxValues }: { readonly maxDepth: number; readonly maxValues: number },
): JsonShape => {
	let level = 0
	let depth = 0
	let values = 0
	for (let at = 0; at < text.length; at++) {
		const byte = text[at]!
		if (byte === QUOTE) {
			at++
			while (at < text.length && text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1
		} else if (byte === COMMA) {
			if (++values > maxValues) break
		} else if (byte === 0x5b || byte === 0x7b) {
			if (++level > depth) depth = level
			if (depth > maxDepth || ++values > maxValues) break
		} else if (byte === 0x5d || byte === 0x7d) level--
	}
	return { depth, values }
}
