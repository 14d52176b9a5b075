/** A member's value: bytes where it is a Byte Sequence, and nothing where it is anything else. */
export type DictionaryValue = Uint8Array<ArrayBuffer> | undefined

/** Far beyond what the fields that we read can need. */
const MAX_LENGTH = 8192

/**
 * Parses a Dictionary of Structured Field Values (RFC 9651 §4.2.2). All of its syntax is checked, as one fault makes the
 * whole field void (§4.2), but only Byte Sequences are kept; parameters are checked and dropped. The last one of
 * several members with the same key counts.
 *
 * @throws `SyntaxError`, saying what was expected where
 */
export const parseDictionary = (text: string): Map<string, DictionaryValue> => {
	if (text.length > MAX_LENGTH) throw new SyntaxError(`expected at most ${MAX_LENGTH} characters`)
	return new Parser(text).dictionary()
}

class Parser {
	readonly #text: string
	#at = 0

	constructor(text: string) {
		this.#text = text
	}

	dictionary(): Map<string, DictionaryValue> {
		const members = new Map<string, DictionaryValue>()
		this.#take(/ */y)
		while (this.#at < this.#text.length) {
			const key = this.#key()
			const value = this.#takes('=') ? this.#member() : undefined
			this.#parameters()
			// Set again, the key would keep its old place, which is of no consequence, and gets its new value.
			members.set(key, value)
			this.#take(/[ \t]*/y)
			if (this.#at === this.#text.length) return members
			if (!this.#takes(',')) throw this.#expected('a comma')
			this.#take(/[ \t]*/y)
			if (this.#at === this.#text.length) throw this.#expected('a member after the comma')
		}
		return members
	}

	#key(): string {
		return this.#need(/[a-z*][a-z0-9_.*-]*/y, 'a key')
	}

	#member(): DictionaryValue {
		if (!this.#takes('(')) return this.#bareItem()
		for (;;) {
			this.#take(/ */y)
			if (this.#takes(')')) return undefined
			this.#bareItem()
			this.#parameters()
			if (!' )'.includes(this.#text[this.#at] ?? '-')) throw this.#expected('a space or the end of the list')
		}
	}

	#parameters(): void {
		while (this.#takes(';')) {
			this.#take(/ */y)
			this.#key()
			if (this.#takes('=')) this.#bareItem()
		}
	}

	#bareItem(): DictionaryValue {
		const sequence = this.#take(/:[^:]*:/y)
		if (sequence !== undefined) {
			return byteSequence(sequence.slice(1, -1))
		}
		this.#need(ITEM, 'a value')
		return undefined
	}

	#expected(what: string): SyntaxError {
		return new SyntaxError(`expected ${what} at character ${this.#at}`)
	}

	#takes(character: string): boolean {
		if (this.#text[this.#at] !== character) return false
		this.#at++
		return true
	}

	#take(pattern: RegExp): string | undefined {
		pattern.lastIndex = this.#at
		const taken = pattern.exec(this.#text)?.[0]
		this.#at += taken?.length ?? 0
		return taken
	}

	#need(pattern: RegExp, what: string): string {
		const taken = this.#take(pattern)
		if (taken === undefined) throw this.#expected(what)
		return taken
	}
}

/** Padding that is missing, and unused bits that are set, are no fault here (RFC 9651 §4.2.7). */
const byteSequence = (base64: string): Uint8Array<ArrayBuffer> => {
	try {
		// `atob` would also take white space.
		if (/^[A-Za-z0-9+/]*={0,2}$/.test(base64))
			return Uint8Array.from(atob(base64), character => character.charCodeAt(0))
	} catch {
		// Padding where none belongs, or one digit too many.
	}
	throw new SyntaxError('expected a Byte Sequence to hold base64')
}

/** Decimal, Integer, String, Token, Boolean, Date, Display String: RFC 9651 §3.3. */
const ITEM = new RegExp(
	[
		String.raw`-?\d{1,12}\.\d{1,3}(?![\d.])`,
		String.raw`-?\d{1,15}(?![\d.])`,
		String.raw`"(?:[ !#-[\]-~]|\\["\\])*"`,
		"[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*",
		String.raw`\?[01]`,
		String.raw`@-?\d{1,15}(?![\d.])`,
		String.raw`%"(?:[ !#$&-~]|%[0-9a-f]{2})*"`,
	].join('|'),
	'y',
)
