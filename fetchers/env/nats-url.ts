import { Refusal } from './refusal.ts'

/** A key, or an object, and where it is. */
export interface NatsSource {
	readonly kind: 'nats'
	readonly servers: readonly string[]
	readonly bucket: string
	readonly key?: string
	readonly object?: string
	readonly user?: string
	readonly pass?: string
	readonly token?: string
}

/**
 * `nats://host:port/kv/bucket/key` or `nats://host:port/object/store/name`; with `tls:`, nothing goes over an open
 * connection. In front of the host stands a token, or a user and a password.
 *
 * @throws Refusal, which quotes none of it
 */
export const parseNatsUrl = (text: string): NatsSource => {
	if (!URL.canParse(text)) throw new Refusal('something that is no URL')
	const { protocol, host, username, password, pathname, search, hash } = new URL(text)
	if (host === '') throw new Refusal(`a ${protocol} URL without a host`)
	if (search !== '' || hash !== '')
		throw new Refusal(`a ${protocol} URL with a query or fragment; in a name, ? is %3F and # is %23`)
	const [, place, bucket = '', ...rest] = pathname.split('/')
	const name = decode(protocol, rest.join('/'))
	if ((place !== 'kv' && place !== 'object') || bucket === '' || name === '')
		throw new Refusal(`a ${protocol} URL whose path is neither /kv/bucket/key nor /object/store/name`)
	return {
		kind: 'nats',
		servers: [`${protocol}//${host}`],
		bucket: decode(protocol, bucket),
		...(place === 'kv' ? { key: name } : { object: name }),
		...credentialsOf(decode(protocol, username), decode(protocol, password)),
	}
}

const credentialsOf = (user: string, pass: string) => {
	if (user === '' && pass === '') return {}
	return pass === '' ? { token: user } : { user, pass }
}

/** @throws Refusal */
export const parseNatsServers = (text: string): readonly string[] => {
	const servers = text.split(',').map(server => server.trim())
	for (const server of servers) {
		const url = server.includes('://') ? server : `nats://${server}`
		if (!URL.canParse(url)) throw new Refusal('something that is no address')
		const { protocol, host, username, password, pathname } = new URL(url)
		if (username !== '' || password !== '') throw new Refusal(`${host} with a user or password`)
		if (!['nats:', 'tls:'].includes(protocol) || host === '' || !['', '/'].includes(pathname))
			throw new Refusal(`${protocol}//${host}${pathname === '' ? '' : '/…'}`)
	}
	return servers
}

const decode = (protocol: string, text: string): string => {
	try {
		return decodeURIComponent(text)
	} catch (cause) {
		throw new Refusal(`a ${protocol} URL that is not percent-encoded UTF-8; % is %25`, { cause })
	}
}
