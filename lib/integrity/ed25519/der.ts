import { concat } from '../../core/bytes.ts'
import { equalBytes, fromHex } from '../encodings.ts'

/** Everything before the 32 bytes of the key, in the only encoding that DER allows (RFC 8410 §4 and §7). */
const SPKI = fromHex('302a300506032b6570032100')!
const PKCS8 = fromHex('302e020100300506032b657004220420')!
const KEY_BYTES = 32

const wrap = (prefix: Uint8Array, key: Uint8Array): Uint8Array<ArrayBuffer> => concat([prefix, key])

const unwrap = (prefix: Uint8Array, der: Uint8Array): Uint8Array<ArrayBuffer> | undefined =>
	der.length === prefix.length + KEY_BYTES && equalBytes(der.subarray(0, prefix.length), prefix)
		? new Uint8Array(der.subarray(prefix.length))
		: undefined

export const toSpki = (publicKey: Uint8Array): Uint8Array<ArrayBuffer> => wrap(SPKI, publicKey)
export const fromSpki = (der: Uint8Array): Uint8Array<ArrayBuffer> | undefined => unwrap(SPKI, der)
export const toPkcs8 = (privateKey: Uint8Array): Uint8Array<ArrayBuffer> => wrap(PKCS8, privateKey)
export const fromPkcs8 = (der: Uint8Array): Uint8Array<ArrayBuffer> | undefined => unwrap(PKCS8, der)
