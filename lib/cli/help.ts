import { EXIT_CODES } from './exit-codes.ts'

export const PROGRAM_DESCRIPTION =
	'Looks at remote data as a service with remote-term sees it: fetched, checked, and refused if it is bad.'

export const SOURCE_HELP =
	'https://…, http://…, s3://bucket/key?region=…, file:///…, or a path; left out: REMOTE_TERM_SOURCE and the other variables of that prefix'

export const GET_DESCRIPTION =
	'Loads the value once, through every check that a term makes, and prints it: as JSON, or as it is with --codec text and bytes.'

export const WATCH_DESCRIPTION =
	'Keeps the value as a term does, and shows each refresh: outcome, version, bytes as downloaded and inflated, duration, next refresh. A source that is down is asked again, also at the start. ^C ends it.'

const exitCodes = EXIT_CODES.map(({ code, meaning }) => `  ${String(code).padEnd(5)}${meaning}`).join('\n')

const DOCS = 'The documentation is docs/cli.md of the project.'

export const PROGRAM_HELP = `
Examples:
  $ remote-term get https://config.example.com/rates.json
  $ remote-term get ./rates.json.gz --path /USD
  $ remote-term watch 's3://my-bucket/rules.ndjson?region=eu-west-1' --interval 10s
  $ REMOTE_TERM_SOURCE=https://config.example.com/rates.json remote-term watch --json

Exit codes:
${exitCodes}

${DOCS}
`

export const GET_EXAMPLES = `
Examples:
  The whole document, decompressed if it is gzip or zstd:
  $ remote-term get https://config.example.com/rates.json.gz

  One value, for a script; keys with a slash are written with ~1, those with a ~ with ~0:
  $ remote-term get ./config.json --path /database/host --raw

  A source that wants credentials:
  $ remote-term get https://config.example.com/rates.json -H "Authorization: Bearer $TOKEN"

  A key on any S3-compatible store, with AWS_ACCESS_KEY_ID and the like in the environment:
  $ remote-term get 's3://my-bucket/rules.msgpack?region=eu-west-1' --compact

Exit codes:
${exitCodes}

${DOCS}
`

export const WATCH_EXAMPLES = `
Examples:
  As often as Cache-Control says, or every minute:
  $ remote-term watch https://config.example.com/rates.json

  Every ten seconds, whatever the source says:
  $ remote-term watch ./rules.ndjson --interval 10s

  In a script: three refreshes, one line of JSON each; the exit code is that of the last:
  $ remote-term watch https://config.example.com/rates.json --interval 1s --count 3 --json

Exit codes:
${exitCodes}

${DOCS}
`
