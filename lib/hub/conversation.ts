import type { Timer } from '../core/clock.ts'
import type { Channel, Peer } from '../core/transport.ts'
import { Deck } from './deck.ts'
import type { Directive } from './directive.ts'
import { Exchange } from './exchange.ts'
import { Joiners } from './joiners.ts'
import { readMessage, type Delta } from './messages.ts'
import { checkStrategy, type HubSettings } from './options.ts'
import type { Registry } from './registry.ts'
import { respond } from './respond.ts'
import type { HubPort, SynchronizationStrategy } from './strategy.ts'

/** What goes over the wire: for `handleSynchronization`, for `handleNodeJoinData`, or for the hub itself. */
interface Envelope {
	readonly to: 'sync' | 'join' | 'hub'
	readonly data: unknown
}

interface Listening {
	nodeUp(peer: Peer): void
	nodeDown(peer: Peer): void
	/** Something for the hub itself, of whatever shape. */
	asked(from: Peer, data: unknown): void
	/** A round is about to begin. */
	beforeSync(): void
}

const NOBODY: ReadonlyMap<string, Peer> = new Map()
/** Of an interval, at random: rounds of many nodes spread by themselves. */
const JITTER = 0.1

/** The hub's end of the channel: it calls the six operations of the strategy when it is time for them. */
export class Conversation {
	readonly #settings: HubSettings
	readonly #registry: Registry
	readonly #listening: Listening
	readonly #joiners: Joiners
	readonly #port: HubPort
	readonly #timers = new Set<Timer>()
	#strategy: SynchronizationStrategy
	#channel: Channel<Envelope> | undefined
	#isClosed = false
	#telling: Timer | undefined
	/** What has been propagated of our own changes. */
	#told: { generation: number; seq: number } = { generation: 0, seq: 0 }

	constructor(settings: HubSettings, registry: Registry, listening: Listening) {
		const { clock, joinDebounce, logger, random, strategy, transport } = settings
		this.#settings = settings
		this.#registry = registry
		this.#listening = listening
		this.#strategy = strategy
		const deck = new Deck(() => this.members, random)
		const exchange = new Exchange(registry, random)
		const members = (): ReadonlyMap<string, Peer> => this.members
		this.#port = {
			...{ self: transport.self, clock, random, logger, registry, exchange },
			get members() {
				return members()
			},
			handle: (data, from) => {
				const message = readMessage(data)
				if (message !== undefined) respond(this.#port, message, from)
			},
			sample: count => deck.draw(count),
			send: (to, data) => this.#send(to, { to: 'sync', data }),
			broadcast: data => this.#channel?.broadcast({ to: 'sync', data }) ?? 0,
			sendJoin: (to, data) => this.#send(to, { to: 'join', data }),
			broadcastJoin: data => this.#channel?.broadcast({ to: 'join', data }) ?? 0,
			timer: (delay, fire) => this.#timer(delay, fire),
		}
		this.#joiners = new Joiners(clock, random, joinDebounce, ({ count, peers }) => {
			const up = peers.filter(({ id }) => this.members.has(id))
			if (up.length === 0) return
			this.#call('broadcastLocalData', () =>
				this.#strategy.broadcastLocalData(this.#port, registry.localNews(), {
					peers: up,
					count: count - (peers.length - up.length),
				}),
			)
		})
	}

	get members(): ReadonlyMap<string, Peer> {
		return this.#channel?.peers ?? NOBODY
	}

	/** Some of the others, at random. */
	sample(count: number): readonly Peer[] {
		return this.#port.sample(count)
	}

	/** Something for the other's hub itself. */
	ask(to: Peer, data: unknown): void {
		this.#send(to, { to: 'hub', data })
	}

	/** @throws `INVALID_OPTION` */
	open(): void {
		const { scope, transport } = this.#settings
		this.#strategy = checkStrategy(this.#strategy.init(this.#port))
		this.#channel = transport.open<Envelope>(scope, {
			peerUp: peer => {
				this.#joiners.add(peer)
				this.#listening.nodeUp(peer)
			},
			peerDown: peer => {
				this.#registry.forget(peer.id)
				this.#listening.nodeDown(peer)
			},
			message: (from, message) => this.#heard(from, message),
		})
		this.#syncLater()
		if (this.#registry.own.seq > 0) this.tellSoon()
	}

	/** Something of ours has changed. */
	tellSoon(): void {
		if (this.#channel === undefined) return
		this.#telling ??= this.#timer(this.#settings.batchInterval, () => {
			this.#telling = undefined
			this.tell([])
		})
	}

	/** What is new of ours, and these. */
	tell(directives: readonly Directive[]): void {
		const deltas: Delta[] = []
		for (;;) {
			const { generation, seq } = this.#registry.own
			if (this.#told.generation !== generation) this.#told = { generation, seq: 0 }
			if (this.#told.seq >= seq) break
			const delta = this.#registry.ownSince(this.#told.seq)
			if (delta === 'suppress') break
			this.#told.seq = delta.to
			deltas.push(delta)
		}
		// One message holds so many rows.
		const [first, ...rest] = deltas
		const portions = [{ deltas: first === undefined ? [] : [first], directives }]
		for (const delta of rest) portions.push({ deltas: [delta], directives: [] })
		for (const news of portions)
			if (news.deltas.length + news.directives.length > 0)
				this.#call('propagate', () => this.#strategy.propagate(this.#port, news))
	}

	async close(): Promise<void> {
		if (this.#isClosed) return
		this.#isClosed = true
		this.#joiners.close()
		for (const timer of this.#timers) timer[Symbol.dispose]()
		this.#timers.clear()
		this.#call('close', () => this.#strategy.close?.())
		await this.#channel?.close()
	}

	#heard(from: Peer, message: unknown): void {
		// From a peer of ours, but of whichever version.
		if (typeof message !== 'object' || message === null) return
		const { data, to } = message as Partial<Envelope>
		if (to === 'sync')
			this.#call('handleSynchronization', () => this.#strategy.handleSynchronization(this.#port, data, from))
		else if (to === 'join')
			this.#call('handleNodeJoinData', () => this.#strategy.handleNodeJoinData(this.#port, data, from))
		else if (to === 'hub') this.#listening.asked(from, data)
	}

	#send(to: Peer, envelope: Envelope): boolean {
		return this.#channel?.send(to, envelope) ?? false
	}

	#syncLater(): void {
		const { random } = this.#settings
		const delay = this.#strategy.syncInterval * (1 - JITTER + 2 * JITTER * random())
		this.#timer(delay, () => {
			this.#syncLater()
			this.#listening.beforeSync()
			this.#call('initSync', () => this.#strategy.initSync(this.#port, this.members))
		})
	}

	#timer(delay: number, fire: () => void): Timer {
		const { clock } = this.#settings
		const timer = clock.timer(
			delay,
			() => {
				this.#timers.delete(handle)
				if (!this.#isClosed) this.#call('timer', fire)
			},
			{ background: true },
		)
		const handle: Timer = {
			[Symbol.dispose]: () => {
				this.#timers.delete(handle)
				timer[Symbol.dispose]()
			},
		}
		this.#timers.add(handle)
		return handle
	}

	/** A strategy may be anybody's. */
	#call(operation: string, run: () => void): void {
		try {
			run()
		} catch (error) {
			const { logger, scope } = this.#settings
			logger.error(`The strategy '${this.#strategy.name}' of '${scope}' threw in ${operation}`, { error })
		}
	}
}
