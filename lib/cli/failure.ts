import { messageOf, RemoteTermError } from '../core/errors.ts'
import { exitCodeOf, type ExitCode, type FailureCode } from './exit-codes.ts'
import { oneLine } from './quantities.ts'

/** A failure of the command line's own. */
export class CliError extends Error {
	readonly code: FailureCode
	/** What one can do about it: whole sentences. */
	readonly hint: string | undefined

	constructor(
		code: FailureCode,
		message: string,
		{ hint, ...options }: ErrorOptions & { hint?: string | undefined } = {},
	) {
		super(message, options)
		this.code = code
		this.hint = hint
	}
}

export type SourceKind = 'http' | 's3' | 'nats' | 'file' | 'path' | 'environment'

export interface FailureContext {
	readonly kind?: SourceKind | 'gateway' | undefined
	/** What must not be shown, even if a foreign error quotes it. */
	readonly secrets?: readonly string[] | undefined
	readonly verbose?: boolean | undefined
}

export const codeOf = (thrown: unknown): FailureCode =>
	thrown instanceof RemoteTermError || thrown instanceof CliError ? thrown.code : 'INTERNAL'

export const exitCodeOfFailure = (thrown: unknown): ExitCode => exitCodeOf(codeOf(thrown))

/** One line for the error, one for what one can do about it, and with `verbose` one for each cause. */
export const describeFailure = (
	thrown: unknown,
	{ kind, secrets = [], verbose }: FailureContext = {},
): string => {
	const code = codeOf(thrown)
	const lines = [`remote-term: ${oneLine(messageOf(thrown))} (${code})`]
	const hint = thrown instanceof CliError ? thrown.hint : hintFor(code, kind, messageOf(thrown))
	if (hint !== undefined) lines.push(`  hint: ${oneLine(hint)}`)
	const text = scrub(`${lines.join('\n')}\n`, secrets)
	return verbose ? text + describeCauses(thrown, secrets) : text
}

/** One line for each cause, none where there is none; the stack of what nobody has foreseen. */
export const describeCauses = (thrown: unknown, secrets: readonly string[]): string => {
	const lines = causesOf(thrown).map(cause => `  caused by: ${oneLine(portray(cause))}\n`)
	if (codeOf(thrown) === 'INTERNAL' && thrown instanceof Error) lines.push(`${thrown.stack}\n`)
	return scrub(lines.join(''), secrets)
}

/** Whatever else a text says, it does not say these. */
export const scrub = (text: string, secrets: readonly string[]): string =>
	[...secrets]
		// One may be a part of another.
		.sort((a, b) => b.length - a.length)
		.reduce((left, secret) => left.replaceAll(secret, '…'), text)

const MAX_CAUSES = 10

const causesOf = (thrown: unknown): unknown[] => {
	const causes: unknown[] = []
	let waiting = [thrown]
	while (waiting.length > 0 && causes.length < MAX_CAUSES) {
		const [next, ...rest] = waiting
		waiting = rest
		if (!(next instanceof Error)) continue
		const found: unknown[] = next instanceof AggregateError ? [...(next.errors as unknown[])] : []
		if (next.cause !== undefined) found.push(next.cause)
		const fresh = found.filter(cause => cause !== thrown && !causes.includes(cause))
		causes.push(...fresh)
		waiting.push(...fresh)
	}
	return causes.slice(0, MAX_CAUSES)
}

const portray = (cause: unknown): string => {
	if (!(cause instanceof Error)) return messageOf(cause)
	const { code } = cause as { code?: unknown }
	return `${cause.name}: ${cause.message}${typeof code === 'string' && !cause.message.includes(code) ? ` (${code})` : ''}`
}

const hintFor = (code: FailureCode, kind: FailureContext['kind'], message: string): string | undefined => {
	switch (code) {
		case 'FETCH_DENIED':
			if (kind === 's3')
				return 'Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, from AWS_PROFILE, or from the role of the machine; they need s3:GetObject on this key.'
			if (kind === 'nats')
				return 'A token, or a user and a password, may stand in front of the host; other credentials come from REMOTE_TERM_NATS_….'
			if (kind === 'gateway')
				return 'The token comes from --token-file or REMOTE_TERM_TOKEN; what it may do is for the gateway to say.'
			if (kind === 'http') return "Credentials go into --header 'Authorization: …'."
			return kind === 'file' || kind === 'path' ? 'Check who may read the file.' : undefined
		case 'FETCH_NOT_FOUND':
			if (kind === 'path') return 'A SOURCE without a scheme is a path; write https://… for a URL.'
			if (kind === 'nats') return 'Check bucket and key, or the store and the name of the object.'
			return kind === 's3' ? 'Check bucket, key and region.' : undefined
		case 'FETCH_FAILED':
			if (kind === 's3') return 'The endpoint comes from the region, or from AWS_ENDPOINT_URL_S3.'
			if (kind === 'gateway' && /certificate/.test(message))
				return 'An authority of your own goes into NODE_EXTRA_CA_CERTS, a file of its certificate.'
			return undefined
		case 'TIMEOUT':
			return '--timeout sets the limit.'
		case 'TOO_LARGE':
			return '--max-bytes sets the limit.'
		case 'INFLATED_TOO_LARGE':
			return '--max-inflated-bytes sets the limit.'
		case 'DESERIALIZE_FAILED':
			return '--codec says how the bytes are read; --codec text shows them as they are.'
		default:
			return undefined
	}
}
