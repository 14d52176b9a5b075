const CHUNK = 64 * 1024

interface Level {
	readonly keys: readonly string[] | undefined
	readonly values: readonly unknown[]
	next: number
}

/**
 * A value as JSON text, in pieces, so that one of hundreds of megabytes neither needs a string of that length (which
 * V8 does not have) nor is built before the first byte is written. Any depth; the same text as `JSON.stringify`, save
 * for what that cannot do: a bigint becomes a number with all its digits, bytes become a base64 string.
 *
 * @param indent What each level is indented by; empty for one line.
 */
export function* jsonText(value: unknown, indent: string): Generator<string, void, undefined> {
	const levels: Level[] = []
	let text = ''
	const newLine = (): string => (indent === '' ? '' : `\n${indent.repeat(levels.length)}`)

	/** Appends a leaf, or opens a level for what has members. */
	const enter = (raw: unknown): void => {
		const entered = plain(raw)
		if (typeof entered !== 'object' || entered === null) {
			text += leaf(entered)
			return
		}
		const isArray = Array.isArray(entered)
		let keys = isArray ? undefined : Object.keys(entered)
		keys = keys?.filter(key => isPrintable((entered as Record<string, unknown>)[key]))
		const values: readonly unknown[] =
			keys === undefined ? (entered as unknown[]) : keys.map(key => (entered as Record<string, unknown>)[key])
		if (values.length === 0) text += isArray ? '[]' : '{}'
		else {
			text += isArray ? '[' : '{'
			levels.push({ keys, values, next: 0 })
		}
	}

	enter(value)
	for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
		const { keys, values, next } = level
		if (next === values.length) {
			levels.pop()
			text += `${newLine()}${keys === undefined ? ']' : '}'}`
		} else {
			level.next++
			if (next > 0) text += ','
			text += newLine()
			if (keys !== undefined) text += `${JSON.stringify(keys[next])}:${indent === '' ? '' : ' '}`
			enter(values[next])
		}
		if (text.length >= CHUNK) {
			yield text
			text = ''
		}
	}
	if (text !== '') yield text
}

const isPrintable = (value: unknown): boolean =>
	value !== undefined && typeof value !== 'function' && typeof value !== 'symbol'

/** What JSON has no word for, in the words that it has. */
const plain = (value: unknown): unknown => {
	if (typeof value !== 'object' || value === null) return value
	if (ArrayBuffer.isView(value))
		return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
	if ('toJSON' in value && typeof value.toJSON === 'function')
		return (value as { toJSON(): unknown }).toJSON()
	return value
}

const leaf = (value: unknown): string => {
	if (typeof value === 'bigint') return String(value)
	return isPrintable(value) ? JSON.stringify(value) : 'null'
}
