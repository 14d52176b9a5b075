import { Worker, type ResourceLimits } from 'node:worker_threads'
import { reasonOf, type Clock, type Timer } from '../core/clock.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import type { Diff } from './diff.ts'
import type { ImageParts } from './image.ts'
import type { BodySpec, Packed, PackSpec } from './pack.ts'
import { siblingUrl } from './sibling.ts'
import type { FromWorker, PostedError, ToWorker } from './messages.ts'

/** How much of a body may be on its way to the thread, in bytes: enough to keep it busy, and no queue. */
const WINDOW = 1024 * 1024

/** Chunks are copied, since a fetcher may keep its own, and in pieces, since copying 30 MB at once takes a while. */
const PIECE = 256 * 1024

/** An idle thread holds what its last job left behind (measured: 30 to 80 MB); a new one is there in 40 ms, or 100 on a busy machine. */
const IDLE = 10_000

interface Job {
	/** Bytes posted, and not yet taken. */
	inFlight: number
	/** Called when there is room, or no more sense in waiting. */
	wake: (() => void) | undefined
	ended: boolean
	resolve(answer: FromWorker): void
	reject(error: Error): void
}

/**
 * A worker thread for one term's jobs, one at a time. It begins with the first job, is used again, ends when it has been
 * idle for a while, and never keeps the process alive by itself; while it works, it does.
 *
 * A job that is aborted ends the thread, as nothing else would reach it within a user's endless loop. One that crashes
 * it (`WORKER_FAILED`) is the only one that fails: the next job gets a new thread.
 */
export class PackingThread {
	readonly #clock: Clock
	readonly #resourceLimits: ResourceLimits | undefined
	#worker: Worker | undefined
	#job: Job | undefined
	#tail: Promise<unknown> = Promise.resolve()
	#idle: Timer | undefined
	/** Resolves when all threads that were told to end have ended. */
	#gone: Promise<unknown> = Promise.resolve()
	#ended = false

	constructor(clock: Clock, resourceLimits?: ResourceLimits) {
		this.#clock = clock
		this.#resourceLimits = resourceLimits
	}

