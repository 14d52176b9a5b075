import type { Clock } from './clock.ts'
import type { Logger } from './logger.ts'

/**
 * What a source calls a state of its content: an ETag, a revision, a date. Opaque, compared for equality only, and
 * meaningful only for the source that it came from.
 */
export type Version = string

/** Content codings that we can undo, by their registered names (RFC 9110 §8.4.1, RFC 8878). */
export type Encoding = 'gzip' | 'deflate' | 'br' | 'zstd'

/** Handed to each call of a fetcher. Whatever waits must stop waiting when `signal` is aborted. */
export interface FetchContext {
	readonly signal: AbortSignal
	readonly clock: Clock
	readonly logger: Logger
	/** Bytes received so far, before decompression, and how many there will be, where that is known. */
	onProgress?(received: number, total?: number): void
}

/** What the source says about how long its answer may be used, in milliseconds from now, and how old it is. */
export interface Freshness {
	/** The source need not be asked again before this has passed (HTTP `max-age` less `Age`, or `Expires`). */
	readonly freshFor?: number | undefined
	/** The content may be used without a successful refresh for this long (`stale-if-error`, `must-revalidate`). */
	readonly usableFor?: number | undefined
	/** The source forbids keeping the content beyond this process's memory (HTTP `no-store`). */
	readonly noStore?: boolean | undefined
	/**
	 * When the source published what it holds now, in milliseconds since the Unix epoch (`Last-Modified` of HTTP and
	 * S3, the modification time of a file). Versions say only whether two states differ; this says which is older, and
	 * is how `FailoverFetcher` tells a replica that lags behind from one that is ahead.
	 */
	readonly publishedAt?: number | undefined
}

/** What bytes must come to, by their publisher's or their source's own word. Before any decompression. */
export interface ExpectedDigest {
	/** The two CRCs find accidents only, the two SHAs somebody's intent as well. */
	readonly algorithm: 'sha-256' | 'sha-512' | 'crc32' | 'crc32c'
	/** Lower-case hexadecimal. */
	readonly value: string
	/**
	 * - `body-as-sent`: the content of this very answer, content coding included
	 * - `representation`: the file or object as its publisher stored it. For a complete answer (HTTP 200) to a GET that
	 *   nobody recoded on the way, these are the same bytes.
	 */
	readonly of: 'body-as-sent' | 'representation'
}

/** A body on its way, with the version that came *with these bytes*. */
export interface DownloadedBody extends Freshness {
	readonly body: Uint8Array | AsyncIterable<Uint8Array>
	/** Left out where the source has no validator; the term then goes by a digest of the bytes. */
	readonly version?: Version | undefined
	/** The number of bytes in `body`, where the source tells. Checked: fewer or more is `FETCH_INCOMPLETE`. */
	readonly size?: number | undefined
	/** The content coding under which the bytes travel (HTTP and S3 `Content-Encoding`). The gate undoes it. */
	readonly encoding?: Encoding | undefined
	/** Verified while the bytes arrive; a mismatch is `DIGEST_MISMATCH`. */
	readonly digests?: readonly ExpectedDigest[] | undefined
	/** Gives the body up without reading it to its end, and frees its connection or file. */
	cancel?(): void | Promise<void>
}

/** A value that needs no bytes: it skips decompression and `deserialize`, and is validated like any other. */
export interface DownloadedValue extends Freshness {
	readonly value: unknown
	readonly version: Version
}

export type Download = DownloadedBody | DownloadedValue

/** The source still holds the version that it was asked about. */
export interface NotModified extends Freshness {
	readonly notModified: true
	/** The version that is confirmed, where it is not the one that was asked about (a source behind several). */
	readonly version?: Version | undefined
}

/**
 * Where a term comes from. Three methods are enough; `downloadIfChanged` saves a request, `watch` saves the waiting.
 *
 * A fetcher reports failure by rejecting, best with a `RemoteTermError` whose `FETCH_*` code says what kind it was
 * (`FailoverFetcher` goes by it). It never retries, schedules or caches by itself: the term does.
 *
 * `fetcherConformance` from `remote-term/testing` is this contract as a test suite.
 */
export interface Fetcher {
	/** Checks options and credentials. Called once, before anything else; called again only if it rejected. */
	init(context: FetchContext): Promise<void>
	/** The version that the source holds now. A source without versions answers something new each time. */
	currentVersion(context: FetchContext): Promise<Version>
	download(context: FetchContext): Promise<Download>
	/** One round trip instead of two. `known` may come from an earlier process, or from another source. */
	downloadIfChanged?(known: Version | undefined, context: FetchContext): Promise<Download | NotModified>
	/**
	 * Calls `onChange` whenever the content may have changed: too often is allowed, too rarely is what polling
	 * remains for. Ends when it is disposed of or `context.signal` is aborted; after that `onChange` is not called.
	 */
	watch?(onChange: () => void, context: FetchContext): Disposable
	/**
	 * A fetcher for what lies beside the content under the same name with a suffix: `rates.json` → `rates.json.sig`. The
	 * term looks there for detached signatures and checksums.
	 */
	beside?(suffix: string): Fetcher
	/** Frees what `init` took. Called once, last. */
	close?(): Promise<void>
}

/** By all the names under which they are registered (RFC 9110 §8.4.1.3: `x-gzip` is gzip). */
const ENCODINGS: ReadonlyMap<string, Encoding> = new Map([
	['gzip', 'gzip'],
	['x-gzip', 'gzip'],
	['deflate', 'deflate'],
	['br', 'br'],
	['zstd', 'zstd'],
])

/** The coding of this name, in lower case; `undefined` for one that we cannot undo. */
export const encodingNamed = (name: string): Encoding | undefined => ENCODINGS.get(name)

/** What may stand in `Content-Encoding` for `encodingNamed` to know it. */
export const encodingNames: readonly string[] = [...ENCODINGS.keys()]

export const isNotModified = (answer: Download | NotModified): answer is NotModified =>
	'notModified' in answer
export const isValue = (answer: Download): answer is DownloadedValue => 'value' in answer
