import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Fetcher } from '../core/fetcher.ts'
import { redactUrl } from '../core/redact.ts'
import { codecOf, loadCodec, type CodecName } from './codecs.ts'
import { CliError, type SourceKind } from './failure.ts'
import type { Io } from './io.ts'

export const DEFAULT_PREFIX = 'REMOTE_TERM_'

export interface SourceOptions {
	readonly codec?: CodecName | undefined
	/** `Name: value`, each. */
	readonly header?: readonly string[] | undefined
	readonly prefix?: string | undefined
}

/** Where the value comes from, and everything that follows from how that is written. */
export interface Source {
	readonly kind: SourceKind
	/** As it may be shown. */
	readonly label: string
	/** The last part of the label, for messages. */
	readonly name: string
	readonly fetcher: Fetcher
	readonly codec: CodecName
	readonly deserialize: (data: Uint8Array) => unknown
}

/** A URL, a path, or nothing: then the environment says it. Nothing is connected or read yet. */
export interface SourceAddress {
	readonly kind: SourceKind
	readonly url: URL | undefined
	readonly secrets: readonly string[]
}

/** @throws `INVALID_OPTION` */
export const addressOf = (
	given: string | undefined,
	{ header = [], prefix }: SourceOptions,
	env: Io['env'],
): SourceAddress => {
	const secrets = [...header.flatMap(secretsOfHeader), ...secretsOfEnvironment(env)]
	if (given === undefined) {
		if (header.length > 0) throw headersElsewhere('a SOURCE on the command line')
		return { kind: 'environment', url: undefined, secrets }
	}
	if (prefix !== undefined) {
		throw new CliError(
			'INVALID_OPTION',
			'Expected either SOURCE or --prefix, which names the environment, got both',
		)
	}
	const url = parseSource(given)
	const kind = kindOf(given, url)
	if (header.length > 0 && kind !== 'http') throw headersElsewhere('an http: or https: SOURCE')
	return { kind, url, secrets: [...secrets, ...secretsOfUrl(url)] }
}

/** @throws `INVALID_OPTION` */
export const openSource = async (
	address: SourceAddress,
	options: SourceOptions,
	env: Io['env'],
): Promise<Source> => {
	const { kind, url } = address
	const { prefix = DEFAULT_PREFIX } = options
	const shown = url ?? urlOfEnvironment(env, prefix)
	const label = shown === undefined ? `the environment (${prefix}…)` : redactUrl(shown)
	const codec = options.codec ?? codecOf(shown?.pathname ?? '')
	return {
		kind,
		label,
		name: shown === undefined ? 'the value' : nameOf(shown),
		fetcher: await fetcherFor(url, { ...options, prefix }, env),
		codec,
		deserialize: await loadCodec(codec),
	}
}

const fetcherFor = async (
	url: URL | undefined,
	{ header = [], prefix }: SourceOptions & { prefix: string },
	env: Io['env'],
): Promise<Fetcher> => {
	if (url !== undefined && header.length > 0) {
		const { HttpFetcher } = await import('../../fetchers/http.ts')
		return new HttpFetcher({ url, headers: parseHeaders(header) })
	}
	const { fetcherFromEnv, fetcherFromUrl } = await import('../../fetchers/env.ts')
	return url === undefined ? fetcherFromEnv(env, { prefix }) : fetcherFromUrl(url.href)
}

/** Two letters at least, so that `C:\…` is a path. */
const SCHEME = /^[a-z][a-z0-9+.-]+:/i

const parseSource = (given: string): URL => {
	if (given === '')
		throw new CliError('INVALID_OPTION', 'Expected SOURCE to be a URL or a path, got an empty string')
	if (!SCHEME.test(given)) return pathToFileURL(resolve(given))
	try {
		return new URL(given)
	} catch {
		// Not quoted: what cannot be parsed cannot be redacted.
		throw new CliError('INVALID_OPTION', 'SOURCE begins like a URL but is none', {
			hint: 'It takes https://…, http://…, s3://bucket/key?region=…, file:///…, or a path; ./name:x for a path with a colon.',
		})
	}
}

const kindOf = (given: string, { protocol }: URL): SourceKind => {
	if (!SCHEME.test(given)) return 'path'
	switch (protocol) {
		case 'http:':
		case 'https:':
			return 'http'
		case 's3:':
			return 's3'
		case 'file:':
			return 'file'
		default:
			throw new CliError('INVALID_OPTION', `SOURCE cannot be a URL of ${protocol}`, {
				hint: 'It takes https://…, http://…, s3://bucket/key?region=…, file:///…, or a path; ./name:x for a path with a colon.',
			})
	}
}

const urlOfEnvironment = (env: Io['env'], prefix: string): URL | undefined => {
	const given = env[`${prefix}SOURCE`]
	return given !== undefined && URL.canParse(given) ? new URL(given) : undefined
}

const nameOf = (url: URL): string => {
	const last = url.pathname.split('/').findLast(part => part !== '') ?? url.host
	try {
		return decodeURIComponent(last)
	} catch {
		return last
	}
}

const headersElsewhere = (where: string): CliError =>
	new CliError('INVALID_OPTION', `--header needs ${where}, which it is sent to`)

const parseHeaders = (lines: readonly string[]): Record<string, string> => {
	const headers: Record<string, string> = {}
	for (const line of lines) {
		// The line is not quoted in errors: it may hold a token.
		const [, name, value] = /^\s*([^\s:]+)\s*:\s*(.*?)\s*$/s.exec(line) ?? []
		if (name === undefined || value === undefined) {
			throw new CliError(
				'INVALID_OPTION',
				"Expected --header to be 'Name: value', got a text without a name and colon",
			)
		}
		const key = name.toLowerCase()
		headers[key] = Object.hasOwn(headers, key) ? `${headers[key]}, ${value}` : value
	}
	return headers
}

/** Shorter ones are hardly secret, and to blot them out would make messages unreadable. */
const SHORTEST_PASSWORD = 4
/** The same of what need not be a secret at all. */
const SHORTEST_SECRET = 8

const secretsOfHeader = (line: string): string[] => {
	const value = line.slice(line.indexOf(':') + 1).trim()
	return [value, ...value.split(/\s+/)].filter(part => part.length >= SHORTEST_SECRET)
}

const secretsOfUrl = ({ password, protocol, searchParams }: URL): string[] => [
	...[password, tolerantlyDecoded(password)].filter(part => part.length >= SHORTEST_PASSWORD),
	...(protocol === 's3:' ? [] : [...searchParams.values()].filter(part => part.length >= SHORTEST_SECRET)),
]

const tolerantlyDecoded = (text: string): string => {
	try {
		return decodeURIComponent(text)
	} catch {
		return text
	}
}

const secretsOfEnvironment = (env: Io['env']): string[] =>
	Object.entries(env)
		.filter(([name]) => /SECRET|TOKEN|PASSWORD|AUTHORIZATION/i.test(name))
		.map(([, value]) => value ?? '')
		.filter(value => value.length >= SHORTEST_SECRET)
