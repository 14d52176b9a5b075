import type { ExecutionContext } from 'ava'
import { silentLogger, type Logger } from '../../lib/core/logger.ts'
import { seededRandom } from '../../lib/core/random.ts'
import {
	Adaptive,
	Gossip,
	Hub,
	PubSub,
	type HubOptions,
	type SynchronizationStrategy,
} from '../../lib/hub/index.ts'
import type { FleetHealth, FleetOutcome, FleetTerm, Fault } from '../../lib/hub/index.ts'
import { FakeClock, MemoryNetwork, type MemoryNetworkOptions } from '../../lib/testing/index.ts'

export const strategies: Readonly<Record<string, () => SynchronizationStrategy>> = {
	pubsub: () => new PubSub(),
	gossip: () => new Gossip(),
	adaptive: () => new Adaptive({ above: 4, below: 3 }),
}

/** A term without a source: it is what the test makes it. */
export class ToyTerm implements FleetTerm {
	readonly name: string
	version: string | undefined
	status = 'ready'
	lastSuccessAt: number | undefined = 1
	error: Fault | undefined
	pinned: string | undefined
	/** What the source holds. */
	source: string
	/** Versions before the one in place. */
	readonly history: string[] = []
	readonly calls: string[] = []
	readonly #listeners = new Map<string, Set<() => void>>()

	constructor(name: string, version: string | undefined = 'v1') {
		this.name = name
		this.version = version
		this.source = version ?? 'v1'
	}

	health(): FleetHealth {
		const { error, lastSuccessAt, pinned, status, version } = this
		return {
			...{
				status,
				version,
				lastSuccessAt,
				consecutiveFailures: error === undefined ? 0 : 1,
				lastError: error,
			},
			...{ refusedVersion: undefined, refusedBecause: undefined, pinnedVersion: pinned },
		}
	}

	on(event: string, listener: () => void): () => void {
		const listeners = this.#listeners.get(event) ?? new Set()
		this.#listeners.set(event, listeners.add(listener))
		return () => listeners.delete(listener)
	}

	get listeners(): number {
		return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0)
	}

	hold(version: string): void {
		if (this.version !== undefined) this.history.unshift(this.version)
		this.version = version
		this.emit('updated')
	}

	fail(error: Fault): void {
		this.error = error
		this.status = 'failing'
		this.emit('failed')
	}

	emit(event: string): void {
		for (const listener of this.#listeners.get(event) ?? []) listener()
	}

	async update(): Promise<FleetOutcome> {
		this.calls.push('update')
		if (this.pinned === undefined && this.version !== this.source) this.hold(this.source)
		return this.#outcome()
	}

	async pin(version: string): Promise<FleetOutcome> {
		this.calls.push(`pin ${version}`)
		if (version !== this.version && version !== this.source && !this.history.includes(version))
			return this.#outcome({ code: 'VERSION_UNAVAILABLE', message: `Nobody has ${version}` })
		this.pinned = version
		if (version !== this.version) this.hold(version)
		return this.#outcome()
	}

	async unpin(): Promise<FleetOutcome> {
		this.calls.push('unpin')
		this.pinned = undefined
		return this.update()
	}

	async rollback(): Promise<FleetOutcome> {
		this.calls.push('rollback')
		const before = this.history.shift()
		if (before === undefined) return this.#outcome({ code: 'VERSION_UNAVAILABLE', message: 'There is none' })
		this.version = before
		this.emit('updated')
		return this.#outcome()
	}

	#outcome(error?: Fault): FleetOutcome {
		return { status: error === undefined ? 'updated' : 'failed', version: this.version, error }
	}
}

export interface FleetOptions extends Omit<MemoryNetworkOptions, 'clock'> {
	readonly strategy?: () => SynchronizationStrategy
	readonly hub?: Partial<HubOptions>
	readonly logger?: Logger
}

/** Hubs over a network in memory, and the time that they live in. */
export class Fleet {
	readonly clock = new FakeClock()
	readonly network: MemoryNetwork
	readonly hubs = new Map<string, Hub>()
	readonly #options: FleetOptions
	#seed: number

	constructor(options: FleetOptions = {}) {
		const { hub: _, seed = 1, strategy: __, ...network } = options
		this.#options = options
		this.#seed = seed
		this.network = new MemoryNetwork({ logger: silentLogger, ...network, seed, clock: this.clock })
	}

	/** A node, with a term of this version where one is given. */
	async add(
		name: string,
		version?: string,
		options: Partial<HubOptions> = {},
	): Promise<Hub & { term: ToyTerm }> {
		const transport = this.network.names.includes(name) ? this.network.restart(name) : this.network.join(name)
		const { logger = silentLogger, strategy = strategies['adaptive']! } = this.#options
		this.#seed += 1
		const hub = new Hub({
			...{ transport, strategy: strategy(), clock: this.clock, random: seededRandom(this.#seed), logger },
			...this.#options.hub,
			...options,
		})
		await hub.start()
		this.hubs.set(name, hub)
		const term = new ToyTerm('rates', version)
		if (version !== undefined) hub.attach(term)
		return Object.assign(hub, { term })
	}

	async stop(): Promise<void> {
		for (const hub of this.hubs.values()) await hub.stop()
	}

	/** Whether all know the same of all. */
	get isConverged(): boolean {
		const views = [...this.hubs.values()].map(viewOf)
		return views.every(view => view === views[0])
	}

	/** Moves time on until a fact is so; gives up after `limit` milliseconds. Returns how long it took. */
	async until(fact: () => boolean, limit = 120_000, step = 50): Promise<number> {
		const began = this.clock.monotonic()
		while (!fact()) {
			const passed = this.clock.monotonic() - began
			if (passed >= limit) throw new Error(`Expected a fact within ${limit} ms: ${String(fact)}`)
			await this.clock.advance(step)
		}
		return this.clock.monotonic() - began
	}
}

/** What a hub knows, without who says so. */
export const viewOf = (hub: Hub): string =>
	JSON.stringify(hub.nodes().map(({ boot, name, runs }) => ({ name, boot, runs })))

export const fleetOf = (t: ExecutionContext, options: FleetOptions = {}): Fleet => {
	const fleet = new Fleet(options)
	t.teardown(() => fleet.stop())
	return fleet
}
