import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Clock } from '../core/clock.ts'
import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { openSnapshots } from '#last-known-good'
import { Saving } from '../last-known-good/saving.ts'
import type { SnapshotStore } from '../last-known-good/store.ts'
import { directive, isLive, type Directive } from './directive.ts'

/** What the snapshots of this format are called. */
const KIND = 'directives'

/** How long directives are gathered before they are saved, in milliseconds. */
const DELAY = 20

/** Of all that a fleet may be told, 12,288 of the longest there may be are less. */
const MAX_BYTES = 64 * 2 ** 20

export interface DirectiveStoreOptions {
	readonly directory: string
	/** Which fleet's. */
	readonly scope: string
	readonly clock: Clock
	readonly logger: Logger
	/** Everything that is to be saved. */
	readonly all: () => Iterable<Directive>
}

/**
 * What the fleet was told, on the disk of one node. What comes from there merges like what somebody else says, so that it
 * does not matter how old it is. Nothing that goes wrong here is more than a warning.
 */
export class DirectiveStore {
	readonly #options: DirectiveStoreOptions
	readonly #snapshots: SnapshotStore
	readonly #saving: Saving

	/** Touches nothing yet. @throws `INVALID_OPTION` */
	constructor(options: DirectiveStoreOptions) {
		const { clock, directory, logger, scope } = options
		this.#options = options
		const name = `directives of ${scope}`
		this.#snapshots = openSnapshots({ directory, name, keep: 2, maxBytes: MAX_BYTES, clock, logger })
		this.#saving = new Saving({
			clock,
			delay: DELAY,
			save: signal => this.#save(signal),
			failed: error => this.#warn('save', error),
			recovered: () => logger.info(`The directives of ${scope} are saved again`),
		})
	}

	/** What was saved last and can be read, as far as it is still to be obeyed. */
	async load(): Promise<Directive[]> {
		for await (const candidate of this.#snapshots.candidates()) {
			// The store has said why.
			if (candidate.status === 'skipped') continue
			try {
				const { body, kind } = candidate.snapshot
				if (kind !== KIND) throw new Error(`it is of the kind ${kind}`)
				const saved = z.array(directive).parse(JSON.parse(Buffer.from(body).toString('utf8')))
				return saved.filter(one => isLive(one, this.#options.clock.now()))
			} catch (error) {
				this.#warn(`read ${candidate.file} of`, error)
			}
		}
		return []
	}

	/** Something else is to be obeyed: that is saved soon. */
	changed(): void {
		this.#saving.changed()
	}

	/** Saves what has not been saved yet, within 5 seconds. */
	close(): Promise<void> {
		return this.#saving.close()
	}

	async #save(signal: AbortSignal): Promise<void> {
		const { all, clock } = this.#options
		const body = Buffer.from(JSON.stringify([...all()]))
		const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`
		await this.#snapshots.save(
			{ version: digest, digest, kind: KIND, acceptedAt: clock.now(), body },
			{ signal },
		)
	}

	#warn(act: string, error: unknown): void {
		const { logger, scope } = this.#options
		logger.warn(`Cannot ${act} the directives of ${scope}: ${messageOf(error)}`, { error })
	}
}
