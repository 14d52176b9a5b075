import { RemoteTermError } from '../lib/core/errors.ts'
import type { Fetcher } from '../lib/core/fetcher.ts'
import { onlyKnownOptions } from '../lib/core/options.ts'
import { redactUrl } from '../lib/core/redact.ts'
import { open } from './env/open.ts'
import { Refusal } from './env/refusal.ts'
import { forms, parseSource, type Source } from './env/source.ts'
import { tokenFromFile } from './env/token-file.ts'
import type { Environment } from './env/typos.ts'
import { Values } from './env/values.ts'
import { FailoverFetcher } from './failover.ts'
import type { HttpFetcherOptions } from './http.ts'
import type { NatsFetcherOptions } from './nats.ts'
import type { S3FetcherOptions } from './s3.ts'

export interface FetcherFromUrlOptions {
	/** For an `http:` or `https:` URL; an error for another. */
	readonly http?: Omit<HttpFetcherOptions, 'url'> | undefined
	/** For an `s3:` URL, whose own parameters go before; an error for another. */
	readonly s3?: Omit<S3FetcherOptions, 'bucket' | 'key' | 'versionId'> | undefined
	/** For a `nats:` or `tls:` URL, whose own credentials go before; an error for another. */
	readonly nats?: Omit<NatsFetcherOptions, 'bucket' | 'key' | 'object' | 'servers'> | undefined
}

export interface FetcherFromEnvOptions {
	/** What the variables' names begin with. Default: `REMOTE_TERM`. */
	readonly prefix?: string | undefined
}

/**
 * A fetcher for `https://…`, `http://…`, `s3://bucket/key?region=…&endpoint=…&versionId=…&forcePathStyle=true`,
 * `nats://host:port/kv/bucket/key`, `nats://host:port/object/store/name` (`tls://…` for TLS) or `file:///…`. What it needs
 * (undici, the AWS SDK, the client of NATS) is loaded by its `init`; S3 needs the optional peer `@aws-sdk/client-s3`, NATS
 * `@nats-io/transport-node` and `@nats-io/jetstream`.
 *
 * A key is percent-encoded, and otherwise as it is: `..` and empty segments stay. A `file:` URL has three slashes, and
 * no host.
 *
 * @throws `INVALID_OPTION`, which says what is wrong without quoting what may be a secret
 */
export const fetcherFromUrl = (url: string | URL, options: FetcherFromUrlOptions = {}): Fetcher => {
	onlyKnownOptions('fetcherFromUrl', options, ['http', 's3', 'nats'])
	const text = String(url).trim()
	let source: Source
	try {
		source = parseSource(text)
	} catch (error) {
		if (!(error instanceof Refusal)) throw error
		throw new RemoteTermError('INVALID_OPTION', `Expected a source to be ${forms}, got ${error.found}`, {
			cause: error.cause,
		})
	}
	for (const kind of ['http', 's3', 'nats'] as const) {
		if (options[kind] !== undefined && source.kind !== kind) {
			const shown = source.kind === 's3' ? 's3:' : redactUrl(text)
			throw new RemoteTermError(
				'INVALID_OPTION',
				`\`${kind}\` is of no use to a source of another kind (${shown})`,
			)
		}
	}
	return open(source, options)
}

/**
 * The fetcher that the environment describes: `REMOTE_TERM_SOURCE`, or one variable per option. `docs/environment.md`
 * lists them all. An empty variable counts as unset, and white space around a value does not.
 *
 * @throws `INVALID_OPTION` where a variable is wrong, missing, at odds with another, without effect, or so nearly one of
 * ours that it must be a slip. The message names it and what it accepts, and never quotes what may be a secret.
 */
