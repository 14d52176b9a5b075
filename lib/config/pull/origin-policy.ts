import { RemoteTermError } from '../../core/errors.ts'
import { describe, invalid, onlyKnownOptions } from '../../core/options.ts'
import { redactUrl } from '../../core/redact.ts'
import { isAddress, isLoopback, parseBlock, refusedRange, unbracketed } from './addresses.ts'

export interface OriginPolicyOptions {
	/**
	 * From where services may be pulled: origins, scheme, host and port (`https://config.example.com`,
	 * `http://10.0.0.7:8080`), or all names below one (`https://*.example.com`, which is not `https://example.com`).
	 * Default: none, so that only named fetchers are left.
	 */
	readonly allowedOrigins?: readonly string[] | undefined
	/** The names under which fetchers are registered, which a service may name as its nodes. Default: none. */
	readonly fetcherNames?: readonly string[] | undefined
	/**
	 * Addresses beyond the public ones that an allowed name may resolve to, in CIDR notation: `10.0.0.0/8` for services
	 * in one's own network. Default: none. An address or `localhost` that is itself an allowed origin needs no entry.
	 */
	readonly allowedAddresses?: readonly string[] | undefined
}

/** What of a service the policy looks at. */
export interface PullOrigins {
	readonly service: string
	readonly nodes: readonly string[]
	readonly target: string
	readonly versionTarget?: string | undefined
}

/** Where a node of a service leads. */
export type NodePlace =
	| { readonly kind: 'name'; readonly name: string }
	| { readonly kind: 'url'; readonly url: URL; readonly versionUrl: URL | undefined }

/**
 * From where the gateway may be made to pull. A push is no way to make it call arbitrary addresses (server-side request
 * forgery), so this is asked three times: when a push registers a service, when a redirect is to be followed, and
 * when a connection is made, of the very address that it is made to. The last is what a name that resolves to something
 * else each time (DNS rebinding) runs into.
 */
export interface OriginPolicy {
	readonly allowedOrigins: readonly string[]
	/**
	 * For the door of a push, and of the puller.
	 *
	 * @throws `ORIGIN_REFUSED` with the node and what is allowed, unless all of the service's nodes are.
	 */
	readonly check: (service: PullOrigins) => void
	/** Where each node leads, in their order. @throws `ORIGIN_REFUSED`, as `check`. */
	readonly placesOf: (service: PullOrigins) => readonly NodePlace[]
	readonly allows: (url: URL) => boolean
	/** Of a host and an address that it stands for. @throws `ORIGIN_REFUSED` */
	readonly checkAddress: (host: string, address: string) => void
}

const SHOWN = 10
const MAX_ORIGINS = 1000
const LABEL = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?'
/** At least two labels behind the star: `https://*.com` allows everybody who can pay for a name. */
const WILDCARD = new RegExp(`^(https?:)//\\*((?:\\.${LABEL}){2,})(?::(\\d{1,5}))?$`)
const FETCHER_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$/

