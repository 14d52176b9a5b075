import type { z } from 'zod'
import { mask, redactUrl } from '../../core/redact.ts'
import { RemoteTermError, type ErrorIssue } from '../../core/errors.ts'
import { settingsSchema, type Settings } from './schema.ts'
import { GATEWAY_VARIABLES, parseVariable, VARIABLE_PREFIX } from './variables.ts'

type Json = Record<string, unknown>

export interface SettingsSources {
	/** The content of the configuration file, parsed. */
	readonly file?: unknown
	/** What the file is called, in errors. */
	readonly fileName?: string | undefined
	readonly env?: Readonly<Record<string, string | undefined>> | undefined
	/** What the command line says. */
	readonly flags?: readonly SettingsFlag[] | undefined
}

export interface SettingsFlag {
	/** What errors call it: `--port`. */
	readonly flag: string
	/** The key that it stands for: `pull.timeout`. */
	readonly key: string
	/** `undefined`: it was not given. */
	readonly value: unknown
}

/**
 * The file, the environment over it, and the command line over both.
 *
 * @throws `INVALID_OPTION` with every fault in `issues`, each named by where it was said: a key of the file, a
 *   variable, an option. No value is quoted, for any may be a secret.
 */
export const readSettings = ({ file = {}, fileName, env = {}, flags = [] }: SettingsSources): Settings => {
	const settings = structuredClone(file)
	const faults: ErrorIssue[] = []
	const origins = new Map<string, string>()
	if (!isRecord(settings))
		throw new RemoteTermError('INVALID_OPTION', `Expected ${fileName ?? 'the configuration'} to be an object`)
	for (const { name, path, kind } of GATEWAY_VARIABLES) {
		const text = env[name]
		if (text === undefined || text.trim() === '') continue
		origins.set(path.join('.'), name)
		put(settings, path, parseVariable(kind, text))
	}
	for (const { flag, key, value } of flags) {
		if (value === undefined) continue
		origins.set(key, flag)
		put(settings, key.split('.'), value)
	}
	for (const name of unknownVariables(env))
		faults.push({ path: [name], message: 'is no variable of the gateway' })
	const { success, data, error } = settingsSchema.safeParse(settings)
	faults.push(...(error?.issues ?? []).flatMap(issue => faultsOf(issue)))
	if (success) faults.push(...contradictions(data, key => nameOf([key], origins)))
	if (success && faults.length === 0) return data
	const lines = faults.map(
		({ path, message }) => `${path.length === 0 ? 'the configuration' : nameOf(path, origins)}: ${message}`,
	)
	throw new RemoteTermError(
		'INVALID_OPTION',
		`${fileName === undefined ? 'The configuration' : `The configuration (${fileName})`} cannot be used: ${lines.join('; ')}`,
		{ issues: faults },
	)
}

const nameOf = (path: ErrorIssue['path'], origins: ReadonlyMap<string, string>): string => {
	for (let length = path.length; length > 0; length--) {
		const origin = origins.get(path.slice(0, length).join('.'))
		if (origin !== undefined) return origin
	}
	return path.join('.')
}

type Issue = z.core.$ZodIssue

/**
 * Of a key that may be one of several kinds, the faults within the kind that it is of; or which kinds there are. By itself
 * Zod says of such a key that its input is invalid, whatever is wrong in it.
 */
const faultsOf = (issue: Issue, outer: ErrorIssue['path'] = []): readonly ErrorIssue[] => {
	const path = [...outer, ...issue.path.map(part => (typeof part === 'number' ? part : String(part)))]
	if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [{ path, message: issue.message }]
	const isWithin = ({ path: inner, code }: Issue): boolean => inner.length > 0 || code === 'unrecognized_keys'
	const meant = issue.errors.find(kind => kind.every(isWithin))
	if (meant !== undefined) return meant.flatMap(one => faultsOf(one, path))
	const kinds = new Set(issue.errors.flat().flatMap(kindsOf))
	return [{ path, message: `expected ${[...kinds].join(' or ')}` }]
}

