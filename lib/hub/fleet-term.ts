/**
 * What a hub must be able to ask of a term, and to tell it: `RemoteTerm` and whatever is built on it, or something of
 * yours. Without `pin`, `unpin` or `rollback` it refuses those.
 */
export interface FleetTerm {
	readonly name: string
	health(): FleetHealth
	on(event: 'updated' | 'unchanged' | 'failed' | 'status', listener: () => void): () => void
	update(): Promise<FleetOutcome>
	/** Told of a pin before it is started, it is to look for that version first. */
	pin?(version: string): Promise<FleetOutcome>
	unpin?(): Promise<FleetOutcome>
	rollback?(): Promise<FleetOutcome>
}

export interface FleetHealth {
	readonly status: string
	readonly version: string | undefined
	readonly lastSuccessAt: number | undefined
	readonly consecutiveFailures: number
	readonly lastError: Fault | undefined
	readonly refusedVersion: string | undefined
	readonly refusedBecause: Fault | undefined
	readonly pinnedVersion: string | undefined
}

export interface FleetOutcome {
	readonly status: string
	readonly version: string | undefined
	readonly error?: Fault | undefined
}

export interface Fault {
	readonly code: string
	readonly message: string
}

/** The services of a gateway, as a `ConfigDb` has them. */
export interface FleetServices {
	services(): ReadonlyArray<{
		readonly service: string
		readonly configVersion: string
		readonly committedAt: number
	}>
	watch(listener: (change: { readonly service: string }) => void): Disposable
}
