import assert from 'node:assert/strict'
import { silentLogger, type Logger } from '../../core/logger.ts'
import { seededRandom } from '../../core/random.ts'
import type { Peer } from '../../core/transport.ts'
import {
	Hub,
	type FleetTerm,
	type HubOptions,
	type HubPort,
	type SynchronizationStrategy,
} from '../../hub/index.ts'
import { MemoryNetwork, type WireOptions } from '../../transports/memory.ts'
import { FakeClock } from '../fake-clock.ts'

export interface StrategyCheck {
	readonly title: string
	readonly run: (world: World) => Promise<void>
}

/** A term that is what the check makes it. */
export class CheckTerm implements FleetTerm {
	readonly name: string
	version: string
	pinned: string | undefined
	readonly #listeners = new Set<() => void>()

	constructor(name: string, version: string) {
		this.name = name
		this.version = version
	}

	health(): ReturnType<FleetTerm['health']> {
		return {
			...{ status: 'ready', version: this.version, lastSuccessAt: 1, consecutiveFailures: 0 },
			...{ lastError: undefined, refusedVersion: undefined, refusedBecause: undefined },
			pinnedVersion: this.pinned,
		}
	}

	on(event: string, listener: () => void): () => void {
		if (event === 'updated') this.#listeners.add(listener)
		return () => this.#listeners.delete(listener)
	}

	hold(version: string): void {
		this.version = version
		for (const listener of this.#listeners) listener()
	}

	async update(): Promise<{ status: string; version: string }> {
		return { status: 'unchanged', version: this.version }
	}

	async pin(version: string): Promise<{ status: string; version: string }> {
		this.pinned = version
		this.hold(version)
		return { status: 'updated', version }
	}

	async unpin(): Promise<{ status: string; version: string }> {
		this.pinned = undefined
		return this.update()
	}
}

export interface Node {
	readonly name: string
	readonly hub: Hub
	readonly term: CheckTerm | undefined
	/** Everything that was handed to the strategy, in order. */
	readonly heard: ReadonlyArray<{ readonly data: unknown; readonly from: Peer; readonly isJoin: boolean }>
	/** Hands it to the strategy, as if it had come from there. */
	hear(data: unknown, from: Peer, isJoin?: boolean): void
}

/** A fleet in memory, whose nodes all have the strategy under test unless it is said otherwise. */
export class World {
	readonly clock = new FakeClock()
	readonly network: MemoryNetwork
	readonly nodes = new Map<string, Node>()
	readonly faults: string[] = []
	readonly #create: () => SynchronizationStrategy
	readonly #limit: number
	readonly #logger: Logger
	#seed = 1

	constructor(create: () => SynchronizationStrategy, limit: number) {
		this.#create = create
		this.#limit = limit
		this.network = new MemoryNetwork({ clock: this.clock, latency: 5, jitter: 20, logger: silentLogger })
		// A hub catches what its strategy throws, and says so.
		this.#logger = { ...silentLogger, error: message => void this.faults.push(message) }
	}

	wire(options: WireOptions): void {
		this.network.conditions(options)
	}

	/** With a term `rates` of that version, where one is given. A name that is there already restarts. */
	async add(name: string, version?: string, options: Partial<HubOptions> = {}): Promise<Node> {
		const transport = this.network.names.includes(name) ? this.network.restart(name) : this.network.join(name)
		this.#seed += 1
		const strategy = new Recorder(options.strategy ?? this.#create())
		const hub = new Hub({
			...{ transport, clock: this.clock, random: seededRandom(this.#seed), logger: this.#logger },
			...options,
			strategy,
		})
		const term = version === undefined ? undefined : new CheckTerm('rates', version)
		if (term !== undefined) hub.attach(term)
		await hub.start()
		const node = {
			...{ name, hub, term, heard: strategy.heard },
			hear: (data: unknown, from: Peer, isJoin = false) => strategy.hear(data, from, isJoin),
		}
		this.nodes.set(name, node)
		return node
	}

	async addAll(names: readonly string[], version?: string): Promise<Node[]> {
		const nodes: Node[] = []
		for (const name of names) nodes.push(await this.add(name, version))
		return nodes
	}

	/** Without a goodbye. */
	async crash(name: string): Promise<void> {
		this.network.crash(name)
		const node = this.nodes.get(name)
		this.nodes.delete(name)
		await node?.hub.stop()
	}

	async leave(name: string): Promise<void> {
		const node = this.nodes.get(name)
		this.nodes.delete(name)
		await node?.hub.stop()
	}

	/** Moves time on until a fact is so. */
	async until(fact: () => boolean, subject: string): Promise<void> {
		for (let passed = 0; !fact(); passed += 100) {
			if (passed > this.#limit) assert.fail(`Expected ${subject} within ${this.#limit} ms`)
			await this.clock.advance(100)
		}
	}

	/** Until every node knows of exactly these: `a v1` for each node that runs `rates`. */
	async untilAllKnow(...expected: readonly string[]): Promise<void> {
		const wanted = JSON.stringify([...expected].sort())
		await this.until(
			() => [...this.nodes.values()].every(node => JSON.stringify(knows(node)) === wanted),
			`everybody to know ${wanted}`,
		)
	}

	async end(): Promise<void> {
		for (const { hub } of this.nodes.values()) await hub.stop()
		assert.deepEqual(this.faults, [], 'Expected the strategy to throw nothing')
		// A network judges silence by timers of its own, which end by themselves.
		await this.clock.advance(120_000)
		assert.equal(this.clock.pendingTimers, 0, 'Expected no timer to be left when all hubs have stopped')
	}
}

export const knows = ({ hub }: Node): string[] =>
	hub
		.whoRuns('rates')
		.map(({ node, version }) => `${node} ${version}`)
		.sort()

/** Does what the strategy does, and remembers what it was told. */
class Recorder implements SynchronizationStrategy {
	readonly heard: Array<{ data: unknown; from: Peer; isJoin: boolean }> = []
	#strategy: SynchronizationStrategy
	#hub: HubPort | undefined

	constructor(strategy: SynchronizationStrategy) {
		this.#strategy = strategy
	}

	get name(): string {
		return this.#strategy.name
	}

	get syncInterval(): number {
		return this.#strategy.syncInterval
	}

	init(hub: HubPort): this {
		this.#hub = hub
		this.#strategy = this.#strategy.init(hub)
		return this
	}

	propagate(...given: Parameters<SynchronizationStrategy['propagate']>): void {
		this.#strategy.propagate(...given)
	}

	initSync(...given: Parameters<SynchronizationStrategy['initSync']>): void {
		this.#strategy.initSync(...given)
	}

	handleSynchronization(hub: HubPort, data: unknown, from: Peer): void {
		this.heard.push({ data, from, isJoin: false })
		this.#strategy.handleSynchronization(hub, data, from)
	}

	broadcastLocalData(...given: Parameters<SynchronizationStrategy['broadcastLocalData']>): void {
		this.#strategy.broadcastLocalData(...given)
	}

	handleNodeJoinData(hub: HubPort, data: unknown, from: Peer): void {
		this.heard.push({ data, from, isJoin: true })
		this.#strategy.handleNodeJoinData(hub, data, from)
	}

	close(): void {
		this.#strategy.close?.()
	}

	hear(data: unknown, from: Peer, isJoin: boolean): void {
		if (isJoin) this.#strategy.handleNodeJoinData(this.#hub!, data, from)
		else this.#strategy.handleSynchronization(this.#hub!, data, from)
	}
}
