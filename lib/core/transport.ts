/**
 * One running instance of a node. A node that restarts keeps its name and gets a new boot id: it is another peer, whose
 * data must not be mistaken for that of its predecessor (SPEC §2.10).
 */
export interface Peer {
	/** What the node is called: unique in the cluster at any time, and the same after a restart. */
	readonly name: string
	/** Random, new with each start. */
	readonly boot: string
	/** `name` and `boot` as one string: what to key a `Map` by. */
	readonly id: string
}

/** Why a peer is gone: it said so, nothing was heard of it for too long, its successor is there, or we lost the network. */
export type PeerDownReason = 'goodbye' | 'silent' | 'replaced' | 'disconnected'

/** What a channel tells. Called one at a time, never from within `open`, `send` or `broadcast`, never after `close`. */
export interface ChannelListener<Message> {
	/**
	 * A peer has opened the same scope, or is within reach again. Between an up and a down of one peer nothing is said
	 * twice; a peer that comes back after a down, with the same boot id or with another, is up again.
	 */
	peerUp(peer: Peer): void
	/** Nothing comes from this peer after this, until it is up again. */
	peerDown(peer: Peer, reason: PeerDownReason): void
	/** Only from peers that are up. The message is a copy: nobody else holds it. */
	message(from: Peer, message: Message): void
}

/** What has gone through a channel, for metrics and for the curious. */
export interface ChannelCounts {
	/** Handed to the network. A broadcast counts once. */
	readonly sent: number
	readonly received: number
	/** Not sent because a queue was full, the peer was not up, or the network was away. */
	readonly dropped: number
	/** Arrived, and were no messages of ours: not MessagePack, over the size limit, of a peer that is not up. */
	readonly refused: number
	/** Known not to have arrived, from the numbers of what did. Not all that is lost is known to be. */
	readonly lost: number
}

export interface WhenUpOptions {
	/** Gives up waiting. */
	readonly signal?: AbortSignal | undefined
	/** How long to wait, in milliseconds. Default: 5,000. */
	readonly timeout?: number | undefined
}

/** One scope, as one node sees it. */
export interface Channel<Message> {
	readonly scope: string
	/** Who is up now, ourselves not among them, by `Peer.id`. */
	readonly peers: ReadonlyMap<string, Peer>
	readonly counts: ChannelCounts
	/**
	 * Hands a message to the network. What one peer sends to another, by `send` and `broadcast` together, arrives in
	 * this order, each at most once. It may be lost even so: whoever cannot bear that numbers what it sends.
	 *
	 * @returns `false` where it is certain that it will not arrive: the peer is not up, or the queue to it is full.
	 */
	send(to: Peer, message: Message): boolean
	/** The same to everybody who is up, where the network can do that at the price of one. Returns how many that are. */
	broadcast(message: Message): number
	/**
	 * Resolves when this peer is up in this scope, at once where it is. Every scope discovers its peers by itself: one
	 * that is up in another, where it may just have joined a group, can come up in this one a moment later, whichever of
	 * them it opened first.
	 *
	 * Rejects with `TIMEOUT`, also for a peer that is gone or never opens this scope; `STOPPED` when the channel is closed;
	 * what the `signal` was aborted with; `INVALID_OPTION` for ourselves, who are not up in our own eyes.
	 */
	whenUp(peer: Peer, options?: WhenUpOptions): Promise<void>
	/** Says goodbye and leaves. Whoever waits in a queue to be sent is sent, within a limit. */
	close(): Promise<void>
}

/**
 * How peers talk, and the only thing that knows it: `MemoryNetwork`, `BroadcastChannelTransport`, `NatsTransport`.
 * `transportConformance` from `remote-term/testing` is this contract as a test suite.
 *
 * Messages are data that MessagePack can carry: plain objects, arrays, strings, numbers, bigints of 64 bits, booleans,
 * null, `Uint8Array`, `Map`, `Set`, `Date`. What cannot be encoded, or is over the transport's size limit, is
 * `INVALID_OPTION` at `send`.
 */
export interface Transport {
	readonly self: Peer
	/**
	 * Opens a scope: a name that separates those who have something to do with each other from everybody else. It
	 * returns at once; peers come up as they are discovered.
	 *
	 * @throws `INVALID_OPTION` for a scope that is open already, or is no name; `STOPPED` after `close`.
	 */
	open<Message>(scope: string, listener: ChannelListener<Message>): Channel<Message>
	/** Closes every channel, then the connection. */
	close(): Promise<void>
}

/** Names of peers and scopes: what fits into a NATS subject as one token, too. */
export const PEER_NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.:@-]{0,127}$/

/** The one way to write a peer's id. A boot id has no `#`. */
export const peerOf = (name: string, boot: string): Peer =>
	Object.freeze({ name, boot, id: `${name}#${boot}` })
