import type { Peer } from '../../core/transport.ts'
import { Incoming } from './incoming.ts'
import type { Room } from './parts.ts'

/** Somebody else in the scope, as we know it. */
export class Fellow {
	readonly peer: Peer
	readonly opening: number
	readonly incoming: Incoming
	/** Whether our listener knows. Before, we have heard of it, and not from it. */
	isUp = false
	/** Which of our acquaintances this is, of all that we have made. */
	readonly stint: number
	/** How many parts have gone to it in this stint. */
	directs = 0
	/** When something of it was heard last, by the monotonic clock. */
	heardAt: number
	/** How long it may be silent until the next sign of life, by its own word, in milliseconds. */
	pause: number

	constructor(
		peer: Peer,
		opening: number,
		about: Pick<Fellow, 'stint' | 'heardAt' | 'pause'> & { room: Room },
	) {
		this.peer = peer
		this.opening = opening
		this.stint = about.stint
		this.heardAt = about.heardAt
		this.pause = about.pause
		this.incoming = new Incoming(about.room)
	}
}
