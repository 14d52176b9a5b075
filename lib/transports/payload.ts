// No code is made from data on this subpath, and nobody else registers extensions with its copy of msgpackr.
import { Packr } from 'msgpackr/index-no-eval'
import { msgpack } from '../codecs/msgpack.ts'
import { RemoteTermError } from '../core/errors.ts'
import { describe } from '../core/options.ts'

/**
 * Messages as bytes: MessagePack, and one byte in front of it that says whether something in there is in disguise.
 *
 * MessagePack as decoders make it has no `Map`, no `Set`, no small `bigint`, and msgpackr loses a byte order mark that
 * a string begins with. Such a value travels as `{ '\0': [kind, content] }`, and so does an object that has a key
 * `\0` itself. Most messages have none of these, and cost one walk that copies nothing.
 */
const PLAIN = 0
const DISGUISED = 1

const MARK = '\0'
/** Of a message. Far from what a stack can take, and what a circle runs into. */
const MAX_DEPTH = 100

const packr = new Packr({ useRecords: false, variableMapSize: true })

/** A message ready to travel. Never changes; many may hold it. */
export type Payload = Uint8Array

/**
 * @throws `INVALID_OPTION` for what cannot be encoded, naming the place, and for more than `maxBytes`.
 */
export const encodePayload = (message: unknown, maxBytes: number): Payload => {
	const walk = new Disguise()
	const worn = walk.put(message, 0)
	const packed = packr.pack(worn)
	const size = packed.length + 1
	if (size > maxBytes) {
		throw new RemoteTermError(
			'INVALID_OPTION',
			`Expected a message of at most ${maxBytes} bytes, got one of ${size}`,
		)
	}
	const payload = new Uint8Array(size)
	payload[0] = walk.used ? DISGUISED : PLAIN
	payload.set(packed, 1)
	return payload
}

/**
 * A message of its own each time.
 *
 * @throws `DESERIALIZE_FAILED` for what `encodePayload` cannot have made.
 */
export const decodePayload = (payload: Payload): unknown => {
	const kind = payload[0]
	if (kind !== PLAIN && kind !== DISGUISED)
		throw new RemoteTermError('DESERIALIZE_FAILED', 'Expected a message, got something else')
	const value = msgpack<unknown>(payload.subarray(1))
	return kind === PLAIN ? value : undisguise(value)
}

/** The same, with `undefined` for what is no message, in an object so that it can be told from one. */
export const readPayload = (payload: Payload): { readonly message: unknown } | undefined => {
	try {
		return { message: decodePayload(payload) }
	} catch {
		return undefined
	}
}

class Disguise {
	used = false
	readonly #path: Array<string | number> = []

	put(value: unknown, depth: number): unknown {
		switch (typeof value) {
			case 'string':
				return this.#string(value)
			case 'number':
			case 'boolean':
				return value
			case 'bigint':
				if (value < -(2n ** 63n) || value >= 2n ** 64n) throw this.#refuse('a bigint of 64 bits', value)
				return this.#mark('bigint', String(value))
			case 'object':
				if (value === null) return null
				if (depth >= MAX_DEPTH)
					throw this.#refuse(`at most ${MAX_DEPTH} levels deep, and not circular`, value)
				return this.#object(value, depth + 1)
			default:
				throw this.#refuse('something that MessagePack can carry', value)
		}
	}

