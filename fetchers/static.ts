import { createSha256 } from '#digest'
import { reasonOf } from '../lib/core/clock.ts'
import { RemoteTermError } from '../lib/core/errors.ts'
import type { Download, FetchContext, Fetcher, NotModified, Version } from '../lib/core/fetcher.ts'
import { invalid, nonEmptyString, onlyKnownOptions } from '../lib/core/options.ts'

/** Bytes, or a document to be encoded as UTF-8; they pass the gate as a downloaded body does. */
export interface StaticBody {
	readonly body: Uint8Array | string
	readonly value?: undefined
	/** Default: `sha-256:` and the digest of the bytes, so the same in every process. */
	readonly version?: Version | undefined
}

/** A ready value: validated, but neither decompressed nor deserialized. Kept as it is, not copied. */
export interface StaticValue {
	readonly value: unknown
	readonly body?: undefined
	/** Default: one that no other value, fetcher or process has, since a value cannot be digested. */
	readonly version?: Version | undefined
}

export type StaticFetcherOptions = StaticBody | StaticValue

/**
 * A source within the process: for defaults that ship with the code, as the last of a `FailoverFetcher`'s, for tests,
 * and for values that other code finds out. `set` changes what it holds, and tells whoever watches.
 *
 * Bytes are copied on the way in and on the way out, so that what the receiver does with its copy harms nobody.
 */
export class StaticFetcher implements Fetcher {
	#held: Held
	readonly #watches = new Set<() => void>()

	/** @throws `INVALID_OPTION` */
	constructor(options: StaticFetcherOptions) {
		this.#held = parse(options)
	}

	/**
	 * Replaces body, value and version together. A version that is left out is derived as for the constructor; one that
	 * is given must be new if the content is, or nobody will fetch it.
	 *
	 * @throws `INVALID_OPTION`, and then nothing has changed.
	 */
	set(options: StaticFetcherOptions): void {
		this.#held = parse(options)
		for (const tell of [...this.#watches]) tell()
	}

	async init(): Promise<void> {}

	async currentVersion({ signal }: FetchContext): Promise<Version> {
		assertGoingOn(signal)
		return this.#held.version()
	}

	async download({ signal }: FetchContext): Promise<Download> {
		assertGoingOn(signal)
		return deliver(this.#held)
	}

	async downloadIfChanged(
		known: Version | undefined,
		{ signal }: FetchContext,
	): Promise<Download | NotModified> {
		assertGoingOn(signal)
		// Taken before the wait for its version: what is delivered must be what the version was compared of.
		const held = this.#held
		return (await held.version()) === known ? { notModified: true } : deliver(held)
	}

	/** Calls `onChange` within `set`, before that returns. */
	watch(onChange: () => void, { signal, logger }: FetchContext): Disposable {
		const tell = (): void => {
			// An earlier listener of the same change may have ended this one.
			if (!this.#watches.has(tell)) return
			try {
				onChange()
			} catch (error) {
				logger.error('A listener of StaticFetcher threw', { error })
			}
		}
		const end = (): void => {
			this.#watches.delete(tell)
			signal.removeEventListener('abort', end)
		}
		if (!signal.aborted) {
			this.#watches.add(tell)
			signal.addEventListener('abort', end, { once: true })
		}
		return { [Symbol.dispose]: end }
	}

	async close(): Promise<void> {
		this.#watches.clear()
	}
}

interface Held {
	readonly content: { readonly body: Uint8Array } | { readonly value: unknown }
	readonly version: () => Promise<Version>
}

const parse = (options: StaticFetcherOptions): Held => {
	onlyKnownOptions('StaticFetcher', options, ['body', 'value', 'version'])
	const { body, value, version } = options
	if ((body === undefined) === (value === undefined)) {
		throw new RemoteTermError('INVALID_OPTION', 'Expected StaticFetcher to be given either `body` or `value`')
	}
	if (version !== undefined) nonEmptyString('version', version)
	if (body === undefined) {
		const given = version ?? uniqueVersion()
		return { content: { value }, version: async () => given }
	}
	const bytes = bytesOf(body)
	let derived: Promise<Version> | undefined
	return {
		content: { body: bytes },
		version: async () => version ?? (derived ??= digestOf(bytes)),
	}
}

const bytesOf = (body: Uint8Array | string): Uint8Array => {
	if (typeof body === 'string') return new TextEncoder().encode(body)
	if (body instanceof Uint8Array) return copy(body)
	throw invalid('body', 'a Uint8Array or a string', body)
}

/** A plain copy also of a `Buffer`, whose `slice` makes none. */
const copy = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes)

const digestOf = async (bytes: Uint8Array): Promise<Version> => {
	const digest = createSha256()
	digest.update(bytes)
	return `sha-256:${await digest.hex()}`
}

const uniqueVersion = (): Version =>
	Array.from(crypto.getRandomValues(new Uint32Array(4)), word => word.toString(16).padStart(8, '0')).join('')

const deliver = async ({ content, version }: Held): Promise<Download> =>
	'body' in content
		? { body: copy(content.body), version: await version(), size: content.body.length }
		: { value: content.value, version: await version() }

const assertGoingOn = (signal: AbortSignal): void => {
	if (signal.aborted) throw reasonOf(signal)
}
