import * as zlib from 'node:zlib'
import type { Transform } from 'node:stream'
import type { Encoding } from '../core/fetcher.ts'
import type { Inflate } from './inflate.ts'
import { inflatedTooLarge, inflateFailed, isZeros, refuseEncoding, trailing, truncated } from './failure.ts'
import { ZstdFrames } from './zstd-frames.ts'

/** How much zlib may produce before it asks again. Node's 16 KiB costs more than twice the CPU of this. */
const CHUNK_SIZE = 512 * 1024

type Engine = Transform & { readonly bytesWritten: number }
type CreateEngine = (options: zlib.ZlibOptions) => Engine

const engines: Readonly<Record<Encoding, CreateEngine | undefined>> = {
	gzip: zlib.createGunzip,
	deflate: zlib.createInflate,
	br: zlib.createBrotliDecompress,
	// Node 22.15 and 23.8 were the first to have it.
	zstd: (zlib as { createZstdDecompress?: CreateEngine }).createZstdDecompress,
}

export const supportedEncodings: readonly Encoding[] = Object.freeze(
	(Object.keys(engines) as Encoding[]).filter(encoding => engines[encoding] !== undefined),
)

/**
 * By node:zlib, which inflates in libuv's thread pool. It takes what follows the end of a stream for nothing at all
 * (and, for gzip, what follows a zero byte there), so that is looked at here.
 */
export const inflate: Inflate = async function* (body, encoding, { maxInflatedBytes }) {
	const create = engines[encoding]
	if (create === undefined) return refuseEncoding(body, encoding, supportedEncodings)
	const pump = new Pump(create({ chunkSize: CHUNK_SIZE }), encoding)
	const frames = encoding === 'zstd' ? new ZstdFrames() : undefined
	let inflatedBytes = 0
	const counted = (chunk: Uint8Array): Uint8Array => {
		inflatedBytes += chunk.length
		if (inflatedBytes > maxInflatedBytes) throw inflatedTooLarge(encoding, maxInflatedBytes)
		return chunk
	}
	try {
		for await (const chunk of body) {
			for (const piece of frames?.cut(chunk) ?? [chunk]) {
				pump.write(piece)
				for (let output; (output = await pump.read()) !== undefined;) yield counted(output)
				// Zero padding is what tapes and block devices leave behind a gzip file; gzip(1) accepts it too.
				const unused = piece.subarray(piece.length - pump.unusedBytes)
				if (unused.length > 0 && !(encoding === 'gzip' && isZeros(unused))) throw trailing(encoding)
			}
		}
		if (frames !== undefined) {
			if (!frames.complete) throw truncated(encoding)
			return
		}
		pump.end()
		for (let output; (output = await pump.read()) !== undefined;) yield counted(output)
	} finally {
		pump.close()
	}
}

/**
 * A zlib stream driven by hand: one write at a time, and its output taken piece by piece, so that it never runs
 * further ahead of its reader than its own buffer.
 */
class Pump {
	readonly #engine: Engine
	readonly #encoding: Encoding
	readonly #output: Uint8Array[] = []
	#failure: Error | undefined
	#working = false
	/** The compressed data is at its end; whatever comes now is not part of it. */
	#finished = false
	#writtenBytes = 0
	#lastWrite = 0
	#wake = (): void => {}

	constructor(engine: Engine, encoding: Encoding) {
		this.#engine = engine
		this.#encoding = encoding
		engine
			.on('data', (chunk: Uint8Array) => {
				this.#output.push(chunk)
				engine.pause()
				this.#wake()
			})
			.on('end', () => this.#rest())
			.on('error', (error: Error) => {
				this.#failure = error
				this.#rest()
			})
	}

	/** How many bytes of the last write the engine had no use for. Known when `read` has given all. */
	get unusedBytes(): number {
		return this.#finished ? this.#lastWrite : this.#writtenBytes - this.#engine.bytesWritten
	}

	write(chunk: Uint8Array): void {
		this.#lastWrite = chunk.length
		this.#finished ||= this.#writtenBytes > this.#engine.bytesWritten
		if (this.#finished || chunk.length === 0) return
		this.#writtenBytes += chunk.length
		this.#working = true
		// A write that fails is called back too, maybe before the event that says why.
		this.#engine.write(chunk, failure => {
			if (failure === undefined || failure === null) this.#rest()
		})
	}

	/** Has the engine give its last output, or complain that its input is not complete. */
	end(): void {
		if (this.#finished || this.unusedBytes > 0) return
		this.#working = true
		this.#engine.end()
	}

	/** The next output; undefined when all is out that could be made of what was written. */
	async read(): Promise<Uint8Array | undefined> {
		for (;;) {
			if (this.#failure !== undefined) throw this.#explain(this.#failure)
			const chunk = this.#output.shift()
			if (chunk !== undefined) return chunk
			if (!this.#working && this.#engine.readableLength === 0) return undefined
			await new Promise<void>(resolve => {
				this.#wake = resolve
				this.#engine.resume()
			})
		}
	}

	close(): void {
		this.#engine.destroy()
	}

	#rest(): void {
		this.#working = false
		this.#wake()
	}

	#explain(error: Error & { code?: string }): Error {
		return error.code === 'Z_BUF_ERROR'
			? truncated(this.#encoding, error)
			: inflateFailed(this.#encoding, `the compressed data is corrupt (${error.message})`, error)
	}
}