	#object(value: object, depth: number): unknown {
		if (Array.isArray(value)) return this.#array(value, depth)
		if (value instanceof Uint8Array) return value
		if (value instanceof Map) return this.#mark('map', this.#array([...value].flat(1), depth))
		if (value instanceof Set) return this.#mark('set', this.#array([...value], depth))
		if (value instanceof Date) {
			if (Number.isNaN(value.getTime())) throw this.#refuse('a valid date', value)
			return value
		}
		const prototype: unknown = Object.getPrototypeOf(value)
		if (prototype !== Object.prototype && prototype !== null) throw this.#refuse('a plain object', value)
		return this.#plain(value as Record<string, unknown>, depth)
	}

	#array(values: readonly unknown[], depth: number): unknown {
		let copy: unknown[] | undefined
		for (let index = 0; index < values.length; index++) {
			this.#path.push(index)
			const worn = this.put(values[index], depth)
			this.#path.pop()
			if (worn !== values[index] && copy === undefined) copy = values.slice(0, index)
			copy?.push(worn)
		}
		return copy ?? values
	}

	/** A property that is `undefined` stays at home, as in JSON. */
	#plain(object: Record<string, unknown>, depth: number): unknown {
		const keys = Object.keys(object)
		let copy: Record<string, unknown> | undefined
		for (let index = 0; index < keys.length; index++) {
			const key = keys[index]!
			if (key === '__proto__') throw this.#refuse('without a key `__proto__`', object)
			const value = object[key]
			if (key === MARK || key.charCodeAt(0) === BYTE_ORDER_MARK || !isWellFormed(key))
				return this.#entries(object, depth)
			this.#path.push(key)
			const worn = value === undefined ? undefined : this.put(value, depth)
			this.#path.pop()
			if ((worn !== value || value === undefined) && copy === undefined) {
				copy = {}
				for (const before of keys.slice(0, index)) copy[before] = object[before]
			}
			if (copy !== undefined && worn !== undefined) copy[key] = worn
		}
		return copy ?? object
	}

	#entries(object: Record<string, unknown>, depth: number): unknown {
		const entries = Object.entries(object).filter(([, value]) => value !== undefined)
		return this.#mark('object', this.#array(entries.flat(1), depth))
	}

	#string(value: string): unknown {
		if (!isWellFormed(value)) throw this.#refuse('well-formed Unicode', value)
		return value.charCodeAt(0) === BYTE_ORDER_MARK ? this.#mark('bom', value.slice(1)) : value
	}

	#mark(kind: Kind, content: unknown): Record<string, unknown> {
		this.used = true
		return { [MARK]: [kind, content] }
	}

	#refuse(expected: string, found: unknown): RemoteTermError {
		const place = this.#path.length === 0 ? '' : ` at ${this.#path.slice(0, 8).join('.')}`
		return new RemoteTermError(
			'INVALID_OPTION',
			`Expected the message${place} to be ${expected}, got ${describe(found)}`,
		)
	}
}

type Kind = 'bigint' | 'map' | 'set' | 'bom' | 'object'

const BYTE_ORDER_MARK = 0xfeff

/** ES2024, and in every Node that we support. */
const isWellFormed = (text: string): boolean => (text as string & { isWellFormed(): boolean }).isWellFormed()

const undisguise = (value: unknown): unknown => {
	if (typeof value !== 'object' || value === null) return value
	if (Array.isArray(value)) return value.map(undisguise)
	if (value instanceof Uint8Array || value instanceof Date) return value
	const object = value as Record<string, unknown>
	if (Object.hasOwn(object, MARK)) return unmark(object[MARK])
	for (const key of Object.keys(object)) object[key] = undisguise(object[key])
	return object
}

const unmark = (marked: unknown): unknown => {
	const [kind, content] = Array.isArray(marked) ? (marked as unknown[]) : []
	if (kind === 'bigint' && typeof content === 'string' && /^-?\d{1,20}$/.test(content)) return BigInt(content)
	if (kind === 'bom' && typeof content === 'string') return `\ufeff${content}`
	if (!Array.isArray(content)) throw damaged()
	const contents = content.map(undisguise)
	if (kind === 'set') return new Set(contents)
	if (kind !== 'map' && kind !== 'object') throw damaged()
	const entries: Array<readonly [unknown, unknown]> = []
	for (let index = 0; index + 1 < contents.length; index += 2)
		entries.push([contents[index], contents[index + 1]])
	if (kind === 'map') return new Map(entries)
	// As everywhere, an entry called `__proto__` is left out.
	return Object.fromEntries(
		entries.flatMap(([key, one]) => (typeof key === 'string' && key !== '__proto__' ? [[key, one]] : [])),
	)
}

const damaged = (): RemoteTermError =>
	new RemoteTermError('DESERIALIZE_FAILED', 'Expected a message, got one with a mark that nobody makes')
