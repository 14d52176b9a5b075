import { reasonOf, untilAborted } from '../core/clock.ts'
import { RemoteTermError, type ErrorCode } from '../core/errors.ts'
import type { DownloadedBody } from '../core/fetcher.ts'

export type FakeChunks = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/** A string is a document, encoded as UTF-8. Chunks are delivered one by one, as they come. */
export type FakeBody = Uint8Array | string | FakeChunks

/** How a body ends: as it should, never, or with an error. */
export type FakeEnding = 'end' | 'hang' | ErrorCode | Error

export const isWhole = (body: FakeBody): body is Uint8Array | string =>
	typeof body === 'string' || body instanceof Uint8Array

export const bytesOf = (body: Uint8Array | string): Uint8Array<ArrayBuffer> =>
	typeof body === 'string' ? new TextEncoder().encode(body) : new Uint8Array(body)

export const errorOf = (error: ErrorCode | Error): Error =>
	typeof error === 'string' ? new RemoteTermError(error, `Failed with ${error}, as the test wants it`) : error

export function* inChunks(bytes: Uint8Array, size: number): Generator<Uint8Array, void, undefined> {
	for (let offset = 0; offset < bytes.length; offset += size) yield bytes.slice(offset, offset + size)
}

/** A body that streams, heeds the signal, and is in `open` until it is read to its end or given up. */
export const streamed = (
	chunks: FakeChunks,
	ending: FakeEnding,
	signal: AbortSignal,
	open: Set<object>,
): Pick<DownloadedBody, 'body' | 'cancel'> => {
	const token = {}
	let given = false
	const release = (): void => {
		open.delete(token)
		signal.removeEventListener('abort', release)
	}
	if (!signal.aborted) {
		open.add(token)
		signal.addEventListener('abort', release, { once: true })
	}
	const steps = generate(chunks, ending, signal)
	const giveUp = (): void => {
		given = true
		release()
		// Not awaited: what hangs in its midst would never answer.
		void steps.return().catch(() => {})
	}
	const next = async (): Promise<IteratorResult<Uint8Array, void>> => {
		// Also before the first step and after the last chunk, where the generator would say that all is well.
		if (signal.aborted) throw reasonOf(signal)
		if (given) throw new RemoteTermError('STOPPED', 'The body was given up before its end')
		try {
			const step = await steps.next()
			if (step.done === true) release()
			return step
		} catch (error) {
			release()
			throw error
		}
	}
	return {
		body: {
			[Symbol.asyncIterator]: () => ({
				next,
				return: async () => {
					giveUp()
					return { done: true, value: undefined }
				},
			}),
		},
		cancel: giveUp,
	}
}

async function* generate(
	chunks: FakeChunks,
	ending: FakeEnding,
	signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
	const iterator: Iterator<Uint8Array, unknown> | AsyncIterator<Uint8Array, unknown> =
		Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]()
	try {
		for (;;) {
			const step = await untilAborted(Promise.resolve(iterator.next()), signal)
			if (step.done === true) break
			yield step.value
		}
		if (ending === 'hang') await untilAborted(new Promise<never>(() => {}), signal)
		else if (ending !== 'end') throw errorOf(ending)
	} finally {
		void Promise.resolve(iterator.return?.()).catch(() => {})
	}
}