	pack(
		chunks: AsyncIterable<Uint8Array>,
		body: BodySpec,
		spec: PackSpec,
		previous: ImageParts | undefined,
		signal: AbortSignal,
	): Promise<Packed> {
		return this.#inTurn(signal, async () => {
			const answer = await this.#run({ type: 'pack', body, spec, previous }, signal, chunks)
			if (answer.type !== 'packed') throw unexpected(answer)
			return answer.packed
		})
	}

	diff(older: ImageParts | undefined, newer: ImageParts, signal: AbortSignal): Promise<Diff> {
		return this.#inTurn(signal, async () => {
			const answer = await this.#run({ type: 'diff', older, newer }, signal)
			if (answer.type !== 'compared') throw unexpected(answer)
			return answer.diff
		})
	}

	/** Ends the thread, and fails the job that it is at. Resolves when no thread is left. Idempotent. */
	async end(): Promise<void> {
		this.#ended = true
		this.#idle?.[Symbol.dispose]()
		this.#dismiss()
		await this.#gone
	}

	async #inTurn<Result>(signal: AbortSignal, job: () => Promise<Result>): Promise<Result> {
		const turn = this.#tail.then(() => {
			if (signal.aborted) throw reasonOf(signal)
			if (this.#ended) throw new RemoteTermError('STOPPED', 'The packing thread has ended')
			return job()
		})
		this.#tail = turn.catch(() => {})
		return turn
	}

	async #run(first: ToWorker, signal: AbortSignal, chunks?: AsyncIterable<Uint8Array>): Promise<FromWorker> {
		this.#idle?.[Symbol.dispose]()
		const worker = (this.#worker ??= this.#hire())
		worker.ref()
		const iterator = chunks?.[Symbol.asyncIterator]()
		let job: Job | undefined
		const onAbort = (): void => {
			job?.reject(reasonOf(signal))
			this.#dismiss()
		}
		try {
			return await new Promise<FromWorker>((resolve, reject) => {
				job = { inFlight: 0, wake: undefined, ended: false, resolve, reject }
				this.#job = job
				signal.addEventListener('abort', onAbort, { once: true })
				worker.postMessage(first)
				if (iterator !== undefined) void this.#feed(worker, job, iterator)
			})
		} finally {
			signal.removeEventListener('abort', onAbort)
			if (job !== undefined) {
				job.ended = true
				job.wake?.()
			}
			this.#job = undefined
			if (this.#worker === worker) this.#rest(worker)
		}
	}

	/** Sends the body piece by piece, no faster than it is taken. The job fails as the body does. */
	async #feed(worker: Worker, job: Job, iterator: AsyncIterator<Uint8Array>): Promise<void> {
		try {
			for (;;) {
				const next = await iterator.next()
				if (job.ended) break
				if (next.done === true) {
					worker.postMessage({ type: 'end' } satisfies ToWorker)
					return
				}
				const { value } = next
				for (let from = 0; from < value.length && !job.ended; from += PIECE) {
					// Not `slice`, which for a Buffer is no copy.
					const chunk = new Uint8Array(value.subarray(from, from + PIECE))
					job.inFlight += chunk.length
					worker.postMessage({ type: 'chunk', chunk } satisfies ToWorker, [chunk.buffer])
					while (job.inFlight > WINDOW && !job.ended) await new Promise<void>(resolve => (job.wake = resolve))
				}
			}
			await iterator.return?.()
		} catch (error) {
			if (job.ended) return
			job.reject(error as Error)
			// It waits for the rest of a body that has none.
			if (this.#worker === worker) this.#dismiss()
		}
	}

	#hire(): Worker {
		const worker = begin(this.#resourceLimits)
		const lost = (error: RemoteTermError): void => {
			if (this.#worker !== worker) return
			this.#worker = undefined
			this.#job?.reject(error)
		}
		worker.on('message', (message: FromWorker) => {
			const job = this.#job
			if (this.#worker !== worker || job === undefined) return
			if (message.type === 'took') {
				job.inFlight -= message.bytes
				job.wake?.()
			} else if (message.type === 'failed') job.reject(received(message.error))
			else job.resolve(message)
		})
		worker.on('error', error =>
			lost(
				new RemoteTermError('WORKER_FAILED', `The packing thread failed: ${messageOf(error)}`, {
					cause: error,
				}),
			),
		)
		worker.on('exit', code =>
			lost(new RemoteTermError('WORKER_FAILED', `The packing thread ended with exit code ${code}`)),
		)
		return worker
	}

	#rest(worker: Worker): void {
		worker.unref()
		this.#idle = this.#clock.timer(IDLE, () => this.#dismiss(), { background: true })
	}

	#dismiss(): void {
		const worker = this.#worker
		if (worker === undefined) return
		this.#worker = undefined
		this.#job?.reject(new RemoteTermError('STOPPED', 'The packing thread was ended'))
		this.#gone = Promise.all([this.#gone, worker.terminate()])
	}
}

const begin = (resourceLimits: ResourceLimits | undefined): Worker => {
	try {
		return new Worker(siblingUrl('./worker.js', import.meta.url), {
			name: 'remote-term table',
			...(resourceLimits !== undefined && { resourceLimits }),
		})
	} catch (error) {
		throw new RemoteTermError('WORKER_FAILED', `Cannot begin a packing thread: ${messageOf(error)}`, {
			cause: error,
		})
	}
}

const received = ({ cause, code, issues, message, stack }: PostedError): RemoteTermError => {
	const options = cause === undefined ? {} : { cause }
	const error =
		code === undefined
			? new RemoteTermError('WORKER_FAILED', `The packing thread failed: ${message}`, options)
			: new RemoteTermError(code, message, { issues, ...options })
	if (stack !== undefined) error.stack = stack
	return error
}

const unexpected = ({ type }: FromWorker): RemoteTermError =>
	new RemoteTermError('WORKER_FAILED', `The packing thread answered '${type}', which was not the question`)
