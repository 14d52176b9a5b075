import type { Clock } from '../../core/clock.ts'
import type { Logger } from '../../core/logger.ts'
import type { Random } from '../../core/random.ts'
import type { Peer } from '../../core/transport.ts'
import type { GuardedListener } from '../listener.ts'
import type { Room } from './parts.ts'
import type { PulseSettings } from './pulse.ts'

export interface SessionContext {
	readonly self: Peer
	readonly scope: string
	/** Which time this transport opens the scope, from 1. */
	readonly opening: number
	readonly listener: GuardedListener
	readonly maxMessageBytes: number
	readonly maxPeers: number
	/** Shared by all channels of a transport. */
	readonly room: Room
	readonly pulse: PulseSettings
	readonly clock: Clock
	readonly random: Random
	readonly logger: Logger
	/** Timers do not keep the process alive. */
	readonly background: boolean
	/** The channel is closed: whoever opened it forgets it. */
	readonly left: () => void
}
