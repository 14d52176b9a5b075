import type { Outcome } from '../term/events.ts'
import type { Moment, WatchEvent } from './watch-events.ts'

/** The fields of the lines of `watch --json`: stable, always all there, `null` where there is nothing to say. */
export const JSON_FIELDS = {
	every: {
		event: '`started`, `updated`, `unchanged`, `failed`, `status` or `stopped`',
		at: 'When, as an ISO 8601 date in UTC',
		term: 'The last part of the source, for telling several watches apart',
	},
	started: {
		source: 'The URL, without user, password and the values of its query',
		codec: 'How the bytes are read',
		intervalMs: '`--interval`; `null`: as the source says',
	},
	refresh: {
		refresh: 'Which one since the start, from 1',
		version: 'Of the value in place afterwards: after `failed` the old one, `null` for none',
		previousVersion: 'Of the value before, with `updated`',
		bytes: 'Downloaded, as they travelled; `null`: none',
		inflatedBytes: 'The same after decompression',
		durationMs: 'How long the refresh took',
		nextRefreshAt: 'When the next one begins, as an ISO 8601 date; `null`: never',
		error: 'With `failed`: an object of `code`, `message` and `status` (of HTTP, or `null`)',
	},
	status: {
		status: '`starting`, `ready`, `failing` or `stale`',
		previousStatus: 'What it was before',
	},
	stopped: {
		reason: '`count`, `SIGINT` or `SIGTERM`',
		refreshes: 'How many there were',
		updated: 'How many brought a new value',
		unchanged: 'How many did not',
		failed: 'How many failed',
		version: 'Of the value in place at the end',
		durationMs: 'How long it all took',
	},
} as const

export const jsonLine = (event: WatchEvent, { at, term }: Moment): string =>
	JSON.stringify({ event: event.event, at: dateOf(at), term, ...fieldsOf(event) })

const fieldsOf = (event: WatchEvent): Record<string, unknown> => {
	switch (event.event) {
		case 'started': {
			const { source, codec, interval } = event
			return { source, codec, intervalMs: interval ?? null } satisfies Fields<'started'>
		}
		case 'status': {
			const { status, previous } = event
			return { status, previousStatus: previous } satisfies Fields<'status'>
		}
		case 'stopped': {
			const { reason, tally, version, duration } = event
			const { refreshes, updated, unchanged, failed } = tally
			return {
				reason,
				refreshes,
				updated,
				unchanged,
				failed,
				version: version ?? null,
				durationMs: rounded(duration),
			} satisfies Fields<'stopped'>
		}
		case 'updated':
		case 'unchanged':
		case 'failed': {
			const { refresh, outcome, message, nextRefreshAt } = event
			return {
				refresh,
				version: outcome.version ?? null,
				previousVersion: outcome.status === 'updated' ? (outcome.previousVersion ?? null) : null,
				bytes: outcome.bytes ?? null,
				inflatedBytes: outcome.inflatedBytes ?? null,
				durationMs: rounded(outcome.durationMs),
				nextRefreshAt: nextRefreshAt === undefined ? null : dateOf(nextRefreshAt),
				error: errorOf(outcome, message),
			} satisfies Fields<'refresh'>
		}
	}
}

type Fields<Kind extends keyof typeof JSON_FIELDS> = Record<keyof (typeof JSON_FIELDS)[Kind], unknown>

const errorOf = (outcome: Outcome, message: string | undefined): Record<string, unknown> | null => {
	if (outcome.status !== 'failed') return null
	const { code, status } = outcome.error
	return { code, message, status: status ?? null }
}

const dateOf = (epochMs: number): string => new Date(epochMs).toISOString()

const rounded = (ms: number): number => Math.round(ms * 10) / 10
