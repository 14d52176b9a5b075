import type { Channel, ChannelCounts, Peer, WhenUpOptions } from '../../core/transport.ts'
import type { GuardedListener } from '../listener.ts'
import { Bits } from './bits.ts'
import { PeersView } from './peers-view.ts'
import type { Scope } from './scope.ts'
import type { TransportCounts } from './traffic.ts'

/** What is under way from one member to another. Kept only while something is. */
export interface Pair {
	/** When the last of it arrives: nothing overtakes it. */
	due: number
	/** The number of the last that was sent, and of the last that has arrived: whatever comes again is known by it. */
	sent: number
	arrived: number
	underWay: number
}

interface Counts {
	sent: number
	received: number
	dropped: number
	refused: number
	lost: number
}

export type MemberState = 'open' | 'left' | 'crashed'

/** One scope as opened by one peer: a `Channel` to its owner, somebody to talk to for the other members. */
export class Member implements Channel<unknown> {
	readonly peer: Peer
	/** Its place in the sets of the others; nobody else has it until nobody knows this member any more. */
	readonly index: number
	/** Those that opened later have a greater one. */
	readonly order: number
	readonly listener: GuardedListener
	/** Of this peer over all its scopes. */
	readonly traffic: TransportCounts
	state: MemberState = 'open'
	/** By index, who is up for us. */
	readonly up = new Bits()
	/** By index, to whom our hello is under way, or for whom we are up. */
	readonly greeted = new Bits()
	/** For how many others we are up. */
	seenBy = 0
	readonly pairs = new Map<Member, Pair>()
	/** When the last of what went to many at once arrives: nothing overtakes that either. */
	floor = 0
	readonly tally: Counts = { sent: 0, received: 0, dropped: 0, refused: 0, lost: 0 }
	readonly peers: ReadonlyMap<string, Peer>
	/** Planned already: those whom it can reach and has not greeted will be. */
	announces = false
	readonly #scope: Scope
	readonly #leave: () => void

	constructor(
		scope: Scope,
		about: Pick<Member, 'peer' | 'index' | 'order' | 'listener' | 'traffic'>,
		leave: () => void,
	) {
		this.#scope = scope
		this.peer = about.peer
		this.index = about.index
		this.order = about.order
		this.listener = about.listener
		this.traffic = about.traffic
		this.peers = new PeersView(scope, this.up)
		this.#leave = leave
	}

	get scope(): string {
		return this.#scope.name
	}

	get counts(): ChannelCounts {
		return { ...this.tally }
	}

	send(to: Peer, message: unknown): boolean {
		const letter = this.#scope.seal(message)
		const member = this.state === 'open' ? this.#scope.find(this.up, to.id) : undefined
		const isSent = member !== undefined && this.#scope.send(this, member, letter)
		if (isSent) this.tally.sent += 1
		else this.tally.dropped += 1
		return isSent
	}

	broadcast(message: unknown): number {
		const letter = this.#scope.seal(message)
		if (this.state !== 'open') {
			this.tally.dropped += 1
			return 0
		}
		let reached = 0
		for (const index of this.up.toArray()) {
			if (this.#scope.send(this, this.#scope.at(index), letter)) reached += 1
			else this.tally.dropped += 1
		}
		this.tally.sent += 1
		return reached
	}

	whenUp(peer: Peer, options?: WhenUpOptions): Promise<void> {
		return this.listener.whenUp(peer, this.peers, options)
	}

	async close(): Promise<void> {
		if (this.state !== 'open') return
		this.#scope.leave(this)
		this.#leave()
	}
}
