import type { CodecName } from './codecs.ts'
import type { ExitCode } from './exit-codes.ts'
import { write, type Io } from './io.ts'
import { jsonText } from './json-text.ts'
import { openTerm, type ReadOptions } from './open-term.ts'
import { parsePointer, resolvePointer } from './pointer.ts'
import { Progress } from './progress.ts'
import { formatBytes, formatDuration, oneLine } from './quantities.ts'
import type { SourceAddress } from './source.ts'

export interface GetOptions extends ReadOptions {
	/** RFC 6901. Default: the whole value. */
	readonly path?: string | undefined
	/** JSON on one line. */
	readonly compact?: boolean | undefined
	/** A string without its quotes. */
	readonly raw?: boolean | undefined
}

/** Loads the value once, and prints it or a part of it. */
export const get = async (address: SourceAddress, options: GetOptions, io: Io): Promise<ExitCode> => {
	const { compact = false, path = '', raw = false } = options
	const tokens = parsePointer(path)
	const { value, codec } = await load(address, options, io)
	const found = resolvePointer(value, tokens)
	for (const piece of printed(found, { asIs: codec === 'text' || codec === 'bytes', compact, raw }))
		await write(io.stdout, piece)
	return 0
}

const load = async (
	address: SourceAddress,
	options: GetOptions,
	io: Io,
): Promise<{ value: unknown; codec: CodecName }> => {
	const { signal, stderr, clock } = io
	const { term, source } = await openTerm(address, options, { refreshInterval: null }, io)
	const progress = new Progress(stderr, clock)
	term.on('progress', ({ received, total }) => progress.report(received, total))
	if (options.verbose) {
		term.on('updated', ({ version, bytes = 0, inflatedBytes = 0, durationMs }) => {
			const size = `${formatBytes(bytes)}, inflated ${formatBytes(inflatedBytes)}`
			stderr.write(`remote-term: ${oneLine(version)}  ${size}  ${formatDuration(durationMs)}\n`)
		})
	}
	const interrupt = (): void => void term.stop()
	signal.addEventListener('abort', interrupt, { once: true })
	if (signal.aborted) interrupt()
	try {
		await term.start()
		return { value: term.get(), codec: source.codec }
	} finally {
		signal.removeEventListener('abort', interrupt)
		progress.end()
		await term.stop()
	}
}

const printed = function* (
	value: unknown,
	{ asIs, compact, raw }: { readonly asIs: boolean; readonly compact: boolean; readonly raw: boolean },
): Generator<string | Uint8Array, void, undefined> {
	if ((asIs || raw) && (typeof value === 'string' || value instanceof Uint8Array)) {
		yield value
		if (!asIs && typeof value === 'string') yield '\n'
	} else {
		yield* jsonText(value, compact ? '' : '  ')
		yield '\n'
	}
}
