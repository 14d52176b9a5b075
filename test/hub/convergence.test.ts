// The bar of the design: deterministic, so it holds on every machine or on none.
import test from 'ava'
import { CONTESTANTS, RECIPIENTS } from '../../benchmarks/simulate/contestants.ts'
import { World } from '../../benchmarks/simulate/world.ts'

const nodes = 1_000
const BAR = Math.log2(nodes) + 4

// Beyond its threshold Adaptive gossips, so it is tried where that is hardest.
for (const [name, loss, bar] of [
	['Gossip', 0, BAR],
	['Gossip', 0.3, 2 * BAR],
	['Adaptive', 0.3, 2 * BAR],
] as const) {
	test(`${name}: a thousand nodes know a change within ${Math.floor(bar)} rounds, ${loss * 100} % of messages lost`, t => {
		const world = new World({ nodes, seed: 7, loss, strategy: CONTESTANTS[name]! })
		for (let change = 0; change < 3; change++) {
			const { perNodeAndRound, rounds } = world.spread({ after: 10 })
			t.true(rounds !== undefined && rounds <= bar, `${rounds} rounds`)
			t.true(perNodeAndRound <= RECIPIENTS, `${perNodeAndRound} messages of one node in one round`)
		}
	})
}
