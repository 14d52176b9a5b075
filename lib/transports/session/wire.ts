import type { Peer } from '../../core/transport.ts'

/** How the frames of one scope travel. What differs between networks, and nothing else. */
export interface Wire {
	/** The largest frame that it can carry, in bytes. May change. */
	readonly maxFrameBytes: number
	/**
	 * Whether only who addresses us is known to hear us. On a wire where everybody has an ear open before it says hello,
	 * anything that somebody says is proof enough.
	 */
	readonly mutual: boolean
	/** To everybody who has opened the scope, known or not. */
	announce(frame: Uint8Array): void
	/** To one, who may not know us yet. */
	introduce(to: Peer, frame: Uint8Array): void
	/** Whether the queue to one, or to anybody, has room for another message. */
	hasRoom(to?: Peer): boolean
	/** To one who is up. */
	post(to: Peer, frame: Uint8Array): void
	/** To these, who are all that are up and have room. */
	cast(to: readonly Peer[], frame: Uint8Array): void
	/** Somebody is there from now on; again, where it has forgotten us and made our acquaintance anew. */
	attach(peer: Peer): void
	/** Somebody is not there any more. */
	detach(peer: Peer): void
	/**
	 * Calls `done` once all that has reached us, or the network on its way to us, until now has been heard: a sign of life
	 * in a backlog is one. Never, where the network is lost before that.
	 */
	catchUp(done: () => void): void
	/** Ends it when what is on its way is sent, within a limit. */
	close(): Promise<void>
}
