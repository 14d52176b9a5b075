import { EXIT_CODE_LINES } from './help.ts'

export const FLEET_DESCRIPTION =
	'Shows a fleet: which node runs which term, at which version, how it is, and who lags. It joins over NATS as one that only looks, and leaves again. Its subcommands tell the fleet what to do, and show what each node answers.'

export const REFRESH_DESCRIPTION =
	'Has every node that runs the term ask its source, each at a moment of its own.'

export const PIN_DESCRIPTION =
	'Has every node hold this version of the term, those included that come later, until `fleet unpin`. Who cannot have it refuses, and changes nothing.'

export const UNPIN_DESCRIPTION = 'Lets other versions of the term in again.'

export const ROLLBACK_DESCRIPTION =
	'Has every node that holds the version return to the one before. Obeyed for an hour, by those too that come meanwhile.'

export const TELL_HELP = `
Which fleet: --nats, --scope and --subject, as of remote-term fleet --help, which also has --json and
--settle. Each answer is shown as it comes. Ends with 0 where every node that runs the term has done it,
with the code of the first refusal where one has not, and with 1 where one did not answer.
`

export const FLEET_EXAMPLES = `
Examples:
  Who runs what, and who lags; a token, or a user and a password, may stand in front of the host:
  $ remote-term fleet --nats nats://nats.example.com:4222

  Again at each change, until ^C:
  $ remote-term fleet --nats nats://nats.example.com:4222 --watch

  For a script: the nodes that lag:
  $ remote-term fleet --nats nats://nats.example.com:4222 --json | jq -r '.drift[].node'

  Keep a bad version from spreading, and let go again:
  $ remote-term fleet pin rates '"a1"' --nats nats://nats.example.com:4222
  $ remote-term fleet unpin rates --nats nats://nats.example.com:4222

Exit codes:
${EXIT_CODE_LINES}

The documentation is docs/fleet.md and docs/cli.md of the project.
`
