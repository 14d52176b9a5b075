import assert from 'node:assert/strict'
import { sleep, systemClock } from '../../core/clock.ts'
import { collect } from '../../core/bytes.ts'
import { RemoteTermError, type ErrorCode } from '../../core/errors.ts'
import {
	isNotModified,
	isValue,
	type Download,
	type DownloadedBody,
	type FetchContext,
	type Fetcher,
	type NotModified,
	type Version,
} from '../../core/fetcher.ts'
import { silentLogger } from '../../core/logger.ts'
import { within } from '../within.ts'

/** A fetcher under test, with the hold that the suite needs on its source. */
export interface FetcherHarness {
	readonly fetcher: Fetcher
	/** From when this resolves on, the source holds exactly these bytes. */
	publish?(content: Uint8Array): Promise<void>
	/** From when this resolves on, this lies beside the content under the same name with `suffix`. */
	publishBeside?(suffix: string, content: Uint8Array): Promise<void>
	/** From when this resolves on, the source holds nothing, until something is published again. */
	unpublish?(): Promise<void>
	/**
	 * How many bodies are being read from the source now: open files, responses that have neither ended nor been
	 * destroyed. With it, each test also checks that nothing is left open. Connections kept alive do not count.
	 */
	openBodies?(): number | Promise<number>
	/** Ends the source. Called once, after the fetcher was closed. */
	dispose?(): void | Promise<void>
}

export interface FetcherCapabilities {
	/** `content`: other content has another version. `none`: the source has no validators. Default: `content`. */
	readonly versions: 'content' | 'none'
	/** The fetcher has `downloadIfChanged`. Default: true. */
	readonly conditional: boolean
	/** The fetcher has `watch`. Default: false. */
	readonly watch: boolean
	/** The fetcher has `beside`, and the harness `publishBeside`. Default: false. */
	readonly beside: boolean
	/** The harness has `publish`. Default: true. */
	readonly publish: boolean
	/** The harness has `publish` and `unpublish`. Default: true. */
	readonly unpublish: boolean
}

export interface Check {
	readonly title: string
	/** Whether the check makes sense for such a fetcher. Left out: for any. */
	readonly needs?: (can: FetcherCapabilities & { readonly bytes: boolean }) => boolean
	readonly run: (session: Session) => Promise<void>
}

export interface SessionSettings {
	readonly create: (content: Uint8Array) => FetcherHarness | Promise<FetcherHarness>
	readonly capabilities: FetcherCapabilities
	readonly expectedValue: ((content: Uint8Array) => unknown) | undefined
	readonly limit: number
	readonly largeBody: number
}

/** Runs one check on a source and a fetcher of its own, which are gone afterwards, whatever happened. */
export const withSession = async (
	settings: SessionSettings,
	run: (session: Session) => Promise<void>,
): Promise<void> => {
	const harness = await settings.create(contentOf(1, SMALL))
	const session = new Session(settings, harness)
	let failed = true
	try {
		session.checkCapabilities()
		await session.within(harness.fetcher.init(session.context()), 'init')
		await run(session)
		await session.checkNothingOpen()
		failed = false
	} finally {
		session.end()
		const close = harness.fetcher.close?.bind(harness.fetcher)
		try {
			// A fetcher that cannot be closed fails the check, but must not hide why it failed before.
			if (close !== undefined) await session.within(close(), 'close').catch(failed ? () => {} : rethrow)
		} finally {
			await harness.dispose?.()
		}
	}
}

/** All contents but the large one have this size, so that a size cannot be mistaken for a version. */
const SMALL = 1024
const POLL = 5

export class Session {
	readonly fetcher: Fetcher
	readonly largeBody: number
	readonly capabilities: FetcherCapabilities
	/** What the source holds. */
	content = contentOf(1, SMALL)
	#seed = 1
	readonly #harness: FetcherHarness
	readonly #limit: number
	readonly #expectedValue: SessionSettings['expectedValue']
	readonly #ending = new AbortController()

	constructor(settings: SessionSettings, harness: FetcherHarness) {
		this.#harness = harness
		this.#limit = settings.limit
		this.#expectedValue = settings.expectedValue
		this.fetcher = harness.fetcher
		this.largeBody = settings.largeBody
		this.capabilities = settings.capabilities
	}

	context(signal: AbortSignal = this.#ending.signal): FetchContext {
		return { signal, clock: systemClock, logger: silentLogger }
	}

