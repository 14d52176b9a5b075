/**
 * Bytes as text and back. Strict: exactly one text stands for given bytes (padding required, unused bits zero, no white
 * space), so that two texts that differ never mean the same. Anything else is `undefined`.
 */
export const fromBase64 = (text: string): Uint8Array<ArrayBuffer> | undefined => {
	if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
	const bytes = Uint8Array.from(atob(text), character => character.charCodeAt(0))
	return toBase64(bytes) === text ? bytes : undefined
}

/** For what is short: keys, signatures and digests, but not bodies. */
export const toBase64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))

/** Either case is taken, and an even number of digits. */
export const fromHex = (text: string): Uint8Array<ArrayBuffer> | undefined => {
	if (text.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(text)) return undefined
	return Uint8Array.from({ length: text.length / 2 }, (_, at) => parseInt(text.slice(at * 2, at * 2 + 2), 16))
}

/** Lower case. */
export const toHex = (bytes: Uint8Array): string =>
	Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')

export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean =>
	a.length === b.length && a.every((byte, at) => byte === b[at])
