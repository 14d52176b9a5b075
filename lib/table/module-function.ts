import { asRemoteTermError, RemoteTermError } from '../core/errors.ts'
import { invalid } from '../core/options.ts'

/**
 * A function that a module exports. Functions cannot cross threads, modules can be loaded in each: `module` is an
 * absolute URL (`new URL('./key.js', import.meta.url)`), `export` a name, `default` if it is left out.
 */
export interface ModuleReference {
	readonly module: URL | string
	readonly export?: string | undefined
}

/** The same as it is posted to a thread. */
export interface ResolvedReference {
	readonly module: string
	readonly export: string
}

export const parseReference = (option: string, given: ModuleReference): ResolvedReference => {
	const { module, export: name = 'default', ...rest } = given
	const [unknown] = Object.keys(rest)
	if (unknown !== undefined) throw invalid(option, '{ module, export? }', given)
	if (typeof name !== 'string') throw invalid(`${option}.export`, 'the name of an export', name)
	const href = String(module)
	if (!URL.canParse(href))
		throw invalid(
			`${option}.module`,
			"an absolute URL, as by new URL('./module.js', import.meta.url)",
			module,
		)
	return { module: href, export: name }
}

/** @throws `INVALID_OPTION` */
export const loadExport = async (option: string, reference: ResolvedReference): Promise<unknown> => {
	let loaded: Record<string, unknown>
	try {
		loaded = (await import(reference.module)) as Record<string, unknown>
	} catch (error) {
		throw asRemoteTermError(
			error,
			'INVALID_OPTION',
			message => `Cannot load the module of \`${option}\`: ${message}`,
		)
	}
	const value = loaded[reference.export]
	if (value === undefined) {
		throw new RemoteTermError(
			'INVALID_OPTION',
			`Expected the module of \`${option}\` to export \`${reference.export}\``,
		)
	}
	return value
}
