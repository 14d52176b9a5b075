import { reasonOf, sleep } from '../../core/clock.ts'
import { RemoteTermError } from '../../core/errors.ts'
import type { TimeLimit } from '../../core/time-limit.ts'
import { asDatabaseError } from '../../nats/errors.ts'
import type { ConfigChange, ConfigItem, PullTarget } from '../config-db.ts'
import type { ConfigMirror } from '../mirror.ts'
import { changeOf, ServiceState } from '../service-state.ts'
import type { NatsBucket } from './bucket.ts'
import { encodeState, type Ancestor, type Body, type Head } from './entry.ts'
import type { Generations } from './generations.ts'
import type { NatsConfigDbSettings } from './options.ts'
import type { NatsReplica } from './replica.ts'

const MAX_WAITING = 10_000

/** What a write is to make true; or its answer, where there is nothing to write. */
export type Decision<Item extends ConfigItem, Pull extends PullTarget, Answer> =
	| { readonly answer: Answer }
	| {
			readonly kind: Head['kind']
			readonly state: ServiceState<Item, Pull> | undefined
			readonly answerFor: (change: ConfigChange<Pull>) => Answer
	  }

/** Upon what is in memory. Asked again where somebody else was faster. @throws what the write is to reject with */
export type Decide<Item extends ConfigItem, Pull extends PullTarget, Answer> = (
	current: ServiceState<Item, Pull> | undefined,
) => Decision<Item, Pull, Answer>

export interface WriterOptions<Item extends ConfigItem, Pull extends PullTarget> {
	readonly bucket: NatsBucket
	readonly generations: Generations
	readonly replica: NatsReplica<Item, Pull>
	readonly mirror: ConfigMirror<Item, Pull>
	readonly settings: NatsConfigDbSettings
	/** Aborted after `delay` milliseconds, or when the database is closed. */
	readonly limit: (delay: number, what: string) => TimeLimit
}

/** Writes, and clears away what writes leave behind. */
export class NatsWriter<Item extends ConfigItem, Pull extends PullTarget> {
	readonly #options: WriterOptions<Item, Pull>
	readonly #queues = new Map<string, Promise<void>>()
	readonly #background = new Set<Promise<void>>()
	#waiting = 0

	constructor(options: WriterOptions<Item, Pull>) {
		this.#options = options
	}

	/** One write to a service at a time, in the order in which they came; each ends within `timeout` of its turn. */
	async write<Answer>(service: string, decide: Decide<Item, Pull, Answer>): Promise<Answer> {
		if (this.#waiting >= MAX_WAITING)
			throw new RemoteTermError('DATABASE_FAILED', `${MAX_WAITING} writes are waiting for NATS already`)
		this.#waiting++
		const before = this.#queues.get(service) ?? Promise.resolve()
		const work = before.then(() => this.#attempt(service, decide))
		const settled = work.then(
			() => {},
			() => {},
		)
		this.#queues.set(service, settled)
		try {
			return await work
		} finally {
			this.#waiting--
			if (this.#queues.get(service) === settled) this.#queues.delete(service)
		}
	}

	/** No write is under way. */
	async idle(): Promise<void> {
		while (this.#queues.size > 0) await Promise.all(this.#queues.values())
	}

	/** What others have left behind, or forgotten. */
	tidy(): void {
		const { generations, replica } = this.#options
		this.#later(async signal => {
			await generations.sweep(service => replica.headOf(service), signal)
			await replica.sweepMarks(signal)
		})
	}

	/** Resolves when nothing is under way any more, once the limits are aborted. */
	async close(): Promise<void> {
		await this.idle()
		await Promise.all(this.#background)
	}

	async #attempt<Answer>(service: string, decide: Decide<Item, Pull, Answer>): Promise<Answer> {
		const { replica, mirror, settings } = this.#options
		const { timeout, clock } = settings
		const what = `Cannot write service ${service} to NATS`
		const limit = this.#options.limit(timeout, what)
		const { signal } = limit
		try {
			if (signal.aborted) throw reasonOf(signal)
			for (;;) {
				if (replica.fault !== undefined) throw replica.fault
				const current = mirror.state(service)
				const decision = decide(current)
				if ('answer' in decision) return decision.answer
				const known = replica.headOf(service)
				const stored = await this.#store(service, decision, signal)
				if (stored !== undefined) {
					replica.adopt(service, stored.revision, stored.head, stored.state)
					this.#sweepLater(service, stored.head.body, known?.head?.body)
					const change = changeOf(decision.kind, current, stored.state, stored.revision)
					return decision.answerFor(change)
				}
				// Somebody else was faster: what they have written is decided upon, too.
				await replica.refresh(service, signal)
				if (replica.headOf(service)?.revision === known?.revision) await sleep(clock, 20, { signal })
			}
		} catch (error) {
			throw asDatabaseError(error, what)
		} finally {
			limit[Symbol.dispose]()
		}
	}

	/** @returns `undefined` where another head has taken the place of the one that was to be replaced. */
	async #store(
		service: string,
		{ kind, state }: { kind: Head['kind']; state: ServiceState<Item, Pull> | undefined },
		signal: AbortSignal,
	) {
		const { bucket, generations, replica, settings } = this.#options
		const known = replica.headOf(service)
		const own: Ancestor = [bucket.packages.transport.nuid.next(), known?.revision ?? 0]
		const generation = { replaces: own[1], id: own[0] }
		const lineage = [own, ...(known?.head?.lineage ?? [])]
		let body: Body | undefined
		if (state !== undefined) {
			const encoded = await encodeState(state.stored)
			const { maxServiceBytes } = settings
			if (encoded.bytes.length > maxServiceBytes)
				throw new RemoteTermError(
					'VALIDATION_FAILED',
					`Service ${service} comes to ${encoded.bytes.length} bytes; the limit is ${maxServiceBytes}`,
				)
			body = await generations.store(service, encoded, generation, signal)
		}
		const head: Head = { kind, lineage, body }
		const outcome = await bucket.replaceHead(service, head, lineage, signal)
		if (outcome.status === 'conflict') {
			if (body !== undefined && 'generation' in body)
				this.#later(later => generations.drop(service, generation, later))
			return undefined
		}
		const { revision } = outcome
		const final = state && new ServiceState({ ...state.stored, record: { ...state.record, revision } })
		return { revision, head, state: final }
	}

	#sweepLater(service: string, ...bodies: ReadonlyArray<Body | undefined>): void {
		const { generations, replica } = this.#options
		if (!bodies.some(body => body !== undefined && 'generation' in body)) return
		this.#later(async signal => {
			await generations.sweep(one => replica.headOf(one), signal, service)
		})
	}

	/** What nobody waits for, and may be left undone: the next one does it as well. */
	#later(work: (signal: AbortSignal) => Promise<unknown>): void {
		const { settings } = this.#options
		const limit = this.#options.limit(settings.openTimeout, 'NATS did not answer')
		const done: Promise<void> = work(limit.signal)
			.catch((error: unknown) => {
				settings.logger.debug('The NATS bucket could not be tidied', { error })
			})
			.then(() => {
				limit[Symbol.dispose]()
				this.#background.delete(done)
			})
		this.#background.add(done)
	}
}
