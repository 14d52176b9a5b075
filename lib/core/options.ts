import { RemoteTermError } from './errors.ts'

/**
 * Options are checked once, at the door. Each of these returns what it was given, or throws `INVALID_OPTION` with
 * the option's name, what was expected, and what was found.
 */
export const invalid = (option: string, expected: string, found: unknown): RemoteTermError =>
	new RemoteTermError('INVALID_OPTION', `Expected \`${option}\` to be ${expected}, got ${describe(found)}`)

/** Short, on one line, and without the contents of objects or long strings, since those may hold secrets. */
export const describe = (found: unknown): string => {
	if (typeof found === 'string')
		return found.length > 60 ? `a string of ${found.length} characters` : JSON.stringify(found)
	if (found === null || found === undefined || typeof found === 'boolean' || typeof found === 'number')
		return String(found)
	if (typeof found === 'bigint') return `${found}n`
	if (Array.isArray(found)) return `an array of ${found.length}`
	if (typeof found === 'object')
		return `an object (${(found as { constructor?: { name?: string } }).constructor?.name ?? 'no prototype'})`
	return `a ${typeof found}`
}

export const positive = (option: string, value: number): number => {
	if (typeof value === 'number' && Number.isFinite(value) && value > 0) return value
	throw invalid(option, 'a positive finite number', value)
}

export const notNegative = (option: string, value: number): number => {
	if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value
	throw invalid(option, 'a finite number, 0 or more', value)
}

export const positiveInteger = (option: string, value: number): number => {
	if (Number.isSafeInteger(value) && value > 0) return value
	throw invalid(option, 'a positive integer', value)
}

export const notNegativeInteger = (option: string, value: number): number => {
	if (Number.isSafeInteger(value) && value >= 0) return value
	throw invalid(option, 'an integer, 0 or more', value)
}

export const fraction = (option: string, value: number): number => {
	if (typeof value === 'number' && value >= 0 && value < 1) return value
	throw invalid(option, 'a number from 0 up to, but not including, 1', value)
}

export const bool = (option: string, value: boolean): boolean => {
	if (typeof value === 'boolean') return value
	throw invalid(option, 'true or false', value)
}

export const nonEmptyString = (option: string, value: string): string => {
	if (typeof value === 'string' && value !== '') return value
	throw invalid(option, 'a non-empty string', value)
}

/** A misspelt option is an error, not a default: `refreshIntervall: 5000` must not poll once a minute. */
export const onlyKnownOptions = (owner: string, options: object, known: readonly string[]): void => {
	for (const key of Object.keys(options)) {
		if (!known.includes(key)) {
			throw new RemoteTermError(
				'INVALID_OPTION',
				`${owner} has no option \`${key}\`; it takes ${known.map(name => `\`${name}\``).join(', ')}`,
			)
		}
	}
}
