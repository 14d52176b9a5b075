import { GATEWAY_VARIABLES } from '../gateway/settings/variables.ts'
import { EXIT_CODE_LINES } from './help.ts'

const teach = (examples: string, more = ''): string => `
Examples:
${examples}
${more}
Exit codes:
${EXIT_CODE_LINES}

The documentation is docs/gateway.md and docs/cli.md of the project.
`

export const SERVE_DESCRIPTION =
	'Receives the configurations of services, keeps them, pulls those that ask for it, and hands them out: over HTTP, on a port of its own. What has been acknowledged survives a crash, of the process and of the machine. SIGTERM and ^C end it when all that is under way has been answered, a second one at once; SIGHUP has the tokens and the certificate read anew.'

export const PUSH_DESCRIPTION =
	'Pushes the whole configuration of a service: all of it is stored, or nothing. The version that the gateway has is skipped, a lower one refused, unless it is forced.'

export const VERIFY_DESCRIPTION =
	'Asks whether the gateway has this version of a service: for a deployment that waits for it. To check the signature of a file, there is remote-term check.'

export const STATUS_DESCRIPTION =
	'Shows a gateway: its services, its pulls, its stream and what was refused lately.'

const variables = GATEWAY_VARIABLES.map(({ name, path }) => `  ${name.padEnd(40)}${path.join('.')}`).join(
	'\n',
)

export const SERVE_EXAMPLES = teach(
	`  To try it, without a token, from this machine only, and with nothing kept:
  $ remote-term serve --memory --allow-anonymous

  For good; the file is an array of { "name", "scopes": ["push"], "sha256" }, the digest from
  printf %s "$TOKEN" | sha256sum:
  $ remote-term serve --data /var/lib/remote-term --tokens-file /etc/remote-term/tokens.json

  Several gateways, one truth, reachable by others, and services may ask to be pulled:
  $ remote-term serve --host 0.0.0.0 --nats nats://nats.internal:4222 --config gateway.json \\
      --tls-cert ./cert.pem --tls-key ./key.pem --allow-origin https://orders.example.com

  What it makes of its file, its environment and its options:
  $ remote-term serve --config gateway.json --print-config`,
	`
Environment variables, each for a key of the configuration:
${variables}
`,
)

export const PUSH_EXAMPLES =
	teach(`  $ remote-term push ./users.json --gateway https://gateway.example.com --token-file ./token

  From a pipe, with gateway and token in the environment:
  $ export REMOTE_TERM_GATEWAY=https://gateway.example.com REMOTE_TERM_TOKEN=…
  $ make-config | remote-term push -

  Back to what was there before:
  $ remote-term push ./users-1.3.0.json --force`)

export const VERIFY_EXAMPLES =
	teach(`  $ remote-term verify users 1.4.0 --gateway https://gateway.example.com --token-file ./token

  Push only where it is needed:
  $ remote-term verify users 1.4.0 || remote-term push ./users.json`)

export const STATUS_EXAMPLES =
	teach(`  $ remote-term status --gateway https://gateway.example.com --token-file ./token

  Stay, and look every ten seconds:
  $ remote-term status --watch --interval 10s

  For a script:
  $ remote-term status --json | jq '.services[].configVersion'`)
