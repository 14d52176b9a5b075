import type { Family, Sample } from './exposition.ts'
import { renderNumber } from './exposition.ts'

type Labels = Sample['labels']

/** What has the same labels, by the values of these. */
class Series<State> {
	readonly #family: Family
	readonly #create: () => State
	readonly #states = new Map<string, { readonly labels: Labels; state: State }>()

	constructor(family: Family, create: () => State) {
		this.#family = family
		this.#create = create
	}

	at(values: readonly string[]): { readonly labels: Labels; state: State } {
		const key = JSON.stringify(values)
		let found = this.#states.get(key)
		if (found === undefined) {
			const labels = this.#family.labels.map((label, index) => [label, values[index] ?? ''] as const)
			this.#states.set(key, (found = { labels, state: this.#create() }))
		}
		return found
	}

	[Symbol.iterator](): Iterator<{ readonly labels: Labels; readonly state: State }> {
		return this.#states.values()
	}
}

/** One number for each set of labels: a counter, by `add`; or a gauge that keeps the highest it has seen, by `raise`. */
export class Numbers {
	readonly family: Family
	readonly #series: Series<number>

	constructor(family: Family) {
		this.family = family
		this.#series = new Series(family, () => 0)
	}

	add(values: readonly string[], amount = 1): void {
		this.#series.at(values).state += amount
	}

	raise(values: readonly string[], value: number): void {
		const one = this.#series.at(values)
		one.state = Math.max(one.state, value)
	}

	samples(): Sample[] {
		return [...this.#series].map(({ labels, state }) => ({ labels, value: state }))
	}
}

interface Distribution {
	/** How many fell into each bucket, the one beyond the last bound included; not yet added up. */
	readonly counts: number[]
	sum: number
}

export class Histogram {
	readonly family: Family
	readonly #bounds: readonly number[]
	readonly #series: Series<Distribution>

	constructor(family: Family) {
		const { buckets = [] } = family
		this.family = family
		this.#bounds = buckets
		this.#series = new Series(family, () => ({ counts: Array<number>(buckets.length + 1).fill(0), sum: 0 }))
	}

	observe(values: readonly string[], value: number): void {
		const { state } = this.#series.at(values)
		const at = this.#bounds.findIndex(bound => value <= bound)
		state.counts[at < 0 ? this.#bounds.length : at]!++
		state.sum += value
	}

	samples(): Sample[] {
		return [...this.#series].flatMap(({ labels, state: { counts, sum } }) => {
			let total = 0
			const buckets = counts.map((count, index): Sample => {
				total += count
				const le = renderNumber(this.#bounds[index] ?? Infinity)
				return { suffix: '_bucket', labels: [...labels, ['le', le]], value: total }
			})
			return [...buckets, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: total }]
		})
	}
}

/** Lets so many different values through; whatever comes later is `(other)`, so that no label grows without bound. */
export const bounded = (limit: number): ((value: string) => string) => {
	const known = new Set<string>()
	return value => {
		if (known.has(value)) return value
		if (known.size >= limit) return '(other)'
		known.add(value)
		return value
	}
}
