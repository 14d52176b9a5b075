import { systemClock, type Clock } from '../core/clock.ts'
import { asRemoteTermError, messageOf, RemoteTermError } from '../core/errors.ts'
import { consoleLogger, safeLogger, type Logger } from '../core/logger.ts'
import type { ConfigChange, ConfigDb, ConfigItem, ItemRef, PullTarget, ServiceCommit } from './config-db.ts'
import { ConfigMirror } from './mirror.ts'
import { MirrorReads } from './mirror-reads.ts'
import { changeOf, committed, flagged, ServiceState, type Step, type StoredService } from './service-state.ts'

/** What a `GroupCommitDb` keeps its services in. Called by one caller, one call at a time. */
export interface ConfigStore<Item extends ConfigItem, Pull extends PullTarget> {
	/** Everything that is stored. `floor`: see `write`. */
	open(): Promise<{ readonly services: Iterable<StoredService<Item, Pull>>; readonly floor: number }>
	/**
	 * All of these steps, in this order, or none; resolves when they are as durable as they will be.
	 *
	 * @param floor the highest revision that any deleted service ever had: a new service begins above it
	 */
	write(steps: ReadonlyArray<Step<Item, Pull>>, floor: number): Promise<void>
	close(): Promise<void>
}

export interface GroupCommitOptions {
	readonly clock?: Clock | undefined
	readonly logger?: Logger | undefined
}

/** Writes that may wait. Whoever makes more is faster than the disk, and is told so. */
const MAX_WAITING = 10_000
/** Of one transaction, so that none takes so long that those behind it notice. */
const MAX_STEPS = 500
const MAX_ITEMS = 50_000

type Decision<Item extends ConfigItem, Pull extends PullTarget> =
	{ readonly step: Step<Item, Pull>; readonly settle: () => void } | { readonly settle: () => void }

/** A write that waits: it is decided upon what the writes before it will have made true. */
interface Waiting<Item extends ConfigItem, Pull extends PullTarget> {
	/** @throws what the write is to reject with */
	readonly decide: (working: Working<Item, Pull>) => Decision<Item, Pull>
	readonly reject: (error: unknown) => void
}

/** What will be true once the transaction under construction has succeeded. */
class Working<Item extends ConfigItem, Pull extends PullTarget> {
	readonly #mirror: ConfigMirror<Item, Pull>
	readonly #states = new Map<string, ServiceState<Item, Pull> | undefined>()
	floor: number

	constructor(mirror: ConfigMirror<Item, Pull>, floor: number) {
		this.#mirror = mirror
		this.floor = floor
	}

	state(service: string): ServiceState<Item, Pull> | undefined {
		return this.#states.has(service) ? this.#states.get(service) : this.#mirror.state(service)
	}

	add({ state, change }: Step<Item, Pull>): void {
		this.#states.set(change.service, state)
		if (state === undefined) this.floor = Math.max(this.floor, change.revision)
	}
}

/**
 * A `ConfigDb` over any store that can write several steps at once. While one transaction is on its way to the disk,
 * the writes that come meanwhile are gathered for the next: many parallel writers share one sync, and a lone one does
 * not wait. Nothing is visible before it is stored; what could not be stored has changed nothing.
 */
