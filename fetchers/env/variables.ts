/** How the text of a variable is read. Each kind has one parser (`parse.ts`) and one description, which is this. */
export const kinds = {
	sources:
		'URLs (`https:`, `http:`, `s3:`, `nats:`, `tls:`, `file:`), separated by white space, in order of preference',
	httpUrl: 'an `https:` or `http:` URL',
	endpoint: 'an `https:` or `http:` URL without user and password',
	token: 'visible ASCII characters',
	headers: 'a JSON object of strings, `{"name":"value"}`',
	milliseconds: 'a whole number of milliseconds, 1 or more',
	count: 'a whole number, 0 or more',
	boolean: '`true`, `false`, `1` or `0`',
	buckets: '`bucket:region`, separated by commas',
	servers: '`host:port`, `nats://host:port` or `tls://host:port`, separated by commas',
	path: 'an absolute path',
	text: 'any text',
} as const

export type Kind = keyof typeof kinds

export interface Variable {
	/** Without the prefix. */
	readonly name: string
	readonly kind: Kind
	readonly meaning: string
	readonly default: string
	/** May hold a secret: no error quotes it. */
	readonly secret?: true
	/** Says what to fetch, so there can be only one such source of it. */
	readonly identifies?: true
	/** The fetcher's option that it becomes, where it becomes one as it is. */
	readonly option?: string
}

