import { RemoteTermError } from '../core/errors.ts'

/**
 * Reads fields as Go's `encoding/json` does, whose programs speak this protocol: a missing or null field has the zero
 * value of its type, a field of the wrong type is an error, unknown fields are none of ours (SPEC §1.4). Written by hand
 * because a `put` may hold 100,000 items: this is a handful of property reads each, and none of it quotes a value.
 */
export type Fields = Readonly<Record<string, unknown>>

export const malformed = (what: string): RemoteTermError =>
	new RemoteTermError('DESERIALIZE_FAILED', `Malformed: ${what}`)

export const fieldsOf = (raw: unknown, subject: string): Fields => {
	if (typeof raw === 'object' && raw !== null && !Array.isArray(raw)) return raw as Fields
	throw malformed(`expected ${subject} to be an object, found ${kindOf(raw)}`)
}

/** Own fields only: an object has a `constructor` by inheritance. */
const field = (fields: Fields, name: string): unknown =>
	Object.hasOwn(fields, name) ? (fields[name] ?? undefined) : undefined

export const stringField = (fields: Fields, name: string): string => {
	const value = field(fields, name)
	if (value === undefined) return ''
	if (typeof value === 'string') return value
	throw malformed(`expected ${name} to be a string, found ${kindOf(value)}`)
}

export const integerField = (fields: Fields, name: string): number => {
	const value = field(fields, name)
	if (value === undefined) return 0
	if (Number.isSafeInteger(value)) return value as number
	throw malformed(`expected ${name} to be an integer, found ${kindOf(value)}`)
}

export const booleanField = (fields: Fields, name: string): boolean => {
	const value = field(fields, name)
	if (value === undefined) return false
	if (typeof value === 'boolean') return value
	throw malformed(`expected ${name} to be a boolean, found ${kindOf(value)}`)
}

/** `undefined` where there is none. */
export const objectField = (fields: Fields, name: string): Fields | undefined => {
	const value = field(fields, name)
	return value === undefined ? undefined : fieldsOf(value, name)
}

const kindOf = (value: unknown): string =>
	value === null
		? 'null'
		: Array.isArray(value)
			? 'an array'
			: value === undefined
				? 'nothing'
				: `a ${typeof value}`
