import { messageOf, type ErrorCode } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Outcome } from './events.ts'

/** Logs changes of state, not polls: an outage is two lines, its beginning and its end, however long it lasts. */
export class ChangeLog {
	readonly #name: string
	readonly #logger: Logger
	/** What the outage under way has been seen to be. A source that fails in two ways in turn makes two lines. */
	readonly #failingWith = new Set<ErrorCode>()
	#failures = 0

	constructor(name: string, logger: Logger) {
		this.#name = name
		this.#logger = logger
	}

	note(outcome: Outcome): void {
		const term = this.#name
		if (outcome.status === 'failed') {
			const { error, version } = outcome
			this.#failures++
			if (!this.#failingWith.has(error.code)) {
				this.#logger.warn(`${term} cannot be refreshed; the value in place stays: ${error.message}`, {
					term,
					version,
					error,
				})
			}
			this.#failingWith.add(error.code)
			return
		}
		if (this.#failures > 0)
			this.#logger.info(`${term} is refreshed again, after ${this.#failures} failures`, {
				term,
				version: outcome.version,
			})
		this.#failures = 0
		this.#failingWith.clear()
		if (outcome.status === 'updated') {
			const { version, previousVersion, bytes, inflatedBytes, durationMs } = outcome
			this.#logger.info(`${term} has a new value`, {
				term,
				version,
				previousVersion,
				bytes,
				inflatedBytes,
				durationMs,
			})
		}
	}

	/** A state out of the archive that does not pass the gate any more. */
	skipped({ version }: { readonly version: string }, error: unknown): void {
		const term = this.#name
		this.#logger.warn(`${term}@${version} cannot be put back: ${messageOf(error)}`, { term, version, error })
	}

	/** By `rollback` or `pin`. */
	broughtBack(version: string): void {
		const term = this.#name
		this.#logger.info(`${term} is back at ${version}`, { term, version })
	}

	/** Neither the disk nor the source has what was pinned before the start. */
	unavailable(version: string): void {
		const term = this.#name
		this.#logger.warn(`${term} starts without a pin, as nobody has ${version}`, { term, version })
	}

	restored(version: string | undefined): void {
		const term = this.#name
		this.#logger.warn(`${term} starts with what was good last, as its source does not answer`, {
			term,
			version,
		})
	}

	stale(): void {
		this.#logger.warn(`${this.#name} is stale: its source has not confirmed it for too long`, {
			term: this.#name,
		})
	}
}
