import { sleep, untilAborted } from '../core/clock.ts'
import { RemoteTermError, type ErrorCode } from '../core/errors.ts'
import type {
	Download,
	DownloadedBody,
	FetchContext,
	Freshness,
	NotModified,
	Version,
} from '../core/fetcher.ts'
import { notNegative, onlyKnownOptions } from '../core/options.ts'
import {
	bytesOf,
	errorOf,
	inChunks,
	isWhole,
	streamed,
	type FakeBody,
	type FakeChunks,
	type FakeEnding,
} from './fake-body.ts'

/** A call that the fetcher got. */
export interface FakeCall {
	readonly method: 'init' | 'currentVersion' | 'download' | 'downloadIfChanged' | 'watch' | 'close'
	/** What `downloadIfChanged` was asked about. */
	readonly known?: Version | undefined
	readonly signal?: AbortSignal | undefined
	/** `context.clock.monotonic()` at the call. */
	readonly at?: number | undefined
}

/** An answer that waits for its call. */
export interface FakeAnswer {
	/** Resolves with the call that took this answer. */
	readonly taken: Promise<FakeCall>
	/** That of the content to be delivered. */
	readonly version: Version | undefined
}

/** A call that hangs until it is told how to end, or its signal is aborted. Only the first word counts. */
export interface FakeHang {
	/** Resolves with the call that hangs. */
	readonly taken: Promise<FakeCall>
	respond(body: FakeBody, extras?: FakeExtras): void
	respondValue(value: unknown, extras?: FakeExtras): void
	notModified(freshness?: Freshness): void
	fail(error?: ErrorCode | Error): void
}

/** When an answer comes. */
export interface FakeDelay {
	/** Answers after this many milliseconds of `context.clock`. Default: at once. */
	readonly after?: number | undefined
}

/** What goes with a body or a value. Everything may be left out. */
export interface FakeExtras
	extends FakeDelay, Freshness, Pick<DownloadedBody, 'size' | 'encoding' | 'digests'> {
	/** `null`: none, as from a source without validators. Default: one that this fetcher has not given before. */
	readonly version?: Version | null | undefined
	/** What follows the last byte of a body. Default: `end`. */
	readonly then?: FakeEnding | undefined
}

const knownExtras = [
	'after',
	'freshFor',
	'usableFor',
	'noStore',
	'publishedAt',
	'size',
	'encoding',
	'digests',
	'version',
	'then',
] as const satisfies ReadonlyArray<keyof FakeExtras>

/** Makes one answer to one call. */
export interface Reply {
	/** Of its content; `undefined` where there is none, or none that has a version. */
	readonly version?: Version | undefined
	readonly isContent: boolean
	readonly answer: (context: FetchContext) => Promise<Download | NotModified>
}

export const replyWithBody = (
	body: FakeBody,
	extras: FakeExtras,
	version: Version | undefined,
	{ chunkSize, open }: { readonly chunkSize: number | undefined; readonly open: Set<object> },
): Reply => {
	const { then = 'end', after, version: _, ...rest } = known(extras)
	const streams = chunkSize !== undefined || then !== 'end'
	// Copied now: what becomes of the caller's bytes later is no part of the script.
	const whole = isWhole(body) ? bytesOf(body) : undefined
	return {
		version,
		isContent: true,
		async answer(context) {
			await pause(after, context)
			// A body that breaks off announces no size unless it is told to.
			const size = then === 'end' ? whole?.length : undefined
			const fields = { ...(size !== undefined && { size }), ...rest, version }
			if (whole !== undefined && !streams) return { ...fields, body: whole.slice() }
			const chunks = whole === undefined ? (body as FakeChunks) : inChunks(whole, chunkSize ?? Infinity)
			return { ...fields, ...streamed(chunks, then, context.signal, open) }
		},
	}
}

export const replyWithValue = (value: unknown, extras: FakeExtras, version: Version): Reply => {
	const { after, freshFor, usableFor, noStore, publishedAt } = known(extras)
	return {
		version,
		isContent: true,
		async answer(context) {
			await pause(after, context)
			return { value, version, freshFor, usableFor, noStore, publishedAt }
		},
	}
}

export const replyNotModified = ({ after, ...freshness }: Freshness & FakeDelay): Reply => ({
	isContent: false,
	async answer(context) {
		await pause(after, context)
		return { ...freshness, notModified: true }
	},
})

export const replyWithError = (error: ErrorCode | Error, { after }: FakeDelay): Reply => ({
	isContent: false,
	async answer(context) {
		await pause(after, context)
		throw errorOf(error)
	},
})

export const nothingHeld: Reply = {
	isContent: false,
	async answer() {
		throw new RemoteTermError(
			'FETCH_NOT_FOUND',
			'FakeFetcher holds nothing: publish something, or script an answer',
		)
	},
}

const known = (extras: FakeExtras): FakeExtras => {
	onlyKnownOptions('An answer of FakeFetcher', extras, knownExtras)
	return extras
}

const pause = async (after: number | undefined, { clock, signal }: FetchContext): Promise<void> => {
	if (after !== undefined) await sleep(clock, notNegative('after', after), { signal })
	await untilAborted(Promise.resolve(), signal)
}
