import { Adaptive, Gossip, PubSub, type SynchronizationStrategy } from '../../lib/hub/index.ts'

/** Milliseconds of one round: what a message takes, and what a node waits before it sends again. */
export const ROUND = 200
export const RECIPIENTS = 3
export const SYNC_INTERVAL = 15_000

export const CONTESTANTS: Readonly<Record<string, () => SynchronizationStrategy>> = {
	PubSub: () => new PubSub({ ackTimeout: 3 * ROUND, syncInterval: SYNC_INTERVAL }),
	Gossip: () => new Gossip({ recipients: RECIPIENTS, roundInterval: ROUND, syncInterval: SYNC_INTERVAL }),
	Adaptive: () =>
		new Adaptive({
			pubsub: { ackTimeout: 3 * ROUND, syncInterval: SYNC_INTERVAL },
			gossip: { recipients: RECIPIENTS, roundInterval: ROUND, syncInterval: SYNC_INTERVAL },
		}),
}
