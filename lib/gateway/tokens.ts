import { createHash, timingSafeEqual } from 'node:crypto'
import { RemoteTermError } from '../core/errors.ts'
import { invalid } from '../core/options.ts'

/** What a token may do. `admin` implies the other two. */
export const SCOPES = ['push', 'read', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** One token. Several may have the same name, as the old one and the new one do while a token is being replaced. */
export interface TokenSpec {
	/** Who holds it: what the audit log, the rate limit and the metrics know it by. */
	readonly name: string
	readonly scopes: readonly Scope[]
	/** The services that it is for: names, or beginnings of names with a `*` at the end. Default: all. */
	readonly services?: readonly string[] | undefined
	/** The token itself, 24 visible ASCII characters at least. Either this or `sha256`. */
	readonly token?: string | undefined
	/** The SHA-256 of the token, 64 hexadecimal digits: so that whoever can read this cannot use it. */
	readonly sha256?: string | undefined
}

/** Who has asked. */
export interface Identity {
	readonly name: string
	readonly scopes: ReadonlySet<Scope>
	/** As in `TokenSpec`; `undefined`: all. */
	readonly services: readonly string[] | undefined
}

/** Whether this token is for that service; what is of no service in particular is for those that are for all. */
export const isFor = (identity: Identity | undefined, service: string | undefined): boolean => {
	const services = identity?.services
	if (services === undefined) return true
	return service !== undefined && matches(services, service)
}

const matches = (services: readonly string[], service: string): boolean =>
	services.some(one => (one.endsWith('*') ? service.startsWith(one.slice(0, -1)) : service === one))

interface Entry {
	readonly digest: Buffer
	readonly identity: Identity
}

/** Nobody guesses 24 characters that were chosen by chance. */
export const SHORTEST_TOKEN = 24
const LONGEST_TOKEN = 1_024
const MAX_TOKENS = 1_000
const NAME = /^[A-Za-z0-9_.:@-]{1,64}$/

/**
 * The tokens that are good now. Replaced as a whole, so that a request is judged by the old ones or by the new ones.
 *
 * Only digests are kept. A presented token is hashed and compared with each of them in constant time, whether one has
 * fitted before or not, so that the time of an answer tells neither how much of a guess was right nor which token it was.
 */
export class TokenRing {
	#entries: readonly Entry[] = []

	/** @throws `INVALID_OPTION`, and the tokens stay as they were. */
	constructor(specs: readonly TokenSpec[]) {
		this.replace(specs)
	}

	get size(): number {
		return this.#entries.length
	}

	/**
	 * Returns whether anything is another now.
	 *
	 * @throws `INVALID_OPTION`, and the tokens stay as they were.
	 */
	replace(specs: readonly TokenSpec[]): boolean {
		if (!Array.isArray(specs)) throw invalid('tokens', 'an array of tokens', specs)
		if (specs.length > MAX_TOKENS) throw invalid('tokens', `${MAX_TOKENS} tokens at most`, specs)
		const entries = (specs as readonly TokenSpec[]).map(entryOf)
		const seen = new Set<string>()
		for (const { digest, identity } of entries) {
			const key = digest.toString('hex')
			if (seen.has(key))
				throw new RemoteTermError('INVALID_OPTION', `The token of '${identity.name}' is there twice`)
			seen.add(key)
		}
		const before = this.#entries.map(printOf).sort()
		this.#entries = entries
		const after = entries.map(printOf).sort()
		return before.length !== after.length || before.some((print, i) => print !== after[i])
	}

	identify(presented: string): Identity | undefined {
		const digest = sha256(presented)
		let found: Identity | undefined
		for (const entry of this.#entries) if (timingSafeEqual(entry.digest, digest)) found = entry.identity
		return found
	}
}

const printOf = ({ digest, identity: { name, scopes, services } }: Entry): string =>
	JSON.stringify([digest.toString('hex'), name, [...scopes].sort(), services])

const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest()

const entryOf = (spec: TokenSpec, index: number): Entry => {
	const where = `tokens[${index}]`
	if (typeof spec !== 'object' || spec === null) throw invalid(where, 'an object', spec)
	const { name, scopes, services, token, sha256: hex } = spec
	if (typeof name !== 'string' || !NAME.test(name))
		throw invalid(`${where}.name`, 'a name of 1 to 64 letters, digits, `_`, `.`, `:`, `@` and `-`', name)
	if (
		!Array.isArray(scopes) ||
		scopes.length === 0 ||
		!scopes.every(scope => (SCOPES as readonly unknown[]).includes(scope))
	)
		throw invalid(`${where}.scopes`, `an array of ${SCOPES.join(', ')}`, scopes)
	if (services !== undefined && !(Array.isArray(services) && services.every(isServicePattern)))
		throw invalid(`${where}.services`, 'an array of names of services, maybe with a `*` at the end', services)
	if ((token === undefined) === (hex === undefined))
		throw new RemoteTermError('INVALID_OPTION', `Expected ${where} to have either \`token\` or \`sha256\``)
	return { digest: digestOf(where, token, hex), identity: identityOf(spec) }
}

/** Nothing of a token is quoted, not even of one that is wrong. */
const digestOf = (where: string, token: unknown, hex: unknown): Buffer => {
	if (token === undefined) {
		if (typeof hex === 'string' && /^[\da-f]{64}$/i.test(hex)) return Buffer.from(hex, 'hex')
		throw new RemoteTermError(
			'INVALID_OPTION',
			`Expected \`${where}.sha256\` to be 64 hexadecimal digits, got something else`,
		)
	}
	if (
		typeof token === 'string' &&
		token.length >= SHORTEST_TOKEN &&
		token.length <= LONGEST_TOKEN &&
		/^[\x21-\x7e]+$/.test(token)
	)
		return sha256(token)
	throw new RemoteTermError(
		'INVALID_OPTION',
		`Expected \`${where}.token\` to be ${SHORTEST_TOKEN} to ${LONGEST_TOKEN} visible ASCII characters, got something else`,
	)
}

const isServicePattern = (pattern: unknown): boolean =>
	typeof pattern === 'string' && /^[A-Za-z0-9_.:-]{0,128}\*?$/.test(pattern) && pattern !== ''

const identityOf = ({ name, scopes, services }: TokenSpec): Identity =>
	Object.freeze({ name, scopes: new Set(scopes.includes('admin') ? SCOPES : scopes), services })

/**
 * The token of `Authorization: Bearer …` (RFC 6750 §2.1). `undefined` where there is none; `''`, which fits nobody,
 * where there is something else.
 */
export const bearerOf = (header: string | null): string | undefined => {
	if (header === null) return undefined
	const [, token = ''] = /^bearer +([\x21-\x7e]+) *$/i.exec(header) ?? []
	return token.length <= LONGEST_TOKEN ? token : ''
}

/** The same where the header may be the token itself, as clients of auto-configuration streams send it (SPEC §1.1). */
export const bareTokenOf = (header: string | null): string | undefined => {
	const bearer = bearerOf(header)
	if (bearer !== '' || header === null) return bearer
	return /^[\x21-\x7e]+$/.test(header) && header.length <= LONGEST_TOKEN ? header : ''
}
