import { invalid } from '../core/options.ts'
import { PEER_NAME } from '../core/transport.ts'

const NAME = '1 to 128 of A–Z, a–z, 0–9, _ . : @ and -, beginning with none of . : @'

/** @throws `INVALID_OPTION` */
export const peerName = (name: string): string => checked('name', name)

/** @throws `INVALID_OPTION` */
export const scopeName = (scope: string): string => checked('scope', scope)

const checked = (option: string, name: string): string => {
	if (typeof name === 'string' && PEER_NAME.test(name)) return name
	throw invalid(option, NAME, name)
}
