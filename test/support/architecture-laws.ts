/** The house, as data: what `checkArchitecture` holds the sources against. */
export interface Laws {
	/** Which other rooms each room may import. A room is a path; the longest one that fits a file is the file's. */
	readonly rooms: Readonly<Record<string, readonly string[]>>
	/** Files that nobody imports. */
	readonly doors: readonly string[]
	/** Everything that these reach, with the conditions of a browser, must run without Node. */
	readonly portable: readonly string[]
	/** The packages that run without Node. */
	readonly portablePackages: readonly string[]
	/** Optional peers, and the entries whose loading may load them. Any other entry must do without. */
	readonly peers: Readonly<Record<string, readonly string[]>>
	/** The public subpaths, each with the file that it stands for. Exported as soon as that file exists, not before. */
	readonly subpaths: Readonly<Record<string, RegExp>>
	readonly maxLines: number
	/** Files that may be longer than `maxLines`, each with the reason. */
	readonly longFiles: Readonly<Record<string, string>>
	/** Files that import what users name, each with the reason. */
	readonly computedImports: Readonly<Record<string, string>>
	/** Words that say nothing, as a part of a file's name. */
	readonly emptyWords: readonly string[]
	/** Names that contain one of those words because the public name does. */
	readonly namedByDesign: readonly string[]
}

const doorsToNode = ['lib/digest', 'lib/inflate', 'lib/diagnostics', 'fetchers/http-request']
const natsPeers = ['jetstream', 'kv', 'transport-node'].map(name => `@nats-io/${name}`)
const fetcher = ['lib/core', 'lib/digest', 'lib/inflate', 'fetchers/http-request']
const fetchers = ['static', 'http', 's3', 'file', 'failover', 'nats', 'stream'].map(
	name => `fetchers/${name}`,
)
const shells = ['term', 'table', 'config', 'autoconfig', 'publisher', 'hub'].map(name => `lib/${name}`)
const term = [
	'lib/core',
	'lib/digest',
	'lib/inflate',
	'lib/diagnostics',
	'lib/codecs',
	'lib/integrity',
	'lib/integrity/ed25519',
	'lib/last-known-good',
]
const belowTheAdapters = [...new Set([...term, ...shells, 'lib/transports'])]

export const laws: Laws = {
	rooms: {
		'lib/core': [],
		'lib/digest': ['lib/core'],
		'lib/inflate': ['lib/core'],
		'lib/diagnostics': [],
		'lib/codecs': ['lib/core'],
		'lib/nats': ['lib/core'],
		'lib/transports': ['lib/core', 'lib/codecs', 'lib/nats'],
		'lib/integrity': ['lib/core', 'lib/digest', 'lib/integrity/ed25519'],
		'lib/integrity/ed25519': ['lib/core', 'lib/integrity'],
		'lib/last-known-good': ['lib/core'],

		'lib/term': term,
		'lib/table': [...term, 'lib/term'],
		// The puller and the pusher speak HTTP: a door of this room, through which the fetcher for it is loaded.
		'lib/config': [...term, 'lib/term', 'lib/nats', 'lib/config/http'],
		'lib/config/http': ['lib/core', 'lib/codecs', 'lib/config', 'fetchers/http', 'fetchers/http-request'],
		// Messages are JSON, and the last good configuration is a snapshot like a term's.
		'lib/autoconfig': ['lib/core', 'lib/codecs', 'lib/last-known-good'],
		'lib/publisher': ['lib/core', 'lib/transports'],
		// What the fleet was told is kept as a term's value is.
		'lib/hub': ['lib/core', 'lib/last-known-good'],

		'lib/metrics': ['lib/core', 'lib/diagnostics', 'lib/term'],
		'lib/otel': ['lib/core', 'lib/diagnostics', 'lib/term', 'lib/metrics'],

		'lib/index.ts': ['lib/core', 'lib/codecs', 'lib/term'],
		'lib/testing': ['lib/core', 'lib/transports', 'lib/config', 'lib/hub'],

		'fetchers/static': fetcher,
		'fetchers/http': [...fetcher, 'lib/integrity'],
		'fetchers/http-request': ['lib/core'],
		'fetchers/file': fetcher,
		'fetchers/failover': fetcher,
		'fetchers/nats': [...fetcher, 'lib/nats'],
		// A stream is a room of its own; to hand out what it has brought is one more door of it.
		'fetchers/stream': [...fetcher, 'lib/autoconfig'],
		'fetchers/s3': [...fetcher, 'lib/integrity', 'fetchers/failover'],
		'fetchers/env': [...fetcher, ...fetchers],

		'lib/gateway': [...belowTheAdapters, ...fetchers, ...doorsToNode, 'lib/metrics'],
		'lib/cli': [
			...belowTheAdapters,
			...fetchers,
			...doorsToNode,
			...['fetchers/env', 'lib/gateway', 'lib/config/http'],
		],
	},
	doors: [
		'lib/index.ts',
		'lib/testing/index.ts',
		'lib/cli/main.ts',
		'lib/table/worker.ts',
		'lib/table/keeper.ts',
	],
	portable: ['lib/index.ts', 'fetchers/static.ts', 'fetchers/http.ts'],
	portablePackages: ['fflate', 'http-cache-semantics', 'msgpackr', 'secure-json-parse'],
	peers: {
		'@aws-sdk/client-s3': ['fetchers/s3.ts'],
		...Object.fromEntries(natsPeers.map(peer => [peer, []])),
		'@opentelemetry/api': [],
		lmdb: [],
	},
	subpaths: {
		'.': /^lib\/index\.ts$/,
		'./fetchers/static': /^fetchers\/static\.ts$/,
		'./fetchers/http': /^fetchers\/http\.ts$/,
		'./fetchers/s3': /^fetchers\/s3\.ts$/,
		'./fetchers/file': /^fetchers\/file\.ts$/,
		'./fetchers/failover': /^fetchers\/failover\.ts$/,
		'./fetchers/nats': /^fetchers\/nats\.ts$/,
		'./fetchers/stream': /^fetchers\/stream\.ts$/,
		'./fetchers/env': /^fetchers\/env\.ts$/,
		'./table': /^lib\/table\/index\.ts$/,
		'./config': /^lib\/config\/index\.ts$/,
		'./config/lmdb': /^lib\/config\/(.+-)?lmdb\.ts$/,
		'./config/nats': /^lib\/config\/(.+-)?nats\.ts$/,
		'./autoconfig': /^lib\/autoconfig\/index\.ts$/,
		'./publisher': /^lib\/publisher\/index\.ts$/,
		'./hub': /^lib\/hub\/index\.ts$/,
		'./transports/memory': /^lib\/transports\/memory\.ts$/,
		'./transports/broadcast-channel': /^lib\/transports\/broadcast-channel\.ts$/,
		'./transports/nats': /^lib\/transports\/nats\.ts$/,
		'./gateway': /^lib\/gateway\/index\.ts$/,
		'./metrics': /^lib\/metrics\/index\.ts$/,
		'./otel': /^lib\/otel\/index\.ts$/,
		'./testing': /^lib\/testing\/index\.ts$/,
	},
	maxLines: 300,
	longFiles: {},
	computedImports: {
		'lib/table/module-function.ts': "a user's function is loaded in the thread that calls it",
	},
	emptyWords: ['manager', 'helper', 'helpers', 'util', 'utils', 'base', 'misc'],
	namedByDesign: ['lib/autoconfig/stream-manager.ts'],
}
