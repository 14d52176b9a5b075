import type { LogFields, Logger } from '../core/logger.ts'
import { createTerm, type CreateTermOptions } from '../term/create-term.ts'
import type { RemoteTerm } from '../term/remote-term.ts'
import { scrub } from './failure.ts'
import type { Io } from './io.ts'
import { oneLine } from './quantities.ts'
import { openSource, type Source, type SourceAddress, type SourceOptions } from './source.ts'

/** What every command that reads a source takes. Durations in milliseconds, sizes in bytes. */
export interface ReadOptions extends SourceOptions {
	readonly timeout?: number | undefined
	readonly maxBytes?: number | undefined
	readonly maxInflatedBytes?: number | undefined
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
	const { timeout, maxBytes, maxInflatedBytes, verbose } = options
	const source = await openSource(address, options, io.env)
	const term = createTerm({
		...schedule,
		fetcher: source.fetcher,
		name: source.name,
		deserialize: source.deserialize,
		timeout,
		startTimeout: timeout,
		maxBytes,
		maxInflatedBytes,
		logger: verbose ? stderrLogger(io, address.secrets) : false,
		clock: io.clock,
	})
	return { term, source }
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
