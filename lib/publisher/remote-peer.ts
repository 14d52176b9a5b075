import { RemoteTermError, type ErrorCode } from '../core/errors.ts'
import type { Peer } from '../core/transport.ts'
import { Intake, type IntakeLimits } from './intake.ts'
import type { ModuleVersion } from './module.ts'
import type { Outgoing } from './outgoing.ts'

export interface PeerStatus {
	readonly peer: Peer
	/** What it said last; `undefined` while it has said nothing. */
	readonly version: ModuleVersion | undefined
	/**
	 * `discovering`: its data are not here yet. `synced`: they are, as far as we know. `repairing`: some of them were
	 * lost, and have been asked for. `failing`: the module threw over them; what was known before is kept, and full data
	 * are asked for again and again. `foreign`: it speaks no `DataPublisher`, and is translated for.
	 */
	readonly state: 'discovering' | 'synced' | 'repairing' | 'failing' | 'foreign'
	/** The number of its last update that is part of the view. */
	readonly applied: number | undefined
	/** The number of our last update that it has confirmed. */
	readonly confirmed: number
	/** The code of what it is failing with. */
	readonly error: ErrorCode | undefined
}

/** What we know of one peer that is up. */
export class RemotePeer {
	readonly peer: Peer
	readonly intake: Intake
	version: ModuleVersion | undefined
	/** It speaks by plain messages only. */
	foreign = false
	/** The last ask of its that we have answered. */
	answered: { readonly epoch: string; readonly number: number } | undefined
	outgoing: Outgoing | undefined
	/** When to ask again if nothing has come, by the clock's `monotonic`. */
	retryAt = Infinity
	retryDelay: number
	/** From which part on the transfer under way has been asked for once more. */
	nudgedAt: number | undefined
	failure: Error | undefined

	constructor(peer: Peer, limits: IntakeLimits, nextAsk: () => number, retryDelay: number) {
		this.peer = peer
		this.intake = new Intake(limits, nextAsk)
		this.retryDelay = retryDelay
	}

	/** It has come up with another epoch than we knew. */
	forget(): void {
		this.answered = undefined
		this.outgoing = undefined
		this.failure = undefined
		this.nudgedAt = undefined
	}

	status(confirmed: number): PeerStatus {
		const { peer, version, intake, failure } = this
		const error = failure instanceof RemoteTermError ? failure.code : failure && 'PUT_FAILED'
		return { peer, version, state: this.#state, applied: intake.applied, confirmed, error }
	}

	get #state(): PeerStatus['state'] {
		if (this.foreign) return 'foreign'
		if (this.failure !== undefined) return 'failing'
		if (this.intake.applied === undefined) return 'discovering'
		return this.intake.asking ? 'repairing' : 'synced'
	}
}
