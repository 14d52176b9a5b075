import type { Clock } from '../core/clock.ts'
import type { EndingSignal } from './exit-codes.ts'
import { CliError } from './failure.ts'

/** What `process.stdout` and `process.stderr` are, and what tests put in their place. */
export type Output = NodeJS.WritableStream & {
	readonly isTTY?: boolean | undefined
	readonly columns?: number | undefined
}

/** Everything around a command that is not its arguments. */
export interface Io {
	readonly stdout: Output
	readonly stderr: Output
	/** Default: nothing comes. */
	readonly stdin?: AsyncIterable<Uint8Array> | undefined
	readonly env: Readonly<Record<string, string | undefined>>
	readonly clock: Clock
	/** Aborted with an `Interruption` when the command is told to end. */
	readonly signal: AbortSignal
}

/** The process was sent a signal. */
export class Interruption extends Error {
	readonly by: EndingSignal

	constructor(by: EndingSignal) {
		super(`Ended by ${by}`)
		this.by = by
	}
}

/** Which signal told the command to end, if one did. */
export const interruptionOf = (signal: AbortSignal): EndingSignal | undefined => {
	const reason: unknown = signal.reason
	return reason instanceof Interruption ? reason.by : undefined
}

/** Whoever read our output has closed it: nothing is wrong, and nothing is left to do. */
export class ReaderLeft extends Error {}

/** Resolves when the stream wants more. Rejects with `ReaderLeft`, or with `OUTPUT_FAILED`. */
export const write = (stream: Output, chunk: string | Uint8Array): Promise<void> =>
	new Promise((resolve, reject) => {
		stream.write(chunk, error => {
			if (error === undefined || error === null) resolve()
			else reject(outputFailure(error))
		})
	})

/** EPIPE, and what Windows and an already closed stream call the same. */
const LEFT: ReadonlySet<unknown> = new Set([
	'EPIPE',
	'EOF',
	'ERR_STREAM_DESTROYED',
	'ERR_STREAM_WRITE_AFTER_END',
])

const outputFailure = (error: NodeJS.ErrnoException): Error =>
	LEFT.has(error.code)
		? new ReaderLeft(error.message, { cause: error })
		: new CliError('OUTPUT_FAILED', `Cannot write the output: ${error.message}`, { cause: error })

/** Colour where a terminal shows it, unless `NO_COLOR` (https://no-color.org) or `FORCE_COLOR` says otherwise. */
export const hasColour = (stream: Output, env: Io['env']): boolean => {
	const { NO_COLOR, FORCE_COLOR, TERM } = env
	if (NO_COLOR !== undefined && NO_COLOR !== '') return false
	if (FORCE_COLOR !== undefined) return FORCE_COLOR !== '0' && FORCE_COLOR !== 'false'
	return stream.isTTY === true && TERM !== 'dumb'
}
