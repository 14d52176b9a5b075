/** What a server or a client of a test lives for: an `ExecutionContext` of ava, or a `Span`. */
export interface Lifetime {
	teardown(end: () => void | PromiseLike<void>): void
}

/** A lifetime that is not a whole test: what was begun within it ends with `end`, the latest first. */
export class Span implements Lifetime {
	readonly #ends: Array<() => void | PromiseLike<void>> = []

	teardown(end: () => void | PromiseLike<void>): void {
		this.#ends.push(end)
	}

	async end(): Promise<void> {
		for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) await end()
	}
}
