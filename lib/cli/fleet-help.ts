import { EXIT_CODE_LINES } from './help.ts'

export const FLEET_DESCRIPTION =
	'Shows a fleet: which node runs which term, at which version, how it is, and who lags. It joins over NATS as one that only looks, and leaves again.'

export const FLEET_EXAMPLES = `
Examples:
  Who runs what, and who lags; a token, or a user and a password, may stand in front of the host:
  $ remote-term fleet --nats nats://nats.example.com:4222

  Again at each change, until ^C:
  $ remote-term fleet --nats nats://nats.example.com:4222 --watch

  For a script: the nodes that lag:
  $ remote-term fleet --nats nats://nats.example.com:4222 --json | jq -r '.drift[].node'

Exit codes:
${EXIT_CODE_LINES}

The documentation is docs/fleet.md and docs/cli.md of the project.
`
