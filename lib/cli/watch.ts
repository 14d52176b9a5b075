import type { Outcome } from '../term/events.ts'
import { exitCodeOfSignal, type ExitCode } from './exit-codes.ts'
import { describeCauses, exitCodeOfFailure, scrub } from './failure.ts'
import { hasColour, interruptionOf, write, type Io } from './io.ts'
import { openTerm, type ReadOptions } from './open-term.ts'
import { Progress } from './progress.ts'
import type { SourceAddress } from './source.ts'
import { Chronicle, type WatchEvent } from './watch-events.ts'
import { jsonLine } from './watch-json.ts'
import { plainLine } from './watch-plain.ts'

export interface WatchOptions extends ReadOptions {
	/** Milliseconds. Default: as the source says. */
	readonly interval?: number | undefined
	/** End after so many refreshes. Default: never. */
	readonly count?: number | undefined
	/** One JSON object a line. */
	readonly json?: boolean | undefined
}

const FIRST_RETRY = 1_000

/**
 * Shows each refresh until it is told to end, or `count` is reached. Without `count`, to be told is how it is meant to
 * end, and the exit code 0; with it, the exit code is that of the last refresh.
 */
export const watch = async (address: SourceAddress, options: WatchOptions, io: Io): Promise<ExitCode> => {
	const { clock, env, signal, stderr, stdout } = io
	const { count, interval, json, verbose } = options
	const { term, source } = await openTerm(
		address,
		options,
		{
			lazyInit: true,
			refreshInterval: interval,
			// Jitter spreads a fleet; a single observer wants the interval that was asked for.
			jitter: interval === undefined ? undefined : 0,
			backoff: { base: Math.min(FIRST_RETRY, interval ?? FIRST_RETRY) },
		},
		io,
	)
	const began = clock.monotonic()
	const progress = new Progress(stderr, clock)
	const render = json ? jsonLine : plainLine(hasColour(stdout, env))
	const { promise: ended, resolve: end, reject: fail } = deferred()

	let written = Promise.resolve()
	const show = (event: WatchEvent): void => {
		const line = render(event, { at: clock.now(), term: source.name })
		if (line === undefined) return
		progress.end()
		// In order, and so that a reader who has left is noticed.
		written = written.then(() => write(stdout, `${line}\n`))
		written.catch(fail)
	}
	const chronicle = new Chronicle(show, text => scrub(text, address.secrets))
	const isDone = (): boolean => chronicle.tally.refreshes === count

	const landed = (outcome: Outcome): void => {
		if (isDone()) return
		progress.end()
		if (outcome.status === 'failed') {
			const { error } = outcome
			// No retry mends what the caller said; everything else may be over the next time.
			if (error.code === 'INVALID_OPTION') return fail(error)
			if (verbose) stderr.write(describeCauses(error, address.secrets))
		}
		const isLast = chronicle.tally.refreshes + 1 === count
		chronicle.landed(outcome, isLast ? undefined : term.health().nextRefreshAt)
		if (isLast) end()
	}
	term.on('updated', landed)
	term.on('unchanged', landed)
	term.on('failed', landed)
	term.on('status', ({ status, previous }) => chronicle.changed(status, previous))
	term.on('progress', ({ received, total }) => progress.report(received, total))

	signal.addEventListener('abort', end, { once: true })
	// A term never keeps a process alive; whoever shows it does.
	const alive = clock.timer(Infinity, () => {})
	try {
		show({ event: 'started', source: source.label, codec: source.codec, interval })
		if (signal.aborted) end()
		else await term.start()
		await ended
	} finally {
		alive[Symbol.dispose]()
		signal.removeEventListener('abort', end)
		await term.stop()
		progress.end()
	}

	const by = isDone() ? undefined : interruptionOf(signal)
	const { tally, last } = chronicle
	const duration = clock.monotonic() - began
	show({ event: 'stopped', reason: by ?? 'count', tally, version: term.version, duration })
	await written
	if (by !== undefined) return count === undefined ? 0 : exitCodeOfSignal(by)
	return last?.status === 'failed' ? exitCodeOfFailure(last.error) : 0
}

interface Deferred {
	readonly promise: Promise<void>
	readonly resolve: () => void
	readonly reject: (error: unknown) => void
}

const deferred = (): Deferred => {
	let resolve!: Deferred['resolve']
	let reject!: Deferred['reject']
	const promise = new Promise<void>((onEnd, onFail) => {
		resolve = onEnd
		reject = onFail
	})
	// Whoever waits for it hears of it; before somebody does, a failure must not end the process.
	promise.catch(() => {})
	return { promise, resolve, reject }
}
