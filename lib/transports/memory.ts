import { systemClock, type Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { consoleLogger, safeLogger } from '../core/logger.ts'
import { invalid, positive } from '../core/options.ts'
import { bootId, seededRandom } from '../core/random.ts'
import { peerOf, type Channel, type ChannelListener, type Transport } from '../core/transport.ts'
import { Arrivals } from './arrivals.ts'
import { GuardedListener } from './listener.ts'
import {
	knownWireOptions,
	parseConditions,
	parseWire,
	type Conditions,
	type MemoryNetworkOptions,
	type WireOptions,
} from './memory/conditions.ts'
import type { Member } from './memory/member.ts'
import type { World } from './memory/post.ts'
import { Scope } from './memory/scope.ts'
import { Timetable } from './memory/timetable.ts'
import { Topology } from './memory/topology.ts'
import { noTraffic, type NetworkCounts, type TransportCounts } from './memory/traffic.ts'
import { peerName, scopeName } from './names.ts'

export type {
	Channel,
	ChannelCounts,
	ChannelListener,
	Peer,
	PeerDownReason,
	Transport,
	WhenUpOptions,
} from '../core/transport.ts'
export type { MemoryNetworkOptions, WireOptions } from './memory/conditions.ts'
export type { NetworkCounts, TransportCounts } from './memory/traffic.ts'

/**
 * A network within one process, for tests and simulations: as slow, as lossy and as divided as they want it, and with
 * a `FakeClock` and a seed the same each time. Ten thousand peers fit.
 *
 * ```ts
 * const network = new MemoryNetwork({ seed: 7, latency: 5, jitter: 20, loss: 0.01, clock })
 * const a = network.join('a')
 * const b = network.join('b')
 * network.partition(['a'], ['b'])  // each is silent to the other, and down after `detection`
 * network.heal()                   // each is up again
 * const again = network.restart('b')  // no goodbye, another boot
 * ```
 */
export class MemoryNetwork {
	readonly #timetable: Timetable
	readonly #topology: Topology
	readonly #conditions: Conditions
	readonly #world: World
	readonly #random: () => number
	readonly #clock: Clock
	readonly #scopes = new Map<string, Scope>()
	readonly #transports = new Map<string, MemoryTransport>()
	readonly #counts: NetworkCounts = { ...noTraffic(), lostMessages: 0, duplicates: 0 }

	/** @throws `INVALID_OPTION` */
	constructor(options: MemoryNetworkOptions = {}) {
		const { seed = 1, clock = systemClock, tick = 1, logger = consoleLogger } = options
		if (!Number.isSafeInteger(seed)) throw invalid('seed', 'an integer', seed)
		this.#random = seededRandom(seed)
		this.#conditions = parseConditions(options, this.#random, safeLogger(logger))
		this.#clock = clock
		this.#timetable = new Timetable(clock, positive('tick', tick))
		// Silence is judged at the latest after the time of detection and the jitter, which may be changed later.
		this.#topology = new Topology(2 * this.#conditions.detection + 60_000)
		this.#world = {
			timetable: this.#timetable,
			topology: this.#topology,
			conditions: this.#conditions,
			counts: this.#counts,
		}
	}

	/** Over all peers, since the beginning. */
	get counts(): NetworkCounts {
		return { ...this.#counts }
	}

	/** Of one peer, over all its scopes since it joined; `undefined` for one that is not there. */
	countsOf(name: string): TransportCounts | undefined {
		const transport = this.#transports.get(name)
		return transport && { ...transport.traffic }
	}

	/** Who has joined and is neither closed nor crashed. */
	get names(): readonly string[] {
		return [...this.#transports.keys()]
	}

	/** @throws `INVALID_OPTION` for a name that is none, or is there already. */
	join(name: string): Transport {
		peerName(name)
		if (this.#transports.has(name)) throw invalid('name', 'one that has not joined', name)
		const transport = new MemoryTransport(name, bootId(this.#random), {
			scope: scope => this.#scope(scope),
			logger: this.#conditions.logger,
			clock: this.#clock,
			leave: () => {
				this.#transports.delete(name)
				this.#tidy()
			},
		})
		this.#transports.set(name, transport)
		return transport
	}

	/** It is gone without a word: its listeners hear nothing more, its peers find it silent after `detection`. */
	crash(name: string): void {
		const transport = this.#transports.get(name)
		if (transport === undefined) throw invalid('name', 'one that has joined', name)
		transport.crash()
		this.#transports.delete(name)
	}

	/** Crashes it, if it has not yet, and has another of the same name join at once. */
	restart(name: string): Transport {
		if (this.#transports.has(name)) this.crash(name)
		return this.join(name)
	}

	/** How the wire behaves from now on. What is left out stays as it is. */
	conditions(options: WireOptions): void {
		knownWireOptions(options)
		this.#conditions.wire = parseWire(options, this.#conditions.wire)
	}

	/** Only members of the same set reach each other; those in none are one more set. Replaces the last partition. */
	partition(...sets: ReadonlyArray<readonly string[]>): void {
		this.#topology.partition(this.#timetable.now, sets)
		this.#linksChanged()
	}

	/** Nothing goes from the one to the other any more; the way back is open. */
	cut(from: string, to: string): void {
		this.#topology.cut(this.#timetable.now, from, to)
		this.#linksChanged()
	}

	/** Undoes `cut`. */
	mend(from: string, to: string): void {
		this.#topology.mend(this.#timetable.now, from, to)
		this.#linksChanged()
	}

	/** Undoes every `cut` and `partition`. */
	heal(): void {
		this.#topology.heal(this.#timetable.now)
		this.#linksChanged()
	}

	#linksChanged(): void {
		for (const scope of this.#scopes.values()) scope.linksChanged()
	}

	#scope(name: string): Scope {
		this.#tidy()
		let scope = this.#scopes.get(name)
		if (scope === undefined) {
			scope = new Scope(name, this.#world)
			this.#scopes.set(name, scope)
		}
		return scope
	}

	#tidy(): void {
		for (const [name, scope] of this.#scopes) if (scope.isEmpty) this.#scopes.delete(name)
	}
}

interface Place {
	readonly scope: (name: string) => Scope
	readonly logger: Conditions['logger']
	readonly clock: Clock
	readonly leave: () => void
}

class MemoryTransport implements Transport {
	readonly self: Transport['self']
	readonly traffic = noTraffic()
	#isClosed = false
	readonly #place: Place
	readonly #channels = new Map<string, { readonly scope: Scope; readonly member: Member }>()

	constructor(name: string, boot: string, place: Place) {
		this.self = peerOf(name, boot)
		this.#place = place
	}

	open<Message>(name: string, listener: ChannelListener<Message>): Channel<Message> {
		if (this.#isClosed) throw new RemoteTermError('STOPPED', `The transport of '${this.self.name}' is closed`)
		scopeName(name)
		if (this.#channels.has(name)) throw invalid('scope', 'one that is not open', name)
		const scope = this.#place.scope(name)
		const { logger, clock } = this.#place
		const guarded = new GuardedListener(listener, name, logger, new Arrivals(this.self, name, clock))
		const member = scope.open(this.self, guarded, this.traffic, () => void this.#channels.delete(name))
		this.#channels.set(name, { scope, member })
		return member
	}

	async close(): Promise<void> {
		if (this.#isClosed) return
		this.#isClosed = true
		await Promise.all([...this.#channels.values()].map(({ member }) => member.close()))
		this.#place.leave()
	}

	crash(): void {
		this.#isClosed = true
		for (const { scope, member } of this.#channels.values()) scope.crash(member)
		this.#channels.clear()
	}
}
