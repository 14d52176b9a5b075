interface Links {
	/** From this moment on. */
	readonly since: number
	readonly groups: ReadonlyMap<string, number>
	readonly cuts: ReadonlyMap<string, ReadonlySet<string>>
}

/** Those whom `partition` names in no set make one more set. */
const THE_REST = -1

const joins = ({ groups, cuts }: Links, from: string, to: string): boolean =>
	(groups.size === 0 || (groups.get(from) ?? THE_REST) === (groups.get(to) ?? THE_REST)) &&
	cuts.get(from)?.has(to) !== true

/** Who can reach whom, by name, and for how long that has been so. */
export class Topology {
	/** The last is in force. The others are what was, as far back as `memory` reaches. */
	#maps: Links[] = [{ since: -Infinity, groups: new Map(), cuts: new Map() }]
	readonly #memory: number

	constructor(memory: number) {
		this.#memory = memory
	}

	reaches(from: string, to: string): boolean {
		return joins(this.#last, from, to)
	}

	/** Whether everybody reaches everybody. */
	get isWhole(): boolean {
		const { groups, cuts } = this.#last
		return groups.size === 0 && cuts.size === 0
	}

	/** Whether nothing could get through at any moment since then. */
	wasCutOff(from: string, to: string, since: number): boolean {
		return this.#maps.every(
			(map, index) => (this.#maps[index + 1]?.since ?? Infinity) <= since || !joins(map, from, to),
		)
	}

	partition(now: number, sets: ReadonlyArray<readonly string[]>): void {
		const groups = new Map(sets.flatMap((names, index) => names.map(name => [name, index] as const)))
		this.#change(now, { groups, cuts: this.#cuts() })
	}

	cut(now: number, from: string, to: string): void {
		const cuts = this.#cuts()
		cuts.set(from, (cuts.get(from) ?? new Set()).add(to))
		this.#change(now, { groups: this.#last.groups, cuts })
	}

	mend(now: number, from: string, to: string): void {
		const cuts = this.#cuts()
		cuts.get(from)?.delete(to)
		this.#change(now, { groups: this.#last.groups, cuts })
	}

	heal(now: number): void {
		this.#change(now, { groups: new Map(), cuts: new Map() })
	}

	get #last(): Links {
		return this.#maps[this.#maps.length - 1]!
	}

	#cuts(): Map<string, Set<string>> {
		return new Map([...this.#last.cuts].map(([from, to]) => [from, new Set(to)]))
	}

	#change(now: number, next: Omit<Links, 'since'>): void {
		const kept = this.#maps.filter(
			(_, index) => (this.#maps[index + 1]?.since ?? Infinity) > now - this.#memory,
		)
		// What was in force for no time at all was never in force.
		this.#maps = [...kept.filter(({ since }) => since < now), { since: now, ...next }]
	}
}
