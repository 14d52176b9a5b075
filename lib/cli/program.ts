import { createRequire } from 'node:module'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { redactUrl } from '../core/redact.ts'
import { CODECS } from './codecs.ts'
import { exitCodeOfSignal, type ExitCode } from './exit-codes.ts'
import { describeFailure, exitCodeOfFailure, type FailureContext } from './failure.ts'
import type { GetOptions } from './get.ts'
import { addFleetCommand } from './fleet-command.ts'
import { addGatewayCommands } from './gateway-commands.ts'
import {
	GET_DESCRIPTION,
	GET_EXAMPLES,
	PROGRAM_DESCRIPTION,
	PROGRAM_HELP,
	SOURCE_HELP,
	WATCH_DESCRIPTION,
	WATCH_EXAMPLES,
} from './help.ts'
import { interruptionOf, ReaderLeft, type Io } from './io.ts'
import type { ReadOptions } from './open-term.ts'
import { addSigningCommands, withPublicKeys, type ExecuteCommand } from './signing-commands.ts'
import { parseDuration, parseSize } from './quantities.ts'
import { addressOf, DEFAULT_PREFIX, type SourceAddress } from './source.ts'
import type { WatchOptions } from './watch.ts'

/** Runs the command that the arguments (without `node` and the script) ask for. Never rejects. */
export const run = async (args: readonly string[], io: Io): Promise<ExitCode> => {
	let exitCode: ExitCode = 0
	const execute =
		<Options extends ReadOptions>(
			command: (address: SourceAddress, options: Options, io: Io) => Promise<ExitCode>,
		) =>
		async (given: string | undefined, options: Options): Promise<void> => {
			let context: FailureContext = { verbose: options.verbose }
			try {
				const address = addressOf(given, options, io.env)
				context = { ...context, ...address }
				exitCode = await command(address, options, io)
			} catch (thrown) {
				exitCode = conclude(thrown, context, io)
			}
		}
	const executeCommand: ExecuteCommand = async (command, options) => {
		try {
			await command(io)
		} catch (thrown) {
			exitCode = conclude(thrown, options, io)
		}
	}
	try {
		await createProgram(execute, executeCommand, io).parseAsync([...args], { from: 'user' })
		return exitCode
	} catch (thrown) {
		if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2
		return conclude(thrown, {}, io)
	}
}

/** How a command that has thrown ends. */
const conclude = (thrown: unknown, context: FailureContext, { signal, stderr }: Io): ExitCode => {
	if (thrown instanceof ReaderLeft) return 0
	const by = interruptionOf(signal)
	if (by !== undefined) return exitCodeOfSignal(by)
	stderr.write(describeFailure(thrown, context))
	return exitCodeOfFailure(thrown)
}

type Execute = <Options extends ReadOptions>(
	command: (address: SourceAddress, options: Options, io: Io) => Promise<ExitCode>,
) => (given: string | undefined, options: Options) => Promise<void>

