import { messageOf } from '../../lib/core/errors.ts'

/** What went wrong underneath HTTP, in the little that callers can act upon. */
export interface Fault {
	/**
	 * - `timeout`: the client itself gave up waiting, which it does while connecting only
	 * - `cut`: the connection was closed in an orderly way, but too early
	 * - `proxy`: a proxy refused to connect us, with `status`
	 * - `failed`: everything else, such as refused, reset, no such host, TLS
	 */
	readonly kind: 'timeout' | 'cut' | 'proxy' | 'failed'
	readonly message: string
	readonly status?: number
	readonly cause: unknown
}

const TIMEOUTS = new Set([
	'UND_ERR_CONNECT_TIMEOUT',
	'UND_ERR_HEADERS_TIMEOUT',
	'UND_ERR_BODY_TIMEOUT',
	'ETIMEDOUT',
])
const CUTS = new Set(['UND_ERR_SOCKET', 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH'])

/** Goes by the codes of undici and of Node, which undici's `fetch` hides one level down. Others have no codes. */
export const faultOf = (thrown: unknown): Fault => {
	const error = thrown instanceof TypeError && thrown.cause instanceof Error ? thrown.cause : thrown
	const { code } = (error ?? {}) as { code?: unknown }
	const cause = withoutContents(error)
	const message = messageOf(error) || (typeof code === 'string' ? code : 'unknown error')
	const proxied = /^Proxy response \((\d{3})\)/.exec(message)
	if (proxied) return { kind: 'proxy', status: Number(proxied[1]), message, cause }
	if (typeof code === 'string' && TIMEOUTS.has(code)) return { kind: 'timeout', message, cause }
	// The end of the connection within a chunk has no code of its own.
	if ((typeof code === 'string' && CUTS.has(code)) || /Invalid EOF state/.test(message))
		return { kind: 'cut', message, cause }
	// A refusal on each of several addresses is an AggregateError without a message of its own.
	if (error instanceof AggregateError && error.message === '')
		return { kind: 'failed', message: error.errors.map(messageOf).join('; '), cause }
	return { kind: 'failed', message, cause }
}

const HARMLESS = new Set([
	...['name', 'message', 'stack', 'code', 'errno', 'syscall', 'cause', 'errors'],
	...['address', 'port', 'hostname', 'host', 'localAddress', 'localPort', 'reason', 'socket'],
])

/**
 * Causes are kept whole, except that some of undici's carry what was on the wire (`HTTPParserError#data`,
 * `ResponseError#headers`, `#body`), and with it cookies and tokens. Such a one is replaced by its name and message.
 */
const withoutContents = (error: unknown): unknown => {
	if (!(error instanceof Error)) return error
	const holdsContents = Object.keys(error).some(key => !HARMLESS.has(key))
	const cause = error.cause === undefined ? undefined : withoutContents(error.cause)
	if (!holdsContents && cause === error.cause) return error
	const bare = new Error(error.message, cause === undefined ? undefined : { cause })
	bare.name = error.name
	const { code } = error as { code?: unknown }
	return typeof code === 'string' ? Object.assign(bare, { code }) : bare
}
