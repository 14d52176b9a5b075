import type { RemoteTermError } from '../core/errors.ts'
import type { Version } from '../core/fetcher.ts'
import type { TermStatus, ValueSource } from './health.ts'

/** How long the steps of a refresh took, in milliseconds; receiving includes decompression. */
export interface Steps {
	/** Until the source had answered. */
	ask?: number
	receive?: number
	deserialize?: number
	validate?: number
	put?: number
}

/** What all refreshes have in common. */
interface Refresh {
	readonly durationMs: number
	readonly steps: Readonly<Steps>
	/** As it travelled; `undefined` where nothing was downloaded. */
	readonly bytes?: number | undefined
	/** After decompression. */
	readonly inflatedBytes?: number | undefined
	/** Why, where it failed; nothing otherwise. */
	readonly error?: RemoteTermError | undefined
}

/**
 * How a refresh went. `version` is always that of the value in place afterwards, so on `failed` it is the old one.
 * Unchanged and failed are different things: only the former says that the source still holds what we hold.
 */
export type Outcome =
	| (Refresh & {
			readonly status: 'updated'
			readonly version: Version
			readonly previousVersion: Version | undefined
			readonly error?: undefined
	  })
	| (Refresh & {
			readonly status: 'unchanged'
			readonly version: Version | undefined
			readonly error?: undefined
	  })
	| (Refresh & {
			readonly status: 'failed'
			readonly version: Version | undefined
			readonly error: RemoteTermError
	  })

type Ended<Status extends Outcome['status']> = Extract<Outcome, { status: Status }>

export interface TermEvents<T> {
	/** A new value is in place. `term` is that value, `source` where it came from. */
	updated: { readonly name: string; readonly term: T; readonly source: ValueSource } & Ended<'updated'>
	/** The source was asked, and still holds what is in place. */
	unchanged: { readonly name: string } & Ended<'unchanged'>
	/** The value in place stays, whatever the error. */
	failed: { readonly name: string } & Ended<'failed'>
	/** `health().status` is not what it was. */
	status: { readonly name: string; readonly status: TermStatus; readonly previous: TermStatus }
	/** Bytes of the body under way. */
	progress: { readonly name: string; readonly received: number; readonly total: number | undefined }
}

/** Handed to `put`. */
export interface PutInfo {
	readonly name: string
	/** `undefined` for the bundled `initial`. */
	readonly version: Version | undefined
	readonly previousVersion: Version | undefined
	readonly source: ValueSource
	/** Aborted when the refresh is given up (`stop`, `timeout`). */
	readonly signal: AbortSignal
}
