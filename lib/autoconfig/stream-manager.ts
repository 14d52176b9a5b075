import { untilAborted } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { redactUrl } from '../core/redact.ts'
import { TimeLimit } from '../core/time-limit.ts'
import { Configuration, type SavedItem, type Track } from './configuration.ts'
import { Connection, type EventOutcome } from './connection.ts'
import { environments, type EnvironmentParams } from './environment.ts'
import { environmentTracks, tracksOfKind, type Call } from './environment-tracks.ts'
import type { StreamEvent } from './event-parser.ts'
import { ExpiringKeys } from './expiring-keys.ts'
import type { ConfigurationSource, EnvironmentHandler, ItemHandler, ReceivedAll } from './handler.ts'
import { withValidation } from './item-kind.ts'
import { LastGood } from './last-good.ts'
import { parseDelete, parsePatch, parsePut } from './messages.ts'
import { pause, Slices } from './slices.ts'
import { StatusRecord, type StreamStatus } from './status.ts'
import { readStreamOptions, type ReadStreamOptions, type StreamManagerOptions } from './stream-options.ts'
import { Turns } from './turns.ts'

export interface StartResult {
	/** `none`: closed before there was any. */
	readonly source: ConfigurationSource | 'none'
}

/**
 * Follows the configuration that a service streams over server-sent events: LaunchDarkly's auto-configuration, a gateway's,
 * or any other of the same protocol (SPEC §1). It connects until it is closed, whatever happens; what it knows stays in
 * force meanwhile.
 */
export class StreamManager<Item = EnvironmentParams> {
	readonly #options: ReadStreamOptions
	/** What handlers of both kinds may have. */
	readonly #handler: Partial<EnvironmentHandler & ItemHandler<Item>>
	readonly #turns: Turns
	readonly #configuration: Configuration
	readonly #connection: Connection
	readonly #keys: ExpiringKeys
	readonly #status: StatusRecord
	readonly #lastGood: LastGood | undefined
	readonly #names: readonly string[]
	readonly #where: string
	#starting: Promise<StartResult> | undefined
	#settle: (result: StartResult) => void = () => {}
	#first: StartResult | undefined
	#hasPut = false
	#isApplying = false
	#closed: Promise<void> | undefined

