/** Into how many parts all that is known is divided: of nodes by their ids, and the directives by their keys. */
export const PARTS = 256

export type Hash = readonly [number, number]

/** 64 bits of a text, well mixed (after MurmurHash3's finalizer). Against accidents, not against attackers. */
export const hashOf = (text: string): Hash => {
	let a = 0x9e3779b9
	let b = 0x85ebca6b
	for (let index = 0; index < text.length; index++) {
		const code = text.charCodeAt(index)
		a = Math.imul(a ^ code, 0x5bd1e995)
		b = Math.imul(b ^ code, 0x1b873593)
		a ^= a >>> 15
		b ^= b >>> 13
	}
	return [finish(a ^ text.length), finish(b ^ Math.imul(text.length, 0xcc9e2d51))]
}

const finish = (word: number): number => {
	let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
	mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
	return (mixed ^ (mixed >>> 16)) >>> 0
}

export const partOf = (key: string): number => hashOf(key)[0] % PARTS

/**
 * What is known, as 64 bits, and as as many for each of its parts: two nodes with the same digest know the same. Each
 * fact is put in and taken out by exclusive or, so a change costs the same however much is known.
 */
export class Digest {
	readonly #words = new Uint32Array(2 * (PARTS + 1))

	/** Puts a fact in, or takes it out again. */
	toggle(part: number, fact: string): void {
		const [a, b] = hashOf(fact)
		for (const at of [2 * part, 2 * PARTS]) {
			this.#words[at]! ^= a
			this.#words[at + 1]! ^= b
		}
	}

	get root(): [number, number] {
		const at = 2 * PARTS
		return [this.#words[at]!, this.#words[at + 1]!]
	}

	equals([a, b]: Hash): boolean {
		const [c, d] = this.root
		return a === c && b === d
	}

	get parts(): Uint8Array<ArrayBuffer> {
		const bytes = new DataView(new ArrayBuffer(8 * PARTS))
		for (let index = 0; index < 2 * PARTS; index++) bytes.setUint32(4 * index, this.#words[index]!)
		return new Uint8Array(bytes.buffer)
	}

	/** Which parts are not the same there. Nothing for what is no list of parts. */
	differing(parts: Uint8Array): number[] {
		if (parts.length !== 8 * PARTS) return []
		const theirs = new DataView(parts.buffer, parts.byteOffset, parts.byteLength)
		const different: number[] = []
		for (let part = 0; part < PARTS; part++) {
			const same = [0, 1].every(
				word => theirs.getUint32(8 * part + 4 * word) === this.#words[2 * part + word],
			)
			if (!same) different.push(part)
		}
		return different
	}
}
