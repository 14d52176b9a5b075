import { InvalidArgumentError, Option, type Command } from 'commander'
import {
	PUSH_DESCRIPTION,
	PUSH_EXAMPLES,
	SERVE_DESCRIPTION,
	SERVE_EXAMPLES,
	STATUS_DESCRIPTION,
	STATUS_EXAMPLES,
	VERIFY_DESCRIPTION,
	VERIFY_EXAMPLES,
} from './gateway-help.ts'
import { PUSH_CODECS, type PushCodec } from './codecs.ts'
import type { FailureContext } from './failure.ts'
import type { GatewayAddress } from './gateway-client.ts'
import type { SettingsFlag } from '../gateway/settings/settings.ts'
import { parseDuration } from './quantities.ts'
import { secretsOfEnvironment } from './secrets.ts'
import { withVerbose, type ExecuteCommand } from './signing-commands.ts'
import type { Io } from './io.ts'

interface ServeOptions {
	readonly config?: string
	readonly host?: string
	readonly port?: number
	readonly tlsCert?: string
	readonly tlsKey?: string
	readonly data?: string
	readonly memory?: boolean
	readonly nats?: string
	readonly tokensFile?: string
	readonly allowAnonymous?: string
	readonly allowOrigin?: readonly string[]
	readonly allowAddress?: readonly string[]
	readonly printConfig?: boolean
	readonly verbose?: boolean
}

interface AskOptions extends GatewayAddress {
	readonly codec?: PushCodec
	readonly force?: boolean
	readonly json?: boolean
	readonly watch?: boolean
	readonly interval?: number
}

/** `serve`, and `push`, `verify` and `status`, which talk to it. */
export const addGatewayCommands = (program: Command, execute: ExecuteCommand, { env }: Io): void => {
	const secrets = secretsOfEnvironment(env)
	const asking = (verbose: boolean | undefined): FailureContext => ({ kind: 'gateway', verbose, secrets })

	withVerbose(
		program
			.command('serve')
			.summary('the gateway: receive configurations, keep them, hand them out')
			.description(SERVE_DESCRIPTION)
			.option('--config <file>', 'the configuration, a JSON file; docs/gateway.md has its keys')
			.option('--host <address>', 'listen on this address (default: 127.0.0.1)')
			.option('--port <n>', 'listen on this port; 0: one that is free (default: 8787)', port)
			.option('--tls-cert <file>', 'speak TLS, with this certificate (PEM); read anew as the tokens are')
			.option('--tls-key <file>', 'its private key (PEM)')
			.option('--data <folder>', 'keep everything in an LMDB database in this folder')
			.option('--memory', 'keep everything in memory only, and lose it at the end')
			.option('--nats <url>', 'keep everything in JetStream of this NATS server, maybe with other gateways')
			.option('--tokens-file <file>', 'who may ask for what; read anew when it changes, and on SIGHUP')
			.addOption(
				new Option(
					'--allow-anonymous [where]',
					'everything without a token, from this machine or from anywhere',
				)
					.choices(['loopback', 'anywhere'])
					.preset('loopback'),
			)
			.option('--allow-origin <origin>', 'a push may ask to be pulled from here; more than once', collected)
			.option(
				'--allow-address <cidr>',
				'a private address that such an origin may have; more than once',
				collected,
			)
			.option('--print-config', 'print the configuration as it is understood, secrets masked, and end'),
	)
		.addHelpText('after', SERVE_EXAMPLES)
		.action(({ config, printConfig, verbose, ...options }: ServeOptions) =>
			execute(
				async io =>
					(await import('./serve.ts')).serve({ config, flags: flagsOf(options), printConfig, verbose }, io),
				{ verbose, secrets },
			),
		)

	withAddress(
		program
			.command('push')
			.summary('push the configuration of a service to a gateway')
			.description(PUSH_DESCRIPTION)
			.argument('<FILE>', 'the configuration, JSON or MessagePack; - for stdin')
			.addOption(
				new Option('--codec <name>', 'how FILE is written (default: by its extension, else json)').choices(
					PUSH_CODECS,
				),
			)
			.option('--force', 'also where the gateway has this version, or a higher one')
			.option('--json', 'print the outcome as one line of JSON'),
	)
		.addHelpText('after', PUSH_EXAMPLES)
		.action((file: string, { verbose, ...options }: AskOptions) =>
			execute(async io => (await import('./push.ts')).push({ file, ...options }, io), asking(verbose)),
		)

	withAddress(
		program
			.command('verify')
			.summary('ask a gateway whether it has this version of a service')
			.description(VERIFY_DESCRIPTION)
			.argument('<SERVICE>', 'the name of the service')
			.argument('<VERSION>', 'the version of its configuration'),
	)
		.addHelpText('after', VERIFY_EXAMPLES)
		.action((service: string, version: string, { verbose, ...options }: AskOptions) =>
			execute(
				async io => (await import('./verify.ts')).verify({ service, version, ...options }, io),
				asking(verbose),
			),
		)

	withAddress(
		program
			.command('status')
			.summary('show a gateway: its services, its pulls and the latest failures')
			.description(STATUS_DESCRIPTION)
			.option('--json', 'print one JSON document; with --watch, one a line')
			.option('-w, --watch', 'stay, and show it again and again')
			.option('-i, --interval <time>', 'between two looks: 5s, 1m (default: 2s)', duration),
	)
		.addHelpText('after', STATUS_EXAMPLES)
		.action(({ verbose, ...options }: AskOptions) =>
			execute(async io => (await import('./status.ts')).status(options, io), asking(verbose)),
		)
}

const withAddress = (command: Command): Command =>
	withVerbose(
		command
			.option('--gateway <url>', 'the gateway (default: REMOTE_TERM_GATEWAY)')
			.option('--token-file <file>', 'the file that holds the token (default: the one in REMOTE_TERM_TOKEN)')
			.option('--timeout <time>', 'give a request up after this (default: 5s)', duration),
	)

const flagsOf = (options: ServeOptions): readonly SettingsFlag[] => [
	{ flag: '--host', key: 'host', value: options.host },
	{ flag: '--port', key: 'port', value: options.port },
	{ flag: '--tls-cert', key: 'tls.certFile', value: options.tlsCert },
	{ flag: '--tls-key', key: 'tls.keyFile', value: options.tlsKey },
	{ flag: '--data', key: 'data', value: options.data },
	{ flag: '--memory', key: 'memory', value: options.memory },
	{ flag: '--nats', key: 'nats', value: options.nats },
	{ flag: '--tokens-file', key: 'tokensFile', value: options.tokensFile },
	{ flag: '--allow-anonymous', key: 'allowAnonymous', value: options.allowAnonymous },
	{ flag: '--allow-origin', key: 'pull.allowedOrigins', value: options.allowOrigin },
	{ flag: '--allow-address', key: 'pull.allowedAddresses', value: options.allowAddress },
]

const collected = (one: string, others: readonly string[] = []): readonly string[] => [...others, one]

const port = (text: string): number => {
	const number = /^\d{1,5}$/.test(text) ? Number(text) : NaN
	if (number <= 65_535) return number
	throw new InvalidArgumentError('Expected a port, 0 to 65535.')
}

const duration = (text: string): number => {
	const ms = parseDuration(text)
	if (ms === undefined) throw new InvalidArgumentError('Expected a time such as 10s, 500ms, 2m or 1h.')
	return ms
}
