/**
 * A URL as it may be shown: without user, password, fragment and the values of its query, any of which may be a
 * secret (`https://user:pass@host`, `?X-Amz-Signature=…`, `?token=…`). The names of the query stay, as they help.
 */
export const redactUrl = (url: URL | string): string => {
	let parsed: URL
	try {
		parsed = new URL(url)
	} catch {
		return '(not a URL)'
	}
	const query = [...new Set(parsed.searchParams.keys())]
		.map(name => `${encodeURIComponent(name)}=…`)
		.join('&')
	const origin = parsed.host === '' ? parsed.protocol : `${parsed.protocol}//${parsed.host}`
	return `${origin}${parsed.pathname}${query === '' ? '' : `?${query}`}`
}

/** A secret as it may be shown: its last four characters, and those only where that leaves most of it hidden. */
export const mask = (secret: string): string => (secret.length >= 12 ? `…${secret.slice(-4)}` : '…')