const kindsOf = (issue: Issue): readonly string[] => {
	if (issue.code === 'invalid_type') return [issue.expected]
	return issue.code === 'invalid_value' ? issue.values.map(String) : [issue.message]
}

const contradictions = (settings: Settings, named: (key: string) => string): readonly ErrorIssue[] => {
	const faults: ErrorIssue[] = []
	const stores = ['data', 'memory', 'nats'] as const
	const given = stores.filter(key => settings[key] !== undefined && settings[key] !== false)
	if (given.length !== 1) {
		const found = given.length === 0 ? 'none' : given.map(named).join(' and ')
		const message = `expected one of data, memory and nats, which say where the database is; got ${found}`
		faults.push({ path: [given[0] ?? 'data'], message })
	}
	const hasTokens =
		settings.tokens.length > 0 || settings.tokensFile !== undefined || settings.token !== undefined
	if (!hasTokens && settings.allowAnonymous === false)
		faults.push({
			path: ['tokens'],
			message:
				'expected token, tokens or tokensFile; or allowAnonymous, which lets everybody on this machine (loopback) or everywhere (anywhere) do everything',
		})
	const { upstream } = settings.stream || {}
	if (upstream?.lastGoodKey !== undefined && upstream.lastGood === undefined)
		faults.push({
			path: ['stream', 'upstream', 'lastGoodKey'],
			message: 'there is no lastGood, the folder whose files it is to encrypt',
		})
	return faults
}

const isRecord = (value: unknown): value is Json =>
	typeof value === 'object' && value !== null && !Array.isArray(value)

const put = (settings: Json, path: readonly string[], value: unknown): void => {
	let at = settings
	for (const key of path.slice(0, -1)) {
		const next = at[key]
		at = isRecord(next) ? next : (at[key] = {})
	}
	at[path.at(-1)!] = value
}

/** Kubernetes makes such variables for a service that is called like our prefix. */
const OF_SERVICES = /_(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_(?:TCP|UDP)(?:_(?:PROTO|PORT|ADDR))?)$/

const unknownVariables = (env: Readonly<Record<string, string | undefined>>): readonly string[] =>
	Object.keys(env).filter(
		name =>
			name.startsWith(VARIABLE_PREFIX) &&
			(env[name] ?? '').trim() !== '' &&
			!OF_SERVICES.test(name) &&
			!GATEWAY_VARIABLES.some(known => known.name === name),
	)

const shownNats = (nats: NonNullable<Settings['nats']>): unknown => {
	if (typeof nats === 'string') return nats.includes('@') ? redactUrl(nats) : nats
	const { pass, token, ...rest } = nats
	return {
		...rest,
		...(pass !== undefined && { pass: mask(pass) }),
		...(token !== undefined && { token: mask(token) }),
	}
}

const shownStream = ({ upstream, ...rest }: Exclude<Settings['stream'], false>): unknown => ({
	...rest,
	...(upstream !== undefined && {
		upstream: {
			...upstream,
			url: redactUrl(upstream.url),
			...(upstream.token !== undefined && { token: mask(upstream.token) }),
			...(upstream.lastGoodKey !== undefined && { lastGoodKey: mask(upstream.lastGoodKey) }),
		},
	}),
})

/** The settings as they may be shown. */
export const shownSettings = (settings: Settings): unknown => ({
	...settings,
	...(settings.token !== undefined && { token: mask(settings.token) }),
	...(settings.stream !== false && { stream: shownStream(settings.stream) }),
	...(settings.nats !== undefined && { nats: shownNats(settings.nats) }),
	tokens: settings.tokens.map(token => ({
		...token,
		...(token.token !== undefined && { token: mask(token.token) }),
		...(token.sha256 !== undefined && { sha256: mask(token.sha256) }),
	})),
})
