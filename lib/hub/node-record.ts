import { RemoteTermError } from '../core/errors.ts'
import type { Delta, Stamp } from './messages.ts'
import type { Row, RunState } from './rows.ts'

export type Applying =
	/** We had that already. */
	| 'known'
	/** Something between what we know and this is missing. */
	| 'gap'
	/** More rows than we keep of one node. */
	| 'refused'
	| 'applied'

interface Held {
	readonly seq: number
	readonly state: RunState | undefined
}

/**
 * What one instance of a node says of itself. Only that instance writes it; everybody else's copy is the state that it
 * was in at `seq`, whatever the order in which changes came, and however often:
 *
 *     known up to 5, and 3 < seq ≤ 5 comes    →  known
 *     known up to 5, and 4 < seq ≤ 8 comes    →  applied; known up to 8
 *     known up to 5, and 6 < seq ≤ 8 comes    →  gap: 6 may have been anything
 *
 * What is gone leaves a row without a state. When these take up too much room, the owner numbers anew: a generation
 * replaces the one before as a whole.
 */
export class NodeRecord {
	readonly id: string
	startedAt: number
	generation = 0
	seq = 0
	readonly #rows = new Map<string, Held>()

	constructor(id: string, startedAt: number) {
		this.id = id
		this.startedAt = startedAt
	}

	get stamp(): Stamp {
		return [this.id, this.generation, this.seq]
	}

	/** As digests know it. */
	get fact(): string {
		return `${this.id} ${this.generation} ${this.seq}`
	}

	*live(): Generator<[key: string, state: RunState], void, undefined> {
		for (const [key, { state }] of this.#rows) if (state !== undefined) yield [key, state]
	}

	get(key: string): RunState | undefined {
		return this.#rows.get(key)?.state
	}

	/** For the owner. Returns false where that is what it says already. */
	set(key: string, state: RunState | undefined, maxRows: number): boolean {
		const held = this.#rows.get(key)
		if (held === undefined ? state === undefined : isSame(held.state, state)) return false
		if (held === undefined && this.#rows.size >= maxRows) this.#numberAnew(maxRows)
		if (this.generation === 0) this.generation = 1
		this.seq += 1
		this.#put(key, state, this.seq)
		return true
	}

	/** Whether something is newer there than here. */
	isBehind([, generation, seq]: Stamp): boolean {
		return generation > this.generation || (generation === this.generation && seq > this.seq)
	}

	/** From which change on somebody who knows that much must be told. */
	fromOf([, generation, seq]: Stamp): number {
		return generation === this.generation ? Math.min(seq, this.seq) : 0
	}

	/** The changes after `from`: as many as fit, the oldest first. */
	since(from: number, maxRows: number): Delta {
		let rows: Row[] = []
		for (const [key, { seq, state }] of this.#rows) if (seq > from) rows.push({ key, seq, state })
		rows.sort((a, b) => a.seq - b.seq)
		let to = this.seq
		if (rows.length > maxRows) {
			rows = rows.slice(0, maxRows)
			to = rows.at(-1)!.seq
		}
		return { id: this.id, generation: this.generation, startedAt: this.startedAt, from, to, rows }
	}

	apply(delta: Delta, maxRows: number): Applying {
		const { generation, from, to, rows } = delta
		if (generation < this.generation) return 'known'
		const isNew = generation > this.generation
		if (!isNew && to <= this.seq) return 'known'
		if (from > (isNew ? 0 : this.seq)) return 'gap'
		const added = rows.filter(({ key }) => isNew || !this.#rows.has(key)).length
		if ((isNew ? 0 : this.#rows.size) + added > maxRows) return 'refused'
		if (isNew) {
			this.#rows.clear()
			this.generation = generation
			this.seq = 0
		}
		this.startedAt = delta.startedAt
		for (const { key, seq, state } of rows) if (seq > this.seq && seq <= to) this.#put(key, state, seq)
		this.seq = to
		return 'applied'
	}

	#put(key: string, state: RunState | undefined, seq: number): void {
		this.#rows.set(key, { seq, state })
	}

	#numberAnew(maxRows: number): void {
		const live = [...this.live()]
		if (live.length >= maxRows) {
			throw new RemoteTermError(
				'INVALID_OPTION',
				`Expected at most ${maxRows} terms and services on one node, got one more`,
			)
		}
		this.#rows.clear()
		this.generation += 1
		this.seq = 0
		for (const [key, state] of live) this.#put(key, state, ++this.seq)
	}
}

/** States are small, plain, and made by the same code in the same order. */
const isSame = (a: RunState | undefined, b: RunState | undefined): boolean =>
	a === b || JSON.stringify(a) === JSON.stringify(b)
