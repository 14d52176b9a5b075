import { z } from 'zod'
import { SCOPES, SHORTEST_TOKEN } from '../tokens.ts'

const milliseconds = z.int().min(1).max(86_400_000)
const count = z.int().min(1)
const bytes = z
	.int()
	.min(1)
	.max(2 ** 31)
const rate = (perSecond: number, burst: number) =>
	z
		.union([
			z.strictObject({
				perSecond: z.number().positive().max(1e6).default(perSecond),
				burst: z.number().min(1).max(1e6).default(burst),
			}),
			z.literal(false),
		])
		.default({ perSecond, burst })

/** `tokens` of the configuration, and of the file that `tokensFile` names. */
export const tokenList = z.array(
	z.strictObject({
		name: z.string().min(1).describe('Who holds it, for the audit log, the rate limit and the metrics'),
		scopes: z.array(z.enum(SCOPES)).min(1),
		services: z.array(z.string().min(1)).optional().describe('Default: all. `billing*` is a beginning'),
		sha256: z
			.string()
			.regex(/^[\da-fA-F]{64}$/, 'expected 64 hexadecimal digits')
			.optional(),
		token: z.string().min(SHORTEST_TOKEN).optional(),
	}),
)

/** As the options of `NatsConfigDb` are called. */
const nats = z.union([
	z.string().min(1),
	z.strictObject({
		servers: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]),
		bucket: z.string().min(1).optional(),
		replicas: z.int().min(1).max(5).optional(),
		credentials: z.string().min(1).optional().describe('A file'),
		user: z.string().min(1).optional(),
		pass: z.string().optional(),
		token: z.string().min(1).optional(),
		tls: z
			.union([
				z.boolean(),
				z.strictObject({
					caFile: z.string().optional(),
					certFile: z.string().optional(),
					keyFile: z.string().optional(),
					handshakeFirst: z.boolean().optional(),
				}),
			])
			.optional(),
	}),
])

/** The configuration of `remote-term serve`, as its file has it. */
export const settingsSchema = z.strictObject({
	host: z.string().min(1).default('127.0.0.1').describe('The address to listen on'),
	port: z.int().min(0).max(65_535).default(8787).describe('0: one that is free'),
	basePath: z
		.string()
		.regex(/^(?:\/[\w.~-]+)*$/, 'expected nothing, or a path such as /config without a slash at its end')
		.default('')
		.describe('What stands before every path'),

	tls: z
		.strictObject({
			certFile: z.string().min(1).describe('PEM; read anew when it changes, and on SIGHUP'),
			keyFile: z.string().min(1).describe('PEM, its private key'),
		})
		.optional()
		.describe('Speak TLS, and nothing else'),

	data: z.string().min(1).optional().describe('The directory of the LMDB database'),
	memory: z.boolean().default(false).describe('Keep everything in memory only, and lose it at the end'),
	nats: nats.optional().describe('A NATS server, or its options, whose JetStream keeps the database'),

	tokens: tokenList.default([]).describe('Who may ask for what'),
	tokensFile: z
		.string()
		.min(1)
		.optional()
		.describe('A JSON file with such an array; read anew when it changes, and on SIGHUP'),
	token: z
		.string()
		.min(SHORTEST_TOKEN)
		.optional()
		.describe('One token that may do everything, for those who need no more'),
	allowAnonymous: z
		.union([z.literal(false), z.literal('loopback'), z.literal('anywhere')])
		.default(false)
		.describe('Who may do everything without a token: nobody, this machine, everybody'),
	trustedProxies: z
		.int()
		.min(0)
		.max(16)
		.default(0)
		.describe('How many proxies of ours stand in front, whose X-Forwarded-For counts'),

	pull: z
		.strictObject({
			allowedOrigins: z
				.array(z.string().min(1))
				.default([])
				.describe('From where a push may have its service pulled; none: from nowhere'),
			allowedAddresses: z
				.array(z.string().min(1))
				.default([])
				.describe('Private addresses that these origins may resolve to, in CIDR notation'),
			refreshInterval: milliseconds.default(30_000),
			timeout: milliseconds.default(5_000),
		})
		.prefault({}),

	limits: z
		.strictObject({
			maxBodyBytes: bytes.default(8 * 2 ** 20).describe('Of a request, as it travels'),
			maxInflatedBytes: bytes.default(32 * 2 ** 20).describe('Of a request, after decompression'),
			maxBytesInFlight: bytes.default(256 * 2 ** 20).describe('Of all requests that are being read'),
			maxDepth: z.int().min(4).max(512).default(64).describe('Levels of arrays and objects'),
			maxValues: count.default(500_000).describe('Elements of arrays and members of objects, of a request'),
			maxItems: count.default(10_000).describe('Of one service'),
			maxItemsInAll: count.default(1_000_000).describe('Of all services together'),
			maxItemBytes: bytes.default(256 * 2 ** 10).describe('Of one item'),
			maxConnections: count.default(1_000),
			maxHeaderBytes: bytes.default(16 * 2 ** 10).describe('Of all headers of a request'),
		})
		.prefault({}),

	timeouts: z
		.strictObject({
			headers: milliseconds.default(10_000).describe('Until all headers of a request are there'),
			body: milliseconds.default(30_000).describe('Until its body is'),
			keepAlive: milliseconds.default(5_000).describe('Until the next request of a connection'),
			drain: milliseconds.default(10_000).describe('How long the end waits for answers under way'),
		})
		.prefault({}),

	stream: z
		.union([
			z.literal(false),
			z.strictObject({
				maxClients: count.optional().describe('At once; default: four fifths of limits.maxConnections'),
				heartbeatInterval: milliseconds.default(30_000).describe('Of a stream without news'),
				lifetime: z
					.union([milliseconds, z.null()])
					.default(30 * 60_000)
					.describe('After this, less up to half of it, a client is asked to connect anew; null: never'),
				stallTimeout: milliseconds.default(60_000).describe('How long a client may take nothing'),
				maxClientBytes: bytes.default(8 * 2 ** 20).describe('What may wait for one client'),
				maxLogEvents: count.default(10_000).describe('From which clients resume that were away'),
				maxLogBytes: bytes.default(16 * 2 ** 20),
				maxViews: count
					.default(64)
					.describe('Of what differs by its filter or token; clients of one more are told to come back'),
				upstream: z
					.strictObject({
						url: z.url({ protocol: /^https?$/ }).describe('Of another gateway, or of what speaks like one'),
						path: z.string().startsWith('/').optional(),
						token: z.string().min(1).optional(),
						lastGood: z
							.string()
							.min(1)
							.optional()
							.describe('A folder: what was good last, for the next start'),
						lastGoodKey: z
							.string()
							.min(1)
							.optional()
							.describe('32 bytes, in hexadecimal or base64, by which what lies there is encrypted'),
					})
					.optional()
					.describe('Pass this stream on, in place of what the database holds'),
			}),
		])
		.prefault({})
		.describe('How /relay_auto_config is served; false: it is not'),

	rateLimit: rate(200, 400).describe('Requests per token; false: no limit'),
	failedAuthentications: rate(0.2, 20).describe('Wrong tokens per address; false: no limit'),
})

export type Settings = z.output<typeof settingsSchema>