/** Every variable, in the order of the documentation. The parser, its errors and the documentation come from here. */
export const variables = [
	{
		name: 'SOURCE',
		kind: 'sources',
		meaning: 'Where the data comes from. Several: as a `FailoverFetcher`',
		default: 'none',
		secret: true,
		identifies: true,
	},
	{
		name: 'HTTP_URL',
		kind: 'httpUrl',
		meaning: 'Where the data comes from, if by HTTP',
		default: 'none',
		secret: true,
		identifies: true,
	},
	{
		name: 'HTTP_BEARER_TOKEN',
		kind: 'token',
		meaning: 'Sent as `Authorization: Bearer …`',
		default: 'none',
		secret: true,
	},
	{
		name: 'HTTP_BEARER_TOKEN_FILE',
		kind: 'path',
		meaning: 'The file that holds that token; read anew for each request, so that the token can rotate',
		default: 'none',
	},
	{
		name: 'HTTP_HEADERS',
		kind: 'headers',
		meaning: 'Sent with each request',
		default: 'none',
		secret: true,
		option: 'headers',
	},
	{
		name: 'HTTP_HEADERS_TIMEOUT',
		kind: 'milliseconds',
		meaning: 'How long an answer may take to begin',
		default: '10000',
		option: 'headersTimeout',
	},
	{
		name: 'HTTP_BODY_TIMEOUT',
		kind: 'milliseconds',
		meaning: 'How long a body may be silent',
		default: '10000',
		option: 'bodyTimeout',
	},
	{
		name: 'HTTP_CONNECT_TIMEOUT',
		kind: 'milliseconds',
		meaning: 'How long a connection may take',
		default: '5000',
		option: 'connectTimeout',
	},
	{
		name: 'HTTP_MAX_REDIRECTS',
		kind: 'count',
		meaning: 'How many redirects are followed',
		default: '3',
		option: 'maxRedirects',
	},
	{
		name: 'HTTP_MIN_REFRESH_INTERVAL',
		kind: 'count',
		meaning: 'The least that is made of the source’s freshness, in milliseconds',
		default: '0',
		option: 'minRefreshInterval',
	},
	{
		name: 'HTTP_MAX_REFRESH_INTERVAL',
		kind: 'milliseconds',
		meaning: 'The most that is made of the source’s freshness',
		default: '86400000',
		option: 'maxRefreshInterval',
	},
	{
		name: 'S3_BUCKET',
		kind: 'text',
		meaning: 'The bucket, if the data comes from S3',
		default: 'none',
		identifies: true,
		option: 'bucket',
	},
	{
		name: 'S3_KEY',
		kind: 'text',
		meaning: 'The object’s key, as it is, not percent-encoded',
		default: 'none',
		identifies: true,
		option: 'key',
	},
	{
		name: 'S3_VERSION_ID',
		kind: 'text',
		meaning: 'One version of the object, for ever',
		default: 'the latest',
		identifies: true,
		option: 'versionId',
	},
	{
		name: 'S3_REGION',
		kind: 'text',
		meaning: 'The bucket’s region',
		default: '`AWS_REGION`, `AWS_DEFAULT_REGION`, the profile',
		option: 'region',
	},
	{
		name: 'S3_ENDPOINT',
		kind: 'endpoint',
		meaning: 'A service that speaks S3’s language',
		default: '`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`, the profile, AWS',
		secret: true,
		option: 'endpoint',
	},
	{
		name: 'S3_FORCE_PATH_STYLE',
		kind: 'boolean',
		meaning: 'The bucket in the path instead of the host’s name',
		default: '`true` for an endpoint that is not AWS’s',
		option: 'forcePathStyle',
	},
	{
		name: 'S3_FAILOVER_BUCKETS',
		kind: 'buckets',
		meaning: 'Buckets with a copy of the object under the same key, in order of preference',
		default: 'none',
		option: 'failoverBuckets',
	},
	{
		name: 'NATS_SERVERS',
		kind: 'servers',
		meaning: 'Where NATS is; some servers of a cluster, which names the others',
		default: '`127.0.0.1:4222`',
		identifies: true,
	},
	{
		name: 'NATS_BUCKET',
		kind: 'text',
		meaning: 'The key-value bucket or object store, if the data comes from NATS',
		default: 'none',
		identifies: true,
	},
	{
		name: 'NATS_KEY',
		kind: 'text',
		meaning: 'The key in the bucket',
		default: 'none',
		identifies: true,
	},
	{
		name: 'NATS_OBJECT',
		kind: 'text',
		meaning: 'The object’s name in the object store',
		default: 'none',
		identifies: true,
	},
	{
		name: 'NATS_TOKEN',
		kind: 'token',
		meaning: 'What NATS knows us by',
		default: 'none',
		secret: true,
		option: 'token',
	},
	{
		name: 'NATS_USER',
		kind: 'text',
		meaning: 'The same: a user',
		default: 'none',
		option: 'user',
	},
	{
		name: 'NATS_PASSWORD',
		kind: 'text',
		meaning: 'The user’s password',
		default: 'none',
		secret: true,
		option: 'pass',
	},
	{
		name: 'NATS_NKEY',
		kind: 'token',
		meaning: 'The same: the seed of an NKey',
		default: 'none',
		secret: true,
		option: 'nkey',
	},
	{
		name: 'NATS_CREDENTIALS',
		kind: 'path',
		meaning: 'The same: a `.creds` file; read anew for each connection',
		default: 'none',
		option: 'credentials',
	},
	{
		name: 'NATS_CA_FILE',
		kind: 'path',
		meaning: 'The authorities that may vouch for the server, as PEM; implies TLS',
		default: 'those that Node knows',
	},
	{
		name: 'FILE_PATH',
		kind: 'path',
		meaning: 'Where the data comes from, if from a file',
		default: 'none',
		identifies: true,
	},
] as const satisfies readonly Variable[]

export type VariableName = (typeof variables)[number]['name']

/** The variables as a table in Markdown. */
export const renderVariables = (prefix: string): string => {
	const cell = (text: string): string => text.replaceAll('|', '\\|')
	const rows = (variables as readonly Variable[]).map(({ name, kind, meaning, default: standard, secret }) =>
		[`\`${prefix}_${name}\``, meaning, kinds[kind], standard, secret ? 'may be' : 'no'].map(cell),
	)
	const lines = [
		['Variable', 'Meaning', 'Accepts', 'Default', 'Secret'],
		['---', '---', '---', '---', '---'],
		...rows,
	]
	return lines.map(line => `| ${line.join(' | ')} |`).join('\n')
}
