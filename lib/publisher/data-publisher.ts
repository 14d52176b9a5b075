import { reasonOf } from '../core/clock.ts'
import { RemoteTermError, asRemoteTermError } from '../core/errors.ts'
import { notNegativeInteger, onlyKnownOptions, positive } from '../core/options.ts'
import { peerOf, type Peer } from '../core/transport.ts'
import { Exchange } from './exchange.ts'
import type { ModuleVersion, PublisherModule, SubscriptionRef, Translation } from './module.ts'
import { publisherSettings, type PublisherOptions, type Settings } from './options.ts'
import { pack, unpack } from './packing.ts'
import { Replica } from './replica.ts'
import type { PublisherStatus } from './status.ts'
import { Subscriptions, type SubscribeOptions, type Subscription } from './subscriptions.ts'
import { Translator } from './translator.ts'

export interface UpdateOptions {
	/** Resolve only when so many peers have confirmed that they have applied it. Default: 0, which waits for nobody. */
	readonly replicatedTo?: number | undefined
	/** Gives up waiting. The update is made, and stays made. */
	readonly signal?: AbortSignal | undefined
	/** How long to wait for the peers, in milliseconds. Default: 5,000. */
	readonly timeout?: number | undefined
}

export interface FlushOptions {
	readonly signal?: AbortSignal | undefined
	/** Milliseconds. Default: 5,000. */
	readonly timeout?: number | undefined
}

/**
 * One scope of replicated data, as one node sees it: every node changes its own data only, and everybody sees what all
 * have. There are no conflicts, since nobody changes the data of somebody else; what a node had goes when it goes.
 *
 * Eventually consistent: updates of one node are seen by everybody in the order in which they were made; those of
 * different nodes in any order. A lost message is noticed by its number, and repaired.
 */
export class DataPublisher<Update, View, Key, Result, Notification> implements AsyncDisposable {
	readonly scope: string
	/** Who we are: what our own updates are applied under. */
	readonly self: Peer
	readonly #settings: Settings
	readonly #version: ModuleVersion
	readonly #epoch: string
	readonly #subscriptions: Subscriptions<Key, Notification>
	readonly #replica: Replica<Update, View, Key, Result, Notification>
	readonly #exchange: Exchange
	readonly #onAbort = (): void => void this.stop()
	#stopped: Promise<void> | undefined

	private constructor(
		scope: string,
		module: PublisherModule<unknown, Update, View, Key, Result, ModuleVersion, Notification>,
		settings: Settings,
	) {
		const { transport, random, logger } = settings
		this.scope = scope
		this.#settings = settings
		this.#epoch = randomToken(random)
		this.self = transport?.self ?? peerOf('standalone', this.#epoch)
		this.#version = versionOf(module)
		this.#subscriptions = new Subscriptions(this.#epoch, settings.maxSubscriptions, logger)
		this.#replica = new Replica(module, scope, this.self, this.#subscriptions, logger, origin =>
			this.#exchange.lost(origin, new Error('The view could not be built again from its data')),
		)
		const replica = this.#replica
		this.#exchange = new Exchange(
			settings,
			scope,
			this.#epoch,
			this.#version,
			{
				get local() {
					return replica.local
				},
				update: (origin, update) => replica.update(origin, update as Update),
				replace: (origin, data) => replica.replace(origin, data),
				remove: origin => replica.remove(origin),
				repair: () => replica.repair(),
				foreign: (message, from) => void this.#translate(message, from),
			},
			new Translator(module as never, this.#version, scope, logger),
		)
	}

