import { sleep, type Clock } from '../../core/clock.ts'
import { messageOf, RemoteTermError } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import { asDatabaseError, isPassing } from '../../nats/errors.ts'
import { NatsFeed, type FeedEntry } from '../../nats/feed.ts'
import type { NatsLink } from '../../nats/link.ts'
import type { ConfigChange, ConfigItem, PullTarget } from '../config-db.ts'
import type { ConfigMirror } from '../mirror.ts'
import { changeOf, ServiceState } from '../service-state.ts'
import type { NatsBucket } from './bucket.ts'
import { damaged, decodeState, type Head } from './entry.ts'
import type { Generations } from './generations.ts'
import { headKey, HEADS, serviceOfHead } from './keys.ts'
import { headOf, type StoredHead } from './outcome.ts'

/** Marks of deleted services that stay, so that who was away learns of the deletion from the feed. */
const MAX_MARKS = 1000
/** Between two looks at how far an opening has come. */
const CATCH_UP = { base: 10, cap: 500 }
/** Marks younger than this stay in any case: a write that was decided upon them may still be on its way. */
const MARK_AGE = 3_600_000

export interface ReplicaOptions<Item extends ConfigItem, Pull extends PullTarget> {
	readonly link: NatsLink
	readonly bucket: NatsBucket
	readonly generations: Generations
	readonly mirror: ConfigMirror<Item, Pull>
	readonly clock: Clock
	readonly logger: Logger
	/** A signal that is aborted after a while, or when the database is closed. */
	readonly limit: () => AbortSignal
}

interface Known extends StoredHead {
	readonly storedAt?: number
}

/**
 * Keeps the mirror equal to the bucket: by the feed, by what this process writes itself, and by looking again after
 * each interruption. A head is taken in once, in the order of revisions, whichever way it comes.
 */
export class NatsReplica<Item extends ConfigItem, Pull extends PullTarget> {
	readonly #options: ReplicaOptions<Item, Pull>
	readonly #heads = new Map<string, Known>()
	readonly #feed: NatsFeed
	#created: unknown
	#opening: { reject(error: unknown): void } | undefined
	#fault: RemoteTermError | undefined

