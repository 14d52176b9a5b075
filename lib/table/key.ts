import { describe, invalid } from '../core/options.ts'
import { RemoteTermError } from '../core/errors.ts'
import {
	loadExport,
	parseReference,
	type ModuleReference,
	type ResolvedReference,
} from './module-function.ts'
import { RowFault, type Key } from './row-writer.ts'

/**
 * What a row is looked up by: the name of a property, an RFC 6901 JSON pointer (begins with `/`), or a module that
 * exports a function from a row to its key.
 */
export type KeyOption = string | ModuleReference

export type KeySpec =
	| { readonly kind: 'name' }
	| { readonly kind: 'path'; readonly path: readonly string[] }
	| { readonly kind: 'module'; readonly reference: ResolvedReference }

/** The key that the user's function, or the document, gives; not yet checked. */
export type KeyOf = (row: Record<string, unknown>, name: string | undefined) => unknown

/** `undefined`: by the names of the members, which only a JSON object has. */
export const parseKeyOption = (given: KeyOption | undefined): KeySpec => {
	if (given === undefined) return { kind: 'name' }
	if (typeof given === 'string') {
		if (!given.startsWith('/')) return { kind: 'path', path: [given] }
		if (/~(?![01])/.test(given))
			throw invalid('key', 'a JSON pointer, in which ~ is written ~0 (RFC 6901)', given)
		const path = given
			.slice(1)
			.split('/')
			.map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
		return { kind: 'path', path }
	}
	if (typeof given === 'object' && given !== null)
		return { kind: 'module', reference: parseReference('key', given) }
	throw invalid('key', 'the name of a property, a JSON pointer, or { module, export? }', describe(given))
}

export const loadKeyOf = async (spec: KeySpec): Promise<KeyOf> => {
	switch (spec.kind) {
		case 'name':
			return (_row, name) => {
				if (name === undefined)
					throw new RowFault('has no name that could be its key, being no member of an object')
				return name
			}
		case 'path':
			return byPath(spec.path)
		case 'module': {
			const keyOf = await loadExport('key', spec.reference)
			if (typeof keyOf !== 'function')
				throw new RemoteTermError('INVALID_OPTION', 'Expected the export that `key` names to be a function')
			return keyOf as KeyOf
		}
	}
}

const byPath = (path: readonly string[]): KeyOf => {
	const [only] = path
	if (path.length === 1 && only !== undefined)
		return row => (Object.hasOwn(row, only) ? row[only] : undefined)
	return row => {
		let value: unknown = row
		for (const name of path) {
			if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
			value = (value as Record<string, unknown>)[name]
		}
		return value
	}
}

/** Strings and finite numbers. −0 becomes 0, as in a `Map`. */
export const checkedKey = (key: unknown): Key => {
	if (typeof key === 'string') return key
	if (typeof key === 'number' && Number.isFinite(key)) return key + 0
	if (key === undefined || key === null) throw new RowFault('has no key')
	throw new RowFault(
		`has a key that is neither a string nor a finite number (${typeof key === 'number' ? 'not finite' : typeof key})`,
	)
}
