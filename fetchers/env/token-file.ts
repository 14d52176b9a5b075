import { readFile } from 'node:fs/promises'
import { messageOf, RemoteTermError } from '../../lib/core/errors.ts'

/** Reads the token whenever it is asked for, so that whoever rotates it need tell nobody. */
export const tokenFromFile = (path: string, variable: string) => async (): Promise<string> => {
	let token: string
	try {
		token = (await readFile(path, 'utf8')).trim()
	} catch (cause) {
		const message = `Cannot read the token in ${path} (${variable}): ${messageOf(cause)}`
		throw new RemoteTermError('FETCH_FAILED', message, { cause })
	}
	if (/^[\x21-\x7e]+$/.test(token)) return token
	const found = token === '' ? 'nothing' : 'other characters'
	throw new RemoteTermError(
		'FETCH_FAILED',
		`Expected ${path} (${variable}) to hold a token of visible ASCII characters, got ${found}`,
	)
}
