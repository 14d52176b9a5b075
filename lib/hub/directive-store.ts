import { createHash } from 'node:crypto'
import { z } from 'zod'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import { TimeLimit } from '../core/time-limit.ts'
import { openSnapshots } from '#last-known-good'
import { readNewest } from '../last-known-good/newest.ts'
import { Saving } from '../last-known-good/saving.ts'
import type { Snapshot, SnapshotStore } from '../last-known-good/store.ts'
import { directive, isLive, type Directive } from './directive.ts'
import type { HubSettings } from './options.ts'

/** What the snapshots of this format are called. */
const KIND = 'directives'

/** How long directives are gathered before they are saved, in milliseconds. */
const DELAY = 20

/** A disk that takes longer to say what it has is not waited for, in milliseconds. */
const LOAD_LIMIT = 5_000

/** More than there is to be saved where every one of 12,288 directives is as long as it may be. */
const MAX_BYTES = 64 * 2 ** 20

/**
 * What the fleet was told, on the disk of one node. What comes from there merges like what somebody else says, so that it
 * does not matter how old it is. Nothing that goes wrong here is more than a warning.
 */
export class DirectiveStore {
	readonly #settings: Pick<HubSettings, 'clock' | 'logger' | 'scope'>
	readonly #all: () => Iterable<Directive>
	readonly #snapshots: SnapshotStore
	readonly #saving: Saving

	/**
	 * Touches nothing yet.
	 *
	 * @param all Everything that is to be saved.
	 * @throws `INVALID_OPTION`
	 */
	constructor(
		directory: string,
		settings: Pick<HubSettings, 'clock' | 'logger' | 'scope'>,
		all: () => Iterable<Directive>,
	) {
		const { clock, logger, scope } = settings
		this.#settings = settings
		this.#all = all
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

	/** What was saved last and can be read, as far as it is still to be obeyed. Never rejects. */
	async load(life: AbortSignal): Promise<Directive[]> {
		using limit = new TimeLimit(this.#settings.clock, LOAD_LIMIT, {
			error: () => new RemoteTermError('TIMEOUT', `It took longer than ${LOAD_LIMIT} ms`),
			outer: [life],
		})
		try {
			const found = await readNewest(
				this.#snapshots,
				limit.signal,
				snapshot => this.#read(snapshot),
				(file, error) => this.#warn(`read ${file} of`, error),
			)
			return found ?? []
		} catch (error) {
			if (!life.aborted) this.#warn('read', error)
			return []
		}
	}

	/** Something else is to be obeyed: that is saved soon. */
	changed(): void {
		this.#saving.changed()
	}

	/** Saves what has not been saved yet, within 5 seconds. */
	close(): Promise<void> {
		return this.#saving.close()
	}

	#read({ body, kind }: Snapshot): Directive[] {
		if (kind !== KIND) throw new Error(`it is of the kind ${kind}`)
		const saved = z.array(directive).parse(JSON.parse(Buffer.from(body).toString('utf8')))
		return saved.filter(one => isLive(one, this.#settings.clock.now()))
	}

	async #save(signal: AbortSignal): Promise<void> {
		const body = Buffer.from(JSON.stringify([...this.#all()]))
		const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`
		await this.#snapshots.save(
			{ version: digest, digest, kind: KIND, acceptedAt: this.#settings.clock.now(), body },
			{ signal },
		)
	}

	#warn(act: string, error: unknown): void {
		const { logger, scope } = this.#settings
		logger.warn(`Cannot ${act} the directives of ${scope}: ${messageOf(error)}`, { error })
	}
}
