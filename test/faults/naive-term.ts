import { inflateRawSync } from 'node:zlib'
import { json } from '../../lib/codecs/json.ts'
import { collect } from '../../lib/core/bytes.ts'
import type { Timer } from '../../lib/core/clock.ts'
import { asRemoteTermError, messageOf, RemoteTermError } from '../../lib/core/errors.ts'
import { Emitter, type Listener } from '../../lib/core/events.ts'
import {
	isValue,
	type Download,
	type DownloadedBody,
	type FetchContext,
	type NotModified,
} from '../../lib/core/fetcher.ts'
import { silentLogger } from '../../lib/core/logger.ts'
import { inflateDetected } from '../../lib/inflate/detect.ts'
import type { Outcome, TermEvents } from '../../lib/term/events.ts'
import type { Health, TermStatus } from '../../lib/term/health.ts'
import type { RemoteTermOptions } from '../../lib/term/options.ts'
import type { FakeClock } from '../../lib/testing/fake-clock.ts'
import { MAX_BYTES, MAX_INFLATED_BYTES } from './damage.ts'
import { isWhole, type Document } from './document.ts'
import type { OwnTrouble, Subject } from './subject.ts'

/** Each of them a mistake that somebody has made. */
export const FLAWS = {
	'version-first': 'records the version before the value is in place',
	'gives-up': 'schedules nothing after a failure',
	'sloppy-gunzip': 'takes a gzip that ends early for a whole one',
	credulous: 'puts what parses, whatever it is',
	'leaks-timers': 'sets a timer more with each update() by hand',
	'empties-itself': 'forgets the value when a refresh fails',
	'in-place': 'changes the value in place, before it is checked',
	'hides-failures': 'has a health() that counts no failures',
	optimist: 'calls a failure unchanged',
	impatient: 'ignores Retry-After',
	'lives-on': 'leaves its timer when it stops',
	'never-moves': 'believes that what it has is up to date',
} as const
export type Flaw = keyof typeof FLAWS

/**
 * A term as one might write it in an afternoon, with at most one flaw. It is there to show that the laws find each
 * flaw, and that they find nothing where there is none.
 */
export class NaiveTerm implements Subject {
	trouble: OwnTrouble | undefined
	version: string | undefined
	readonly #options: RemoteTermOptions<Document>
	readonly #flaw: Flaw | undefined
	readonly #clock: FakeClock
	readonly #events = new Emitter<TermEvents<Document>>(silentLogger)
	#value: Document | undefined
	#status: TermStatus = 'idle'
	#timers = new Set<Timer>()
	#nextAt: number | undefined
	#flight: Promise<Outcome> | undefined
	#abort = new AbortController()
	#failures = 0
	#lastError: RemoteTermError | undefined

	constructor(options: RemoteTermOptions<Document>, flaw?: Flaw) {
		this.#options = options
		this.#clock = options.clock as FakeClock
		this.#flaw = flaw
	}

	get(): Document | undefined {
		return this.#value
	}

	on<Name extends keyof TermEvents<Document>>(
		event: Name,
		listener: Listener<TermEvents<Document>[Name]>,
	): () => void {
		return this.#events.on(event, listener)
	}

	async start(): Promise<this> {
		this.#status = 'starting'
		void this.update()
		return this
	}

