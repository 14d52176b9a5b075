import type { Dispatcher } from 'undici'
import { reasonOf, sleep, untilAborted, type Clock } from '../core/clock.ts'
import { asRemoteTermError, RemoteTermError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { redactUrl } from '../core/redact.ts'
import { EventParser, type StreamEvent } from './event-parser.ts'
import { RetryPolicy, type RetryCurves } from './retry-policy.ts'
import { createStreamClient, networkFailure, type StreamClient } from './stream-request.ts'

/** What is sent in place of `Authorization`, as it is. Asked for before each connection, so that it may change. */
export type Token = string | (() => string | Promise<string>)

/**
 * What an event was good for. After `restart` the stream is begun anew; so it is after `onEvent` has thrown, and then
 * from the very beginning, without a `Last-Event-ID`.
 */
export type EventOutcome = 'usable' | 'restart'

export interface ConnectionOptions {
	readonly url: URL
	readonly token: Token | undefined
	readonly headers: Readonly<Record<string, string>>
	readonly dispatcher: Dispatcher | undefined
	/** Until the headers are there, in milliseconds. */
	readonly connectTimeout: number
	/** Without a single byte, in milliseconds. */
	readonly readTimeout: number
	readonly maxEventBytes: number
	readonly lastEventId?: string | undefined
	readonly retry: RetryCurves
	readonly clock: Clock
	readonly random: () => number
	readonly logger: Logger
	/** Called one at a time; nothing is read from the network meanwhile. */
	readonly onEvent: (event: StreamEvent) => Promise<EventOutcome>
	/** `undefined`: the connection ended because an event asked for it. */
	readonly onDisconnect: (error: RemoteTermError | undefined) => void
	readonly onComment?: ((comment: string) => void) | undefined
}

/**
 * Keeps one event stream open: connects, reads, and connects again, for as long as it is not closed. All waiting is
 * here, and all of it ends with `close`: one timer at a time for the connecting, the silence, or the delay.
 */
export class Connection {
	readonly #options: ConnectionOptions
	readonly #client: StreamClient
	readonly #policy: RetryPolicy
	readonly #closing = new AbortController()
	readonly #where: string
	#lastEventId: string
	#running: Promise<void> | undefined
	/** What has been logged, so that an outage makes two lines and not two hundred. */
	#trouble: string | undefined

	constructor(options: ConnectionOptions) {
		this.#options = options
		this.#where = redactUrl(options.url)
		this.#lastEventId = options.lastEventId ?? ''
		this.#policy = new RetryPolicy(options.retry, options.random)
		this.#client = createStreamClient(options.connectTimeout, options.clock, options.dispatcher)
	}

	start(): void {
		this.#running ??= this.#run()
	}

	/** No request, and no call back, is made after this was called. */
	async close(): Promise<void> {
		if (!this.#closing.signal.aborted)
			this.#closing.abort(new RemoteTermError('STOPPED', `The stream of ${this.#where} was closed`))
		await this.#running
		await this.#client.destroy()
	}

	async #run(): Promise<void> {
		const { clock, onDisconnect } = this.#options
		const { signal } = this.#closing
		while (!signal.aborted) {
			let error: RemoteTermError | undefined
			try {
				this.#policy.connecting()
				await this.#connectOnce()
			} catch (thrown) {
				error = networkFailure(thrown, `The stream of ${this.#where} broke off`)
			}
			if (signal.aborted) return
			const { delay, becameExtended } = this.#policy.failed(error, clock.monotonic())
			this.#log(error, delay, becameExtended)
			onDisconnect(error)
			await sleep(clock, delay, { signal }).catch(() => {})
		}
	}

	/** Returns after an event that asked for it; everything else that ends a connection is thrown. */
	async #connectOnce(): Promise<void> {
		const attempt = new AbortController()
		const { signal: closing } = this.#closing
		const onClose = (): void => attempt.abort(reasonOf(closing))
		closing.addEventListener('abort', onClose, { once: true })
		const limit = new TimeLimit(this.#options.clock, attempt)
		try {
			const { connectTimeout } = this.#options
			limit.set(connectTimeout, `${this.#where} did not answer within ${connectTimeout} ms`)
			const body = await this.#open(attempt.signal)
			await this.#read(body, limit)
		} catch (error) {
			throw attempt.signal.aborted ? reasonOf(attempt.signal) : error
		} finally {
			limit.clear()
			closing.removeEventListener('abort', onClose)
			attempt.abort()
		}
	}

	async #open(signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
		const { url, headers } = this.#options
		const credentials: Record<string, string> = { ...headers }
		const token = await this.#token(signal)
		if (token !== undefined) credentials['authorization'] = token
		const asking: Record<string, string> = { accept: 'text/event-stream', 'cache-control': 'no-cache' }
		// Headers are bytes; an id is UTF-8 (HTML Standard §9.2.4). One with control characters cannot be sent.
		const id = Buffer.from(this.#lastEventId).toString('latin1')
		if (id !== '' && !/[\u0000-\u001f\u007f]/.test(id)) asking['last-event-id'] = id
		return this.#client.open({ url, credentials, headers: asking, signal })
	}

	async #token(signal: AbortSignal): Promise<string | undefined> {
		const { token } = this.#options
		if (typeof token !== 'function') return token
		let value: unknown
		try {
			value = await untilAborted(Promise.resolve(token()), signal)
		} catch (error) {
			throw asRemoteTermError(error, 'SETUP_FAILED', () => 'The function `token` failed')
		}
		// Its value must not be quoted.
		if (typeof value !== 'string' || !/^[\x20-\x7e]+$/.test(value))
			throw new RemoteTermError('SETUP_FAILED', 'Expected `token` to return printable ASCII, not empty')
		return value
	}

	async #read(body: AsyncIterable<Uint8Array>, limit: TimeLimit): Promise<void> {
		const { readTimeout, maxEventBytes, onComment } = this.#options
		const silence = `${this.#where} sent nothing for ${readTimeout} ms`
		const events: StreamEvent[] = []
		const parser = new EventParser({
			maxEventBytes,
			lastEventId: this.#lastEventId,
			onEvent: event => void events.push(event),
			onRetry: milliseconds => this.#policy.suggest(milliseconds),
			...(onComment && { onComment }),
		})
		try {
			limit.set(readTimeout, silence)
			for await (const chunk of body) {
				// While events are dealt with nothing is read, and the silence is ours.
				limit.clear()
				const fault = faultOf(() => parser.feed(chunk))
				// However the bytes were cut, what came before a fault came.
				for (const event of events) if ((await this.#deal(event)) === 'restart') return
				events.length = 0
				if (fault !== undefined) throw fault.thrown
				this.#lastEventId = parser.lastEventId
				limit.set(readTimeout, silence)
			}
		} catch (error) {
			// What could not be understood must come again: the server may not go on behind it.
			if (error instanceof RemoteTermError && isMalformed(error)) this.#lastEventId = ''
			throw error
		}
		throw new RemoteTermError('FETCH_INCOMPLETE', `The stream of ${this.#where} ended`)
	}

	/** An id counts only once its event has been dealt with. */
	async #deal(event: StreamEvent): Promise<EventOutcome> {
		const { clock, onEvent } = this.#options
		const { signal } = this.#closing
		if (signal.aborted) throw reasonOf(signal)
		const outcome = await onEvent(event)
		if (signal.aborted) throw reasonOf(signal)
		this.#lastEventId = event.lastEventId
		this.#policy.usable(clock.monotonic())
		if (this.#trouble !== undefined) this.#options.logger.info(`The stream of ${this.#where} is back`)
		this.#trouble = undefined
		return outcome
	}

	#log(error: RemoteTermError | undefined, delay: number, becameExtended: boolean): void {
		const { logger } = this.#options
		const fields = { error, delay }
		if (error === undefined) {
			logger.info(`The stream of ${this.#where} is begun anew, as it asked for`, fields)
			return
		}
		const trouble = `${error.code} ${error.status ?? ''}`
		const isNews = trouble !== this.#trouble
		this.#trouble = trouble
		if (becameExtended)
			logger.warn(`${this.#where} refuses the stream; from now on it is asked less often`, fields)
		const level = !isNews ? 'debug' : error.code === 'FETCH_DENIED' || isMalformed(error) ? 'error' : 'warn'
		logger[level](
			`${error.message}; trying again in ${Math.round(delay)} ms, and for as long as it takes`,
			fields,
		)
	}
}

const faultOf = (work: () => void): { readonly thrown: unknown } | undefined => {
	try {
		work()
		return undefined
	} catch (thrown) {
		return { thrown }
	}
}

/** Whether it was the data that was wrong, and not the way to it. */
export const isMalformed = ({ code }: RemoteTermError): boolean =>
	code === 'DESERIALIZE_FAILED' || code === 'VALIDATION_FAILED' || code === 'TOO_LARGE'

/** One timer, which aborts. */
class TimeLimit {
	readonly #clock: Clock
	readonly #controller: AbortController
	#timer: Disposable | undefined

	constructor(clock: Clock, controller: AbortController) {
		this.#clock = clock
		this.#controller = controller
	}

	set(milliseconds: number, message: string): void {
		this.clear()
		this.#timer = this.#clock.timer(milliseconds, () =>
			this.#controller.abort(new RemoteTermError('FETCH_TIMEOUT', message)),
		)
	}

	clear(): void {
		this.#timer?.[Symbol.dispose]()
		this.#timer = undefined
	}
}