	/** Something that the source has never held. */
	newContent(size = SMALL): Uint8Array<ArrayBuffer> {
		this.#seed += 1
		return contentOf(this.#seed, size)
	}

	async publish(content: Uint8Array<ArrayBuffer> = this.newContent()): Promise<void> {
		assert(this.#harness.publish !== undefined)
		await this.within(this.#harness.publish(content), 'publish')
		this.content = content
	}

	async publishBeside(suffix: string, content: Uint8Array): Promise<void> {
		assert(this.#harness.publishBeside !== undefined)
		await this.within(this.#harness.publishBeside(suffix, content), 'publishBeside')
	}

	async unpublish(): Promise<void> {
		assert(this.#harness.unpublish !== undefined)
		await this.within(this.#harness.unpublish(), 'unpublish')
	}

	async currentVersion(): Promise<Version> {
		const version = await this.within(this.fetcher.currentVersion(this.context()), 'currentVersion')
		assert.equal(typeof version, 'string', 'Expected currentVersion to resolve with a string')
		return version
	}

	async download(context = this.context()): Promise<Download> {
		return this.checked(await this.within(this.fetcher.download(context), 'download'))
	}

	async downloadIfChanged(
		known: Version | undefined,
		context = this.context(),
	): Promise<Download | NotModified> {
		assert(this.fetcher.downloadIfChanged !== undefined)
		const answer = await this.within(this.fetcher.downloadIfChanged(known, context), 'downloadIfChanged')
		return isNotModified(answer) ? answer : this.checked(answer)
	}

	/** A download in its right shape, with a version where there must be one. */
	checked(download: Download): Download {
		if (this.capabilities.versions === 'content' || isValue(download)) {
			assert.equal(typeof download.version, 'string', 'Expected the download to have a version')
		} else {
			assert.equal(download.version, undefined, 'Expected a source without versions to give none')
		}
		if (this.#expectedValue !== undefined) assert(isValue(download), 'Expected a ready value')
		return download
	}

	/** The version of what is held, learned by downloading it, the body read to its end. */
	async downloadedVersion(): Promise<Version | undefined> {
		const download = await this.download()
		await this.expectDelivered(download)
		return download.version
	}

	/** Reads a download to its end and compares it with `content`. */
	async expectDelivered(answer: Download | NotModified, content = this.content): Promise<void> {
		assert(!isNotModified(answer), 'Expected a download, got notModified')
		if (isValue(answer)) {
			assert.deepEqual(answer.value, this.#expectedValue?.(content), 'Expected the value that is held')
			return
		}
		const bytes = await this.read(answer)
		assert.equal(bytes.length, content.length, 'Expected as many bytes as the source holds')
		assert(equal(bytes, content), 'Expected exactly the bytes that the source holds')
		if (answer.size !== undefined) assert.equal(answer.size, content.length, 'Expected the size to be right')
	}

	async read({ body }: DownloadedBody): Promise<Uint8Array> {
		return body instanceof Uint8Array ? body : this.within(collect(body), 'the body')
	}

	/** Settles as `work` does, but fails where that takes longer than anything may take. */
	within<Result>(work: PromiseLike<Result>, subject: string): Promise<Result> {
		return within(this.#limit, work, subject)
	}

	/** Waits until a fact is so. */
	async until(fact: () => boolean | Promise<boolean>, subject: string, limit = this.#limit): Promise<void> {
		const end = systemClock.monotonic() + limit
		while (!(await fact())) {
			if (systemClock.monotonic() > end) assert.fail(`Expected ${subject} within ${limit} ms`)
			await sleep(systemClock, POLL)
		}
	}

	/** Publishes new content, again and again since a watch may take a while to stand, until `fact` is so. */
	async publishUntil(fact: () => boolean, subject: string): Promise<void> {
		const attempts = 10
		for (let attempt = 1; !fact(); attempt++) {
			await this.publish()
			await this.until(fact, subject, this.#limit / attempts).catch(attempt < attempts ? () => {} : rethrow)
		}
	}

	async expectRejection(work: PromiseLike<unknown>, subject: string): Promise<unknown> {
		const settled = await this.within(
			work.then(
				() => ({ rejected: false as const }),
				(error: unknown) => ({ rejected: true as const, error }),
			),
			subject,
		)
		assert(settled.rejected, `Expected ${subject} to reject`)
		return settled.error
	}

	async expectCode(code: ErrorCode, work: PromiseLike<unknown>, subject: string): Promise<void> {
		const error = await this.expectRejection(work, subject)
		assert(error instanceof RemoteTermError, `Expected ${subject} to reject with a RemoteTermError`)
		assert.equal(error.code, code, `Expected ${subject} to reject with ${code}`)
	}

	checkCapabilities(): void {
		const { conditional, watch, beside, publish, unpublish } = this.capabilities
		const declared = { conditional, watch, beside }
		const found = {
			conditional: this.fetcher.downloadIfChanged !== undefined,
			watch: this.fetcher.watch !== undefined,
			beside: this.fetcher.beside !== undefined,
		}
		assert.deepEqual(found, declared, 'Expected the fetcher to have the methods that `capabilities` declares')
		const harness = this.#harness
		const missing = [
			...((publish || unpublish) && typeof harness.publish !== 'function' ? ['publish'] : []),
			...(beside && typeof harness.publishBeside !== 'function' ? ['publishBeside'] : []),
			...(unpublish && typeof harness.unpublish !== 'function' ? ['unpublish'] : []),
		]
		assert.deepEqual(missing, [], 'Expected the harness to have the methods that `capabilities` declares')
	}

	async checkNothingOpen(): Promise<void> {
		await this.until(
			async () => ((await this.#harness.openBodies?.()) ?? 0) === 0,
			'every body that was read or given up to be closed',
		)
	}

	end(): void {
		this.#ending.abort(new RemoteTermError('STOPPED', 'The check is over'))
	}
}

export const equal = (one: Uint8Array, other: Uint8Array): boolean => Buffer.compare(one, other) === 0

const rethrow = (error: unknown): never => {
	throw error
}

/** Bytes that look random to any compressor or codec, the same for the same seed (xorshift32). */
const contentOf = (seed: number, size: number): Uint8Array<ArrayBuffer> => {
	const words = new Uint32Array(Math.ceil(size / 4))
	let state = Math.imul(seed, 0x9e3779b1) | 1
	for (let index = 0; index < words.length; index++) {
		state ^= state << 13
		state ^= state >>> 17
		state ^= state << 5
		words[index] = state
	}
	return new Uint8Array(words.buffer, 0, size)
}
