import type { Document } from '../document.ts'

/** What everybody is given: a place to ask, how often, how long to wait, how much to take. */
export interface Conditions {
	readonly url: string
	/** Milliseconds. */
	readonly interval: number
	/** Milliseconds that one request may take. */
	readonly timeout: number
	/** Bytes. */
	readonly maxBytes: number
	readonly maxInflatedBytes: number
	/** A value to begin with, for those who can. */
	readonly bundled?: Document
	/** A folder of one's own. */
	readonly directory: string
}

/** Somebody who keeps a remote value hot, in real time, as his users would have him do it. */
export interface Contestant {
	/** Resolves when the first attempt is over, whatever came of it. */
	start(): Promise<void>
	/** What readers get, as a document; `undefined` for nothing. */
	get(): unknown
	stop(): Promise<void>
}

/** How fast time goes for a contestant. All in milliseconds. */
export interface Tempo {
	readonly interval: number
	readonly timeout: number
	/** How long the harness waits for what should happen. */
	readonly patience: number
}

export interface Entrant {
	readonly name: string
	/** Default: as fast as the comparison goes. */
	readonly tempo?: Tempo
	readonly title: string
	/** How a document is published for it. Default: as JSON. */
	readonly write?: (document: Document) => unknown
	/** What its origin sends along. */
	readonly headers?: Readonly<Record<string, string>>
	create(conditions: Conditions): Contestant
}
