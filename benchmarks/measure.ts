/** CPU time of this process, its thread pool included, in milliseconds. */
export const cpuMs = (since?: NodeJS.CpuUsage): number => {
	const { user, system } = process.cpuUsage(since)
	return (user + system) / 1000
}

export interface Contender {
	readonly name: string
	run(): Promise<unknown>
}

/**
 * The CPU that each contender takes for one run, in milliseconds: the median over rounds in which all take turns, so
 * that whatever else the machine does falls on all of them alike.
 */
export const cpuOf = async (
	contenders: readonly Contender[],
	{ rounds, runsPerRound = 1, collect = false }: { rounds: number; runsPerRound?: number; collect?: boolean },
): Promise<number[]> => {
	const taken = contenders.map((): number[] => [])
	for (let round = 0; round < rounds + 1; round++) {
		for (const offset of contenders.keys()) {
			const index = (round + offset) % contenders.length
			// Large garbage is collected by whoever made it. (After small work it would only throw compiled code away.)
			if (collect) globalThis.gc?.()
			const before = process.cpuUsage()
			for (let again = 0; again < runsPerRound; again++) await contenders[index]!.run()
			// The first round warms up.
			if (round > 0) taken[index]!.push(cpuMs(before) / runsPerRound)
		}
	}
	return taken.map(median)
}

export const median = (numbers: readonly number[]): number => {
	const sorted = [...numbers].sort((a, b) => a - b)
	const middle = sorted.length >> 1
	return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** One measured claim beside its baseline, both from the same run. */
export interface Figure {
	readonly claim: string
	readonly ours: number
	readonly baseline: number
	readonly unit: string
	/** What `baseline` is. */
	readonly against: string
	/** The bar: `ours / baseline` may be at most this; left out where `limit` is absolute. */
	readonly maxRatio?: number
	/** The bar on `ours` itself, in `unit`. */
	readonly limit?: number
}

export const holds = ({ ours, baseline, maxRatio, limit }: Figure): boolean =>
	(maxRatio === undefined || ours / baseline <= maxRatio) && (limit === undefined || ours <= limit)

export interface RunOptions {
	/** Also draws. */
	readonly plot: boolean
	/** Measures again what other work on the machine has disturbed. */
	readonly quiet: boolean
}
