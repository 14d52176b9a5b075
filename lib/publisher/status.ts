import type { Peer } from '../core/transport.ts'
import type { ModuleVersion } from './module.ts'
import type { PeerStatus } from './remote-peer.ts'

export interface PublisherStatus {
	readonly scope: string
	readonly self: Peer
	readonly version: ModuleVersion
	/** Random, new with each start: which start of the publisher of this instance of this node this is. */
	readonly epoch: string
	readonly standalone: boolean
	readonly stopped: boolean
	/** The number of our own updates so far. */
	readonly newest: number
	readonly peers: readonly PeerStatus[]
	readonly subscriptions: number
	/** Updates and flushes that wait for peers. */
	readonly waiting: number
	/** Messages that wait to be dealt with. */
	readonly inbox: number
	readonly log: { readonly updates: number; readonly bytes: number }
	/** Since the start: messages that were nonsense, dropped because the inbox was full, or refused by the channel. */
	readonly malformed: number
	readonly overflowed: number
	readonly unsent: number
	/** How often a callback that threw has made the view be built again. Anything but 0 is a defect of the module. */
	readonly rebuilt: number
	/** The view could not be built again with our own data in it. It is tried again with each change and each beat. */
	readonly incomplete: boolean
}
