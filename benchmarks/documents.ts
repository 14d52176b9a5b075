/** A generator of numbers that is the same in every run (mulberry32). */
export const seeded = (seed: number): (() => number) => {
	let state = seed
	return () => {
		state = (state + 0x6d2b79f5) | 0
		let t = Math.imul(state ^ (state >>> 15), 1 | state)
		t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
		return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
	}
}

export interface Row {
	readonly id: string
	readonly name: string
	readonly price: number
	readonly stock: number
	readonly tags: readonly string[]
	readonly active: boolean
}

/** A product table of about so many bytes of JSON, the same in every run. */
export const largeDocument = (bytes: number): { readonly rows: readonly Row[] } => {
	const random = seeded(42)
	const rows: Row[] = []
	for (let size = 0; size < bytes; size += JSON.stringify(rows.at(-1)).length + 1) {
		const id = Math.floor(random() * 2 ** 48).toString(36)
		rows.push({
			id,
			name: `Product ${id.slice(0, 4)} of series ${Math.floor(random() * 1000)}`,
			price: Math.round(random() * 1e6) / 100,
			stock: Math.floor(random() * 500),
			tags: [`t${Math.floor(random() * 40)}`, `t${Math.floor(random() * 40)}`],
			active: random() < 0.9,
		})
	}
	return { rows }
}
