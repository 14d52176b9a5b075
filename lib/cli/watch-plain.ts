import { formatBytes, formatDuration, formatTimeOfDay, oneLine } from './quantities.ts'
import type { Moment, WatchEvent } from './watch-events.ts'

const SGR = { red: 31, green: 32, yellow: 33, dim: 2 } as const
type Colour = keyof typeof SGR

const LONGEST_VERSION = 24

/** One event as one line for people; `undefined` for what the other lines say already. */
export const plainLine =
	(colour: boolean) =>
	(event: WatchEvent, { at }: Moment): string | undefined => {
		const words = wordsOf(event, at)
		if (words === undefined) return undefined
		const [word, paint, details] = words
		const padded = word.padEnd(9)
		const painted = colour && paint !== undefined ? `\u001b[${SGR[paint]}m${padded}\u001b[0m` : padded
		return `${formatTimeOfDay(at)}  ${painted}  ${oneLine(details)}`
	}

const wordsOf = (
	event: WatchEvent,
	at: number,
): readonly [string, Colour | undefined, string] | undefined => {
	switch (event.event) {
		case 'started': {
			const { source, codec, interval } = event
			const rhythm = interval === undefined ? 'as often as it says' : `every ${formatDuration(interval)}`
			return ['watching', undefined, `${source} as ${codec}, ${rhythm}; ^C ends`]
		}
		case 'status': {
			const { status, previous, failures } = event
			if (status === 'stale')
				return ['stale', 'yellow', 'the source has not confirmed the value for too long; it stays in place']
			if (status !== 'ready' || previous === 'starting') return undefined
			return ['recovered', 'green', failures === 1 ? 'after 1 failure' : `after ${failures} failures`]
		}
		case 'stopped': {
			const { tally, version, duration } = event
			const { refreshes, updated, unchanged, failed } = tally
			const count = `${refreshes} ${refreshes === 1 ? 'refresh' : 'refreshes'}`
			const outcomes = `${updated} updated, ${unchanged} unchanged, ${failed} failed`
			return [
				'stopped',
				undefined,
				`${count} in ${formatDuration(duration)}: ${outcomes}; ${holding(version)}`,
			]
		}
		case 'updated':
		case 'unchanged':
		case 'failed': {
			const { outcome, message, nextRefreshAt } = event
			const { bytes, inflatedBytes, durationMs, version } = outcome
			const size =
				bytes === undefined
					? []
					: [
							inflatedBytes === undefined || inflatedBytes === bytes
								? formatBytes(bytes)
								: `${formatBytes(bytes)} → ${formatBytes(inflatedBytes)}`,
						]
			const next =
				nextRefreshAt === undefined ? [] : [`next in ${formatDuration(Math.max(0, nextRefreshAt - at))}`]
			const rest = [...size, formatDuration(durationMs), ...next]
			switch (outcome.status) {
				case 'updated':
					return ['updated', 'green', [shortened(version ?? ''), ...rest].join('  ')]
				case 'unchanged':
					return ['unchanged', 'dim', [shortened(version ?? ''), ...rest].join('  ')]
				case 'failed':
					return [
						'failed',
						'red',
						[`${outcome.error.code}: ${message}`, holding(version), ...rest].join('  '),
					]
			}
		}
	}
}

const holding = (version: string | undefined): string =>
	version === undefined ? 'no value yet' : `holds ${shortened(version)}`

const shortened = (version: string): string =>
	version.length <= LONGEST_VERSION ? version : `${version.slice(0, LONGEST_VERSION - 1)}…`
