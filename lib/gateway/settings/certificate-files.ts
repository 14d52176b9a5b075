import { readFile } from 'node:fs/promises'
import { messageOf, RemoteTermError } from '../../core/errors.ts'
import type { Certificate } from '../certificate.ts'

/** @throws `INVALID_OPTION` for a file that cannot be read. */
export const readCertificateFiles = async (files: {
	readonly certFile: string
	readonly keyFile: string
}): Promise<Certificate> => {
	const [cert, key] = await Promise.all([read('certificate', files.certFile), read('key', files.keyFile)])
	return { cert, key }
}

const read = async (what: string, path: string): Promise<string> => {
	try {
		return await readFile(path, 'utf8')
	} catch (cause) {
		throw new RemoteTermError('INVALID_OPTION', `Cannot read the ${what} in ${path}: ${messageOf(cause)}`, {
			cause,
		})
	}
}
