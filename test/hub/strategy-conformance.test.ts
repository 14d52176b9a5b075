import test from 'ava'
import type { Peer } from '../../lib/core/transport.ts'
import {
	Adaptive,
	Gossip,
	PubSub,
	type HubPort,
	type JoinTargets,
	type News,
	type SynchronizationStrategy,
} from '../../lib/hub/index.ts'
import { strategyConformance } from '../../lib/testing/index.ts'

/** The one of docs/fleet.md. */
class Postcards implements SynchronizationStrategy {
	readonly name = 'postcards'
	readonly syncInterval = 5_000
	init(): this {
		return this
	}
	propagate(hub: HubPort, { deltas, directives }: News): void {
		hub.broadcast({ kind: 'rumor', deltas, directives })
	}
	initSync(hub: HubPort): void {
		for (const peer of hub.sample(2)) hub.send(peer, hub.exchange.digest())
	}
	handleSynchronization(hub: HubPort, data: unknown, from: Peer): void {
		hub.handle(data, from)
	}
	broadcastLocalData(hub: HubPort, _local: News | 'suppress', { peers }: JoinTargets): void {
		for (const peer of peers) hub.sendJoin(peer, hub.exchange.digest())
	}
	handleNodeJoinData(hub: HubPort, data: unknown, from: Peer): void {
		hub.handle(data, from)
	}
}

const subjects = {
	"A user's own": () => new Postcards(),
	PubSub: () => new PubSub(),
	Gossip: () => new Gossip(),
	'Gossip where everybody begins rounds': () => new Gossip({ restrictedInit: false, recipients: 1 }),
	Adaptive: () => new Adaptive({ above: 3, below: 2 }),
}

for (const [subject, create] of Object.entries(subjects)) {
	strategyConformance({
		create,
		test: (title, run) => test(`${subject}: ${title}`, async t => void (await t.notThrowsAsync(run))),
	})
}