	constructor(options: ReplicaOptions<Item, Pull>) {
		this.#options = options
		const { link, bucket, clock, logger } = options
		const { manager, packages, stream } = bucket
		this.#feed = new NatsFeed({
			...{ link, manager, packages, stream, clock, logger, from: 'last' },
			filter: bucket.subjectOf(HEADS),
			onEntry: entry => this.#follow(entry),
			onResume: last => this.#resume(last),
		})
	}

	/** Why the mirror cannot be kept equal to the bucket. Over, as soon as it can. */
	get fault(): RemoteTermError | undefined {
		return this.#fault
	}

	/** Resolves when all that is stored is in memory. @throws `DATABASE_FAILED` where some of it cannot be read. */
	async open(signal: AbortSignal): Promise<void> {
		this.#created = (await this.#options.bucket.keys(HEADS, signal)).created
		const failed = new Promise<never>((_, reject) => (this.#opening = { reject }))
		const onAbort = (): void => this.#opening?.reject(signal.reason)
		signal.addEventListener('abort', onAbort, { once: true })
		const over = new AbortController()
		try {
			await Promise.race([this.#feed.start().then(() => this.#catchUp(over.signal)), failed])
		} finally {
			over.abort()
			signal.removeEventListener('abort', onAbort)
			this.#opening = undefined
		}
	}

	/** What a write to this service replaces: revision 0 and no lineage, where nothing is known of it. */
	headOf(service: string): StoredHead | undefined {
		return this.#heads.get(service)
	}

	/** Looks at the bucket itself, past the feed. @throws `DATABASE_FAILED` where what is there cannot be read. */
	async refresh(service: string, signal: AbortSignal): Promise<void> {
		const before = this.#heads.get(service)?.revision
		const stored = await this.#options.bucket.readHead(service, signal)
		if (stored !== undefined) await this.#take(service, stored, () => signal)
		else if (before !== undefined && this.#heads.get(service)?.revision === before)
			this.#forget(service, before)
	}

	/** Takes in what this process has just written. The feed brings it too, sooner or later. */
	adopt(service: string, revision: number, head: Head, state: ServiceState<Item, Pull> | undefined): void {
		this.#put(service, { revision, head }, state)
	}

	/** Removes marks of deletions beyond a number that nobody will miss. */
	async sweepMarks(signal: AbortSignal): Promise<void> {
		const { bucket } = this.#options
		const marks = [...this.#heads].filter(([, { head }]) => head === undefined || head.kind === 'deleted')
		if (marks.length <= MAX_MARKS) return
		const { lastTime } = await bucket.keys(HEADS, signal)
		const old = marks
			.filter(([, { storedAt = Infinity }]) => lastTime - storedAt > MARK_AGE)
			.sort(([, a], [, b]) => a.revision - b.revision)
			.slice(0, marks.length - MAX_MARKS)
		for (const [service] of old) {
			await bucket.purge(headKey(service), signal)
			this.#heads.delete(service)
		}
	}

	async close(): Promise<void> {
		await this.#feed.close()
	}

	/**
	 * The feed may come from a server that lags behind the stream's leader, as one does that has just come back, and calls
	 * complete what is not. So the leader is asked how far there is to go: not again and again to where it is by then, but
	 * less far where what was last is gone meanwhile.
	 */
	async #catchUp(signal: AbortSignal): Promise<void> {
		const { bucket, clock } = this.#options
		let goal = Infinity
		for (let attempt = 0; ; attempt++) {
			const last = await bucket.read(HEADS, signal)
			goal = Math.min(goal, last?.sequence ?? 0)
			if (this.#feed.lastSequence >= goal) return
			await sleep(clock, Math.min(CATCH_UP.cap, CATCH_UP.base * 2 ** attempt), { signal })
		}
	}

	async #follow(entry: FeedEntry): Promise<void> {
		const { bucket, logger, limit } = this.#options
		const service = serviceOfHead(bucket.keyOf(entry.subject))
		try {
			if (service === undefined)
				throw damaged(bucket.keyOf(entry.subject), 'its key is no key of a service of ours')
			const stored = headOf(service, entry)
			await this.#take(service, { ...stored, storedAt: entry.storedAt }, limit)
		} catch (error) {
			// A connection that is away comes back, and the entry comes again; nothing else gets better by waiting.
			if (isPassing(error) && !(error instanceof RemoteTermError)) throw error
			if (this.#opening !== undefined) this.#opening.reject(error)
			else logger.error(`What was written to service ${service ?? '?'} is not taken in`, { error })
		}
	}

	async #take(service: string, stored: Known, limit: () => AbortSignal): Promise<void> {
		const { bucket, generations } = this.#options
		if (!this.#isNews(service, stored.revision)) return
		const body = stored.head?.body
		if (body === undefined) {
			this.#put(service, stored, undefined)
			return
		}
		const bytes = 'bytes' in body ? body : await generations.load(service, body, limit())
		if (bytes === undefined) {
			const newer = await bucket.readHead(service, limit())
			if (newer === undefined) return
			if (newer.revision === stored.revision) throw damaged(service, 'some of its chunks are missing')
			await this.#take(service, newer, limit)
			return
		}
		const decoded = await decodeState<Item, Pull>(service, stored.revision, bytes)
		let state: ServiceState<Item, Pull>
		try {
			state = new ServiceState(decoded)
		} catch (error) {
			throw damaged(service, messageOf(error), error)
		}
		this.#put(service, stored, state)
	}

	#isNews(service: string, revision: number): boolean {
		return revision > (this.#heads.get(service)?.revision ?? 0)
	}

	#put(service: string, stored: Known, state: ServiceState<Item, Pull> | undefined): void {
		const { mirror } = this.#options
		const { revision, head } = stored
		// Another may have been faster while this one was being read.
		if (!this.#isNews(service, revision)) return
		const known = this.#heads.get(service)?.revision ?? 0
		this.#heads.set(service, withoutBytes(stored))
		const before = mirror.state(service)
		if (this.#opening !== undefined) {
			if (state !== undefined) mirror.load(state)
		} else if (before !== undefined || state !== undefined) {
			// Where others came in between, unseen, it is more than what the last of them says.
			const isNext = head?.lineage[0]?.[1] === known && before !== undefined
			const kind: ConfigChange['kind'] =
				state === undefined ? 'deleted' : isNext && head !== undefined ? head.kind : 'committed'
			mirror.apply({ state, change: changeOf(kind, before, state, revision) })
		}
	}

	/** Gone without a mark. */
	#forget(service: string, revision: number): void {
		const { mirror } = this.#options
		this.#heads.delete(service)
		const before = mirror.state(service)
		if (before === undefined) return
		mirror.apply({ state: undefined, change: changeOf('deleted', before, undefined, revision) })
	}

	async #resume(last: number): Promise<'continue' | 'last'> {
		const { bucket, logger, limit } = this.#options
		const signal = limit()
		try {
			await bucket.verify(signal)
		} catch (error) {
			// The network is no fault of the bucket's; what is, stays until it is mended.
			if (!(error instanceof RemoteTermError) && isPassing(error)) throw error
			const fault = asDatabaseError(error, 'The database cannot follow NATS')
			if (this.#fault?.message !== fault.message)
				logger.error('The database does not follow NATS any more', { error: fault })
			this.#fault = fault
			throw fault
		}
		this.#fault = undefined
		const { keys, lastSequence, created } = await bucket.keys(HEADS, signal)
		const present = new Set(keys)
		const isBack = lastSequence < last || String(created) !== String(this.#created)
		for (const [service, { revision }] of [...this.#heads]) {
			// What was written since is not in the list yet.
			const isOlder = isBack || revision <= lastSequence
			if (isOlder && !present.has(headKey(service))) this.#forget(service, lastSequence)
		}
		if (!isBack) return 'continue'
		logger.warn('The NATS stream went back in time: a backup was restored, or writes were lost', {
			...{ last, lastSequence },
		})
		this.#created = created
		this.#heads.clear()
		return 'last'
	}
}

/** The bytes are in the mirror already, as a state. */
const withoutBytes = (stored: Known): Known => {
	const body = stored.head?.body
	return stored.head === undefined || body === undefined || !('bytes' in body)
		? stored
		: { ...stored, head: { ...stored.head, body: undefined } }
}
