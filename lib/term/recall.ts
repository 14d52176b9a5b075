import { RemoteTermError } from '../core/errors.ts'
import type { FetchContext, Version } from '../core/fetcher.ts'
import type { ChangeLog } from './change-log.ts'
import type { Admission, Held, Trace } from './admission.ts'
import { asDownload, type Accepted, type Archive } from './archive.ts'
import type { Task } from './flight.ts'
import type { Gate } from './gate.ts'

/** Puts states out of the archive back in place. They pass the same gate as what the source sends. */
export class Recall<T> {
	readonly #name: string
	readonly #gate: Gate<T>
	readonly #archive: Archive
	readonly #log: ChangeLog
	#triedDisk = false
	/** Pinned before there was anybody to ask for it. */
	#sought: Version | undefined

	constructor(name: string, gate: Gate<T>, archive: Archive, log: ChangeLog) {
		this.#name = name
		this.#gate = gate
		this.#archive = archive
		this.#log = log
	}

	/** Whether a value is in place that is better than the bundled one. */
	get holds(): boolean {
		const source = this.#gate.held?.source
		return source !== undefined && source !== 'initial'
	}

	/** Whether a version was pinned that is still to be looked for. */
	get seeks(): boolean {
		return this.#sought !== undefined && this.#sought === this.#gate.pinned
	}

	/** Pins a version before anybody can be asked for it. */
	pinAhead(version: Version): void {
		this.#sought = this.#gate.pinned = version
	}

	/** What was pinned ahead, if the disk has it. `unchanged` where it does not: the source may. */
	readonly findPinned: Task<T> = async (context, trace) => {
		const found = this.seeks ? await this.#find(this.#sought!, context, trace) : undefined
		if (found === undefined) return { status: 'unchanged', version: this.#gate.held?.version }
		this.#sought = undefined
		return found
	}

	/** Asks the source. What was pinned ahead and is neither on disk nor there is pinned no longer. */
	refresh(context: FetchContext, trace: Trace, askSource: Task<T>): Promise<Admission<T>> {
		return this.#sought === undefined ? askSource(context, trace) : this.#seek(context, trace, askSource)
	}

	/** The newest snapshot that passes the gate. `unchanged` where there is none: that is no failure. */
	readonly restore: Task<T> = async (context, trace) => {
		this.#triedDisk = true
		for await (const accepted of this.#archive.snapshots(context)) {
			try {
				const origin = { source: 'last-known-good', accepted } as const
				return await this.#gate.admit(asDownload(accepted), undefined, context, trace, origin)
			} catch (error) {
				if (context.signal.aborted) throw error
				this.#log.skipped(accepted, error)
			}
		}
		return { status: 'unchanged', version: this.#gate.held?.version }
	}

	/** A snapshot, once, if the source gives nothing and nothing better than the bundled value is in place. */
	fallback({ code }: RemoteTermError): Task<T> | undefined {
		const isMistake = code === 'INVALID_OPTION' || code === 'SETUP_FAILED'
		return this.holds || isMistake || !this.#archive.onDisk || this.#triedDisk ? undefined : this.restore
	}

	/** @throws `VERSION_UNAVAILABLE` */
	async rollBack(context: FetchContext, trace: Trace): Promise<Admission<T>> {
		const { held } = this.#gate
		for await (const accepted of this.#archive.states(context)) {
			if (
				held === undefined ||
				accepted.version === held.version ||
				// The same bytes under the name that they had before.
				(accepted.digest !== undefined && accepted.digest === held.digest) ||
				accepted.version === this.#gate.excluded.unwanted?.version
			)
				continue
			const admission = await this.#bringBack(accepted, context, trace)
			if (admission === undefined) continue
			// Only what the source still holds could come back by itself.
			if (held.source === 'remote') this.#gate.reject(held, 'rolled-back')
			await this.#forget(held, context)
			return admission
		}
		throw new RemoteTermError(
			'VERSION_UNAVAILABLE',
			`Expected ${this.#name} to have an earlier value to roll back to, found none`,
		)
	}

	/**
	 * Pins a version, and brings it into place from wherever it is. Leaves everything as it was where it is nowhere.
	 *
	 * @throws `VERSION_UNAVAILABLE`
	 */
	async pin(
		version: Version,
		context: FetchContext,
		trace: Trace,
		askSource: Task<T>,
	): Promise<Admission<T>> {
		const gate = this.#gate
		const { excluded, held, pinned } = gate
		const { bad, unwanted } = excluded
		gate.pinned = version
		this.#sought = undefined
		if (held?.version === version) return { status: 'unchanged', version }
		try {
			const found = await this.#find(version, context, trace)
			if (found !== undefined) {
				if (held?.source === 'remote') gate.reject(held, 'not-pinned')
				return found
			}
			// What was refused is judged anew: being asked for by name is what may have been missing.
			excluded.bad = undefined
			if (unwanted?.version === version) excluded.unwanted = undefined
			const admission = await askSource(context, trace)
			if (gate.held?.version === version) return admission
			throw new RemoteTermError(
				'VERSION_UNAVAILABLE',
				`Expected ${this.#name}@${version} to be in the history or at the source, found it in neither`,
			)
		} catch (error) {
			gate.pinned = pinned
			excluded.bad = bad
			excluded.unwanted = unwanted
			throw error
		}
	}

	async #seek(context: FetchContext, trace: Trace, askSource: Task<T>): Promise<Admission<T>> {
		// As long as the source cannot say, it is still to be looked for.
		const admission = await askSource(context, trace)
		const gate = this.#gate
		const isMissing = this.seeks && gate.held?.version !== this.#sought
		this.#sought = undefined
		if (!isMissing) return admission
		this.#log.unavailable(gate.pinned!)
		gate.unpin()
		return askSource(context, trace)
	}

	/** What was rolled back from must not return at the next start, under whatever names its bytes were seen. */
	async #forget({ version, digest }: Held, context: FetchContext): Promise<void> {
		const names = new Set<Version>()
		for await (const state of this.#archive.states(context)) {
			if (state.version === version || (digest !== undefined && state.digest === digest))
				names.add(state.version)
		}
		for (const name of names) await this.#archive.forget(name, context)
	}

	async #find(version: Version, context: FetchContext, trace: Trace): Promise<Admission<T> | undefined> {
		for await (const accepted of this.#archive.states(context)) {
			if (accepted.version === version) return this.#bringBack(accepted, context, trace)
		}
		return undefined
	}

	async #bringBack(
		accepted: Accepted,
		context: FetchContext,
		trace: Trace,
	): Promise<Admission<T> | undefined> {
		try {
			return await this.#gate.admit(asDownload(accepted), undefined, context, trace, {
				source: 'rollback',
				accepted,
			})
		} catch (error) {
			if (context.signal.aborted) throw error
			this.#log.skipped(accepted, error)
			return undefined
		}
	}
}
