import type { ExecutionContext } from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import type { Transport } from '../../lib/core/transport.ts'
import { DataPublisher, type PublisherOptions } from '../../lib/publisher/index.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { MemoryNetwork, type MemoryNetworkOptions } from '../../lib/transports/memory.ts'
import {
	NumberSets,
	snapshotOf,
	type SetKey,
	type SetNotification,
	type SetSnapshot,
	type SetUpdate,
	type SetView,
} from './number-sets.ts'

export type SetPublisher = DataPublisher<SetUpdate, SetView, SetKey, SetSnapshot, SetNotification>

export interface Node {
	readonly transport: Transport
	readonly module: NumberSets
	readonly publisher: SetPublisher
}

/** Long enough for any repair with the intervals below, after the network is whole. */
export const LONG = 60_000

/** Nodes on a network in memory, under one clock that stands still unless it is told to move. */
export class Cluster {
	readonly clock = new FakeClock()
	readonly network: MemoryNetwork
	readonly #options: PublisherOptions

	constructor(network: MemoryNetworkOptions = {}, options: PublisherOptions = {}) {
		this.network = new MemoryNetwork({ clock: this.clock, logger: silentLogger, ...network })
		this.#options = {
			clock: this.clock,
			logger: silentLogger,
			random: () => 0.5,
			interval: 200,
			maxInterval: 2_000,
			...options,
		}
	}

	start(name: string, module = new NumberSets(), options: PublisherOptions = {}): Node {
		return this.startOn(this.network.join(name), module, options)
	}

	startOn(transport: Transport, module = new NumberSets(), options: PublisherOptions = {}): Node {
		const publisher = DataPublisher.start('sets', module, { ...this.#options, transport, ...options })
		return { transport, module, publisher }
	}

	/** Moves time on. Promises have their turn between timers, without the millisecond of real time that `advance` takes. */
	async settle(ms = 1_000): Promise<void> {
		const target = this.clock.monotonic() + ms
		for (;;) {
			for (let turn = 0; turn < 8; turn++) await Promise.resolve()
			const left = target - this.clock.monotonic()
			const next = this.clock.nextTimerIn ?? Infinity
			this.clock.run(Math.min(left, next))
			if (next > left) return
		}
	}
}

/** What a publisher sees, by the names of the nodes. */
export const seen = ({ publisher }: Node): Record<string, readonly number[]> =>
	Object.fromEntries([...snapshotOf(publisher.view)].map(([id, numbers]) => [id.split('#')[0]!, numbers]))

/** Everything that a node's subscribers to `all` are told from now on. */
export const watch = (t: ExecutionContext, { publisher }: Node): SetNotification[] => {
	const told: SetNotification[] = []
	const subscription = publisher.subscribe('all', {
		onNotification: ({ origin, add, remove }) => told.push({ origin: origin.split('#')[0]!, add, remove }),
	})
	t.teardown(() => subscription[Symbol.dispose]())
	return told
}
