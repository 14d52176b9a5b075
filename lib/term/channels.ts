import { channel, tracingChannel } from '#diagnostics'
import type { RemoteTermError } from '../core/errors.ts'
import type { Version } from '../core/fetcher.ts'
import type { Outcome, Steps } from './events.ts'
import type { TermStatus, ValueSource } from './health.ts'

/**
 * Why a refresh began: `start()`, `update()`, the schedule, or a source that said that it has changed. Those of the
 * second line look elsewhere than at the source, so their outcome says nothing about it: a start from disk
 * (`startFrom: 'disk-first'`), `rollback()`, and `pin()`, which asks the source only for what it finds nowhere else.
 */
export type RefreshTrigger = 'start' | 'update' | 'schedule' | 'change' | 'disk' | 'rollback' | 'pin'

/**
 * What the tracing channel `remote-term:refresh` publishes: one object for each refresh, which fills up as the refresh
 * goes on. What is marked with a stage is `undefined` before it. Dates are milliseconds since the Unix epoch, spans
 * milliseconds, sizes bytes.
 *
 * There is no secret in here, and nothing of the value: values may be secrets.
 */
export interface RefreshContext {
	/** The term's name. */
	readonly term: string
	/** The class of its fetcher, where it has one. */
	readonly fetcher: string | undefined
	readonly trigger: RefreshTrigger
	readonly startedAt: number
	/** How many refreshes have failed in a row before this one: 0 unless this is a retry. */
	readonly retry: number

	/** From `asyncStart` on. */
	readonly outcome?: Outcome['status']
	readonly durationMs?: number
	/** Of the value in place after the refresh, so the old one where it failed. From `asyncStart` on. */
	readonly version?: Version | undefined
	/** From `asyncStart` on, where the outcome is `updated`. */
	readonly previousVersion?: Version | undefined
	/** How many bytes came, before and after decompression; `undefined` where nothing was downloaded. From `asyncStart` on. */
	readonly bytes?: number | undefined
	readonly inflatedBytes?: number | undefined
	/** How long each step took. From `asyncStart` on. */
	readonly steps?: Readonly<Steps>
	/** When the source published what it answered with, where it says so. From `asyncStart` on. */
	readonly publishedAt?: number | undefined
	/** From there until it was in place, where the outcome is `updated`. Below 0 where clocks disagree. */
	readonly lagMs?: number | undefined
	/** From `error` on. Without its cause, without issues, and without the words of the user's own code. */
	readonly error?: RemoteTermError | undefined

	/** Where the value in place came from; `undefined` for none. From `asyncEnd` on. */
	readonly source?: ValueSource | undefined
	/** For how long the refresh kept the event loop to itself. From `asyncEnd` on. */
	readonly blocked?: Readonly<Blocked>
	/** From `asyncEnd` on. */
	readonly consecutiveFailures?: number
	/** When the next refresh begins; `undefined` where none is due, or it has begun. From `asyncEnd` on. */
	readonly nextRefreshAt?: number | undefined
}

/**
 * The synchronous time of what may be slow in a refresh, in milliseconds; `undefined` for what it did not come to.
 * What goes on elsewhere while a promise is pending does not count.
 */
export interface Blocked {
	deserialize?: number
	/** `schema` and `validate`. */
	validate?: number
	put?: number
	/** The listeners that are told of the outcome. */
	notify?: number
}

/** What the channel `remote-term:status` publishes whenever `health().status` is not what it was. */
export interface StatusChange {
	readonly term: string
	readonly status: TermStatus
	readonly previous: TermStatus
	/** Milliseconds since the Unix epoch. */
	readonly at: number
}

export const REFRESH_CHANNEL = 'remote-term:refresh'
export const STATUS_CHANNEL = 'remote-term:status'

export const refreshChannel = tracingChannel<RefreshContext>(REFRESH_CHANNEL)
export const statusChannel = channel<StatusChange>(STATUS_CHANNEL)
