import ipaddr from 'ipaddr.js'

/**
 * Whose request this is, as far as failed authentications are concerned. An IPv6 subscriber has 2^64 addresses and is
 * still one: the first 64 bits count.
 */
export const addressKey = (address: string): string => {
	if (!ipaddr.isValid(address)) return address.slice(0, 64)
	const parsed = ipaddr.process(address)
	if (parsed.kind() === 'ipv4') return parsed.toString()
	return `${parsed.toByteArray().slice(0, 8).join('.')}/64`
}

export const isLoopback = (address: string): boolean =>
	ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback'

/** `localhost`, `127.0.0.1`, `[::1]`: as a `Host` header or an option has them. */
export const isLoopbackHost = (host: string): boolean => {
	const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
	return bare === 'localhost' || isLoopback(bare)
}

/**
 * The client behind so many proxies of ours, each of which has appended to `X-Forwarded-For` whom it talked to. What
 * stands further left is what the client says of itself, and counts for nothing.
 */
export const forwardedAddress = (
	header: string | null,
	peer: string | undefined,
	trustedProxies: number,
): string | undefined => {
	if (trustedProxies === 0) return peer
	const hops = (header ?? '').split(',').map(hop => hop.trim())
	const hop = hops.at(-trustedProxies)
	return hop !== undefined && ipaddr.isValid(hop) ? hop : peer
}
