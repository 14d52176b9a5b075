import type { Command } from 'commander'
import { InvalidArgumentError } from 'commander'
import { FLEET_DESCRIPTION, FLEET_EXAMPLES } from './fleet-help.ts'
import type { FleetArguments } from './fleet.ts'
import { parseDuration } from './quantities.ts'
import { secretsOfEnvironment, secretsOfUrl } from './secrets.ts'
import { withVerbose, type ExecuteCommand } from './signing-commands.ts'
import type { Io } from './io.ts'

export const addFleetCommand = (program: Command, execute: ExecuteCommand, { env }: Io): void => {
	withVerbose(
		program
			.command('fleet')
			.summary('show a fleet: who runs what, at which version, and who lags')
			.description(FLEET_DESCRIPTION)
			.requiredOption('--nats <url>', 'a server by which the fleet talks')
			.option('--scope <name>', 'which fleet (default: fleet)')
			.option('--subject <prefix>', 'what its subjects in NATS begin with (default: remote-term)')
			.option('--json', 'print one JSON document; with --watch, one a line')
			.option('-w, --watch', 'stay, and show it at each change')
			.option('--settle <time>', 'look once nothing new has come for so long: 1s (default: 1s)', duration),
	)
		.addHelpText('after', FLEET_EXAMPLES)
		.action(({ verbose, ...options }: FleetArguments & { readonly verbose?: boolean }) =>
			execute(async io => (await import('./fleet.ts')).fleet(options, io), {
				...{ verbose, secrets: [...secretsOfEnvironment(env), ...secretsOf(options.nats)] },
			}),
		)
}

const secretsOf = (url: string): string[] => (URL.canParse(url) ? secretsOfUrl(url) : [])

const duration = (text: string): number => {
	const ms = parseDuration(text)
	if (ms === undefined) throw new InvalidArgumentError('Expected a time such as 1s or 500ms.')
	return ms
}
