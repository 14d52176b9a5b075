import { lookup as lookupInDns, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Agent, buildConnector } from 'undici'
import { RemoteTermError } from '../../core/errors.ts'
import { isAddress } from '../pull/addresses.ts'
import type { OriginPolicy } from '../pull/origin-policy.ts'

export interface GuardedAgentOptions {
	/** Milliseconds for a new connection: name, TCP and TLS together. */
	readonly connectTimeout: number
	/** Connections to one origin. */
	readonly connections: number
	/** How names are resolved. Default: as the operating system does. */
	readonly lookup?: LookupFunction | undefined
}

/**
 * An undici agent that connects to no address that the policy refuses. It looks at the addresses that the connection is
 * about to be made to, not at those of a lookup before it: between two lookups a name can change what it stands for. A name
 * of which any address is refused is refused as a whole, since which of them is tried is up to chance.
 *
 * It asks for the origin, too, so that whatever reaches it has been allowed, whichever way it came.
 */
export const createGuardedAgent = (
	policy: OriginPolicy,
	{ connectTimeout, connections, lookup = lookupInDns }: GuardedAgentOptions,
): Agent => {
	const guardedLookup: LookupFunction = (hostname, options, callback) => {
		lookup(hostname, options, (error, found: string | LookupAddress[], family) => {
			if (error !== null) {
				callback(error, found, family)
				return
			}
			const addresses = typeof found === 'string' ? [found] : found.map(({ address }) => address)
			try {
				for (const address of addresses) policy.checkAddress(hostname, address)
			} catch (refusal) {
				callback(refusal as Error, [])
				return
			}
			callback(null, found, family)
		})
	}
	const connect = buildConnector({ timeout: connectTimeout, lookup: guardedLookup })
	return new Agent({
		connections,
		// Nothing here waits in a queue behind a body of another service.
		pipelining: 1,
		connect(options, callback) {
			try {
				checkOrigin(policy, options)
				// An address is connected to without any lookup.
				if (isAddress(options.hostname)) policy.checkAddress(options.hostname, options.hostname)
			} catch (refusal) {
				callback(refusal as Error, null)
				return
			}
			connect(options, callback)
		},
	})
}

const checkOrigin = (
	policy: OriginPolicy,
	{ protocol, hostname, port }: { protocol: string; hostname: string; port: string },
): void => {
	const host = hostname.includes(':') ? `[${hostname.replace(/^\[|\]$/g, '')}]` : hostname
	const origin = new URL(`${protocol}//${host}${port === '' ? '' : `:${port}`}`)
	if (policy.allows(origin)) return
	throw new RemoteTermError('ORIGIN_REFUSED', `${origin.origin} is no allowed origin`)
}
