import type { Clock } from '../core/clock.ts'
import type { ErrorCode, RemoteTermError } from '../core/errors.ts'
import { isMalformed } from './connection.ts'

/**
 * - `INITIALIZING`: nothing has come from the stream yet, whatever has been tried
 * - `VALID`: connected, and what came could be used
 * - `INTERRUPTED`: not connected, and trying to be; the last configuration holds
 * - `OFF`: closed, for good
 */
export type StreamState = 'INITIALIZING' | 'VALID' | 'INTERRUPTED' | 'OFF'

export type StreamErrorKind = 'NETWORK_ERROR' | 'ERROR_RESPONSE' | 'INVALID_DATA' | 'UNKNOWN'

export interface StreamError {
	readonly kind: StreamErrorKind
	readonly code: ErrorCode
	readonly message: string
	/** Of the answer, where `kind` is `ERROR_RESPONSE`. */
	readonly statusCode?: number | undefined
	/** Milliseconds since the Unix epoch. */
	readonly time: number
}

/** Times are milliseconds since the Unix epoch. */
export interface StreamStatus {
	readonly state: StreamState
	/** Since when it is this state, and not since when something in here has changed. */
	readonly stateSince: number
	/** The last failure. It stays after the recovery, so that it can be asked about. */
	readonly lastError?: StreamError | undefined
	/** When the last event came that could be read. */
	readonly lastEventAt?: number | undefined
}

/** The rules of SPEC §1.7. A configuration from the disk does not touch it: it says nothing about the stream. */
export class StatusRecord {
	readonly #clock: Clock
	readonly #onChange: (status: StreamStatus) => void
	#state: StreamState = 'INITIALIZING'
	#stateSince: number
	#lastError: StreamError | undefined
	#lastEventAt: number | undefined

	constructor(clock: Clock, onChange: (status: StreamStatus) => void) {
		this.#clock = clock
		this.#onChange = onChange
		this.#stateSince = clock.now()
	}

	get current(): StreamStatus {
		return {
			state: this.#state,
			stateSince: this.#stateSince,
			...(this.#lastError !== undefined && { lastError: this.#lastError }),
			...(this.#lastEventAt !== undefined && { lastEventAt: this.#lastEventAt }),
		}
	}

	/** An event was delivered, known or not. */
	delivered(): void {
		if (this.#state === 'OFF') return
		this.#lastEventAt = this.#clock.now()
		if (this.#move('VALID')) this.#onChange(this.current)
	}

	/** Without an error, the stream is begun anew because it asked for that. */
	disconnected(error: RemoteTermError | undefined): void {
		if (this.#state === 'OFF') return
		if (error !== undefined) {
			const { code, message, status } = error
			const kind = kindOf(error)
			this.#lastError = {
				...{ kind, code, message },
				...(kind === 'ERROR_RESPONSE' && { statusCode: status }),
				time: this.#clock.now(),
			}
		}
		const moved = this.#state !== 'INITIALIZING' && this.#move('INTERRUPTED')
		if (moved || error !== undefined) this.#onChange(this.current)
	}

	off(): void {
		this.#move('OFF')
	}

	#move(to: StreamState): boolean {
		if (this.#state === to) return false
		this.#state = to
		this.#stateSince = this.#clock.now()
		return true
	}
}

const kindOf = (error: RemoteTermError): StreamErrorKind => {
	if (isMalformed(error)) return 'INVALID_DATA'
	if (error.status !== undefined) return 'ERROR_RESPONSE'
	return error.code.startsWith('FETCH_') ? 'NETWORK_ERROR' : 'UNKNOWN'
}
