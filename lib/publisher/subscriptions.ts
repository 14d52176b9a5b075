import { RemoteTermError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { positiveInteger } from '../core/options.ts'
import type { Subscriber, SubscriptionRef, Subscriptions as SubscriptionMap } from './module.ts'
import { NotificationQueue } from './notification-queue.ts'

export interface SubscribeOptions<Notification> {
	/** Ends the subscription when it is aborted: the death of the subscriber. */
	readonly signal?: AbortSignal | undefined
	/**
	 * How many notifications may wait to be read. Default: 10,000. One more ends the subscription with
	 * `SUBSCRIPTION_LOST`, since leaving some out would leave the subscriber wrong for ever without its knowing;
	 * it subscribes again, and begins with a fresh snapshot.
	 */
	readonly bound?: number | undefined
	/** Called with each notification, in place of `notifications`. What it throws is logged. */
	readonly onNotification?: ((notification: Notification) => void) | undefined
	/**
	 * Called once if the subscription ends by something else than the subscriber: `STOPPED`; or `SUBSCRIPTION_LOST`,
	 * where it was too slow, or a faulty callback of the module has cost it notifications that it should have had.
	 */
	readonly onEnd?: ((error: RemoteTermError) => void) | undefined
}

export interface Subscription<Result, Notification> extends Disposable {
	readonly ref: SubscriptionRef
	/** The snapshot. The first notification is the first change after it. */
	readonly result: Result
	/**
	 * What has changed since, in order, to be read once. It ends with the subscription; with an error where that ended
	 * by something else than the subscriber or `stop`. Empty where `onNotification` is given.
	 */
	readonly notifications: AsyncIterableIterator<Notification, undefined>
}

interface Entry<Key, Notification> {
	readonly key: Key
	readonly subscriber: Subscriber<Notification>
	readonly queue: NotificationQueue<Notification>
	readonly options: SubscribeOptions<Notification>
	readonly bound: number
	readonly release: () => void
	/** Notifications that wait for `onNotification`. */
	waiting: number
	ended: boolean
}

interface Gathered<Key, Notification> {
	readonly entry: Entry<Key, Notification>
	readonly notification: Notification
}

/** Who wants to know what. Gathers what a callback tells, and delivers it when the callback is through. */
export class Subscriptions<Key, Notification> {
	readonly #byKey = new Map<Key, Map<SubscriptionRef, Subscriber<Notification>>>()
	readonly #entries = new Map<SubscriptionRef, Entry<Key, Notification>>()
	/** What a callback has told so far; `undefined` while none runs. */
	#gathering: Array<Gathered<Key, Notification>> | undefined
	/** For `onNotification`, oldest first: what one of these causes waits behind what it was told of. */
	#deliveries: Array<Gathered<Key, Notification>> = []
	#delivering = false
	#count = 0
	readonly #prefix: string
	readonly #limit: number
	readonly #logger: Logger

	constructor(prefix: string, limit: number, logger: Logger) {
		this.#prefix = prefix
		this.#limit = limit
		this.#logger = logger
	}

	get size(): number {
		return this.#entries.size
	}

	get map(): SubscriptionMap<Key, Notification> {
		return this.#byKey
	}

	add<Result>(
		key: Key,
		result: Result,
		options: SubscribeOptions<Notification>,
	): Subscription<Result, Notification> {
		const bound = positiveInteger('bound', options.bound ?? 10_000)
		if (this.#entries.size >= this.#limit)
			throw new RemoteTermError('TOO_LARGE', `No more than ${this.#limit} subscriptions may be open`)
		const ref = `${this.#prefix}.${++this.#count}`
		const leave = (): void => this.remove(ref)
		const queue = new NotificationQueue<Notification>(leave)
		const { signal } = options
		const entry: Entry<Key, Notification> = {
			key,
			subscriber: { ref, notify: notification => this.#gather(entry, notification) },
			queue,
			options,
			bound,
			release: () => signal?.removeEventListener('abort', leave),
			waiting: 0,
			ended: false,
		}
		this.#entries.set(ref, entry)
		const refs = this.#byKey.get(key) ?? new Map<SubscriptionRef, Subscriber<Notification>>()
		this.#byKey.set(key, refs.set(ref, entry.subscriber))
		if (options.onNotification !== undefined) queue.end()
		if (signal?.aborted === true) leave()
		else signal?.addEventListener('abort', leave, { once: true })
		return { ref, result, notifications: queue, [Symbol.dispose]: leave }
	}

	/** What the subscriber has not been given yet is thrown away. Of an unknown one: nothing. */
	remove(ref: SubscriptionRef, error?: RemoteTermError): void {
		const entry = this.#entries.get(ref)
		if (entry === undefined) return
		entry.ended = true
		this.#entries.delete(ref)
		const refs = this.#byKey.get(entry.key)!
		refs.delete(ref)
		if (refs.size === 0) this.#byKey.delete(entry.key)
		entry.release()
		entry.queue.end(error?.code === 'STOPPED' ? undefined : error)
		if (error === undefined) return
		this.#safely(() => entry.options.onEnd?.(error))
	}

	end(error: RemoteTermError): void {
		for (const ref of [...this.#entries.keys()]) this.remove(ref, error)
	}

	/**
	 * Runs a callback of the module. What it told is delivered by the function that this returns as `deliver`, once the
	 * caller has taken over the callback's result; if it throws, nobody is told anything.
	 */
	gather<T>(run: () => T): { readonly result: T; readonly deliver: () => void } {
		const gathered: Array<Gathered<Key, Notification>> = []
		const outer = this.#gathering
		this.#gathering = gathered
		try {
			return { result: run(), deliver: () => this.#deliver(gathered) }
		} finally {
			this.#gathering = outer
		}
	}

	#gather(entry: Entry<Key, Notification>, notification: Notification): void {
		// A module that kept a subscriber for later would tell what no state stands behind.
		if (this.#gathering === undefined)
			throw new RemoteTermError(
				'INVALID_OPTION',
				'A subscriber may be notified only from within updateGlobalViewAndNotify',
			)
		this.#gathering.push({ entry, notification })
	}

	#deliver(gathered: ReadonlyArray<Gathered<Key, Notification>>): void {
		for (const one of gathered) {
			const { entry, notification } = one
			if (entry.ended) continue
			if (entry.options.onNotification === undefined) entry.queue.push(notification)
			else {
				entry.waiting++
				this.#deliveries.push(one)
			}
			if (entry.queue.size > entry.bound || entry.waiting > entry.bound)
				this.remove(entry.subscriber.ref, tooSlow(entry.bound))
		}
		if (this.#delivering) return
		this.#delivering = true
		// Grows while it is walked, where a listener makes an update.
		for (let index = 0; index < this.#deliveries.length; index++) {
			const { entry, notification } = this.#deliveries[index]!
			entry.waiting--
			if (!entry.ended) this.#safely(() => entry.options.onNotification!(notification))
		}
		this.#deliveries = []
		this.#delivering = false
	}

	#safely(call: () => void): void {
		try {
			const result: unknown = call()
			if (result instanceof Promise) result.catch((error: unknown) => this.#report(error))
		} catch (error) {
			this.#report(error)
		}
	}

	#report(error: unknown): void {
		this.#logger.error('A subscriber threw', { error })
	}
}

const tooSlow = (bound: number): RemoteTermError =>
	new RemoteTermError(
		'SUBSCRIPTION_LOST',
		`More than ${bound} notifications waited to be read: the subscription is ended; subscribe again for a fresh snapshot`,
	)