export class GroupCommitDb<Item extends ConfigItem, Pull extends PullTarget = PullTarget>
	extends MirrorReads<Item, Pull>
	implements ConfigDb<Item, Pull>
{
	readonly #store: ConfigStore<Item, Pull>
	readonly #mirror: ConfigMirror<Item, Pull>
	readonly #clock: Clock
	readonly #waiting: Array<Waiting<Item, Pull>> = []
	#status: 'new' | 'opening' | 'open' | 'closing' | 'closed' = 'new'
	#opening: Promise<void> | undefined
	#closing: Promise<void> | undefined
	#writing: Promise<void> | undefined
	#floor = 0

	constructor(
		store: ConfigStore<Item, Pull>,
		{ clock = systemClock, logger = consoleLogger }: GroupCommitOptions = {},
	) {
		const mirror = new ConfigMirror<Item, Pull>(safeLogger(logger))
		super(mirror)
		this.#store = store
		this.#clock = clock
		this.#mirror = mirror
	}

	open(): Promise<void> {
		this.#opening ??= this.#open()
		return this.#opening
	}

	commit(commit: ServiceCommit<Item, Pull>): Promise<ConfigChange<Pull>> {
		return this.#enqueue((working, resolve) => {
			const current = working.state(commit.service)
			const revision = (current?.record.revision ?? working.floor) + 1
			const step = committed(current, commit, revision, this.#clock.now())
			return { step, settle: () => resolve(step.change) }
		})
	}

	delete(service: string): Promise<ConfigChange<Pull> | undefined> {
		return this.#enqueue((working, resolve) => {
			const current = working.state(service)
			if (current === undefined) return { settle: () => resolve(undefined) }
			const change = changeOf<Item, Pull>('deleted', current, undefined)
			return { step: { state: undefined, change }, settle: () => resolve(change) }
		})
	}

	setDisabled(
		service: string,
		item: ItemRef,
		disabled: boolean,
	): Promise<'changed' | 'unchanged' | 'not_found'> {
		return this.#enqueue((working, resolve) => {
			const step = flagged(working.state(service), item, disabled)
			if (typeof step === 'string') return { settle: () => resolve(step) }
			return { step, settle: () => resolve('changed') }
		})
	}

	close(): Promise<void> {
		this.#closing ??= this.#close()
		return this.#closing
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close()
	}

	async #open(): Promise<void> {
		if (this.#status !== 'new') throw new RemoteTermError('STOPPED', 'The database has been closed')
		this.#status = 'opening'
		try {
			const { services, floor } = await this.#store.open()
			for (const service of services) this.#mirror.load(new ServiceState(service))
			this.#floor = floor
		} catch (error) {
			this.#status = 'closed'
			await this.#store.close().catch(() => {})
			const failed = error instanceof RemoteTermError && error.code === 'DATABASE_FAILED'
			if (failed) throw error
			throw new RemoteTermError('DATABASE_FAILED', `Cannot open the database: ${messageOf(error)}`, {
				cause: error,
			})
		}
		// `close` may have been called meanwhile.
		if (this.#status === 'opening') this.#status = 'open'
	}

	async #close(): Promise<void> {
		const was = this.#status
		this.#status = 'closing'
		if (was === 'opening') await this.#opening?.catch(() => {})
		await this.#writing
		this.#status = 'closed'
		this.#mirror.silence()
		if (was === 'opening' || was === 'open') await this.#store.close()
	}

	#enqueue<Result>(
		decide: (working: Working<Item, Pull>, resolve: (result: Result) => void) => Decision<Item, Pull>,
	): Promise<Result> {
		return new Promise((resolve, reject) => {
			if (this.#status === 'new' || this.#status === 'opening') {
				throw new RemoteTermError('NOT_STARTED', 'The database is not open yet: call open() first')
			}
			if (this.#status !== 'open') throw new RemoteTermError('STOPPED', 'The database has been closed')
			if (this.#waiting.length >= MAX_WAITING) {
				throw new RemoteTermError('DATABASE_FAILED', `${MAX_WAITING} writes are waiting for the disk already`)
			}
			this.#waiting.push({ decide: working => decide(working, resolve), reject })
			this.#writing ??= this.#writeAll()
		})
	}

	/** The only writer. Never rejects. */
	async #writeAll(): Promise<void> {
		// What is written in this turn of the event loop goes into one transaction.
		await Promise.resolve()
		while (this.#waiting.length > 0) await this.#writeSome()
		this.#writing = undefined
	}

	async #writeSome(): Promise<void> {
		const working = new Working(this.#mirror, this.#floor)
		const steps: Array<Step<Item, Pull>> = []
		const decided: Array<{ readonly settle: () => void; readonly reject: (error: unknown) => void }> = []
		let items = 0
		let taken = 0
		for (const { decide, reject } of this.#waiting) {
			if (steps.length >= MAX_STEPS || items >= MAX_ITEMS) break
			taken++
			try {
				const decision = decide(working)
				decided.push({ settle: decision.settle, reject })
				if (!('step' in decision)) continue
				working.add(decision.step)
				steps.push(decision.step)
				const { added, changed, removed } = decision.step.change
				items += added.length + changed.length + removed.length
			} catch (error) {
				// Not before what it was refused for is true: it may be decided again, upon that.
				decided.push({ settle: () => reject(error), reject })
			}
		}
		this.#waiting.splice(0, taken)
		try {
			if (steps.length > 0) await this.#store.write(steps, working.floor)
		} catch (error) {
			const failure = asRemoteTermError(
				error,
				'DATABASE_FAILED',
				message => `The database could not be written, and nothing has changed: ${message}`,
			)
			for (const { reject } of decided) reject(failure)
			return
		}
		this.#floor = working.floor
		for (const step of steps) this.#mirror.apply(step)
		for (const { settle } of decided) settle()
	}
}
