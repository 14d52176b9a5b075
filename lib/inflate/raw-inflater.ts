import { Inflate } from 'fflate'

/** What fflate keeps between two pushes. It is private there, and the only way to learn where the data ended. */
interface FflateState {
	/** The input that has not been used yet. */
	readonly p: Uint8Array
	readonly s: {
		/** The last block has been begun. */
		readonly f?: number
		/** The code table of the block at hand; null or not there between blocks. */
		readonly l?: unknown
		/** The bit within `p` at which reading goes on. */
		readonly p?: number
	}
}

/** Raw deflate (RFC 1951) by fflate, which can tell where it ends. */
export class RawInflater {
	readonly #fflate: Inflate
	#output: Uint8Array[] = []

	constructor() {
		this.#fflate = new Inflate(chunk => {
			if (chunk.length > 0) this.#output.push(chunk)
		})
	}

	/** Throws fflate's own errors. */
	push(chunk: Uint8Array): Uint8Array[] {
		this.#output = []
		this.#fflate.push(chunk)
		return this.#output
	}

	/** Once the data has ended, how many of the bytes pushed last lie behind its end. */
	get unusedBytes(): number | undefined {
		const { p, s } = this.#fflate as unknown as FflateState
		const ended = s.f === 1 && !s.l
		return ended ? p.length - (s.p ? 1 : 0) : undefined
	}
}
