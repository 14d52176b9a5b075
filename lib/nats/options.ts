import {
	bool,
	invalid,
	nonEmptyString,
	onlyKnownOptions,
	positive,
	positiveInteger,
} from '../core/options.ts'

const SECOND = 1000

export interface NatsTlsOptions {
	/** The certificates of the authorities that may vouch for the server, as PEM. Default: those that Node knows. */
	readonly ca?: string | undefined
	readonly caFile?: string | undefined
	/** Our own certificate and its key, as PEM, where the server wants to see them. */
	readonly cert?: string | undefined
	readonly certFile?: string | undefined
	readonly key?: string | undefined
	readonly keyFile?: string | undefined
	/** TLS before the server has said anything; the server must be set up for it (nats-server 2.10.4). Default: false. */
	readonly handshakeFirst?: boolean | undefined
}

/** How to reach NATS. Whoever uses it shares this shape: `NatsConfigDb`, `NatsFetcher`, `NatsTransport`. */
export interface NatsOptions {
	/**
	 * `host`, `host:port`, `nats://host:port` or `tls://host:port`: one, or some of a cluster, which names the others by
	 * itself: a list, or a text with commas. Without user and password, which are options of their own. Default: `127.0.0.1:4222`.
	 */
	readonly servers?: string | readonly string[] | undefined
	/** What the server's monitoring calls this connection. Default: `remote-term`. */
	readonly name?: string | undefined
	/** One of `token`, `user` with `pass`, `nkey`, `credentials`; or none. */
	readonly token?: string | undefined
	readonly user?: string | undefined
	readonly pass?: string | undefined
	/** The seed of a user's NKey: `SU…`. */
	readonly nkey?: string | undefined
	/** The path of a `.creds` file (JWT and seed). Read anew for each connection, so that it can rotate. */
	readonly credentials?: string | undefined
	/** `true`, or an object: nothing goes over an open connection. Default: where the server has TLS. */
	readonly tls?: boolean | NatsTlsOptions | undefined
	/** How long one server may take until the connection stands, in ms. Default: 5 s. */
	readonly connectTimeout?: number | undefined
	/**
	 * The wait before each further attempt to reconnect to the same server, in ms: doubled from `base` up to `cap`, half of
	 * it by chance. Attempts go on for ever. Default: 250 ms up to 10 s.
	 */
	readonly reconnectBackoff?: { readonly base: number; readonly cap: number } | undefined
	/** How often the server is asked whether it is there, in ms. Two answers missing: the connection is lost. Default: 10 s. */
	readonly pingInterval?: number | undefined
	/** The beginning of the subjects on which answers come, for those whose permissions name one. Default: `_INBOX`. */
	readonly inboxPrefix?: string | undefined
}

/** The names of all of them, for those who have further options. */
export const NATS_OPTIONS: readonly (keyof NatsOptions)[] = [
	'servers',
	'name',
	'token',
	'user',
	'pass',
	'nkey',
	'credentials',
	'tls',
	'connectTimeout',
	'reconnectBackoff',
	'pingInterval',
	'inboxPrefix',
]

const TLS_OPTIONS = ['ca', 'caFile', 'cert', 'certFile', 'key', 'keyFile', 'handshakeFirst'] as const

export interface NatsSettings {
	readonly servers: readonly string[]
	readonly name: string
	readonly auth:
		| { readonly kind: 'none' }
		| { readonly kind: 'token'; readonly token: string }
		| { readonly kind: 'user'; readonly user: string; readonly pass: string }
		| { readonly kind: 'nkey'; readonly seed: string }
		| { readonly kind: 'credentials'; readonly path: string }
	readonly tls: NatsTlsOptions | undefined
	readonly connectTimeout: number
	readonly reconnectBackoff: { readonly base: number; readonly cap: number }
	readonly pingInterval: number
	readonly inboxPrefix: string | undefined
}

/** The servers as they may be shown. */
export const serversOf = ({ servers }: NatsSettings): string => servers.join(', ')

/** @throws `INVALID_OPTION`, without quoting a secret */
export const parseNatsOptions = (options: NatsOptions): NatsSettings => {
	const {
		name = 'remote-term',
		connectTimeout = 5 * SECOND,
		reconnectBackoff = { base: 250, cap: 10 * SECOND },
		pingInterval = 10 * SECOND,
		inboxPrefix,
	} = options
	const list = serverList(options.servers)
	const tls = parseTls(options.tls)
	onlyKnownOptions('reconnectBackoff', reconnectBackoff, ['base', 'cap'])
	return Object.freeze({
		servers: list.map(({ address }) => address),
		name: nonEmptyString('name', name),
		auth: parseAuth(options),
		tls: tls ?? (list.some(one => one.tls) ? {} : undefined),
		connectTimeout: positiveInteger('connectTimeout', connectTimeout),
		reconnectBackoff: {
			base: positive('reconnectBackoff.base', reconnectBackoff.base),
			cap: positive('reconnectBackoff.cap', reconnectBackoff.cap),
		},
		pingInterval: positiveInteger('pingInterval', pingInterval),
		inboxPrefix: inboxPrefix === undefined ? undefined : inbox(inboxPrefix),
	})
}

