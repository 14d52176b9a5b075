import type { Io } from './io.ts'

/**
 * What must not be shown, whatever a foreign error quotes. Our own messages keep to `redactUrl`; this is for those that
 * a runtime, a server or an SDK has written.
 */

/** Shorter ones are hardly secret, and to blot them out would make messages unreadable. */
const SHORTEST_PASSWORD = 4
/** The same of what need not be a secret at all. */
const SHORTEST_SECRET = 8

const isLong = (text: string): boolean => text.length >= SHORTEST_SECRET

/** Of a line `Name: value`, or of a value alone: the whole, and each word, for the scheme in front is none. */
export const secretsOfHeader = (line: string): string[] => {
	const value = line.slice(line.indexOf(':') + 1).trim()
	return [...new Set([value, ...value.split(/\s+/)])].filter(isLong)
}

export const secretsOfUrl = (url: string): string[] => {
	if (!URL.canParse(url)) return []
	const { username, password, protocol, searchParams } = new URL(url)
	// There a user without a password is a token.
	const token = ['nats:', 'tls:'].includes(protocol) && password === '' ? username : password
	return [
		...[...new Set([token, tolerantlyDecoded(token)])].filter(part => part.length >= SHORTEST_PASSWORD),
		// An s3: URL has regions and endpoints there.
		...(protocol === 's3:' ? [] : [...searchParams.values()].filter(isLong)),
	]
}

export const tolerantlyDecoded = (text: string): string => {
	try {
		return decodeURIComponent(text)
	} catch {
		return text
	}
}

/** Whatever is called a secret there, whosever it is. */
export const secretsOfEnvironment = (env: Io['env']): string[] =>
	Object.entries(env)
		.filter(([name]) => /SECRET|TOKEN|PASSWORD/i.test(name))
		.map(([, value]) => value?.trim() ?? '')
		.filter(isLong)

/** Of the variables of our own that hold URLs and headers. */
export const secretsOfVariables = (env: Io['env'], prefix: string): string[] => [
	...[env[`${prefix}_SOURCE`], env[`${prefix}_HTTP_URL`]].flatMap(urls =>
		(urls ?? '').split(/\s+/).flatMap(secretsOfUrl),
	),
	...[...(env[`${prefix}_HTTP_HEADERS`] ?? '').matchAll(/:\s*"((?:[^"\\]|\\.)*)"/g)].flatMap(
		([, text = '']) => secretsOfHeader(text),
	),
]
