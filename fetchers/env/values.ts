import { RemoteTermError } from '../../lib/core/errors.ts'
import { invalid } from '../../lib/core/options.ts'
import { parsers, type Parsed } from './parse.ts'
import { Refusal } from './refusal.ts'
import { isSet, unreadVariables, type Environment } from './typos.ts'
import { kinds, variables, type Variable, type VariableName } from './variables.ts'

type KindOf<Name extends VariableName> = Extract<(typeof variables)[number], { name: Name }>['kind']
type ValueOf<Name extends VariableName> = Parsed[KindOf<Name>]

/** The variables that are set, each of them parsed, whether it will be asked for or not: all errors come early. */
export class Values {
	readonly #prefix: string
	readonly #values = new Map<VariableName, Parsed[keyof Parsed]>()
	readonly #secrets: string[] = []

	/** @throws `INVALID_OPTION` */
	constructor(env: Environment, prefix: string) {
		if (typeof prefix !== 'string' || !/^[A-Za-z_]\w*$/.test(prefix) || prefix.endsWith('_'))
			throw invalid(
				'prefix',
				'a name for variables to begin with, without the underscore that follows it',
				prefix,
			)
		this.#prefix = prefix
		for (const { name, meant } of unreadVariables(env, prefix)) {
			const all = variables.map(one => this.nameOf(one.name)).join(', ')
			throw this.error(
				`There is no variable ${name}; ${meant === undefined ? `there are ${all}` : `did you mean ${meant}?`}`,
			)
		}
		for (const variable of variables as readonly (Variable & { name: VariableName })[]) {
			const text = env[this.nameOf(variable.name)]
			if (isSet(text)) this.#values.set(variable.name, this.#parse(variable, text.trim()))
		}
	}

	nameOf(name: VariableName): string {
		return `${this.#prefix}_${name}`
	}

	has(name: VariableName): boolean {
		return this.#values.has(name)
	}

	get<Name extends VariableName>(name: Name): ValueOf<Name> | undefined {
		return this.#values.get(name) as ValueOf<Name> | undefined
	}

	require<Name extends VariableName>(name: Name): ValueOf<Name> {
		const value = this.get(name)
		if (value !== undefined) return value
		throw this.error(`Expected ${this.nameOf(name)} to be set to ${this.#accepts(name)}`)
	}

	/** Of the variables of one group, those that are an option of its fetcher as they are. */
	options(group: 'HTTP_' | 'S3_' | 'NATS_'): Record<string, unknown> {
		return Object.fromEntries(
			(variables as readonly (Variable & { name: VariableName })[]).flatMap(({ name, option }) =>
				name.startsWith(group) && option !== undefined && this.has(name) ? [[option, this.get(name)]] : [],
			),
		)
	}

	/** @throws `INVALID_OPTION` where more than one of them is set. */
	refuseTogether(...names: readonly VariableName[]): void {
		const set = names.filter(name => this.has(name)).map(name => this.nameOf(name))
		if (set.length > 1) throw this.error(`Expected only one of ${set.join(' and ')} to be set`)
	}

	/** @throws `INVALID_OPTION` where there is a setting for a kind of source of which there is none. */
	refuseUseless(sources: Readonly<Record<'http' | 's3' | 'nats', number>>): void {
		for (const [kind, group] of [
			['http', 'HTTP_'],
			['s3', 'S3_'],
			['nats', 'NATS_'],
		] as const) {
			const useless = variables.find(({ name }) => name.startsWith(group) && this.has(name))
			if (sources[kind] === 0 && useless !== undefined)
				throw this.error(`${this.nameOf(useless.name)} is set, but the source is no ${kind}: one`)
		}
	}

	missingSource(): RemoteTermError {
		const names = (['HTTP_URL', 'S3_BUCKET', 'NATS_BUCKET', 'FILE_PATH'] as const).map(name =>
			this.nameOf(name),
		)
		return this.error(
			`Expected ${this.nameOf('SOURCE')} to be set to ${this.#accepts('SOURCE')}; or, for one variable per option, one of ${names.join(', ')}`,
		)
	}

	error(message: string, cause?: unknown): RemoteTermError {
		return new RemoteTermError('INVALID_OPTION', message, cause === undefined ? {} : { cause })
	}

	/** A fetcher's refusal of an option, with the variables that it was made of; whole only if it quotes no secret. */
	explain(error: unknown): unknown {
		if (!(error instanceof RemoteTermError) || error.code !== 'INVALID_OPTION') return error
		const names = [...this.#values.keys()].map(name => this.nameOf(name)).join(', ')
		const quotes = this.#secrets.some(secret => error.message.includes(secret))
		return quotes
			? this.error(`What is set is refused by the fetcher: ${names}`)
			: this.error(`${error.message} (from ${names})`, error)
	}

	#parse({ name, kind, secret }: Variable, text: string): Parsed[keyof Parsed] {
		try {
			const value = parsers[kind](text)
			if (secret) this.#secrets.push(text, ...secretsIn(value))
			return value
		} catch (error) {
			if (!(error instanceof Refusal)) throw error
			throw this.error(
				`Expected ${this.#prefix}_${name} to be ${kinds[kind]}, got ${error.found}`,
				error.cause,
			)
		}
	}

	#accepts(name: VariableName): string {
		const variable = variables.find(one => one.name === name)
		return variable === undefined ? '' : kinds[variable.kind]
	}
}

/** The parts of a value that are secrets by themselves, but for those so short that any message may have them. */
const secretsIn = (value: Parsed[keyof Parsed]): string[] => {
	if (Array.isArray(value))
		return (value as ReadonlyArray<Parsed['sources'][number] | string>).flatMap(secretsInSource)
	if (typeof value !== 'object') return []
	const parts =
		value instanceof URL
			? [value.password, ...value.searchParams.values()]
			: Object.values(value as Parsed['headers'])
	return parts.filter(part => part.length >= 4)
}

const secretsInSource = (source: Parsed['sources'][number] | string): string[] => {
	if (typeof source === 'string') return []
	if (source.kind === 'http') return secretsIn(source.url)
	if (source.kind !== 'nats') return []
	return [source.pass ?? '', source.token ?? ''].filter(part => part.length >= 4)
}
