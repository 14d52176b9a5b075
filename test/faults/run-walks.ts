import type { SourceKind } from './faults.ts'
import type { Tally } from './laws.ts'
import { columns, counts, progressLine } from './terminal.ts'
import { addTo, describeBreach, walk } from './walk.ts'
import { openScope } from './world.ts'

export interface WalksOptions {
	readonly seeds: number
	readonly first: number
	readonly steps: number
	readonly kind: SourceKind
}

/** A walk mostly waits for the turn of the event loop, so several go at once. */
const AT_ONCE = 8

/** Prints what happened how often; whether no law was broken. */
export const runWalks = async ({ seeds, first, steps, kind }: WalksOptions): Promise<boolean> => {
	const began = performance.now()
	const [faults, outcomes, laws] = [new Map(), new Map(), new Map()] as [Tally, Tally, Tally]
	const line = progressLine()
	const breaches: string[] = []
	let refreshes = 0
	let done = 0
	let next = first
	const work = async (): Promise<void> => {
		while (next < first + seeds) {
			const seed = next++
			const scope = openScope()
			let last = 0
			const onStep = (step: number): void => {
				refreshes += step - last
				last = step
				line.show(`${done} of ${seeds} walks, ${refreshes} refreshes, ${breaches.length} breaches`)
			}
			const report = await walk({ seed, steps, kind, onStep }, scope).finally(() => scope.end())
			refreshes += report.steps - last
			done++
			addTo(faults, report.faults)
			addTo(outcomes, report.outcomes)
			addTo(laws, report.laws)
			if (report.breach !== undefined) breaches.push(describeBreach(report))
		}
	}
	await Promise.all(Array.from({ length: Math.min(AT_ONCE, seeds) }, work))
	line.clear()
	const seconds = ((performance.now() - began) / 1000).toFixed(1)
	const range = seeds === 1 ? `seed ${first}` : `seeds ${first} to ${first + seeds - 1}`
	process.stdout.write(
		`${refreshes} refreshes at random over ${kind}, ${range}, in ${seconds} s\n\n` +
			`Faults    ${counts(faults)}\n\nOutcomes  ${counts(outcomes)}\n\n` +
			`${columns([['Law', 'judged'], ...[...laws].map(([law, times]) => [law, String(times)])])}\n\n` +
			`${breaches.length === 0 ? 'No law was broken.' : breaches.join('\n')}\n`,
	)
	return breaches.length === 0
}
