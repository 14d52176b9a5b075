import { faults, type SourceKind } from './faults.ts'
import type { Tally } from './laws.ts'
import { cells, isPossible, runCell, STATES, type Cell } from './matrix.ts'
import { columns, counts, progressLine } from './terminal.ts'
import { addTo, count } from './walk.ts'
import { openScope } from './world.ts'

const KINDS: readonly SourceKind[] = ['memory', 'file', 'http', 's3', 'failover']
const AT_ONCE = 16

/** Prints the matrix: a fault in each line, a source in each column, a starting state in each character. */
export const runMatrix = async (): Promise<boolean> => {
	const marks = new Map<string, string>()
	const keyOf = ({ kind, fault, state }: Cell): string => `${kind} ${fault.name} ${state}`
	const laws: Tally = new Map()
	const outcomes: Tally = new Map()
	const breaches: string[] = []
	const line = progressLine()
	const queue = [...cells]
	const work = async (): Promise<void> => {
		for (let cell = queue.shift(); cell !== undefined; cell = queue.shift()) {
			if (!isPossible(cell)) {
				marks.set(keyOf(cell), '·')
				continue
			}
			const scope = openScope()
			const report = await runCell(cell, scope).finally(() => scope.end())
			marks.set(keyOf(cell), report.breaches.length === 0 ? '✓' : '✗')
			addTo(laws, report.tally)
			for (const outcome of report.outcomes) count(outcomes, outcome)
			for (const { law, breach } of report.breaches) breaches.push(`${keyOf(cell)}: ${law}: ${breach}`)
			line.show(`${marks.size} of ${cells.length} boxes, ${breaches.length} breaches`)
		}
	}
	await Promise.all(Array.from({ length: AT_ONCE }, work))
	line.clear()
	const rows = faults.map(fault => [
		fault.title,
		...KINDS.map(kind =>
			fault.at[kind] === undefined
				? ''
				: STATES.map(state => marks.get(keyOf({ kind, fault, state }))).join(''),
		),
	])
	process.stdout.write(
		`${columns([['', ...KINDS], ...rows])}\n\n` +
			`In each box: ${STATES.join(', ')}. ✓ every law holds, ✗ one is broken, · not to be had on this machine.\n\n` +
			`${marks.size} boxes. Outcomes under a fault: ${counts(outcomes)}\n\n` +
			`${columns([['Law', 'judged'], ...[...laws].map(([law, times]) => [law, String(times)])])}\n\n` +
			`${breaches.length === 0 ? 'No law was broken.' : breaches.join('\n')}\n`,
	)
	return breaches.length === 0
}
