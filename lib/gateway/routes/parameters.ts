import { NAME, NAME_EXPECTED } from '../../config/names.ts'
import { Refusal } from '../problem.ts'
import type { ParameterDocument } from '../route.ts'

const name = { type: 'string', pattern: NAME.source, maxLength: 128 } as const

export const serviceParameter: ParameterDocument = {
	in: 'path',
	description: 'The name of the service',
	schema: name,
}

export const requestTypeParameter: ParameterDocument = {
	in: 'path',
	description: 'The request type of the item',
	schema: name,
}

export const versionText = { type: 'string', minLength: 1, maxLength: 256 } as const

export const flag = (description: string): ParameterDocument => ({
	in: 'query',
	description,
	schema: { type: 'boolean', default: false },
})

/** @throws `Refusal` 400 for what can be no name. */
export const nameFrom = (params: Readonly<Record<string, string>>, key: string): string => {
	const value = params[key] ?? ''
	if (NAME.test(value)) return value
	throw new Refusal(400, 'BAD_REQUEST', `Expected {${key}} in the path to be ${NAME_EXPECTED}`)
}

export const flagFrom = (query: URLSearchParams, key: string): boolean => {
	const value = query.get(key)
	if (value === null || value === 'false') return false
	if (value === 'true') return true
	throw new Refusal(400, 'BAD_REQUEST', `Expected the query parameter ${key} to be true or false`)
}

export const textFrom = (query: URLSearchParams, key: string): string | undefined => {
	const value = query.get(key)
	if (value === null) return undefined
	if (value !== '' && value.length <= 256) return value
	throw new Refusal(400, 'BAD_REQUEST', `Expected the query parameter ${key} to have 1 to 256 characters`)
}

export const countFrom = (query: URLSearchParams, key: string, standard: number, most: number): number => {
	const value = query.get(key)
	if (value === null) return standard
	const count = /^\d{1,6}$/.test(value) ? Number(value) : 0
	if (count >= 1 && count <= most) return count
	throw new Refusal(
		400,
		'BAD_REQUEST',
		`Expected the query parameter ${key} to be an integer from 1 to ${most}`,
	)
}

export const choiceFrom = <Choice extends string>(
	query: URLSearchParams,
	key: string,
	choices: readonly Choice[],
): Choice | undefined => {
	const value = query.get(key)
	if (value === null) return undefined
	const choice = choices.find(one => one === value)
	if (choice !== undefined) return choice
	throw new Refusal(400, 'BAD_REQUEST', `Expected the query parameter ${key} to be ${choices.join(' or ')}`)
}
