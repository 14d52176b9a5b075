import test from 'ava'
import { silentLogger } from '../../lib/core/logger.ts'
import { seededRandom } from '../../lib/core/random.ts'
import type { Channel, Transport } from '../../lib/core/transport.ts'
import { FakeClock } from '../../lib/testing/fake-clock.ts'
import { MemoryNetwork } from '../../lib/transports/memory.ts'

interface Listening {
	readonly transport: Transport
	readonly channel: Channel<unknown>
	/** Who is up, by what the listener was told. */
	readonly told: Set<string>
}

const NAMES = ['n0', 'n1', 'n2', 'n3'] as const

/** What went wrong in one random life of four peers that open, leave, crash and restart, on links that come and go. */
const faultsOf = (seed: number): readonly string[] => {
	const random = seededRandom(seed)
	const int = (below: number): number => Math.floor(random() * below)
	const clock = new FakeClock()
	const network = new MemoryNetwork({
		seed,
		clock,
		logger: silentLogger,
		detection: 100 + int(500),
		latency: 1 + int(20),
		jitter: int(2) * int(60),
		loss: int(2) * random() * 0.3,
	})
	const faults: string[] = []
	const live = new Map<string, Listening>()
	const open = (transport: Transport): void => {
		const told = new Set<string>()
		const channel = transport.open('scope', {
			peerUp: ({ id }) => {
				if (told.has(id)) faults.push(`${id} is up twice`)
				told.add(id)
			},
			peerDown: ({ id }) => {
				if (!told.delete(id)) faults.push(`${id} is down, and was not up`)
			},
			message: () => {},
		})
		live.set(transport.self.name, { transport, channel, told })
	}
	const check = (who: string, found: Iterable<string>, expected: Iterable<string>): void => {
		const [a, b] = [[...found].sort().join(), [...expected].sort().join()]
		if (a !== b) faults.push(`${who}: ${a} instead of ${b}`)
	}
	for (let step = 0; step < 60; step++) {
		const name = NAMES[int(4)]!
		const one = live.get(name)
		const kind = random()
		if (kind < 0.4) clock.run(int(60))
		else if (kind < 0.5) clock.run(100 + int(800))
		else if (one === undefined) open(network.join(name))
		else if (kind < 0.6) {
			void one.channel.close()
			open(one.transport)
		} else if (kind < 0.7) open(network.restart(name))
		else if (kind < 0.75) {
			network.crash(name)
			live.delete(name)
		} else if (kind < 0.85) network.partition(NAMES.filter(() => random() < 0.5))
		else if (kind < 0.9) network.cut(name, NAMES[int(4)]!)
		else network.heal()
		for (const [at, { channel, told }] of live) check(at, told, channel.peers.keys())
	}
	network.heal()
	network.conditions({ loss: 0 })
	clock.run(20_000)
	const everybody = [...live.values()].map(({ transport }) => transport.self.id)
	for (const [at, { transport, told }] of live)
		check(
			at,
			told,
			everybody.filter(id => id !== transport.self.id),
		)
	return faults
}

test('whatever happens to peers and links, listeners are told who is up, and in the end everybody is', t => {
	for (let seed = 1; seed <= 500; seed++) t.deepEqual(faultsOf(seed), [], `seed ${seed}`)
})
