import type { Peer } from '../core/transport.ts'

/** What the exchange needs of everybody's data. */
export interface Store {
	readonly local: unknown
	update(origin: Peer, update: unknown): void
	replace(origin: Peer, data: unknown): void
	remove(origin: Peer): void
	/** Now and then: mends what could not be mended when it broke. */
	repair(): void
	/** A message that is not the protocol's. */
	foreign(message: unknown, from: Peer): void
}
