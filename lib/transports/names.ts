import { invalid } from '../core/options.ts'
import { PEER_NAME } from '../core/transport.ts'

const NAME = '1 to 128 of A–Z, a–z, 0–9, _ . : @ and -, beginning with none of . : @'

/** @throws `INVALID_OPTION` */
export const checkedName = (option: string, name: string): string => {
	if (typeof name === 'string' && PEER_NAME.test(name)) return name
	throw invalid(option, NAME, name)
}

/** @throws `INVALID_OPTION` */
export const peerName = (name: string): string => checkedName('name', name)

/** @throws `INVALID_OPTION` */
export const scopeName = (scope: string): string => checkedName('scope', scope)
