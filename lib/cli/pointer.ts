import { CliError } from './failure.ts'

const CLOSE_KEYS_SHOWN = 3

/**
 * The tokens of a JSON Pointer (RFC 6901): `/a~1b/0` is `['a/b', '0']`, the empty one none.
 *
 * @throws `INVALID_OPTION`
 */
export const parsePointer = (pointer: string): string[] => {
	const [before, ...tokens] = pointer.split('/')
	if (before !== '') {
		throw new CliError(
			'INVALID_OPTION',
			`Expected --path to be empty or to begin with a slash (RFC 6901), got '${pointer}'`,
			{ hint: `Try --path '/${pointer.replace(/^\$?\.?/, '').replaceAll('.', '/')}'.` },
		)
	}
	return tokens.map(token => {
		if (/~(?![01])/.test(token)) {
			throw new CliError(
				'INVALID_OPTION',
				`Expected every ~ in --path to be followed by 0 or 1 (RFC 6901), got '${pointer}'`,
				{ hint: 'Write ~0 for a ~ in a key, and ~1 for a slash.' },
			)
		}
		// In this order, so that ~01 becomes ~1 and not a slash (RFC 6901 §4).
		return token.replaceAll('~1', '/').replaceAll('~0', '~')
	})
}

const formatPointer = (tokens: readonly string[]): string =>
	tokens.map(token => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/**
 * What the pointer's tokens lead to. Only what the document itself holds is found: no `length`, nothing inherited.
 *
 * @throws `PATH_NOT_FOUND`, with the deepest part that exists and, in an object, the keys that are close
 */
export const resolvePointer = (document: unknown, tokens: readonly string[]): unknown => {
	let value = document
	for (const [depth, token] of tokens.entries()) {
		const next = step(value, token)
		if (next === undefined) throw notFound(tokens, depth, value)
		value = next.value
	}
	return value
}

const step = (value: unknown, token: string): { readonly value: unknown } | undefined => {
	if (Array.isArray(value)) {
		// No sign, no leading zero (RFC 6901 §4).
		const index = /^(?:0|[1-9]\d*)$/.test(token) ? Number(token) : NaN
		return index < value.length ? { value: value[index] as unknown } : undefined
	}
	return isDocumentObject(value) && Object.hasOwn(value, token) ? { value: value[token] } : undefined
}

const isDocumentObject = (value: unknown): value is Record<string, unknown> =>
	typeof value === 'object' &&
	value !== null &&
	!Array.isArray(value) &&
	!ArrayBuffer.isView(value) &&
	!(value instanceof Date)

const notFound = (tokens: readonly string[], depth: number, parent: unknown): CliError => {
	const found = depth === 0 ? 'the value' : `'${formatPointer(tokens.slice(0, depth))}'`
	const missing = tokens[depth]!
	const message = `Nothing at '${formatPointer(tokens)}': ${found} is ${portray(parent)}`
	if (Array.isArray(parent)) {
		if (missing === '-')
			return new CliError('PATH_NOT_FOUND', `${message}, and - stands for the one after its last`)
		return new CliError(
			'PATH_NOT_FOUND',
			parent.length === 0 ? message : `${message}, whose elements are 0 to ${parent.length - 1}`,
		)
	}
	const keys = keysOf(parent)
	if (keys === undefined) return new CliError('PATH_NOT_FOUND', message)
	const close = closest(missing, keys)
	return new CliError('PATH_NOT_FOUND', `${message} without '${missing}'`, {
		hint:
			close.length > 0
				? `Close: ${close.map(key => `'${formatPointer([...tokens.slice(0, depth), key])}'`).join(', ')}.`
				: undefined,
	})
}

const keysOf = (value: unknown): string[] | undefined => {
	return isDocumentObject(value) ? Object.keys(value) : undefined
}

const portray = (value: unknown): string => {
	if (Array.isArray(value)) return `an array of ${value.length}`
	const keys = keysOf(value)
	if (keys !== undefined) return `an object of ${keys.length} ${keys.length === 1 ? 'key' : 'keys'}`
	if (value === null) return 'null'
	if (ArrayBuffer.isView(value)) return 'bytes'
	return typeof value === 'object' ? 'no object' : `a ${typeof value}`
}

/** The keys that differ from `wanted` by little: in case, by a few letters, or in how they end. */
const closest = (wanted: string, keys: readonly string[]): string[] => {
	const low = wanted.toLowerCase()
	const limit = Math.max(1, Math.floor(wanted.length / 3))
	const rated: Array<readonly [string, number]> = []
	for (const key of keys) {
		const other = key.toLowerCase()
		if (other === low) rated.push([key, 0])
		else if (low.length >= 3 && (other.startsWith(low) || (other.length >= 3 && low.startsWith(other))))
			rated.push([key, 1])
		else if (Math.abs(other.length - low.length) <= limit) {
			const distance = editDistance(low, other)
			if (distance <= limit) rated.push([key, distance + 1])
		}
	}
	return rated
		.sort(([, a], [, b]) => a - b)
		.slice(0, CLOSE_KEYS_SHOWN)
		.map(([key]) => key)
}

/** Levenshtein's, with a swap of neighbours as one step (optimal string alignment). */
const editDistance = (a: string, b: string): number => {
	let beforeLast: number[] = []
	let last = Array.from({ length: b.length + 1 }, (_, index) => index)
	for (let i = 1; i <= a.length; i++) {
		const row = [i]
		for (let j = 1; j <= b.length; j++) {
			let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
			if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
				least = Math.min(least, beforeLast[j - 2]! + 1)
			row.push(least)
		}
		beforeLast = last
		last = row
	}
	return last[b.length]!
}
