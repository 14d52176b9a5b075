import { RemoteTermError } from '../../core/errors.ts'
import { describe } from '../../core/options.ts'

export const checkEntry = (id: string, item: unknown, version: number): string => {
	checkVersion(checkId(id), version)
	if (item !== undefined) return id
	throw new RemoteTermError('VALIDATION_FAILED', `Expected ${describe(id)} to be an item, found undefined`)
}

/** A path is split at its last slash. */
export const checkId = (id: string): string => {
	if (typeof id === 'string' && id !== '' && id.length <= 1024 && !id.includes('/')) return id
	throw new RemoteTermError(
		'VALIDATION_FAILED',
		`Expected an id to be 1 to 1,024 characters without a slash, found ${describe(id)}`,
	)
}

export const checkVersion = (id: string, version: number): void => {
	if (Number.isSafeInteger(version)) return
	throw new RemoteTermError(
		'VALIDATION_FAILED',
		`Expected the version of ${describe(id)} to be a safe integer, found ${describe(version)}`,
	)
}
