import { sleep, type Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { TimeLimit } from '../core/time-limit.ts'

export interface SavingOptions {
	readonly clock: Clock
	/** How long changes are gathered before they are saved, in milliseconds. */
	readonly delay: number
	/** Writes what is so now. Called again only when the last call has settled. */
	readonly save: (signal: AbortSignal) => Promise<void>
	/** Called for the first failure of several, and for the one that is the last of all. */
	readonly failed: (error: unknown) => void
	/** It works again. */
	readonly recovered: () => void
}

/** A save that takes long must not be all that is done. */
const REST = 10

/** A disk that takes nothing is tried again after 2 s, 4 s …, and after so long at most. */
const LONGEST_RETRY = 60_000

/** What `close` leaves for the last save, in milliseconds. */
const FLUSH_LIMIT = 5_000

/** Saves what goes on changing: soon after a change, again after a failure, and what is left at the end. Never throws. */
export class Saving {
	readonly #options: SavingOptions
	readonly #closing = new AbortController()
	#running: Promise<void> | undefined
	#isDirty = false
	#lastTook = 0
	/** Since it last worked. */
	#failures = 0

	constructor(options: SavingOptions) {
		this.#options = options
	}

	/** Something has changed: it is saved soon. */
	changed(): void {
		this.#isDirty = true
		if (this.#closing.signal.aborted) return
		this.#running ??= this.#saveSoon().finally(() => {
			this.#running = undefined
		})
	}

	/** Saves what has not been saved yet, within a limit. */
	async close(): Promise<void> {
		if (this.#closing.signal.aborted) return
		this.#closing.abort()
		await this.#running
		if (!this.#isDirty) return
		using limit = new TimeLimit(this.#options.clock, FLUSH_LIMIT, {
			error: () => new RemoteTermError('TIMEOUT', `It took longer than ${FLUSH_LIMIT} ms`),
		})
		await this.#save(limit.signal)
	}

	async #saveSoon(): Promise<void> {
		const { clock, delay } = this.#options
		const { signal } = this.#closing
		while (this.#isDirty && !signal.aborted) {
			const again = this.#failures === 0 ? 0 : Math.min(LONGEST_RETRY, 1_000 * 2 ** this.#failures)
			const wait = Math.max(delay, REST * this.#lastTook, again)
			await sleep(clock, wait, { signal, background: true }).catch(() => {})
			// What is left at the end is saved by `close`, which has its own limit.
			if (!signal.aborted) await this.#save(signal)
		}
	}

	async #save(signal: AbortSignal): Promise<void> {
		const { clock, failed, recovered, save } = this.#options
		const began = clock.monotonic()
		this.#isDirty = false
		try {
			await save(signal)
			if (this.#failures > 0) recovered()
			this.#failures = 0
		} catch (error) {
			// It is saved by whoever aborted this, or when the disk takes it.
			this.#isDirty = true
			if (signal === this.#closing.signal && signal.aborted) return
			if (this.#failures === 0 || this.#closing.signal.aborted) failed(error)
			this.#failures++
		}
		this.#lastTook = clock.monotonic() - began
	}
}
