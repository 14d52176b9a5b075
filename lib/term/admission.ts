import type { Clock } from '../core/clock.ts'
import type { Encoding, Freshness, Version } from '../core/fetcher.ts'
import type { Accepted } from './archive.ts'
import type { Blocked } from './channels.ts'
import type { Extent } from './drift.ts'
import type { PutInfo, Steps } from './events.ts'
import type { Packing } from './packed.ts'
import type { ValueSource } from './health.ts'

/** What is in place. The version and the value it names are only ever replaced together. */
export interface Held {
	readonly version: Version | undefined
	/** `version`, where the source gave it and so can be asked about it. */
	readonly validator: Version | undefined
	/** Of the bytes behind the value; `undefined` for a value that came as one. */
	readonly digest: string | undefined
	readonly source: ValueSource
	readonly extent: Extent
}

/** What the subclass says. */
export interface Hooks<T> {
	deserialize(data: Uint8Array): T | Promise<T>
	/** In place of decompression and `deserialize`, for a term that does both elsewhere while the body arrives. */
	readonly receive:
		((body: AsyncIterable<Uint8Array>, info: ReceiveInfo) => Promise<ReceivedTerm<T>>) | undefined
	validate(term: T): void | Promise<void>
	put(term: T, info: PutInfo): void | Promise<void>
	/** Whether bytes that are in place are put once more because of the version that they have now. */
	putsAgain?(version: Version): boolean
	readonly packing: Packing<T> | undefined
}

/** Handed to `receive` with the body, which is as it travelled; its size and digest are seen to. */
export interface ReceiveInfo {
	readonly encoding: Encoding | undefined
	readonly autoDecompress: boolean
	readonly maxInflatedBytes: number
	/** The term and its version, for errors. */
	readonly subject: string
	readonly signal: AbortSignal
}

export interface ReceivedTerm<T> {
	readonly term: T
	readonly inflatedBytes?: number | undefined
}

/** What is found out on the way, so that an outcome can tell it even if it is a failure. */
export interface Trace {
	readonly clock: Clock
	readonly steps: Steps
	readonly blocked: Blocked
	bytes?: number
	inflatedBytes?: number | undefined
	freshness?: Freshness
	/** What was put in place, for the archive. */
	accepted?: Accepted
}

export type Admission<T> =
	| {
			readonly status: 'updated'
			readonly version: Version
			readonly previousVersion: Version | undefined
			readonly term: T
	  }
	| { readonly status: 'unchanged'; readonly version: Version | undefined }

/** Where an answer comes from: the source itself, or the archive. */
export type Origin =
	| { readonly source: 'remote'; readonly accepted?: undefined }
	| { readonly source: 'last-known-good' | 'rollback'; readonly accepted: Accepted }

/** What is on its way to be held. */
export type Candidate = Held & { readonly version: Version; readonly source: Origin['source'] }

/** Apart from the answer, whose body or value would otherwise stay in memory as long as its freshness is known. */
export const freshnessOf = ({ freshFor, noStore, publishedAt, usableFor }: Freshness): Freshness => ({
	freshFor,
	noStore,
	publishedAt,
	usableFor,
})

export const NO_EXTENT: Extent = { bytes: undefined, keys: undefined }

/** A state that nothing is known of but its names. */
export const unread = <V extends Version | undefined>(
	version: Version,
	validator: V,
	{ source }: Origin,
): Candidate & { readonly validator: V } => ({
	version,
	validator,
	digest: undefined,
	source,
	extent: NO_EXTENT,
})

/** What is held as long as there is only the bundled value. */
export const INITIAL: Held = {
	version: undefined,
	validator: undefined,
	digest: undefined,
	source: 'initial',
	extent: NO_EXTENT,
}

export const timed = async <Result>(
	{ steps, clock }: Trace,
	step: keyof Steps,
	run: () => Promise<Result>,
): Promise<Result> => {
	const began = clock.monotonic()
	try {
		return await run()
	} finally {
		steps[step] = clock.monotonic() - began
	}
}

/** Counts the time until `run` returns, be it with a promise: so long nothing else has a turn. */
export const blocking = <Result>(
	{ blocked, clock }: Trace,
	part: keyof Blocked,
	run: () => Result,
): Result => {
	const began = clock.monotonic()
	try {
		return run()
	} finally {
		blocked[part] = (blocked[part] ?? 0) + clock.monotonic() - began
	}
}
