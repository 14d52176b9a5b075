import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { parseJson } from '../../codecs/json.ts'
import { messageOf, RemoteTermError } from '../../core/errors.ts'
import type { TokenSpec } from '../tokens.ts'
import { tokenList } from './schema.ts'

/**
 * The tokens in a JSON file: an array, as in `tokens` of the configuration. Nothing of the content is quoted.
 *
 * @throws `INVALID_OPTION`
 */
export const readTokenFile = async (path: string): Promise<readonly TokenSpec[]> => {
	let content: unknown
	try {
		content = parseJson(await readFile(path, 'utf8'))
	} catch (cause) {
		// What a JSON parser says may quote what it has read.
		const why = cause instanceof SyntaxError ? 'it is not valid JSON' : messageOf(cause)
		throw new RemoteTermError('INVALID_OPTION', `Cannot read the tokens in ${path}: ${why}`, {
			...(!(cause instanceof SyntaxError) && { cause }),
		})
	}
	const { success, data, error } = z.safeParse(tokenList, content)
	if (success) return data
	const faults = error.issues.map(({ path: at, message }) => `${at.join('.') || 'the file'}: ${message}`)
	throw new RemoteTermError('INVALID_OPTION', `The tokens in ${path} cannot be used: ${faults.join('; ')}`)
}
