/** What the names of the gateway's environment variables begin with. */
export const VARIABLE_PREFIX = 'REMOTE_TERM_GATEWAY_'

/** How the text of a variable is read. */
export type VariableKind = 'text' | 'number' | 'boolean' | 'list' | 'secret'

export interface GatewayVariable {
	readonly name: string
	/** The key of the configuration that it stands for. */
	readonly path: readonly string[]
	readonly kind: VariableKind
}

const variable = (name: string, path: string, kind: VariableKind): GatewayVariable => ({
	name: `${VARIABLE_PREFIX}${name}`,
	path: path.split('.'),
	kind,
})

/** Every variable. What a variable says goes before the file, and after an option of the command. */
export const GATEWAY_VARIABLES: readonly GatewayVariable[] = [
	variable('HOST', 'host', 'text'),
	variable('PORT', 'port', 'number'),
	variable('BASE_PATH', 'basePath', 'text'),
	variable('TLS_CERT_FILE', 'tls.certFile', 'text'),
	variable('TLS_KEY_FILE', 'tls.keyFile', 'text'),
	variable('DATA', 'data', 'text'),
	variable('MEMORY', 'memory', 'boolean'),
	variable('NATS', 'nats', 'text'),
	variable('TOKEN', 'token', 'secret'),
	variable('TOKENS_FILE', 'tokensFile', 'text'),
	variable('ALLOW_ANONYMOUS', 'allowAnonymous', 'text'),
	variable('TRUSTED_PROXIES', 'trustedProxies', 'number'),
	variable('ALLOWED_ORIGINS', 'pull.allowedOrigins', 'list'),
	variable('ALLOWED_ADDRESSES', 'pull.allowedAddresses', 'list'),
	variable('PULL_INTERVAL', 'pull.refreshInterval', 'number'),
	variable('PULL_TIMEOUT', 'pull.timeout', 'number'),
	variable('MAX_BODY_BYTES', 'limits.maxBodyBytes', 'number'),
	variable('MAX_INFLATED_BYTES', 'limits.maxInflatedBytes', 'number'),
	variable('MAX_ITEMS', 'limits.maxItems', 'number'),
	variable('MAX_ITEM_BYTES', 'limits.maxItemBytes', 'number'),
	variable('MAX_CONNECTIONS', 'limits.maxConnections', 'number'),
	variable('BODY_TIMEOUT', 'timeouts.body', 'number'),
	variable('DRAIN_TIMEOUT', 'timeouts.drain', 'number'),
	variable('STREAM_MAX_CLIENTS', 'stream.maxClients', 'number'),
	variable('UPSTREAM_URL', 'stream.upstream.url', 'text'),
	variable('UPSTREAM_TOKEN', 'stream.upstream.token', 'secret'),
	variable('UPSTREAM_LAST_GOOD', 'stream.upstream.lastGood', 'text'),
	variable('UPSTREAM_LAST_GOOD_KEY', 'stream.upstream.lastGoodKey', 'secret'),
	variable('RATE_PER_SECOND', 'rateLimit.perSecond', 'number'),
	variable('RATE_BURST', 'rateLimit.burst', 'number'),
]

/** A variable as the configuration would have it; what cannot be read stays text, and the schema says what it is not. */
export const parseVariable = (kind: VariableKind, text: string): unknown => {
	const trimmed = text.trim()
	switch (kind) {
		case 'number':
			return /^-?\d+(?:\.\d+)?$/.test(trimmed) ? Number(trimmed) : trimmed
		case 'boolean':
			return trimmed === 'true' || trimmed === '1'
				? true
				: trimmed === 'false' || trimmed === '0'
					? false
					: trimmed
		case 'list':
			return trimmed.split(/[\s,]+/).filter(one => one !== '')
		case 'text':
		case 'secret':
			return trimmed === 'false' ? false : trimmed
	}
}