	update(): Promise<Outcome> {
		if (this.#flight !== undefined) return this.#flight
		if (this.#flaw !== 'leaks-timers') this.#disarm()
		this.#nextAt = undefined
		this.#flight = this.#fly().finally(() => (this.#flight = undefined))
		return this.#flight
	}

	health(): Health {
		const isHidden = this.#flaw === 'hides-failures'
		return {
			name: 'naive',
			status: this.#status,
			since: 0,
			ready: this.#value !== undefined,
			version: this.version,
			source: this.version === undefined ? undefined : 'remote',
			lastSuccessAt: undefined,
			ageMs: undefined,
			stale: false,
			refreshing: this.#flight !== undefined,
			nextRefreshAt:
				this.#nextAt === undefined ? undefined : this.#clock.now() + this.#nextAt - this.#clock.monotonic(),
			consecutiveFailures: isHidden ? 0 : this.#failures,
			lastError: this.#lastError,
			lastErrorAt: undefined,
			refusedVersion: undefined,
		} as Partial<Health> as Health
	}

	async stop(): Promise<void> {
		this.#status = 'stopped'
		this.#events.clear()
		this.#abort.abort()
		await this.#flight
		if (this.#flaw !== 'lives-on') this.#disarm()
		this.#nextAt = undefined
	}

	async #fly(): Promise<Outcome> {
		const context: FetchContext = { signal: this.#abort.signal, clock: this.#clock, logger: silentLogger }
		const limit = this.#clock.timer(30_000, () => {
			this.#abort.abort(new RemoteTermError('TIMEOUT', 'It took too long'))
			this.#abort = new AbortController()
		})
		let outcome: Outcome
		const common = { durationMs: 0, steps: {} }
		const previousVersion = this.version
		try {
			const { fetcher } = this.#options
			const known = this.#flaw === 'never-moves' ? this.version && 'certainly' : this.version
			const answer =
				known === 'certainly'
					? ({ notModified: true } as const)
					: await fetcher.downloadIfChanged!(known, context)
			const swapped = await this.#apply(answer)
			this.#failures = 0
			if (this.#status !== 'stopped') this.#status = 'ready'
			outcome = swapped
				? { ...common, status: 'updated', version: this.version!, previousVersion }
				: { ...common, status: 'unchanged', version: this.version }
		} catch (thrown) {
			const error = asRemoteTermError(thrown, 'FETCH_FAILED', message => message)
			this.#failures++
			this.#lastError = error
			if (this.#status !== 'stopped') this.#status = 'failing'
			if (this.#flaw === 'empties-itself') this.#value = undefined
			outcome =
				this.#flaw === 'optimist'
					? { ...common, status: 'unchanged', version: this.version }
					: { ...common, status: 'failed', version: this.version, error }
		} finally {
			limit[Symbol.dispose]()
		}
		// Scheduled and landed first: a listener may want to fly again.
		await Promise.resolve()
		this.#schedule(outcome)
		this.#flight = undefined
		const { status } = outcome
		if (status === 'updated')
			this.#events.emit(status, { name: 'naive', term: this.#value!, source: 'remote', ...outcome })
		else if (status === 'unchanged') this.#events.emit(status, { name: 'naive', ...outcome })
		else this.#events.emit(status, { name: 'naive', ...outcome })
		return outcome
	}

	async #apply(answer: Download | NotModified): Promise<boolean> {
		if ('notModified' in answer || isValue(answer)) return false
		if (this.#flaw === 'version-first') this.version = answer.version
		const data = await (this.#flaw === 'sloppy-gunzip' ? sloppily(answer.body) : carefully(answer))
		const document = this.#read(data)
		if (this.#flaw === 'in-place' && this.#value !== undefined) Object.assign(this.#value, document)
		try {
			if (this.trouble === 'validate') throw new Error('This `validate` always throws')
			if (this.#flaw !== 'credulous' && !isWhole(document)) throw new Error('The document is not whole')
		} catch (error) {
			throw new RemoteTermError('VALIDATION_FAILED', messageOf(error))
		}
		if (this.trouble === 'put') throw new RemoteTermError('PUT_FAILED', 'This `put` always throws')
		this.version = answer.version ?? document.checksum
		if (this.#value?.serial === document?.serial && this.#value?.checksum === document?.checksum) return false
		this.#value = document
		return true
	}

	#read(data: Uint8Array): Document {
		try {
			if (this.trouble === 'deserialize') throw new Error('This `deserialize` always throws')
			return json<Document>(data)
		} catch (error) {
			throw new RemoteTermError('DESERIALIZE_FAILED', messageOf(error))
		}
	}

	#schedule({ status, error }: Outcome): void {
		if (this.#status === 'stopped' && this.#flaw !== 'lives-on') return
		if (status === 'failed' && this.#flaw === 'gives-up') return
		const wait = Math.max(60_000, (this.#flaw === 'impatient' ? undefined : error?.retryAfter) ?? 0)
		this.#nextAt = this.#clock.monotonic() + wait
		const timer = this.#clock.timer(wait, () => {
			this.#timers.delete(timer)
			void this.update()
		})
		this.#timers.add(timer)
	}

	#disarm(): void {
		for (const timer of this.#timers) timer[Symbol.dispose]()
		this.#timers.clear()
	}
}

/** Counts, and inflates what is whole. */
const carefully = async ({ body, size }: DownloadedBody): Promise<Uint8Array> => {
	const counted = async function* (): AsyncGenerator<Uint8Array> {
		let received = 0
		for await (const chunk of body instanceof Uint8Array ? [body] : body) {
			received += chunk.length
			if (received > MAX_BYTES) throw new RemoteTermError('TOO_LARGE', 'There is too much of it')
			if (size !== undefined && received > size) throw new RemoteTermError('FETCH_INCOMPLETE', 'Too long')
			yield chunk
		}
		if (size !== undefined && received < size) throw new RemoteTermError('FETCH_INCOMPLETE', 'Too short')
	}
	const data = await collect(inflateDetected(counted(), { maxInflatedBytes: MAX_INFLATED_BYTES }))
	if (data.length === 0) throw new RemoteTermError('EMPTY_BODY', 'There is nothing')
	return data
}

/** Inflates as far as it goes. */
const sloppily = async (body: Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
	const bytes = await collect(body instanceof Uint8Array ? chunksOf(body) : body)
	if (bytes.length === 0) throw new RemoteTermError('EMPTY_BODY', 'There is nothing')
	if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes
	try {
		return inflateRawSync(bytes.subarray(10), { maxOutputLength: MAX_INFLATED_BYTES })
	} catch (cause) {
		throw new RemoteTermError('INFLATE_FAILED', messageOf(cause), { cause })
	}
}

const chunksOf = async function* (bytes: Uint8Array): AsyncGenerator<Uint8Array> {
	yield bytes
}
