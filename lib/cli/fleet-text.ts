import type { FleetNode, FleetRun, Reason } from '../hub/index.ts'
import type { FleetReport } from './fleet.ts'
import { formatDuration, oneLine } from './quantities.ts'

const LONGEST_VERSION = 24

/** The fleet as a table, for people. Whatever others have said is kept to its line. */
export const fleetText = ({ at, drift, nodes, scope }: FleetReport, now: number): string => {
	const runs = nodes.flatMap(({ runs: some }) => some)
	const ready = runs.filter(({ status }) => status === 'ready').length
	const lines = [
		`${scope}  ${at}  ${count(nodes.length, 'node')}, ${ready} of ${count(runs.length, 'run')} ready, ${drift.length} behind`,
	]
	const rows = nodes.flatMap(node =>
		node.runs.length === 0 ? [emptyRow(node)] : node.runs.map(run => rowOf(run, now)),
	)
	if (rows.length > 0)
		lines.push('', ...table([['NODE', 'TERM', 'VERSION', 'SINCE', 'STATUS', 'WHY'], ...rows]))
	if (drift.length > 0) {
		lines.push('', 'Behind:')
		for (const { behind, forMs, name, node, reason, target, version } of drift) {
			const lag = behind < 0 ? `${-behind} ahead` : `${behind} behind`
			const why = reason === undefined ? '' : `  ${reasonText(reason)}`
			lines.push(
				`  ${oneLine(node)}  ${oneLine(name)}  ${shortVersion(version)}, not ${shortVersion(target)}: ${lag}, for ${formatDuration(forMs)}${why}`,
			)
		}
	}
	return `${lines.join('\n')}\n`
}

const emptyRow = ({ name }: FleetNode): string[] => [oneLine(name), '–', '', '', '', '']

const rowOf = (run: FleetRun, now: number): string[] => {
	const { error, kind, name, node, pinned, refused, since, status, version } = run
	const reason = error ?? refused
	const why = reason === undefined ? '' : reasonText(reason)
	return [
		oneLine(node),
		kind === 'term' ? oneLine(name) : `${oneLine(name)} (${kind})`,
		`${shortVersion(version)}${pinned === undefined ? '' : ' (pinned)'}`,
		since === undefined ? '' : `${formatDuration(Math.max(0, now - since))} ago`,
		oneLine(status),
		why,
	]
}

/** Another node has said both. */
export const reasonText = ({ code, message }: Reason): string => oneLine(`${code}: ${message}`)

export const shortVersion = (version: string | undefined): string => {
	if (version === undefined) return 'no value'
	const line = oneLine(version)
	return line.length <= LONGEST_VERSION ? line : `${line.slice(0, LONGEST_VERSION - 1)}…`
}

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`

const table = (rows: ReadonlyArray<readonly string[]>): string[] => {
	const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
	return rows.map(row =>
		row
			.map((cell, column) => cell.padEnd(widths[column]!))
			.join('  ')
			.trimEnd(),
	)
}
