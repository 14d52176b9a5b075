import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Corpora that are not part of the repository lie in `../shared/corpora` beside it, or where `REMOTE_TERM_CORPORA` says.
 * `undefined` where there is no such file; whoever needs it is skipped.
 */
export const readCorpus = <T>(file: string): T | undefined => {
	const named = process.env['REMOTE_TERM_CORPORA']
	if (named !== undefined) return read(join(named, file))
	for (let folder = process.cwd(); ; folder = dirname(folder)) {
		const found = read<T>(join(folder, 'shared', 'corpora', file))
		if (found !== undefined || folder === dirname(folder)) return found
	}
}

const read = <T>(path: string): T | undefined =>
	existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : undefined
