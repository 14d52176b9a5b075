import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import {
	FLEET_DESCRIPTION,
	FLEET_EXAMPLES,
	PIN_DESCRIPTION,
	REFRESH_DESCRIPTION,
	ROLLBACK_DESCRIPTION,
	TELL_HELP,
	UNPIN_DESCRIPTION,
} from './fleet-help.ts'
import type { FleetArguments } from './fleet.ts'
import type { FleetOrder, TellArguments } from './fleet-tell.ts'
import { CliError, type FailureContext } from './failure.ts'
import { parseDuration } from './quantities.ts'
import { secretsOfEnvironment, secretsOfUrl } from './secrets.ts'
import { withVerbose, type ExecuteCommand } from './signing-commands.ts'
import type { Io } from './io.ts'

interface FleetOptions extends FleetArguments, TellArguments {
	readonly verbose?: boolean
	readonly window?: number
	readonly from?: string
}

const TELLINGS = '`refresh`, `pin`, `unpin`, `rollback`'

/** `fleet`, and what the fleet can be told. */
export const addFleetCommand = (program: Command, execute: ExecuteCommand, { env }: Io): void => {
	const contextOf = ({ nats, verbose }: FleetOptions): FailureContext => ({
		verbose,
		secrets: [...secretsOfEnvironment(env), ...secretsOf(nats)],
	})
	const fleet = withVerbose(
		program
			.command('fleet')
			.summary('show a fleet: who runs what, and who lags; have it refresh, pin or roll back')
			.description(FLEET_DESCRIPTION)
			.requiredOption('--nats <url>', 'a server by which the fleet talks')
			.option('--scope <name>', 'which fleet (default: fleet)')
			.option('--subject <prefix>', 'what its subjects in NATS begin with (default: remote-term)')
			.option('--json', 'print one JSON document; with --watch, one a line')
			.option('-w, --watch', 'stay, and show it at each change')
			.option('--settle <time>', 'look once nothing new has come for so long: 1s (default: 1s)', duration),
	)
		.addHelpText('after', FLEET_EXAMPLES)
		.allowExcessArguments()
		.action((options: FleetOptions, { args: [first] }: Command) =>
			execute(async io => {
				if (first !== undefined)
					throw new CliError(
						'INVALID_OPTION',
						`Expected ${TELLINGS}, or nothing, after \`fleet\`, got '${first}'`,
					)
				return (await import('./fleet.ts')).fleet(options, io)
			}, contextOf(options)),
		)

	const telling = (usage: string, summary: string, description: string): Command =>
		fleet
			.command(usage)
			.summary(summary)
			.description(description)
			.option('--timeout <time>', 'wait for answers so long (default: 30s, and the window)', duration)
			.addHelpText('after', TELL_HELP)
	const tell =
		(orderOf: (operands: readonly string[], options: FleetOptions) => FleetOrder) =>
		(...given: unknown[]): Promise<void> => {
			const command = given.at(-1) as Command
			const options = command.optsWithGlobals<FleetOptions>()
			return execute(async io => {
				if (options.watch === true)
					throw new CliError('INVALID_OPTION', `Expected \`fleet ${command.name()}\` without \`--watch\``)
				const { tellFleet } = await import('./fleet-tell.ts')
				return tellFleet(orderOf(command.args, options), options, io)
			}, contextOf(options))
		}

	telling('refresh <term>', 'have all ask the source', REFRESH_DESCRIPTION)
		.option(
			'--window <time>',
			'each at a moment of its own within this; 0: all at once (default: 10s)',
			text => (/^0(?:ms|s|m|h)?$/.test(text) ? 0 : duration(text)),
		)
		.action(tell(([term], { window }) => ({ kind: 'refresh', term: term!, window })))
	telling('pin <term> <version>', 'have all hold this version', PIN_DESCRIPTION).action(
		tell(([term, version]) => ({ kind: 'pin', term: term!, version: version! })),
	)
	telling('unpin <term>', 'let other versions in again', UNPIN_DESCRIPTION).action(
		tell(([term]) => ({ kind: 'unpin', term: term! })),
	)
	telling('rollback <term>', 'have all return to the version before', ROLLBACK_DESCRIPTION)
		.option('--from <version>', 'the version to return from (default: the one that most hold)')
		.action(tell(([term], { from }) => ({ kind: 'rollback', term: term!, from })))
}

const secretsOf = (url: string): string[] => (URL.canParse(url) ? secretsOfUrl(url) : [])

const duration = (text: string): number => {
	const ms = parseDuration(text)
	if (ms === undefined) throw new InvalidArgumentError('Expected a time such as 1s or 500ms.')
	return ms
}
