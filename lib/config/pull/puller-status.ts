import type { RemoteTermError } from '../../core/errors.ts'

/** How a pull went. `configVersion` is that of what is stored afterwards. */
export type PullResult =
	| {
			readonly service: string
			readonly status: 'updated'
			readonly configVersion: string
			/** Items received. */
			readonly count: number
			readonly durationMs: number
			readonly error?: undefined
	  }
	| {
			readonly service: string
			readonly status: 'unchanged'
			readonly configVersion: string | undefined
			readonly durationMs: number
			readonly error?: undefined
	  }
	| {
			readonly service: string
			readonly status: 'failed'
			readonly configVersion: string | undefined
			readonly durationMs: number
			readonly error: RemoteTermError
	  }

export interface PullEvents {
	/** It is this service's turn, and its nodes will be asked. Followed by one of the others, once. */
	'pull.start': { readonly service: string; readonly startedAt: number }
	/** The service's configuration is in place, or was already. */
	'pull.stop': Exclude<PullResult, { status: 'failed' }> & { readonly startedAt: number }
	/** What was stored before stays. */
	'pull.error': Extract<PullResult, { status: 'failed' }> & { readonly startedAt: number }
}

/** All dates are milliseconds since the Unix epoch. Nothing in here is a secret. */
export interface PullStatus {
	readonly service: string
	/** Who wants it pulled. */
	readonly by: 'push' | 'operator'
	/** As they may be shown. */
	readonly nodes: readonly string[]
	/** Of what is stored. */
	readonly configVersion: string | undefined
	readonly pulling: boolean
	/** `undefined` while it is being pulled. */
	readonly nextPullAt: number | undefined
	readonly lastSuccessAt: number | undefined
	readonly consecutiveFailures: number
	readonly failingSince: number | undefined
	/** The last failure; `consecutiveFailures` says whether it is over. */
	readonly lastError: RemoteTermError | undefined
	/** What the source holds and the receiver has refused. */
	readonly refusedVersion: string | undefined
}

export interface PullerStatus {
	readonly state: 'idle' | 'started' | 'stopped'
	readonly services: readonly PullStatus[]
	/** Waiting for their turn, of all that are pulled now. */
	readonly waiting: number
	/** Registered and not pulled, by service, and why: its origin is not allowed (any more), or there are too many. */
	readonly notPulled: ReadonlyMap<string, RemoteTermError>
}
