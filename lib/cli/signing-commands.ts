import { InvalidArgumentError, type Command } from 'commander'
import {
	KEYGEN_DESCRIPTION,
	KEYGEN_EXAMPLES,
	SIGN_DESCRIPTION,
	SIGN_EXAMPLES,
	CHECK_DESCRIPTION,
	CHECK_EXAMPLES,
} from './help.ts'
import type { FailureContext } from './failure.ts'
import type { Io } from './io.ts'

/** Runs a command that reads no SOURCE, and sees to what it throws. */
export type ExecuteCommand = (command: (io: Io) => Promise<void>, options: FailureContext) => Promise<void>

interface SignArguments {
	readonly key: readonly string[]
	readonly name: string
	readonly sequence: number | 'auto'
	readonly label?: string
	readonly out?: string
	readonly verbose?: boolean
}

interface CheckArguments {
	readonly publicKey: readonly string[]
	readonly name?: string
	readonly minSequence?: number
	readonly signature?: string
	readonly verbose?: boolean
}

/** `keygen`, `sign` and `check`: what whoever publishes a term needs, and no service. */
export const addSigningCommands = (program: Command, execute: ExecuteCommand): void => {
	withVerbose(
		program
			.command('keygen')
			.summary('make a pair of keys to sign with')
			.description(KEYGEN_DESCRIPTION)
			.requiredOption('-o, --out <file>', 'the private key; the public one goes beside it, with .pub'),
	)
		.addHelpText('after', KEYGEN_EXAMPLES)
		.action(({ out, verbose }: { readonly out: string; readonly verbose?: boolean }) =>
			execute(async io => (await import('./keygen.ts')).keygen({ out }, io), { verbose }),
		)

	withVerbose(
		program
			.command('sign')
			.summary('sign a file, so that terms with the public key take it')
			.description(SIGN_DESCRIPTION)
			.argument('<FILE>', 'what is to be published')
			.requiredOption('-k, --key <file>', 'the private key; may come more than once', collected)
			.requiredOption('--name <name>', 'what the term is called in the services that read it')
			.option('--sequence <n>', 'higher with each publish; auto: the time in milliseconds', sequence, 'auto')
			.option('--label <text>', 'what people call this version')
			.option('-o, --out <file>', 'the signature (default: FILE with .sig)'),
	)
		.addHelpText('after', SIGN_EXAMPLES)
		.action((file: string, { key, name, sequence: n, label, out, verbose }: SignArguments) =>
			execute(
				async io => (await import('./sign.ts')).sign({ file, keys: key, name, sequence: n, label, out }, io),
				{ verbose },
			),
		)

	withVerbose(
		withPublicKeys(
			program
				.command('check')
				.summary('check the signature of a file, as a term would')
				.description(CHECK_DESCRIPTION)
				.argument('<FILE>', 'what was signed'),
			true,
		)
			.option('--name <name>', 'what the term must be called (default: whatever was signed)')
			.option('--min-sequence <n>', 'the lowest sequence that will do (default: any)', number)
			.option('--signature <file>', 'the signature (default: FILE with .sig)'),
	)
		.addHelpText('after', CHECK_EXAMPLES)
		.action((file: string, { publicKey, name, minSequence, signature, verbose }: CheckArguments) =>
			execute(
				async io =>
					(await import('./check.ts')).check({ file, keys: publicKey, name, minSequence, signature }, io),
				{ verbose },
			),
		)
}

/** What every command takes that checks a signature. */
export const withPublicKeys = (command: Command, required = false): Command => {
	const flags = '--public-key <key>'
	const meaning = 'a key that may have signed: rtpk1:…, or a file with one; may come more than once'
	return required
		? command.requiredOption(flags, meaning, collected)
		: command.option(flags, `refuse what is not signed by ${meaning}`, collected)
}

export const withVerbose = (command: Command): Command =>
	command.option('-v, --verbose', 'print the causes of errors to stderr')

const collected = (one: string, others: readonly string[] = []): readonly string[] => [...others, one]

const number = (text: string): number => {
	const n = /^\d+$/.test(text) ? Number(text) : NaN
	if (!Number.isSafeInteger(n)) throw new InvalidArgumentError('Expected a whole number, 0 or more.')
	return n
}

const sequence = (text: string): number | 'auto' => {
	if (text === 'auto') return 'auto'
	try {
		return number(text)
	} catch {
		throw new InvalidArgumentError('Expected auto, or a whole number, 0 or more.')
	}
}
