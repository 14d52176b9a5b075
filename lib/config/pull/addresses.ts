import ipaddr from 'ipaddr.js'
import { invalid } from '../../core/options.ts'

type Parsed = ReturnType<typeof ipaddr.parse>

/** A block of addresses: `10.0.0.0/8`, `fd00::/8`. */
export interface AddressBlock {
	readonly text: string
	contains(address: string): boolean
}

/** What IANA has given out for use on the Internet (RFC 4291 §2.4): all of global unicast so far. */
const GLOBAL_UNICAST: [Parsed, number] = ipaddr.parseCIDR('2000::/3')

/** The IPv4 address within an IPv4-mapped one, which is where the operating system connects to (RFC 4291 §2.5.5.2). */
const parse = (address: string): Parsed | undefined => {
	// The zone of a link-local address is no part of it.
	const bare = address.replace(/%.*$/s, '')
	// Only four decimal numbers: what else ipaddr.js takes for IPv4 (octal, one long number) is not what a resolver gives.
	if (ipaddr.IPv4.isValidFourPartDecimal(bare)) return ipaddr.IPv4.parse(bare)
	return ipaddr.IPv6.isValid(bare) ? ipaddr.process(bare) : undefined
}

/** Whether a host is written as an address, in brackets or without. */
export const isAddress = (host: string): boolean => parse(unbracketed(host)) !== undefined

export const unbracketed = (host: string): string => host.replace(/^\[(.*)\]$/s, '$1')

/**
 * Why a gateway must not connect to this address on somebody else's word; `undefined` for one of the open Internet.
 * What is not known to be public is not: loopback, private (RFC 1918, RFC 4193), link-local with the metadata services
 * of the clouds (169.254.169.254), carrier-grade NAT (RFC 6598), multicast, broadcast, documentation, benchmarking, and
 * whatever wraps another address (NAT64, 6to4, Teredo). An IPv4-mapped address is judged as the IPv4 address that it is.
 */
export const refusedRange = (address: string): string | undefined => {
	const parsed = parse(address)
	if (parsed === undefined) return 'no address'
	const range = parsed.range()
	if (range !== 'unicast') return RANGES[range] ?? range
	return parsed.kind() === 'ipv4' || parsed.match(GLOBAL_UNICAST) ? undefined : 'not global unicast'
}

const RANGES: Readonly<Partial<Record<string, string>>> = {
	private: 'private',
	linkLocal: 'link-local',
	carrierGradeNat: 'carrier-grade NAT',
	uniqueLocal: 'unique local',
	rfc6052: 'NAT64',
	rfc6145: 'IPv4-translated',
	deprecatedSiteLocal: 'site-local',
}

export const isLoopback = (address: string): boolean => parse(address)?.range() === 'loopback'

/** @throws `INVALID_OPTION` for what is neither an address nor a block in CIDR notation. */
export const parseBlock = (option: string, text: string): AddressBlock => {
	const expected = 'an address or a block of them, such as 10.0.0.0/8'
	if (typeof text !== 'string') throw invalid(option, expected, text)
	const single = parse(text)
	const cidr = single === undefined && ipaddr.isValidCIDR(text) ? ipaddr.parseCIDR(text) : undefined
	if (single === undefined && cidr === undefined) throw invalid(option, expected, text)
	const [base, bits] = cidr ?? [single!, single!.kind() === 'ipv4' ? 32 : 128]
	return {
		text,
		contains(address) {
			const parsed = parse(address)
			return parsed !== undefined && parsed.kind() === base.kind() && parsed.match(base, bits)
		},
	}
}
