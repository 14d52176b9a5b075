import { silentLogger } from '../../lib/core/logger.ts'
import { seededRandom } from '../../lib/core/random.ts'
import { Hub, type FleetTerm, type SynchronizationStrategy } from '../../lib/hub/index.ts'
import { FakeClock, MemoryNetwork } from '../../lib/testing/index.ts'
import { ROUND } from './contestants.ts'
import { measureQuiet, measureSpread, type Spread, type SpreadLimits, type Traffic } from './spread.ts'

export interface WorldOptions {
	readonly nodes: number
	readonly seed: number
	readonly strategy: () => SynchronizationStrategy
	readonly loss?: number
}

/** A term whose version somebody sets. */
class SetTerm implements FleetTerm {
	readonly name = 'rates'
	#version = 'v0'
	readonly #listeners: Array<() => void> = []

	health(): ReturnType<FleetTerm['health']> {
		return {
			...{ status: 'ready', version: this.#version, lastSuccessAt: 0, consecutiveFailures: 0 },
			...{
				lastError: undefined,
				refusedVersion: undefined,
				refusedBecause: undefined,
				pinnedVersion: undefined,
			},
		}
	}

	on(event: string, listener: () => void): () => void {
		if (event === 'updated') this.#listeners.push(listener)
		return () => {}
	}

	async update(): Promise<{ status: string; version: string }> {
		return { status: 'unchanged', version: this.#version }
	}

	set(version: string): void {
		this.#version = version
		for (const listener of this.#listeners) listener()
	}
}

/** Nodes that are up and know each other, of which the first runs a term. */
export class World {
	readonly clock = new FakeClock()
	readonly network: MemoryNetwork
	readonly hubs: Hub[] = []
	readonly term = new SetTerm()
	readonly #options: WorldOptions
	#versions = 0
	#joined = 0

	constructor(options: WorldOptions) {
		this.#options = options
		this.network = new MemoryNetwork({
			...{ seed: options.seed, clock: this.clock, latency: ROUND, payloads: 'shared', logger: silentLogger },
			detection: 30 * ROUND,
		})
		for (let index = 0; index < options.nodes; index++) this.join()
		// One in the middle of the alphabet: that which sorts first has a part of its own in some algorithms.
		this.hubs[options.nodes >> 1]!.attach(this.term)
		this.network.conditions({ loss: 0 })
		this.clock.run(20_000)
		this.network.conditions({ loss: options.loss ?? 0 })
	}

	join(): void {
		this.hubs.push(this.#start(nameOf(this.#joined)))
	}

	#start(name: string): Hub {
		this.#joined += 1
		const hub = new Hub({
			transport: this.network.join(name),
			...{ strategy: this.#options.strategy(), clock: this.clock, logger: silentLogger, batchInterval: 0 },
			random: seededRandom(this.#options.seed * 1_000_003 + this.#joined),
		})
		void hub.start()
		return hub
	}

	publish(): string {
		this.#versions += 1
		const version = `v${this.#versions}`
		this.term.set(version)
		return version
	}

	/** What goes around while nothing changes, for as long as a spread was watched. */
	quiet(rounds: number): Traffic {
		return measureQuiet(this, rounds)
	}

	/** Nodes crash and come back, one after the other, while a change goes around. Rounds until all who are up know it. */
	spreadUnderChurn(restarts: number, limit = 400): number | undefined {
		const version = this.publish()
		const owner = this.#options.nodes >> 1
		for (let round = 1; round <= limit; round++) {
			if (round <= restarts) {
				const at = (owner + round) % this.hubs.length
				this.network.crash(nameOf(at))
				void this.hubs[at]!.stop()
				this.hubs[at] = this.#start(nameOf(at))
			}
			this.clock.run(ROUND)
			if (round >= restarts && this.#isKnown(version)) return round
		}
		return undefined
	}

	/** Half of them are cut off for a minute, in which something changes. Rounds from the healing on, until all know it. */
	spreadAfterPartition(limit = 400): number | undefined {
		const { names } = this.network
		this.network.partition(names.slice(0, names.length >> 1), names.slice(names.length >> 1))
		this.clock.run(30_000)
		const version = this.publish()
		this.clock.run(30_000)
		this.network.heal()
		for (let round = 1; round <= limit; round++) {
			this.clock.run(ROUND)
			if (this.#isKnown(version)) return round
		}
		return undefined
	}

	/** One change, until everybody knows it, and then until it has died down, or so many rounds have passed. */
	spread(limits: SpreadLimits = {}): Spread {
		return measureSpread(
			{
				...{ clock: this.clock, network: this.network },
				publish: () => this.publish(),
				isKnown: version => this.#isKnown(version),
			},
			limits,
		)
	}

	#firstLacking = 0

	/** Looks where it was still missing the last time: one look in most rounds. */
	#isKnown(version: string): boolean {
		const { hubs } = this
		for (let tried = 0; tried < hubs.length; tried++) {
			const at = (this.#firstLacking + tried) % hubs.length
			if (versionAt(hubs[at]!) !== version) {
				this.#firstLacking = at
				return false
			}
		}
		return true
	}
}

const nameOf = (index: number): string => `n${String(index).padStart(5, '0')}`

const versionAt = (hub: Hub): string | undefined => hub.versions('rates').at(-1)
