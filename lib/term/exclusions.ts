import { RemoteTermError } from '../core/errors.ts'
import type { Version } from '../core/fetcher.ts'
import type { Held } from './admission.ts'
import { isSameContent, isSettled, refuse, type Judged, type Refusal } from './refusal.ts'

/** A state that an operator does not want, good as it may be. */
export interface Unwanted {
	readonly version: Version | undefined
	readonly digest: string | undefined
	readonly error: RemoteTermError
	readonly reason: 'rolled-back' | 'not-pinned'
}

/**
 * What the source may hold and is not to be put in place: what was found bad, and what an operator does not want. Two
 * memories, since a bad publish in between must not let the unwanted back in.
 */
export class Exclusions {
	bad: Refusal | undefined
	unwanted: Unwanted | undefined
	readonly #name: string

	constructor(name: string) {
		this.#name = name
	}

	/** What the source was seen to hold last, of all that is not put in place. */
	get current(): Pick<Refusal, 'version' | 'error'> | undefined {
		return this.bad ?? this.unwanted
	}

	/** What the source need not send again. */
	known(now: number): Version | undefined {
		return isSettled(this.bad, now) ? this.bad.version : this.unwanted?.version
	}

	/** Remembers a verdict, where it is one on the content. */
	refuse(judged: Judged, error: RemoteTermError, at: number): void {
		const { version, digest, mendable = false } = judged
		this.bad = refuse(this.bad, { version, digest, mendable, error, at }) ?? this.bad
	}

	reject({ version, digest, validator }: Held, reason: Unwanted['reason'], because: string): void {
		const message = `${this.#name}@${version ?? 'initial'} is not wanted: ${because}`
		this.unwanted = { version: validator, digest, reason, error: new RemoteTermError('NOT_WANTED', message) }
	}

	/** Whether the source holds what is not wanted; then it no longer holds what was bad. */
	meetsUnwanted(state: {
		readonly version?: Version | undefined
		readonly digest?: string | undefined
	}): boolean {
		const { unwanted } = this
		if (unwanted === undefined) return false
		const isSame =
			state.digest === undefined
				? state.version !== undefined && state.version === unwanted.version
				: state.digest === unwanted.digest
		if (!isSame) return false
		this.unwanted = { ...unwanted, version: state.version }
		this.bad = undefined
		return true
	}

	/** The verdict on the very same bytes, which need not be judged again. */
	verdictOn(digest: string, version: Version | undefined, now: number): RemoteTermError | undefined {
		if (!isSameContent(this.bad, digest, now)) return undefined
		this.bad = { ...this.bad, version }
		return this.bad.error
	}

	/** The source holds what is in place: it has moved on from all of these. */
	forget(): void {
		this.bad = this.unwanted = undefined
	}

	/** Looks anew at what was kept out by a pin. */
	unpin(): void {
		if (this.unwanted?.reason === 'not-pinned') this.unwanted = undefined
	}
}
