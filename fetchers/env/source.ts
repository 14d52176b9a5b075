import { fileURLToPath } from 'node:url'
import { redactUrl } from '../../lib/core/redact.ts'
import { parseNatsUrl, type NatsSource } from './nats-url.ts'
import { Refusal } from './refusal.ts'

/** What a URL says, taken apart. */
export type Source =
	| { readonly kind: 'http'; readonly url: URL }
	| { readonly kind: 'file'; readonly path: string }
	| NatsSource
	| {
			readonly kind: 's3'
			readonly bucket: string
			readonly key: string
			readonly region?: string
			readonly endpoint?: string
			readonly versionId?: string
			readonly forcePathStyle?: boolean
	  }

export const forms =
	'`https://…`, `http://…`, `s3://bucket/key?region=…&endpoint=…&versionId=…&forcePathStyle=true`, `nats://host:port/kv/bucket/key`, `nats://host:port/object/store/name` or `file:///…`'

/** White space cannot be part of a URL, a comma can. */
export const splitSources = (text: string): string[] => text.split(/\s+/).filter(one => one !== '')

/** @throws Refusal */
export const parseSource = (text: string): Source => {
	if (/,\s*(?:https?|s3|nats|tls|file):/i.test(text))
		throw new Refusal('several URLs separated by commas; white space separates them')
	const scheme = /^([a-z][a-z\d+.-]*):/i.exec(text)?.[1]?.toLowerCase()
	switch (scheme) {
		case 'http':
		case 'https':
			return { kind: 'http', url: parseHttpUrl(text) }
		case 's3':
			return parseS3Url(text)
		case 'nats':
		case 'tls':
			return parseNatsUrl(text)
		case 'file':
			return { kind: 'file', path: parseFileUrl(text) }
		case undefined:
			throw new Refusal(
				text.startsWith('/') ? 'a path; as a URL it begins with file://' : 'something without a scheme',
			)
		default:
			throw new Refusal(`a URL of the scheme ${scheme}:`)
	}
}

/** @throws Refusal */
export const parseHttpUrl = (text: string): URL => {
	if (!URL.canParse(text)) throw new Refusal('something that is no URL')
	const url = new URL(text)
	if (url.protocol === 'https:' || url.protocol === 'http:') return url
	throw new Refusal(`a URL of the scheme ${url.protocol}`)
}

/** @throws Refusal */
export const parseEndpoint = (text: string): string => {
	const { username, password } = parseHttpUrl(text)
	if (username === '' && password === '') return text
	throw new Refusal(`${redactUrl(text)} with a user or password`)
}

/** @throws Refusal */
export const parseBoolean = (text: string): boolean => {
	if (text === 'true' || text === '1') return true
	if (text === 'false' || text === '0') return false
	throw new Refusal('something else')
}

const parseFileUrl = (text: string): string => {
	// The URL parser would take `file:x` for `/x`, and a host for a part of it.
	if (!/^file:\/\/\//i.test(text))
		throw new Refusal('a file: URL that has a host or is relative; it begins with file:///')
	if (/[?#]/.test(text))
		throw new Refusal('a file: URL with a query or fragment; in a name, ? is %3F and # is %23')
	try {
		return fileURLToPath(text)
	} catch (cause) {
		throw new Refusal('a file: URL that is no path of this system', { cause })
	}
}

const s3Parameters = ['region', 'endpoint', 'versionId', 'forcePathStyle'] as const
type S3Parameter = (typeof s3Parameters)[number]

/**
 * By hand, since the URL parser takes `.` and `..` out of a path, and in a key they may stand. No bucket has other
 * characters than these, which leaves no room for a user or a port.
 */
const parseS3Url = (text: string): Source => {
	const [, authority = '', path = '', query = '', fragment] =
		/^s3:\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?(#.*)?$/i.exec(text) ?? []
	if (authority.includes('@'))
		throw new Refusal('an s3: URL with a user or password; credentials come from AWS’s own variables')
	if (!/^[a-z\d][a-z\d._-]{1,254}$/i.test(authority))
		throw new Refusal('an s3: URL without a bucket, which it begins with: s3://bucket/key')
	if (fragment !== undefined) throw new Refusal('an s3: URL with a fragment; in a key, # is %23')
	const key = decode(path.slice(1))
	if (key === '') throw new Refusal('an s3: URL without a key: s3://bucket/key')
	const parameters = new Map<S3Parameter, string>()
	for (const [name, value] of new URLSearchParams(query)) {
		const known = s3Parameters.find(one => one === name)
		if (known === undefined)
			throw new Refusal(
				`an s3: URL with a parameter ${JSON.stringify(name)}; it takes ${s3Parameters.join(', ')}`,
			)
		if (parameters.has(known)) throw new Refusal(`an s3: URL with ${known} twice`)
		if (value === '') throw new Refusal(`an s3: URL with an empty ${known}`)
		parameters.set(known, value)
	}
	const region = parameters.get('region')
	const versionId = parameters.get('versionId')
	const endpoint = within(parameters.get('endpoint'), 'endpoint', parseEndpoint)
	const forcePathStyle = within(parameters.get('forcePathStyle'), 'forcePathStyle', parseBoolean)
	return {
		kind: 's3',
		bucket: authority,
		key,
		...(region !== undefined && { region }),
		...(endpoint !== undefined && { endpoint }),
		...(versionId !== undefined && { versionId }),
		...(forcePathStyle !== undefined && { forcePathStyle }),
	}
}

const within = <Value>(
	text: string | undefined,
	name: S3Parameter,
	parse: (text: string) => Value,
): Value | undefined => {
	if (text === undefined) return undefined
	try {
		return parse(text)
	} catch (error) {
		throw error instanceof Refusal ? new Refusal(`an s3: URL whose ${name} is ${error.found}`) : error
	}
}

const decode = (text: string): string => {
	try {
		return decodeURIComponent(text)
	} catch (cause) {
		throw new Refusal('an s3: URL whose key is not percent-encoded UTF-8; in a key, % is %25', { cause })
	}
}
