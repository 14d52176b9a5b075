import { invalid } from '../../core/options.ts'
import type { Peer } from '../../core/transport.ts'

/**
 * `remote-term.<scope>.all` and `remote-term.<scope>.to.<name>.<boot>`. Names come from outside: they are checked before
 * they get here (`PEER_NAME`), and their dots, which would make two tokens of one, become `=`, which no name has.
 */
export interface Subjects {
	readonly all: string
	of(peer: Peer): string
}

export const subjectsOf = (prefix: string, scope: string): Subjects => {
	const root = `${prefix}.${token(scope)}`
	return {
		all: `${root}.all`,
		of: ({ name, boot }) => `${root}.to.${token(name)}.${boot}`,
	}
}

const token = (name: string): string => name.replaceAll('.', '=')

/** @throws `INVALID_OPTION` */
export const parseSubjectPrefix = (prefix: string): string => {
	if (typeof prefix === 'string' && /^[A-Za-z0-9_-]{1,64}(\.[A-Za-z0-9_-]{1,64}){0,7}$/.test(prefix))
		return prefix
	throw invalid('subject', 'tokens of A–Z, a–z, 0–9, _ and -, with dots between them', prefix)
}
