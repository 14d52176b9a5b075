import type { Timer } from '../../core/clock.ts'
import type { Buckets } from './buckets.ts'
import type { PublisherStatus, ReadPublisherOptions } from './options.ts'
import { Subscriber, type StreamEnd } from './subscriber.ts'
import { View, type Change, type StreamView } from './view.ts'

/** How long a view that nobody uses is kept for those who come back. */
const LINGER = 10 * 60_000

export interface Seat {
	readonly view: StreamView
	/** '' where it has none. */
	readonly lastEventId: string
	readonly isAllowed: (() => boolean) | undefined
	readonly abort: (() => void) | undefined
}

/** All clients, by view: lets them in, keeps them alive, tells them, and sees them out. */
export class Audience {
	readonly #options: ReadPublisherOptions<never>
	readonly #buckets: Buckets
	readonly #views = new Map<string, View>()
	/** With the timer of its lifetime. */
	readonly #subscribers = new Map<Subscriber, Timer | undefined>()
	readonly #viewOf = new Map<Subscriber, View>()
	readonly #connected = { put: 0, resumed: 0 }
	readonly #events = { put: 0, patch: 0, delete: 0 }
	readonly #ended: Record<StreamEnd, number> = {
		...{ gone: 0, lifetime: 0, slow: 0, stalled: 0, removed: 0, closed: 0, failed: 0 },
	}
	#bytes = 0
	#epochs = 0
	#pulse: Timer | undefined

	constructor(options: ReadPublisherOptions<never>, buckets: Buckets) {
		this.#options = options
		this.#buckets = buckets
	}

	get hasViews(): boolean {
		return this.#views.size > 0
	}

	get readings(): Pick<
		PublisherStatus,
		'clients' | 'views' | 'logEvents' | 'logBytes' | 'connected' | 'ended' | 'events' | 'bytes'
	> {
		const logs = [...this.#views.values()].map(({ log }) => log)
		return {
			clients: this.#subscribers.size,
			views: this.#views.size,
			logEvents: logs.reduce((sum, { size }) => sum + size, 0),
			logBytes: logs.reduce((sum, { bytes }) => sum + bytes, 0),
			connected: { ...this.#connected },
			ended: { ...this.#ended },
			events: { ...this.#events },
			bytes: this.#bytes,
		}
	}

	/** Whether whoever has seen this event, and nothing after it, can be told the rest. */
	canResume(view: StreamView, lastEventId: string): boolean {
		return this.#views.get(view.key)?.resumable(lastEventId) !== undefined
	}

	/** `undefined` where there is no room. */
	admit({ view: wanted, lastEventId, isAllowed, abort }: Seat): ReadableStream<Uint8Array> | undefined {
		const { clock, maxClients, maxClientBytes } = this.#options
		if (this.#subscribers.size >= maxClients) return undefined
		const view = this.#viewFor(wanted)
		if (view === undefined) return undefined
		const resumeFrom = view.resumable(lastEventId)
		this.#connected[resumeFrom === undefined ? 'put' : 'resumed']++
		const subscriber: Subscriber = new Subscriber({
			...{ view, resumeFrom, maxBytes: maxClientBytes, isAllowed, abort, clock },
			onBytes: count => {
				this.#bytes += count
			},
			onEnd: (one, reason) => this.#remove(one, reason),
		})
		view.subscribers.add(subscriber)
		this.#viewOf.set(subscriber, view)
		this.#subscribers.set(subscriber, this.#lifetimeOf(subscriber))
		this.#pulse ??= this.#beat()
		return subscriber.body
	}

	tell(id: string, change: Change): void {
		for (const view of this.#views.values()) {
			const told = view.tell(id, change)
			if (told !== undefined) this.#events[told]++
		}
	}

	/** Everybody is told everything. */
	reset(): void {
		for (const view of this.#views.values()) {
			view.reset()
			this.#events.put++
		}
	}

	/** Ends the streams that are no longer allowed. */
	recheck(): void {
		for (const subscriber of [...this.#subscribers.keys()])
			if (!subscriber.isAllowed()) subscriber.end('removed')
	}

	close(): void {
		for (const subscriber of [...this.#subscribers.keys()]) subscriber.end('closed')
		this.#views.clear()
		this.#pulse?.[Symbol.dispose]()
		this.#pulse = undefined
	}

	#viewFor(view: StreamView): View | undefined {
		const known = this.#views.get(view.key)
		if (known !== undefined) return known
		const { clock, random, collection, maxLogBytes, maxLogEvents, maxViews, represent } = this.#options
		if (this.#views.size >= maxViews && !this.#makeRoom()) return undefined
		const created = new View({
			...{ view, collection, buckets: this.#buckets, clock },
			represent: represent as (item: unknown, id: string) => unknown,
			epoch: [clock.now(), random() * 2 ** 40, this.#epochs++].map(n => Math.floor(n).toString(36)).join('.'),
			limits: { maxEvents: maxLogEvents, maxBytes: maxLogBytes },
			onFailure: (id, error) =>
				this.#options.logger.error('An item cannot be encoded, and is left out', { id, error }),
		})
		this.#views.set(view.key, created)
		return created
	}

	/** The one that has been without subscribers the longest goes. */
	#makeRoom(): boolean {
		const idle = [...this.#views.values()].filter(({ subscribers }) => subscribers.size === 0)
		const [oldest] = idle.sort((a, b) => a.idleSince - b.idleSince)
		return oldest !== undefined && this.#views.delete(oldest.key)
	}

	#lifetimeOf(subscriber: Subscriber): Timer | undefined {
		const { clock, random, lifetime, lifetimeJitter } = this.#options
		if (lifetime === null) return undefined
		const delay = lifetime * (1 - lifetimeJitter * random())
		return clock.timer(delay, () => subscriber.leave(), { background: true })
	}

	#beat(): Timer {
		const { clock, heartbeatInterval } = this.#options
		return clock.timer(
			heartbeatInterval,
			() => {
				this.#sweep()
				this.#pulse = this.#views.size > 0 ? this.#beat() : undefined
			},
			{ background: true },
		)
	}

	#sweep(): void {
		const { clock, stallTimeout } = this.#options
		const now = clock.monotonic()
		for (const subscriber of [...this.#subscribers.keys()]) {
			const since = subscriber.stalledSince
			if (since !== undefined && now - since >= stallTimeout) subscriber.drop('stalled')
			else if (subscriber.isSlow) subscriber.drop('slow')
			else subscriber.heartbeat()
		}
		for (const [key, { subscribers, idleSince }] of this.#views)
			if (subscribers.size === 0 && now - idleSince >= LINGER) this.#views.delete(key)
	}

	#remove(subscriber: Subscriber, reason: StreamEnd): void {
		this.#ended[reason]++
		this.#subscribers.get(subscriber)?.[Symbol.dispose]()
		this.#subscribers.delete(subscriber)
		const view = this.#viewOf.get(subscriber)
		this.#viewOf.delete(subscriber)
		view?.subscribers.delete(subscriber)
		if (view?.subscribers.size === 0) view.idleSince = this.#options.clock.monotonic()
		const { logger } = this.#options
		const left = { reason, clients: this.#subscribers.size }
		if (reason === 'slow' || reason === 'stalled' || reason === 'failed')
			logger.warn('A stream was dropped', left)
		else logger.debug('A stream has ended', left)
	}
}