const serverList = (servers: NatsOptions['servers'] = '127.0.0.1:4222') => {
	// Several in one text, as other clients of NATS take them: an option of a command and a variable can be no list.
	const list: readonly string[] = typeof servers === 'string' ? servers.split(',') : servers
	if (!Array.isArray(list) || list.length === 0)
		throw invalid('servers', 'an address or a non-empty list of them', servers)
	return list.map((server, index) =>
		parseServer(typeof servers === 'string' && list.length === 1 ? 'servers' : `servers[${index}]`, server),
	)
}

const parseServer = (option: string, server: unknown): { address: string; tls: boolean } => {
	const expected = '`host:port`, `nats://host:port` or `tls://host:port`'
	if (typeof server !== 'string') throw invalid(option, expected, server)
	const text = server.trim()
	const url = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `nats://${text}`
	// What cannot be read is not quoted: it may hold a password.
	if (!URL.canParse(url)) throw invalid(option, expected, '…')
	const { protocol, host, hostname, username, password, pathname, search, hash } = new URL(url)
	if (username !== '' || password !== '')
		throw invalid(option, `${expected}, with user and password as options of their own`, host)
	if (hostname === '' || !/^\/?$/.test(pathname) || search !== '' || hash !== '')
		throw invalid(option, expected, `${protocol}//${host}…`)
	if (protocol !== 'nats:' && protocol !== 'tls:') throw invalid(option, expected, `${protocol}//${host}`)
	return { address: host, tls: protocol === 'tls:' }
}

const parseAuth = ({ token, user, pass, nkey, credentials }: NatsOptions): NatsSettings['auth'] => {
	const given = Object.entries({ token, user, nkey, credentials }).filter(([, value]) => value !== undefined)
	if (given.length > 1)
		throw invalid(given[0]![0], `the only credentials, or left out because of \`${given[1]![0]}\``, '…')
	if (pass !== undefined && user === undefined)
		throw invalid('pass', 'left out, since there is no `user`', '…')
	if (token !== undefined) return { kind: 'token', token: secret('token', token) }
	if (user !== undefined)
		return { kind: 'user', user: nonEmptyString('user', user), pass: secret('pass', pass ?? '', true) }
	if (nkey !== undefined) {
		if (typeof nkey !== 'string' || !/^SU[A-Z2-7]{56}$/.test(nkey))
			throw invalid('nkey', 'the seed of a user’s NKey, which begins with SU', 'something else')
		return { kind: 'nkey', seed: nkey }
	}
	if (credentials !== undefined)
		return { kind: 'credentials', path: nonEmptyString('credentials', credentials) }
	return { kind: 'none' }
}

const secret = (option: string, value: unknown, empty = false): string => {
	if (typeof value === 'string' && (empty || value !== '')) return value
	throw invalid(option, 'a non-empty string', typeof value === 'string' ? value : undefined)
}

const parseTls = (tls: NatsOptions['tls']): NatsTlsOptions | undefined => {
	if (tls === undefined || tls === false) return undefined
	if (tls === true) return {}
	if (typeof tls !== 'object' || tls === null) throw invalid('tls', 'true, false or an object', tls)
	onlyKnownOptions('tls', tls, TLS_OPTIONS)
	for (const one of ['ca', 'cert', 'key'] as const) {
		if (tls[one] !== undefined && tls[`${one}File`] !== undefined)
			throw invalid(`tls.${one}`, `left out because of \`tls.${one}File\``, '…')
	}
	for (const [name, value] of Object.entries(tls)) {
		if (value === undefined) continue
		if (name === 'handshakeFirst') bool('tls.handshakeFirst', value as boolean)
		else if (typeof value !== 'string' || value === '')
			throw invalid(`tls.${name}`, 'a non-empty string', undefined)
	}
	return { ...tls }
}

const inbox = (prefix: string): string => {
	if (typeof prefix === 'string' && /^[^\s.*>]+(\.[^\s.*>]+)*$/.test(prefix)) return prefix
	throw invalid('inboxPrefix', 'a subject without wildcards', prefix)
}