/** @throws `INVALID_OPTION` */
export const createOriginPolicy = (options: OriginPolicyOptions = {}): OriginPolicy => {
	if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
	onlyKnownOptions('createOriginPolicy', options, ['allowedOrigins', 'fetcherNames', 'allowedAddresses'])
	const allowedOrigins = list('allowedOrigins', options.allowedOrigins)
	const names = new Set(list('fetcherNames', options.fetcherNames).map(checkedName))
	const blocks = list('allowedAddresses', options.allowedAddresses).map(text =>
		parseBlock('allowedAddresses', text),
	)
	const entries = allowedOrigins.map(parseEntry)
	const exact = new Set(entries.flatMap(entry => (entry.kind === 'exact' ? [entry.origin] : [])))
	const literals = new Set(
		entries.flatMap(entry => (entry.kind === 'exact' && isAddress(entry.host) ? [entry.host] : [])),
	)
	const wildcards = entries.flatMap(entry => (entry.kind === 'below' ? [entry] : []))

	const allows = (url: URL): boolean => {
		if (url.protocol !== 'http:' && url.protocol !== 'https:') return false
		if (url.username !== '' || url.password !== '') return false
		if (exact.has(url.origin)) return true
		return wildcards.some(
			({ protocol, suffix, port }) =>
				url.protocol === protocol && url.port === port && url.hostname.endsWith(suffix),
		)
	}
	const allowed = (): string => {
		const said = [...allowedOrigins, ...names]
		if (said.length === 0) return 'nothing, as no origin is allowed and no fetcher registered'
		const more = said.length - SHOWN
		return `one of ${said.slice(0, SHOWN).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
	}
	const placeOf = (service: PullOrigins, node: string): NodePlace => {
		if (names.has(node)) return { kind: 'name', name: node }
		const refuse = (found: string): RemoteTermError =>
			new RemoteTermError(
				'ORIGIN_REFUSED',
				`Expected the nodes of ${service.service} to be ${allowed()}, got ${found}`,
			)
		const base = urlOf(node)
		if (base === undefined) throw refuse(`${describe(node)}, which is neither`)
		if (!allows(base)) throw refuse(`${redactUrl(base)}${whyNot(base)}`)
		const within = (target: string): URL => {
			const url = urlOf(target, base)
			// A target is a place at its node. `//elsewhere` and `http://elsewhere` are places of their own.
			if (url === undefined || url.origin !== base.origin || url.username !== '' || url.password !== '')
				throw refuse(`${describe(target)} as a target, which leads away from ${redactUrl(base)}`)
			url.hash = ''
			return url
		}
		const { target, versionTarget } = service
		return {
			kind: 'url',
			url: within(target),
			versionUrl: versionTarget === undefined ? undefined : within(versionTarget),
		}
	}
	const placesOf = (service: PullOrigins): readonly NodePlace[] =>
		service.nodes.map(node => placeOf(service, node))

	return Object.freeze({
		allowedOrigins: Object.freeze([...allowedOrigins]),
		check: (service: PullOrigins) => void placesOf(service),
		placesOf,
		allows,
		checkAddress(host: string, address: string) {
			const range = refusedRange(address)
			if (range === undefined || blocks.some(block => block.contains(address))) return
			// What the operator has written as an address is meant as one.
			if (isAddress(host) && literals.has(host)) return
			if (isLocalhost(host) && isLoopback(address)) return
			throw new RemoteTermError(
				'ORIGIN_REFUSED',
				isAddress(host)
					? `${host} is not public (${range}), and neither an allowed origin nor in \`allowedAddresses\``
					: `${host} resolves to ${address}, which is not public (${range}) and not in \`allowedAddresses\``,
			)
		},
	})
}

type Entry =
	| { readonly kind: 'exact'; readonly origin: string; readonly host: string }
	| { readonly kind: 'below'; readonly protocol: string; readonly suffix: string; readonly port: string }

const parseEntry = (text: string): Entry => {
	const wildcard = WILDCARD.exec(text.toLowerCase())
	if (wildcard !== null) {
		const [, protocol, suffix, port] = wildcard
		// By way of a URL, which knows the default ports.
		const url = urlOf(`${protocol}//x${suffix}${port === undefined ? '' : `:${port}`}`)
		if (url !== undefined && !isAddress(url.hostname))
			return { kind: 'below', protocol: url.protocol, suffix: url.hostname.slice(1), port: url.port }
	}
	const url = text.includes('*') ? undefined : urlOf(text)
	const bare = url !== undefined && url.pathname === '/' && !/[?#@\\]/.test(text)
	if (!bare || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
		throw new RemoteTermError(
			'INVALID_OPTION',
			'Expected `allowedOrigins` to hold origins such as https://config.example.com, without user, path and query, ' +
				`or such as https://*.example.com, got ${url === undefined ? describe(text) : redactUrl(url)}`,
		)
	}
	return { kind: 'exact', origin: url.origin, host: unbracketed(url.hostname) }
}

const whyNot = (url: URL): string => {
	if (url.protocol !== 'http:' && url.protocol !== 'https:') return ', which is no http: or https: URL'
	return url.username !== '' || url.password !== '' ? ', which names a user' : ''
}

/** RFC 6761 §6.3 */
const isLocalhost = (host: string): boolean => /(^|\.)localhost\.?$/i.test(host)

const checkedName = (name: string): string => {
	if (FETCHER_NAME.test(name)) return name
	throw invalid('fetcherNames', `names such as billing-s3 (${FETCHER_NAME.source})`, name)
}

const list = (option: string, given: readonly string[] = []): readonly string[] => {
	if (Array.isArray(given) && given.length <= MAX_ORIGINS && given.every(one => typeof one === 'string'))
		return given
	throw invalid(option, `an array of at most ${MAX_ORIGINS} strings`, given)
}

const urlOf = (text: string, base?: URL): URL | undefined => {
	try {
		return new URL(text, base)
	} catch {
		return undefined
	}
}
