import { EXIT_CODES } from './exit-codes.ts'

export const PROGRAM_DESCRIPTION =
	'Looks at remote data as a service with remote-term sees it: fetched, checked, and refused if it is bad; signs it for those who publish it; and is the gateway to which services push their configurations.'

export const SOURCE_HELP =
	'https://…, http://…, s3://bucket/key?region=…, nats://host/kv/bucket/key, file:///…, or a path; left out: REMOTE_TERM_SOURCE and the other variables of that prefix'

export const GET_DESCRIPTION =
	'Loads the value once, through every check that a term makes, and prints it: as JSON, or as it is with --codec text and bytes.'

export const WATCH_DESCRIPTION =
	'Keeps the value as a term does, and shows each refresh: outcome, version, bytes as downloaded and inflated, duration, next refresh. A source that is down is asked again, also at the start. ^C ends it.'

export const EXIT_CODE_LINES = EXIT_CODES.map(
	({ code, meaning }) => `  ${String(code).padEnd(5)}${meaning}`,
).join('\n')

export const KEYGEN_DESCRIPTION =
	'Makes a pair of Ed25519 keys. The private key (PEM, PKCS#8) goes into a new file that nobody else may read; the public key, as terms take it, beside it and to the screen. Nothing is overwritten.'

export const SIGN_DESCRIPTION =
	'Signs the name, the sequence and the SHA-256 of FILE, into a small file that is published beside it. Terms refuse a sequence below one that they have accepted, so each publish needs a higher one; auto needs no memory, and is always above that of the signature that is there.'

export const CHECK_DESCRIPTION =
	'Checks a file and its signature as a term with these keys would, and prints what was compared with what. A service needs no such step: its term verifies by itself.'

const DOCS = 'The documentation is docs/cli.md of the project.'

export const PROGRAM_HELP = `
Examples:
  $ remote-term get https://config.example.com/rates.json
  $ remote-term get ./rates.json.gz --path /USD
  $ remote-term watch 's3://my-bucket/rules.ndjson?region=eu-west-1' --interval 10s
  $ REMOTE_TERM_SOURCE=https://config.example.com/rates.json remote-term watch --json
  $ remote-term sign ./rates.json --key ./signing-key --name rates
  $ remote-term serve --data /var/lib/remote-term --tokens-file /etc/remote-term/tokens.json
  $ remote-term push ./users.json --gateway https://gateway.example.com --token-file ./token

Exit codes:
${EXIT_CODE_LINES}

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

  Only if it was signed for the term \`rates\`, with the key that belongs to this one:
  $ remote-term get https://config.example.com/rates.json --public-key ./signing-key.pub --name rates

  A key on any S3-compatible store, with AWS_ACCESS_KEY_ID and the like in the environment:
  $ remote-term get 's3://my-bucket/rules.msgpack?region=eu-west-1' --compact

Exit codes:
${EXIT_CODE_LINES}

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
${EXIT_CODE_LINES}

${DOCS}
`

const teach = (examples: string): string => `
Examples:
${examples}

Exit codes:
${EXIT_CODE_LINES}

The documentation is docs/integrity.md and docs/cli.md of the project.
`

export const KEYGEN_EXAMPLES =
	teach(`  Once, on the machine that publishes; the second file is what services are given:
  $ remote-term keygen --out ./signing-key
  $ cat ./signing-key.pub

  For those who read at https:…, without a service:
  $ remote-term get https://config.example.com/rates.json --public-key ./signing-key.pub --name rates`)

export const SIGN_EXAMPLES = teach(`  Sign, then publish both files, side by side:
  $ remote-term sign ./rates.json --key ./signing-key --name rates
  $ aws s3 cp ./rates.json s3://my-bucket/ && aws s3 cp ./rates.json.sig s3://my-bucket/

  With a number of your own, for instance that of the build, and a name for people:
  $ remote-term sign ./rates.json --key ./signing-key --name rates --sequence 1042 --label "spring prices"

  While a key is being replaced, with both:
  $ remote-term sign ./rates.json --key ./old-key --key ./new-key --name rates`)

export const CHECK_EXAMPLES = teach(`  Before publishing:
  $ remote-term check ./rates.json --public-key ./signing-key.pub --name rates

  What was downloaded, with the key itself, and not older than what is known:
  $ remote-term check ./rates.json --public-key rtpk1:… --name rates --min-sequence 1042`)
