import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Fetcher } from '../core/fetcher.ts'
import { redactUrl } from '../core/redact.ts'
import { codecOf, loadCodec, type CodecName } from './codecs.ts'
import { CliError, type SourceKind } from './failure.ts'
import type { Io } from './io.ts'
import {
	secretsOfEnvironment,
	secretsOfHeader,
	secretsOfUrl,
	secretsOfVariables,
	tolerantlyDecoded,
} from './secrets.ts'

/** What the names of the environment variables begin with. */
export const DEFAULT_PREFIX = 'REMOTE_TERM'

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

/** What SOURCE says, or that the environment says it. Nothing is connected or read yet. */
export interface SourceAddress {
	readonly kind: SourceKind
	/** As it was given, so that no URL parser takes a `..` out of an S3 key; a path as a URL. */
	readonly url: string | undefined
	readonly secrets: readonly string[]
}

/** @throws `INVALID_OPTION` */
export const addressOf = (
	given: string | undefined,
	{ header = [], prefix }: SourceOptions,
	env: Io['env'],
): SourceAddress => {
	if (given === undefined) {
		if (header.length > 0) throw headersElsewhere('a SOURCE on the command line')
		return {
			kind: 'environment',
			url: undefined,
			secrets: [...secretsOfEnvironment(env), ...secretsOfVariables(env, prefix ?? DEFAULT_PREFIX)],
		}
	}
	if (prefix !== undefined) {
		throw new CliError(
			'INVALID_OPTION',
			'Expected either SOURCE or --prefix, which names the environment, got both',
		)
	}
	const { kind, url } = parseSource(given)
	if (header.length > 0 && kind !== 'http') throw headersElsewhere('an http: or https: SOURCE')
	const secrets = [...secretsOfEnvironment(env), ...header.flatMap(secretsOfHeader), ...secretsOfUrl(url)]
	return { kind, url, secrets }
}

/** Rejects with `INVALID_OPTION`. */
export const openSource = async (
	{ kind, url }: SourceAddress,
	{ codec: chosen, header = [], prefix = DEFAULT_PREFIX }: SourceOptions,
	env: Io['env'],
): Promise<Source> => {
	const { label, path } = url === undefined ? describeEnvironment(env, prefix) : describeUrl(url)
	const codec = chosen ?? codecOf(path)
	const { fetcherFromEnv, fetcherFromUrl } = await import('../../fetchers/env.ts')
	return {
		kind,
		label,
		name: nameOf(path) ?? label,
		fetcher:
			url === undefined
				? fetcherFromEnv(env, { prefix })
				: fetcherFromUrl(url, header.length > 0 ? { http: { headers: parseHeaders(header) } } : {}),
		codec,
		deserialize: await loadCodec(codec),
	}
}

/** `path` is what the name and the codec are taken from. */
interface Description {
	readonly label: string
	readonly path: string
}

const describeUrl = (url: string): Description => {
	const { pathname, host } = new URL(url)
	return { label: redactUrl(url), path: pathname === '/' ? host : pathname }
}

/** Only as far as it is set; whether it is right is for `fetcherFromEnv` to say. */
const describeEnvironment = (env: Io['env'], prefix: string): Description => {
	const valueOf = (name: string): string => env[`${prefix}_${name}`]?.trim() ?? ''
	const urls = `${valueOf('SOURCE')} ${valueOf('HTTP_URL')}`.split(/\s+/).filter(url => URL.canParse(url))
	const [first] = urls
	if (first !== undefined) {
		const { label, path } = describeUrl(first)
		return { label: urls.length > 1 ? `${label} and ${urls.length - 1} more` : label, path }
	}
	const inNats = valueOf('NATS_KEY') || valueOf('NATS_OBJECT')
	if (inNats !== '') return { label: `nats:${valueOf('NATS_BUCKET')}/${inNats}`, path: inNats }
	const [bucket, path] = [valueOf('S3_BUCKET'), valueOf('S3_KEY') || valueOf('FILE_PATH')]
	return { label: bucket === '' ? path : `s3://${bucket}/${path}`, path }
}

/** Two letters at least, so that `C:\…` is a path. */
const SCHEME = /^[a-z][a-z0-9+.-]+:/i

const parseSource = (given: string): { readonly kind: SourceKind; readonly url: string } => {
	if (given === '')
		throw new CliError('INVALID_OPTION', 'Expected SOURCE to be a URL or a path, got an empty string')
	if (!SCHEME.test(given)) return { kind: 'path', url: pathToFileURL(resolve(given)).href }
	// Not quoted: what cannot be parsed cannot be redacted.
	if (!URL.canParse(given)) throw badSource('SOURCE begins like a URL but is none')
	const { protocol } = new URL(given)
	const kind = KINDS[protocol]
	if (kind === undefined) throw badSource(`SOURCE cannot be a URL of ${protocol}`)
	return { kind, url: given }
}

const KINDS: Readonly<Record<string, SourceKind>> = {
	'https:': 'http',
	'http:': 'http',
	's3:': 's3',
	'nats:': 'nats',
	'tls:': 'nats',
	'file:': 'file',
}

const badSource = (message: string): CliError =>
	new CliError('INVALID_OPTION', message, {
		hint: 'It takes https://…, http://…, s3://bucket/key?region=…, nats://host/kv/bucket/key, file:///…, or a path; ./name:x for a path with a colon.',
	})

const nameOf = (path: string): string | undefined => {
	const last = path.split('/').findLast(part => part !== '')
	return last === undefined ? undefined : tolerantlyDecoded(last)
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
