import { causeOf, parseJson } from '../codecs/json.ts'
import { RemoteTermError } from '../core/errors.ts'
import { malformed } from './fields.ts'

/** Gives the event loop a turn. */
export type Pause = () => Promise<void>

/** The members of an object, by name; the last one of a name counts, as in `JSON.parse`. */
export type Members = ReadonlyMap<string, unknown>

/** Characters that are parsed in one go: some 2 ms. */
const SLICE = 256 * 1024

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

/**
 * Reads `{ "path": …, "data": { <collection>: { <id>: <item>, … }, … } }` member by member, so that 30 MB of it, which
 * `JSON.parse` would take half a second for, never hold the event loop for more than a slice. Everything else in the
 * document is parsed as it stands. `data`, and each collection, is a `Map` where it is an object.
 *
 * What is accepted is what `JSON.parse` accepts; members called `__proto__` within items are left out.
 *
 * @throws `DESERIALIZE_FAILED`, without a word of the document
 */
export const readPut = async (
	text: string,
	collections: readonly string[],
	pause: Pause,
): Promise<Members> => {
	const message = new Map<string, unknown>()
	const cursor = new Cursor(text)
	let paused = 0
	try {
		cursor.space()
		if (!cursor.atObject) throw malformed('expected an object')
		for (const name of cursor.members()) {
			if (name !== 'data' || !cursor.atObject) {
				message.set(name, cursor.value())
				continue
			}
			const data = new Map<string, unknown>()
			for (const key of cursor.members()) {
				if (!collections.includes(key) || !cursor.atObject) {
					data.set(key, cursor.value())
					continue
				}
				const items = new Map<string, unknown>()
				for (const id of cursor.members()) {
					items.set(id, cursor.value())
					if (cursor.at - paused < SLICE) continue
					paused = cursor.at
					await pause()
				}
				data.set(key, items)
			}
			message.set(name, data)
		}
		cursor.end()
	} catch (error) {
		throw notJson(error)
	}
	return message
}

/** A small message, in one go. */
export const readJson = (text: string): unknown => {
	try {
		return parseJson(text)
	} catch (error) {
		throw notJson(error)
	}
}

const notJson = (error: unknown): unknown =>
	error instanceof SyntaxError
		? new RemoteTermError('DESERIALIZE_FAILED', 'Malformed: not valid JSON', causeOf(error))
		: error

/** A place in a JSON text. It finds where values end; that they are values is for `JSON.parse` to say. */
class Cursor {
	at = 0
	readonly #text: string

	constructor(text: string) {
		this.#text = text
	}

	get atObject(): boolean {
		return this.#text.charCodeAt(this.at) === OPEN_OBJECT
	}

	/** Yields each name, with the cursor at its value, which must have been passed before the next one is asked for. */
	*members(): Generator<string, void, undefined> {
		this.at++
		this.space()
		if (this.#text.charCodeAt(this.at) === CLOSE_OBJECT) {
			this.at++
			return
		}
		for (;;) {
			this.space()
			const from = this.at
			if (this.#text.charCodeAt(from) !== QUOTE) throw malformed('not valid JSON: expected a name')
			this.#skipString()
			const name = JSON.parse(this.#text.slice(from, this.at)) as string
			this.space()
			if (this.#text.charCodeAt(this.at++) !== COLON) throw malformed('not valid JSON: expected a colon')
			this.space()
			yield name
			this.space()
			const next = this.#text.charCodeAt(this.at++)
			if (next === CLOSE_OBJECT) return
			if (next !== COMMA) throw malformed('not valid JSON: expected a comma')
		}
	}

	value(): unknown {
		const from = this.at
		this.#skipValue()
		return parseJson(this.#text.slice(from, this.at))
	}

	end(): void {
		this.space()
		if (this.at < this.#text.length) throw malformed('not valid JSON: something follows its end')
	}

	space(): void {
		for (;;) {
			const code = this.#text.charCodeAt(this.at)
			if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
			this.at++
		}
	}

	#skipValue(): void {
		const text = this.#text
		const first = text.charCodeAt(this.at)
		if (first === QUOTE) return this.#skipString()
		if (first !== OPEN_OBJECT && first !== OPEN_ARRAY) return this.#skipWord()
		let depth = 0
		while (this.at < text.length) {
			const code = text.charCodeAt(this.at)
			if (code === QUOTE) {
				this.#skipString()
				continue
			}
			this.at++
			if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth++
			else if ((code === CLOSE_OBJECT || code === CLOSE_ARRAY) && --depth === 0) return
		}
	}

	#skipString(): void {
		const text = this.#text
		let quote = this.at
		for (;;) {
			quote = text.indexOf('"', quote + 1)
			if (quote < 0) throw malformed('not valid JSON: a string without an end')
			let escape = quote
			while (text.charCodeAt(escape - 1) === BACKSLASH) escape--
			if ((quote - escape) % 2 === 0) break
		}
		this.at = quote + 1
	}

	/** A number, `true`, `false` or `null`. */
	#skipWord(): void {
		const text = this.#text
		while (this.at < text.length) {
			const code = text.charCodeAt(this.at)
			if (code === COMMA || code === CLOSE_OBJECT || code === CLOSE_ARRAY || code <= 0x20) return
			this.at++
		}
	}
}
