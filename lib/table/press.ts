import { reasonOf } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { diff, type Diff } from './diff.ts'
import { byteLengthOf, Image, type ImageParts } from './image.ts'
import { pack, type BodySpec, type Packed, type PackSpec } from './pack.ts'
import type { PackingThread } from './packing-thread.ts'

/**
 * What is made in place, in bytes before and after inflating. Measured on a virtual machine of two cores that others
 * used too (Node 20, AMD EPYC): a warm thread takes 1 ms there and back, one that has to begin first 90 to 120. In
 * place, 128 KiB of JSON are parsed and packed in 3.5 ms, or 5 to 10 together with a comparison; by code that has never
 * run in 45, once per process. Below that, the thread is not worth it.
 */
const IN_PLACE_BYTES = 64 * 1024
const IN_PLACE_INFLATED_BYTES = 128 * 1024
/** And the image to compare with must be as small; so must both where two tables are compared. */
const IN_PLACE_IMAGE_BYTES = 256 * 1024

/** Where tables are made: in place if they are small, in another thread otherwise. */
export class Press {
	readonly #thread: PackingThread

	constructor(thread: PackingThread) {
		this.#thread = thread
	}

	async pack(
		body: AsyncIterable<Uint8Array>,
		how: BodySpec,
		spec: PackSpec,
		previous: ImageParts | undefined,
		signal: AbortSignal,
	): Promise<Packed> {
		const source = body[Symbol.asyncIterator]()
		try {
			const { held, isWhole } = await beginningOf(source)
			if (signal.aborted) throw reasonOf(signal)
			if (isWhole && isSmall(previous)) {
				const small = await this.#packInPlace(held, how, spec, previous)
				if (small !== undefined) return small
			}
			return await this.#thread.pack(chain(held, source, isWhole), how, spec, previous, signal)
		} catch (error) {
			// Whoever sends the body may wait to be told that no more of it is wanted. Nobody waits for the answer.
			void (async () => source.return?.())().catch(() => {})
			throw error
		}
	}

	async diff(older: ImageParts | undefined, newer: ImageParts, signal: AbortSignal): Promise<Diff> {
		if (!isSmall(older) || !isSmall(newer)) return this.#thread.diff(older, newer, signal)
		if (signal.aborted) throw reasonOf(signal)
		return diff(older && new Image(older), new Image(newer), { addresses: true })
	}

	/** `undefined`: it is small only as long as it is compressed. */
	async #packInPlace(
		chunks: readonly Uint8Array[],
		how: BodySpec,
		spec: PackSpec,
		previous: ImageParts | undefined,
	): Promise<Packed | undefined> {
		const maxInflatedBytes = Math.min(how.maxInflatedBytes, IN_PLACE_INFLATED_BYTES)
		try {
			return await pack(each(chunks), { ...how, maxInflatedBytes }, spec, previous)
		} catch (error) {
			const isOurLimit = maxInflatedBytes < how.maxInflatedBytes
			if (isOurLimit && error instanceof RemoteTermError && error.code === 'INFLATED_TOO_LARGE')
				return undefined
			throw error
		}
	}
}

const isSmall = (parts: ImageParts | undefined): boolean =>
	parts === undefined || byteLengthOf(parts) <= IN_PLACE_IMAGE_BYTES

/** As much of a body as may be made in place, and a chunk more if it is longer. */
const beginningOf = async (
	source: AsyncIterator<Uint8Array>,
): Promise<{ held: Uint8Array[]; isWhole: boolean }> => {
	const held: Uint8Array[] = []
	for (let bytes = 0; bytes <= IN_PLACE_BYTES;) {
		const next = await source.next()
		if (next.done === true) return { held, isWhole: true }
		held.push(next.value)
		bytes += next.value.length
	}
	return { held, isWhole: false }
}

async function* each(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
	yield* chunks
}

async function* chain(
	held: Uint8Array[],
	source: AsyncIterator<Uint8Array>,
	isWhole: boolean,
): AsyncGenerator<Uint8Array, void> {
	try {
		for (let chunk; (chunk = held.shift()) !== undefined;) yield chunk
		while (!isWhole) {
			const next = await source.next()
			if (next.done === true) isWhole = true
			else yield next.value
		}
	} finally {
		if (!isWhole) await source.return?.()
	}
}
