import { createSha256 } from '#digest'
import { reasonOf } from '../lib/core/clock.ts'
import { RemoteTermError } from '../lib/core/errors.ts'
import type { Download, FetchContext, Fetcher, NotModified, Version } from '../lib/core/fetcher.ts'
import { describe, invalid, nonEmptyString, onlyKnownOptions } from '../lib/core/options.ts'
import { Watches } from '../lib/core/watches.ts'

interface StaticExtras {
	/** What lies beside the content, by suffix: `{ '.sig': envelope }`. Default: nothing. */
	readonly beside?: Readonly<Record<string, Uint8Array | string>> | undefined
}

/** Bytes, or a document to be encoded as UTF-8; they pass the gate as a downloaded body does. */
export interface StaticBody extends StaticExtras {
	readonly body: Uint8Array | string
	readonly value?: undefined
	/** Default: `sha-256:` and the digest of the bytes, so the same in every process. */
	readonly version?: Version | undefined
}

/** A ready value: validated, but neither decompressed nor deserialized. Kept as it is, not copied. */
export interface StaticValue extends StaticExtras {
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
	readonly #watches = new Watches('StaticFetcher')

	/** @throws `INVALID_OPTION` */
	constructor(options: StaticFetcherOptions) {
		this.#held = parse(options)
	}

	/**
	 * Replaces body, value, version and what lies beside together. A version that is left out is derived as for the constructor; one that
	 * is given must be new if the content is, or nobody will fetch it.
	 *
	 * @throws `INVALID_OPTION`, and then nothing has changed.
	 */
	set(options: StaticFetcherOptions): void {
		this.#held = parse(options)
		this.#watches.tell()
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
	watch(onChange: () => void, context: FetchContext): Disposable {
		return this.#watches.add(onChange, context)
	}

	/** What lies beside at the time when it is asked for; `FETCH_NOT_FOUND` where nothing does. */
	beside(suffix: string): Fetcher {
		return new Beside(nonEmptyString('suffix', suffix), () => this.#held.beside.get(suffix))
	}

	async close(): Promise<void> {
		this.#watches.clear()
	}
}

class Beside implements Fetcher {
	readonly #suffix: string
	readonly #look: () => Uint8Array | undefined

	constructor(suffix: string, look: () => Uint8Array | undefined) {
		this.#suffix = suffix
		this.#look = look
	}

	async init(): Promise<void> {}

	async currentVersion({ signal }: FetchContext): Promise<Version> {
		assertGoingOn(signal)
		return digestOf(this.#found())
	}

	async download({ signal }: FetchContext): Promise<Download> {
		assertGoingOn(signal)
		const body = this.#found()
		return { body: copy(body), version: await digestOf(body), size: body.length }
	}

	#found(): Uint8Array {
		const found = this.#look()
		if (found !== undefined) return found
		throw new RemoteTermError('FETCH_NOT_FOUND', `There is no ${this.#suffix} beside this StaticFetcher`)
	}
}

interface Held {
	readonly content: { readonly body: Uint8Array } | { readonly value: unknown }
	readonly version: () => Promise<Version>
	readonly beside: ReadonlyMap<string, Uint8Array>
}

const parse = (options: StaticFetcherOptions): Held => {
	onlyKnownOptions('StaticFetcher', options, ['body', 'value', 'version', 'beside'])
	const { body, value, version } = options
	if ((body === undefined) === (value === undefined)) {
		throw new RemoteTermError('INVALID_OPTION', 'Expected StaticFetcher to be given either `body` or `value`')
	}
	if (version !== undefined) nonEmptyString('version', version)
	const beside = parseBeside(options.beside === undefined ? {} : options.beside)
	if (body === undefined) {
		const given = version ?? uniqueVersion()
		return { content: { value }, version: async () => given, beside }
	}
	const bytes = bytesOf(body)
	let derived: Promise<Version> | undefined
	return {
		content: { body: bytes },
		version: async () => version ?? (derived ??= digestOf(bytes)),
		beside,
	}
}

const parseBeside = (beside: unknown): ReadonlyMap<string, Uint8Array> => {
	if (typeof beside !== 'object' || beside === null)
		throw invalid('beside', 'an object with bytes by suffix', beside)
	return new Map(
		Object.entries(beside).map(([suffix, body]) => [suffix, bytesOf(body, `beside[${describe(suffix)}]`)]),
	)
}

const bytesOf = (body: unknown, option = 'body'): Uint8Array => {
	if (typeof body === 'string') return new TextEncoder().encode(body)
	if (body instanceof Uint8Array) return copy(body)
	throw invalid(option, 'a Uint8Array or a string', body)
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