	/**
	 * Starts a scope with empty data. Returns at once; peers are discovered as the transport finds them.
	 *
	 * @throws `INVALID_OPTION` for an option that is none, and for a scope that is open on this transport already;
	 *   `SETUP_FAILED` where `version`, `initLocalData` or `initGlobalView` throw; what the `signal` was aborted with.
	 */
	static start<Data, Update, View, Key, Result, Version extends ModuleVersion, Notification>(
		scope: string,
		module: PublisherModule<Data, Update, View, Key, Result, Version, Notification>,
		options: PublisherOptions,
	): DataPublisher<Update, View, Key, Result, Notification> {
		const settings = publisherSettings(scope, options)
		if (settings.signal?.aborted === true) throw reasonOf(settings.signal)
		// Which data and versions a module has, nobody but itself has to know.
		const opaque = module as unknown as PublisherModule<
			unknown,
			Update,
			View,
			Key,
			Result,
			ModuleVersion,
			Notification
		>
		let publisher: DataPublisher<Update, View, Key, Result, Notification>
		try {
			publisher = new DataPublisher(scope, opaque, settings)
		} catch (error) {
			throw asRemoteTermError(error, 'SETUP_FAILED', message => `'${scope}' could not be set up: ${message}`)
		}
		try {
			publisher.#exchange.open()
		} catch (error) {
			publisher.#replica.stop()
			throw error
		}
		settings.signal?.addEventListener('abort', publisher.#onAbort, { once: true })
		return publisher
	}

	/** What everybody has, as the module keeps it. Read it; do not change it. */
	get view(): View {
		return this.#replica.view
	}

	/**
	 * Updates our own data. Applied, told to local subscribers and in the hands of the transport (with whatever else is
	 * updated in the same go) when it resolves; with `replicatedTo`, also applied by so many peers. Nothing waits for
	 * the network: a flood of messages from peers does not delay it.
	 *
	 * What is applied is what arrives elsewhere: the update as it comes out of MessagePack again.
	 *
	 * Rejects with `INVALID_OPTION` for what cannot be encoded, `TOO_LARGE` over `maxUpdateBytes`, `PUT_FAILED` where the
	 * module threw, `STOPPED`: nothing has changed. Only with `TIMEOUT` and what the `signal` is aborted with, which say
	 * that peers have not confirmed in time, it is made all the same.
	 */
	async update(update: Update, options: UpdateOptions = {}): Promise<void> {
		onlyKnownOptions('update', options, ['replicatedTo', 'signal', 'timeout'])
		const wanted = notNegativeInteger('replicatedTo', options.replicatedTo ?? 0)
		const timeout = positive('timeout', options.timeout ?? 5_000)
		const { signal } = options
		if (signal?.aborted === true) throw reasonOf(signal)
		if (wanted > 0 && this.#settings.transport === undefined)
			throw new RemoteTermError('INVALID_OPTION', 'A standalone publisher has no peers to replicate to')
		// Called by a callback of the module, which the reference cannot do either: its turn comes after that.
		if (this.#replica.calling) await Promise.resolve()
		this.#alive()
		const { acknowledgements } = this.#exchange
		if (wanted > 0) acknowledgements.admit()
		const number = this.#apply(update)
		// Before the message leaves, which is to ask for the acknowledgement.
		if (wanted > 0) await acknowledgements.wait(number, wanted, { signal, timeout })
	}

	/**
	 * A snapshot, and every change after it: no gap between them, and nothing twice. Any number of subscriptions may
	 * have the same key. What the module throws comes out as it is, and there is no subscription.
	 *
	 * @throws `STOPPED`; `TOO_LARGE` for one subscription too many.
	 */
	subscribe(key: Key, options: SubscribeOptions<Notification> = {}): Subscription<Result, Notification> {
		onlyKnownOptions('subscribe', options, ['signal', 'bound', 'onNotification', 'onEnd'])
		this.#alive()
		return this.#subscriptions.add(key, this.#replica.snapshot(key), options)
	}

	/** Notifications that have not been read are thrown away. Nothing happens for a ref that is unknown or ended. */
	unsubscribe(ref: SubscriptionRef): void {
		this.#subscriptions.remove(ref)
	}

	/** A message from elsewhere in this process, for the module's `translateMessage`. Resolves like `update`. */
	async tell(message: unknown): Promise<void> {
		if (this.#replica.calling) await Promise.resolve()
		this.#alive()
		this.#translate(message, undefined)
	}

	/**
	 * Until every peer that we know now has confirmed all our updates so far, or has gone.
	 * Rejects with `TIMEOUT`, `STOPPED`, or what the `signal` is aborted with.
	 */
	async flush({ signal, timeout = 5_000 }: FlushOptions = {}): Promise<void> {
		this.#alive()
		await this.#exchange.confirmed({ signal, timeout: positive('timeout', timeout) })
	}

	status(): PublisherStatus {
		const { log, acknowledgements, counts } = this.#exchange
		return {
			scope: this.scope,
			self: this.self,
			version: this.#version,
			epoch: this.#epoch,
			standalone: this.#settings.standalone,
			stopped: this.#stopped !== undefined,
			newest: log.newest,
			peers: this.#exchange.peers,
			subscriptions: this.#subscriptions.size,
			waiting: acknowledgements.waiting,
			...counts,
			log: { updates: log.size, bytes: log.bytes },
			rebuilt: this.#replica.rebuilt,
			incomplete: this.#replica.incomplete,
		}
	}

	/** Says goodbye and ends everything: subscriptions, waits, timers. The transport stays open. Idempotent. */
	stop(): Promise<void> {
		this.#stopped ??= this.#stop()
		return this.#stopped
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.stop()
	}

	async #stop(): Promise<void> {
		// A callback of the module may have caused it, and has to come to its end first.
		if (this.#replica.calling) await Promise.resolve()
		const error = stopped(this.scope)
		this.#settings.signal?.removeEventListener('abort', this.#onAbort)
		this.#exchange.acknowledgements.stop(error)
		this.#subscriptions.end(error)
		const closed = this.#exchange.close()
		this.#replica.stop()
		await closed
	}

	#apply(update: Update): number {
		const bytes = pack(`The update of '${this.scope}'`, update, this.#settings.maxUpdateBytes)
		const copy = unpack(bytes) as Update
		let number = 0
		try {
			this.#replica.update(this.self, copy, () => {
				number = this.#exchange.announce(bytes)
			})
			return number
		} catch (error) {
			throw asRemoteTermError(error, 'PUT_FAILED', message => `'${this.scope}' refused an update: ${message}`)
		}
	}

	#translate(message: unknown, from: Peer | undefined): void {
		const translation = this.#replica.translate(message, from)
		if (translation === undefined || translation.kind === 'drop') return
		if (translation.kind === 'update') {
			try {
				this.#apply(translation.update)
			} catch (error) {
				if (from === undefined) throw error
				this.#settings.logger.error(`'${this.scope}': a peer's message became no update`, { error })
			}
		} else if (from !== undefined) this.#foreign(from, translation)
	}

	#foreign(
		from: Peer,
		translation: Exclude<
			Translation<unknown, Update, View, ModuleVersion>,
			{ kind: 'update' } | { kind: 'drop' }
		>,
	): void {
		try {
			if (translation.kind === 'peerUpdate') {
				if (this.#exchange.isForeign(from)) this.#replica.update(from, translation.update)
				return
			}
			const discovers = translation.kind === 'peerDiscover'
			if (!this.#exchange.meetForeign(from, translation.version, discovers)) return
			if (!discovers) this.#replica.replace(from, translation.data)
		} catch (error) {
			this.#settings.logger.error(`'${this.scope}': what a foreign peer sent could not be applied`, {
				peer: from.id,
				error,
			})
		}
	}

	#alive(): void {
		if (this.#stopped !== undefined) throw stopped(this.scope)
	}
}

const stopped = (scope: string): RemoteTermError =>
	new RemoteTermError('STOPPED', `The publisher of '${scope}' has been stopped`)

const randomToken = (random: () => number): string =>
	Array.from({ length: 4 }, () => Math.floor(random() * 2 ** 32).toString(36)).join('')

const versionOf = (module: { version(): ModuleVersion }): ModuleVersion => {
	const version: unknown = module.version()
	if (typeof version === 'string' || (typeof version === 'number' && Number.isFinite(version))) return version
	throw new RemoteTermError('INVALID_OPTION', 'Expected `version()` to return a string or a finite number')
}
