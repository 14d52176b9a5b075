import type { Peer } from '../../core/transport.ts'
import type { Bits } from './bits.ts'
import type { Scope } from './scope.ts'

/** The map of who is up, made of what the scope knows of everybody and one bit for each. */
export class PeersView implements ReadonlyMap<string, Peer> {
	readonly #scope: Scope
	readonly #up: Bits

	constructor(scope: Scope, up: Bits) {
		this.#scope = scope
		this.#up = up
	}

	get size(): number {
		return this.#up.size
	}

	get(id: string): Peer | undefined {
		return this.#scope.find(this.#up, id)?.peer
	}

	has(id: string): boolean {
		return this.get(id) !== undefined
	}

	forEach(call: (peer: Peer, id: string, map: ReadonlyMap<string, Peer>) => void, self?: unknown): void {
		for (const peer of this.values()) call.call(self, peer, peer.id, this)
	}

	*entries(): Generator<[string, Peer], undefined, undefined> {
		for (const peer of this.values()) yield [peer.id, peer]
	}

	*keys(): Generator<string, undefined, undefined> {
		for (const peer of this.values()) yield peer.id
	}

	*values(): Generator<Peer, undefined, undefined> {
		for (const index of this.#up) yield this.#scope.at(index).peer
	}

	[Symbol.iterator](): Generator<[string, Peer], undefined, undefined> {
		return this.entries()
	}
}
