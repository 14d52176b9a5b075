import test from 'ava'
import { Adaptive, Gossip, PubSub } from '../../lib/hub/index.ts'
import { strategyConformance } from '../../lib/testing/index.ts'

const subjects = {
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