const createProgram = (execute: Execute, executeCommand: ExecuteCommand, io: Io): Command => {
	const { stdout, stderr } = io
	const program = new Command('remote-term')
		.description(PROGRAM_DESCRIPTION)
		.version(packageVersion(), '-V, --version', 'print the version')
		.helpOption('-h, --help', 'print this help')
		.helpCommand('help [command]', 'print the help of a command')
		.addHelpText('after', PROGRAM_HELP)
		.exitOverride()
		.configureOutput({
			writeOut: text => stdout.write(text),
			writeErr: text => stderr.write(text),
			getOutHelpWidth: () => stdout.columns ?? 100,
			getErrHelpWidth: () => stderr.columns ?? 100,
			outputError: (text, print) => print(usageError(text)),
		})

	withReadOptions(
		program
			.command('get')
			.summary('load the value once and print it, or a part of it')
			.description(GET_DESCRIPTION)
			.argument('[SOURCE]', SOURCE_HELP)
			.option('-p, --path <pointer>', 'print only what this JSON Pointer (RFC 6901) leads to: /a/b/0')
			.option('-c, --compact', 'print JSON on one line')
			.option('-r, --raw', 'print a string without its quotes, for use in a shell'),
	)
		.addHelpText('after', GET_EXAMPLES)
		.action(
			execute<GetOptions>(async (address, options, io) =>
				(await import('./get.ts')).get(address, options, io),
			),
		)

	withReadOptions(
		program
			.command('watch')
			.summary('stay, and show each refresh')
			.description(WATCH_DESCRIPTION)
			.argument('[SOURCE]', SOURCE_HELP)
			.option(
				'-i, --interval <time>',
				'ask so often: 10s, 1m, 500ms (default: as the source says, or every minute)',
				duration,
			)
			.option('-n, --count <n>', 'end after so many refreshes', count)
			.option('--json', 'print one JSON object a line, for machines'),
	)
		.addHelpText('after', WATCH_EXAMPLES)
		.action(
			execute<WatchOptions>(async (address, options, io) =>
				(await import('./watch.ts')).watch(address, options, io),
			),
		)
	addSigningCommands(program, executeCommand)
	addGatewayCommands(program, executeCommand, io)
	addFleetCommand(program, executeCommand, io)
	return program
}

/** What every command takes that reads a source. */
const withReadOptions = (command: Command): Command =>
	withPublicKeys(command)
		.option('--name <name>', 'what the term is called, and must be signed as (default: from SOURCE)')
		.option('--checksum', 'refuse what does not fit the .sha256 file beside SOURCE')
		.addOption(
			new Option(
				'--codec <name>',
				'how the bytes are read (default: by the extension of the name, else json)',
			).choices(CODECS),
		)
		.option(
			'-H, --header <line>',
			"send 'Name: value' with each HTTP request; may come more than once",
			(line: string, lines: readonly string[] = []) => [...lines, line],
		)
		.option('--timeout <time>', 'give a refresh up after this: 5s, 500ms (default: 30s)', duration)
		.option('--max-bytes <size>', 'refuse a larger body: 10MB, 64MiB (default: 64MiB)', size)
		.option('--max-inflated-bytes <size>', 'the same after decompression (default: 512MiB)', size)
		.option(
			'--prefix <prefix>',
			`what the names of the environment variables begin with (default: ${DEFAULT_PREFIX})`,
		)
		.option('-v, --verbose', 'print the causes of errors, and what is logged, to stderr')

const duration = (text: string): number => {
	const ms = parseDuration(text)
	if (ms === undefined) throw new InvalidArgumentError('Expected a time such as 10s, 500ms, 2m or 1h.')
	return ms
}

const size = (text: string): number => {
	const bytes = parseSize(text)
	if (bytes === undefined) throw new InvalidArgumentError('Expected a size such as 65536, 10MB or 64MiB.')
	return bytes
}

const count = (text: string): number => {
	const refreshes = /^[1-9]\d*$/.test(text) ? Number(text) : NaN
	if (!Number.isSafeInteger(refreshes)) throw new InvalidArgumentError('Expected a whole number, 1 or more.')
	return refreshes
}

/** In our form, and without what might be a secret: a mistyped option or command is quoted only as far as its name. */
const usageError = (text: string): string => {
	const [first = '', ...rest] = text
		.trim()
		.replace(/^error: /, '')
		.replace(/^unknown option '(-[^=']*)=[\s\S]*'/, "unknown option '$1'")
		.replace(/^unknown command '([\s\S]*)'$/m, (_, name: string) =>
			/[:/.]/.test(name)
				? `expected a command before ${name.includes('://') ? redactUrl(name) : 'SOURCE'}: get or watch`
				: `unknown command '${name}'`,
		)
		.split('\n')
	const hint = [...rest, 'remote-term --help and remote-term help <command> say more.'].join(' ')
	return `remote-term: ${first.replace(/\.$/, '')} (INVALID_OPTION)\n  hint: ${hint}\n`
}

const packageVersion = (): string => {
	const { version } = createRequire(import.meta.url)('remote-term/package.json') as { version: string }
	return version
}