	/** Does not connect. @throws `INVALID_OPTION` */
	constructor(options: StreamManagerOptions<Item>) {
		this.#options = readStreamOptions(options)
		this.#handler = options.handler
		const { url, clock, logger, maxItems, maxTombstones, handlerTimeout } = this.#options
		this.#where = redactUrl(url)
		const turns = new Turns(handlerTimeout, clock, logger)
		this.#turns = turns
		this.#keys = new ExpiringKeys(clock, () => void turns.take(() => this.#tellExpired()))
		this.#status = new StatusRecord(
			clock,
			status =>
				void turns.take(() => turns.call('statusChanged', () => this.#handler.statusChanged?.(status))),
		)
		const tracks = this.#tracksFor(options)
		this.#names = tracks.map(({ kind }) => kind.collection)
		this.#configuration = new Configuration({
			...{ tracks, maxItems, maxTombstones, clock, logger },
			keepsRaw: options.lastGood !== undefined,
			saved: async () => this.#loadSaved(),
		})
		this.#lastGood =
			options.lastGood &&
			new LastGood(options.lastGood, this.#where, () => this.#configuration.all(), clock, logger)
		this.#connection = new Connection({
			...this.#options,
			onEvent: event => turns.take(() => this.#apply(event)),
			onDisconnect: error => this.#status.disconnected(error),
		})
	}

	/**
	 * Connects, and resolves with the first complete configuration: the stream's, or the last good one from the disk where
	 * that is there first. A second call waits for the same one. It resolves to `{ source: 'none' }` where `close` ends
	 * the waiting.
	 *
	 * @throws `TIMEOUT` after `startTimeout`, with the last failure as its cause, and the signal's reason; the stream goes
	 *   on being tried, and `start` may be called again. `STOPPED` after `close`
	 */
	start({ signal }: { readonly signal?: AbortSignal | undefined } = {}): Promise<StartResult> {
		if (this.#closed !== undefined)
			return Promise.reject(new RemoteTermError('STOPPED', `The stream of ${this.#where} was closed`))
		this.#starting ??= this.#begin()
		if (this.#first !== undefined) return this.#starting
		return this.#limited(this.#starting, signal)
	}

	/** Ends everything, and saves what has not been saved. Idempotent. No callback is made after this was called. */
	close(): Promise<void> {
		return (this.#closed ??= this.#close())
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close()
	}

	get status(): StreamStatus {
		return this.#status.current
	}

	/** Whether there is a complete configuration, be it that of the stream or the last good one. */
	get isReady(): boolean {
		return this.#first !== undefined && this.#first.source !== 'none'
	}

	/** Whether a complete configuration is being told just now, so that what is in force is partly the one before. */
	get isApplying(): boolean {
		return this.#isApplying
	}

	/** The items that could not be used, by path, with the reason. */
	get refused(): ReadonlyMap<string, string> {
		return new Map(this.#configuration.refused)
	}

	/** How many items there are. */
	get size(): number {
		return this.#configuration.main.size
	}

	get(id: string): Item | undefined {
		return this.#configuration.main.get(id)?.item as Item | undefined
	}

	/** The version of the item, or of its deletion where it is remembered. */
	versionOf(id: string): number | undefined {
		return this.#configuration.main.versionOf(id)
	}

	*entries(): Generator<[id: string, item: Item, version: number], void, undefined> {
		for (const [id, { item }, version] of this.#configuration.main.entries())
			yield [id, item as Item, version]
	}

	#tracksFor({ kind, handler, validate }: StreamManagerOptions<Item>): Track[] {
		const call: Call = (name, callback) => this.#turns.call(name, callback)
		if (kind !== undefined) return tracksOfKind(withValidation(kind, validate), handler, call)
		// Without a kind an item is an environment, which the types of the options cannot say.
		const valid = validate as ((item: EnvironmentParams, id: string) => true | string) | undefined
		const { clock } = this.#options
		return environmentTracks(withValidation(environments, valid), handler, this.#keys, call, () =>
			clock.now(),
		)
	}

	#begin(): Promise<StartResult> {
		const started = new Promise<StartResult>(resolve => {
			this.#settle = resolve
		})
		if (this.#lastGood !== undefined) {
			this.#restore(this.#lastGood).catch((error: unknown) =>
				this.#options.logger.warn('The last good configuration cannot be used', { error }),
			)
		}
		this.#connection.start()
		return started
	}

	/** Races the connection. Its first `put` that can be used wins, whenever it comes. */
	async #restore(lastGood: LastGood): Promise<void> {
		const saved = await lastGood.load()
		if (saved === undefined) return
		await this.#turns.take(async () => {
			if (this.#hasPut) return
			await this.#tellReceived(await this.#configuration.restore(saved, 'last-good'))
		})
	}

	async #loadSaved(): Promise<readonly SavedItem[] | undefined> {
		return this.#lastGood && untilAborted(this.#lastGood.load(), this.#turns.signal)
	}

	async #limited(started: Promise<StartResult>, signal: AbortSignal | undefined): Promise<StartResult> {
		const { startTimeout, clock } = this.#options
		if (startTimeout === null) return signal === undefined ? started : untilAborted(started, signal)
		const error = (): RemoteTermError => this.#tooLate(startTimeout)
		using limit = new TimeLimit(clock, startTimeout, { error, outer: [signal] })
		return await untilAborted(started, limit.signal)
	}

	#tooLate(startTimeout: number): RemoteTermError {
		const { lastError } = this.#status.current
		const why = lastError === undefined ? 'nothing came' : lastError.message
		return new RemoteTermError(
			'TIMEOUT',
			`${this.#where} sent no complete configuration within ${startTimeout} ms: ${why}`,
			{ status: lastError?.statusCode },
		)
	}

	async #close(): Promise<void> {
		const told = this.#turns.close(new RemoteTermError('STOPPED', `The stream of ${this.#where} was closed`))
		this.#status.off()
		this.#keys.close()
		this.#first ??= { source: 'none' }
		this.#settle(this.#first)
		await this.#connection.close()
		await told
		await this.#lastGood?.close()
	}

	/** @throws `DESERIALIZE_FAILED` for what is malformed: the stream is begun anew, so that all of it comes again */
	async #apply({ type, data }: StreamEvent): Promise<EventOutcome> {
		const { logger } = this.#options
		switch (type) {
			case 'put':
				await this.#put(data)
				return 'usable'
			case 'patch':
			case 'delete':
				await this.#change(type, data)
				return 'usable'
			case 'reconnect':
				this.#status.delivered()
				return 'restart'
			default:
				this.#status.delivered()
				logger.warn('Ignored an event of a type that is not known', { type: type.slice(0, 60) })
				return 'usable'
		}
	}

	async #put(data: string): Promise<void> {
		const message = await parsePut(data, this.#names, this.#names[0]!, pause)
		if (message.type === 'ignored') return this.#ignore(message.level, message.reason)
		const isFirst = !this.#hasPut
		const onParsed = (): void => {
			this.#status.delivered()
			this.#isApplying = true
		}
		const received = await this.#configuration.put(message, onParsed).finally(() => {
			this.#isApplying = false
		})
		await this.#tellRefused()
		if (received === undefined) {
			this.#options.logger.error('Nothing in a put could be used, and there is nothing else to go by')
			return
		}
		this.#hasPut = true
		if (isFirst || hasChanged(received)) this.#lastGood?.changed()
		// What it has not taken from the disk it has deleted, or has a good value of now.
		this.#lastGood?.release()
		await this.#tellReceived(received)
	}

	async #change(type: 'patch' | 'delete', data: string): Promise<void> {
		const message = type === 'patch' ? parsePatch(data, this.#names) : parseDelete(data, this.#names)
		if (message.type === 'ignored') return this.#ignore(message.level, message.reason)
		const refusedBefore = this.#configuration.refused.size
		if (message.type === 'delete') this.#status.delivered()
		const changed = await (message.type === 'patch'
			? this.#configuration.patch(message, () => this.#status.delivered())
			: this.#configuration.delete(message))
		if (changed) this.#lastGood?.changed()
		if (this.#configuration.refused.size !== refusedBefore) await this.#tellRefused()
	}

	#ignore(level: 'debug' | 'info', reason: string): void {
		this.#status.delivered()
		this.#options.logger[level](`Ignored ${reason}`)
	}

	async #tellReceived(received: ReceivedAll): Promise<void> {
		const { signal } = this.#turns
		if (signal.aborted) return
		const name = this.#handler.receivedAll === undefined ? 'receivedAllEnvironments' : 'receivedAll'
		await this.#turns.call(name, () => this.#handler[name]?.(received))
		if (signal.aborted || this.#first !== undefined) return
		this.#first = { source: received.source }
		this.#settle(this.#first)
	}

	async #tellRefused(): Promise<void> {
		if (this.#handler.refused === undefined) return
		await this.#turns.call('refused', () => this.#handler.refused?.(this.refused))
	}

	async #tellExpired(): Promise<void> {
		const slices = new Slices(this.#options.clock)
		for (const { envId, key, reason } of this.#keys.takeDue()) {
			await this.#turns.call('keyExpired', () => this.#handler.keyExpired?.(envId, key, reason))
			await slices.next()
		}
	}
}

const hasChanged = ({ added, updated, deleted }: ReceivedAll): boolean => added + updated + deleted > 0
