import { deflateRawSync, inflateRawSync } from 'node:zlib'

/**
 * V8 does not count shared memory: to its garbage collector a table of a gigabyte weighs as much as a few small
 * objects, and a thread that allocates little would keep dozens of old generations before it looks (measured: 100
 * generations of 30 MiB kept 3 GB; with this, 0.1 to 0.2 GB).
 *
 * So each thread that maps a generation also holds as many bytes that it does count: address space that is never
 * touched, and hence costs no memory. When they weigh enough, the collector frees both.
 */
export const ballastOf = (byteLength: number): object => {
	const ballast = reserve(byteLength)
	// The collector looks at its scales only when somebody reports foreign memory, which node:zlib does.
	inflateRawSync(POKE)
	return ballast
}

const POKE = deflateRawSync(Buffer.alloc(1))

/** A resizable buffer lies in pages of its own, which stay unbacked until they are written to. */
const reserve = (byteLength: number): object => {
	const Resizable = ArrayBuffer as unknown as new (
		byteLength: number,
		options: { maxByteLength: number },
	) => ArrayBuffer
	try {
		return new Resizable(byteLength, { maxByteLength: byteLength })
	} catch {
		// No address space, or a limit on it: then the collector has other reasons to look.
		return {}
	}
}
