import { concat } from '../../core/bytes.ts'
import type { NatsBucket } from './bucket.ts'
import { damaged, digestOf, type Body } from './entry.ts'
import { chunkKey, CHUNKS, chunksOf, generationOfChunk, type Generation } from './keys.ts'
import type { StoredHead } from './outcome.ts'

/** Chunks on their way at the same time. */
const IN_FLIGHT = 4

/** What is left in a message for the rest of a head, its lineage above all. */
const HEAD_BYTES = 4096

/** The states that are too large for one message, in chunks that are written before the head that refers to them. */
export class Generations {
	readonly #bucket: NatsBucket

	constructor(bucket: NatsBucket) {
		this.#bucket = bucket
	}

	/** As it goes into a head; where it is too large for that, its chunks are written first. */
	async store(
		service: string,
		{ bytes, deflated }: { readonly bytes: Uint8Array; readonly deflated: boolean },
		generation: Generation,
		signal: AbortSignal,
	): Promise<Body> {
		const part = this.#bucket.maxPart - HEAD_BYTES
		if (bytes.length <= part) return { bytes, deflated }
		const chunks = Math.ceil(bytes.length / part)
		await inParallel(chunks, number => {
			const chunk = bytes.subarray(number * part, (number + 1) * part)
			return this.#bucket.write(chunkKey(service, generation, number), chunk, signal)
		})
		return { chunks, generation, size: bytes.length, digest: digestOf(bytes), deflated }
	}

	/**
	 * @returns `undefined` where chunks are missing: a newer head has taken their place, and they were removed
	 * @throws `DATABASE_FAILED` where they are not what was written
	 */
	async load(
		service: string,
		body: Extract<Body, { readonly generation: Generation }>,
		signal: AbortSignal,
	): Promise<{ bytes: Uint8Array; deflated: boolean } | undefined> {
		const { chunks, generation, size, digest, deflated } = body
		const parts: Uint8Array[] = []
		let missing = false
		await inParallel(chunks, async number => {
			if (missing) return
			const message = await this.#bucket.read(chunkKey(service, generation, number), signal)
			if (message === undefined) missing = true
			else parts[number] = message.data
		})
		if (missing) return undefined
		const bytes = concat(parts)
		if (bytes.length !== size || digestOf(bytes) !== digest)
			throw damaged(service, 'its chunks are not those that its head was written for')
		return { bytes, deflated }
	}

	/** Removes what was written and is not referred to: nothing will, as its head was never stored. */
	async drop(service: string, generation: Generation, signal: AbortSignal): Promise<void> {
		await this.#bucket.purge(chunksOf(service, generation), signal)
	}

	/** Removes what earlier heads of a service, or of all services, have left behind. Whoever wrote it: see `Generation`. */
	async sweep(
		headOf: (service: string) => StoredHead | undefined,
		signal: AbortSignal,
		service?: string,
	): Promise<number> {
		const { keys } = await this.#bucket.keys(service === undefined ? CHUNKS : chunksOf(service), signal)
		const filters = new Set<string>()
		for (const key of keys) {
			const found = generationOfChunk(key)
			if (found === undefined) continue
			const { generation } = found
			const stored = headOf(found.service)
			const body = stored?.head?.body
			const current = body !== undefined && 'generation' in body ? body.generation : undefined
			if (current?.id === generation.id || generation.replaces === (stored?.revision ?? 0)) continue
			if (generation.replaces > (stored?.revision ?? Infinity)) continue
			filters.add(chunksOf(found.service, generation))
		}
		for (const filter of filters) await this.#bucket.purge(filter, signal)
		return filters.size
	}
}

const inParallel = async (count: number, work: (number: number) => Promise<void>): Promise<void> => {
	let next = 0
	const worker = async (): Promise<void> => {
		while (next < count) await work(next++)
	}
	await Promise.all(Array.from({ length: Math.min(IN_FLIGHT, count) }, worker))
}
