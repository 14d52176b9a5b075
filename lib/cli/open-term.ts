import type { LogFields, Logger } from '../core/logger.ts'
import { createTerm, type CreateTermOptions } from '../term/create-term.ts'
import type { RemoteTerm } from '../term/remote-term.ts'
import type { Integrity } from '../term/options.ts'
import { CliError, scrub } from './failure.ts'
import type { Io } from './io.ts'
import { oneLine } from './quantities.ts'
import { openSource, type Source, type SourceAddress, type SourceOptions } from './source.ts'

/** What every command that reads a source takes. Durations in milliseconds, sizes in bytes. */
export interface ReadOptions extends SourceOptions {
	readonly timeout?: number | undefined
	readonly maxBytes?: number | undefined
	readonly maxInflatedBytes?: number | undefined
	/** Public keys, each as text or as a file that holds one. */
	readonly publicKey?: readonly string[] | undefined
	/** Reads the checksum file beside the source. */
	readonly checksum?: boolean | undefined
	/** What the term is called, and must be signed as. */
	readonly name?: string | undefined
	/** Prints causes, and what is logged. */
	readonly verbose?: boolean | undefined
}

/** @throws `INVALID_OPTION` */
export const openTerm = async (
	address: SourceAddress,
	options: ReadOptions,
	schedule: Pick<CreateTermOptions<unknown>, 'refreshInterval' | 'lazyInit' | 'jitter' | 'backoff'>,
	io: Io,
): Promise<{ term: RemoteTerm<unknown>; source: Source }> => {
	const { timeout, maxBytes, maxInflatedBytes, name, verbose } = options
	const integrity = await integrityOf(options)
	const opened = await openSource(address, options, io.env)
	const source = name === undefined ? opened : { ...opened, name }
	const term = createTerm({
		...schedule,
		fetcher: source.fetcher,
		name: source.name,
		deserialize: source.deserialize,
		timeout,
		startTimeout: timeout,
		maxBytes,
		maxInflatedBytes,
		integrity,
		logger: verbose ? stderrLogger(io, address.secrets) : false,
		clock: io.clock,
	})
	return { term, source }
}

const integrityOf = async ({ publicKey, checksum, name }: ReadOptions): Promise<Integrity | undefined> => {
	if (publicKey === undefined) return checksum === undefined ? undefined : { checksum }
	// A guess would be right for nobody: the term of the service has a name that no URL tells.
	if (name === undefined) {
		throw new CliError(
			'INVALID_OPTION',
			'Expected --name beside --public-key: what is signed is signed for a name',
			{
				hint: 'It is the name that `remote-term sign --name` was given, and that of the term in the service.',
			},
		)
	}
	const { publicKeyFrom } = await import('./signing-files.ts')
	return { checksum, publicKeys: await Promise.all(publicKey.map(publicKeyFrom)) }
}

const stderrLogger = ({ stderr }: Io, secrets: readonly string[]): Logger => {
	const line =
		(level: string) =>
		(message: string, fields: LogFields = {}): void => {
			// With a version it is about a refresh, of which the command tells by itself.
			if ('version' in fields) return
			stderr.write(`remote-term: ${level}: ${scrub(oneLine(message), secrets)}\n`)
		}
	return { debug: line('debug'), info: line('info'), warn: line('warning'), error: line('error') }
}