export const fetcherFromEnv = (
	env: Environment = process.env,
	options: FetcherFromEnvOptions = {},
): Fetcher => {
	onlyKnownOptions('fetcherFromEnv', options, ['prefix'])
	const values = new Values(env, options.prefix ?? 'REMOTE_TERM')
	const sources = sourcesOf(values)
	const kinds = { http: count(sources, 'http'), s3: count(sources, 's3'), nats: count(sources, 'nats') }
	values.refuseUseless(kinds)

	if (values.has('S3_FAILOVER_BUCKETS') && kinds.s3 > 1)
		throw values.error(
			`${values.nameOf('S3_FAILOVER_BUCKETS')} cannot be told to which of ${kinds.s3} s3: URLs it belongs`,
		)
	const origins = new Set(sources.flatMap(source => (source.kind === 'http' ? [source.url.origin] : [])))
	for (const name of ['HTTP_BEARER_TOKEN', 'HTTP_BEARER_TOKEN_FILE', 'HTTP_HEADERS'] as const) {
		if (values.has(name) && origins.size > 1)
			throw values.error(
				`${values.nameOf(name)} would be sent to ${origins.size} origins (${[...origins].join(', ')}); it may go to one`,
			)
	}
	for (const name of ['NATS_TOKEN', 'NATS_PASSWORD'] as const) {
		if (values.has(name) && kinds.nats > 1)
			throw values.error(`${values.nameOf(name)} would be sent to ${kinds.nats} servers; it may go to one`)
	}
	values.refuseTogether('HTTP_BEARER_TOKEN', 'HTTP_BEARER_TOKEN_FILE')
	values.refuseTogether('NATS_TOKEN', 'NATS_USER', 'NATS_NKEY', 'NATS_CREDENTIALS')

	const tokenFile = values.get('HTTP_BEARER_TOKEN_FILE')
	const bearerToken =
		tokenFile === undefined
			? values.get('HTTP_BEARER_TOKEN')
			: tokenFromFile(tokenFile, values.nameOf('HTTP_BEARER_TOKEN_FILE'))
	const caFile = values.get('NATS_CA_FILE')
	const settings = {
		http: { ...values.options('HTTP_'), ...(bearerToken !== undefined && { bearerToken }) },
		s3: values.options('S3_'),
		nats: { ...values.options('NATS_'), ...(caFile !== undefined && { tls: { caFile } }) },
	}
	try {
		const fetchers = sources.map(source => open(source, settings))
		const [only] = fetchers
		if (only !== undefined && fetchers.length === 1) return only
		return new FailoverFetcher(fetchers)
	} catch (error) {
		throw values.explain(error)
	}
}

/** What is to be fetched, said in exactly one way. */
const sourcesOf = (values: Values): readonly Source[] => {
	values.refuseTogether('SOURCE', 'HTTP_URL', 'S3_BUCKET', 'NATS_BUCKET', 'FILE_PATH')
	for (const name of ['S3_KEY', 'S3_VERSION_ID', 'NATS_SERVERS', 'NATS_KEY', 'NATS_OBJECT'] as const)
		values.refuseTogether('SOURCE', name)
	const sources = values.get('SOURCE')
	if (sources !== undefined) return sources
	const url = values.get('HTTP_URL')
	if (url !== undefined) return [{ kind: 'http', url }]
	const path = values.get('FILE_PATH')
	if (path !== undefined) return [{ kind: 'file', path }]
	if (values.has('S3_BUCKET') || values.has('S3_KEY')) {
		return [{ kind: 's3', bucket: values.require('S3_BUCKET'), key: values.require('S3_KEY') }]
	}
	if (values.has('NATS_BUCKET') || values.has('NATS_KEY') || values.has('NATS_OBJECT')) {
		values.refuseTogether('NATS_KEY', 'NATS_OBJECT')
		const object = values.get('NATS_OBJECT')
		const name = object === undefined ? { key: values.require('NATS_KEY') } : { object }
		const servers = values.get('NATS_SERVERS') ?? ['127.0.0.1:4222']
		return [{ kind: 'nats', servers, bucket: values.require('NATS_BUCKET'), ...name }]
	}
	throw values.missingSource()
}

const count = (sources: readonly Source[], kind: Source['kind']): number =>
	sources.filter(source => source.kind === kind).length
