import type { Clock } from '../../core/clock.ts'
import { deleteMessage, patchMessage, type WireMessage } from '../messages.ts'
import { Slices } from '../slices.ts'
import type { Bucket, Buckets } from './buckets.ts'
import { EventLog, type LogLimits } from './event-log.ts'
import type { Subscriber } from './subscriber.ts'

/** What a class of clients gets to see. */
export interface StreamView<Item = unknown> {
	/** Clients whose views have the same key share one: its events are encoded once, its log is kept once. */
	readonly key: string
	/** Must depend on its arguments only. Default: everything. One that throws hides the item. */
	includes?(item: Item, id: string): boolean
}

/** A complete `put`, in the pieces that it is sent in. */
export interface Snapshot {
	readonly chunks: readonly Uint8Array[]
	/** The event that it is up to. */
	readonly seq: number
}

export interface ViewOptions {
	readonly view: StreamView
	/** Tells the ids of this view, in this process, from all others. No `-` in it. */
	readonly epoch: string
	readonly collection: string
	readonly buckets: Buckets
	readonly represent: (item: unknown, id: string) => unknown
	readonly limits: LogLimits
	readonly clock: Clock
	/** An item that cannot be encoded is left out, so that it harms no other. */
	readonly onFailure: (id: string, error: unknown) => void
}

interface Encoded {
	readonly revision: number
	readonly bytes: Uint8Array
}

/** So many buckets are encoded at once; more of them take turns with whatever else there is to do. */
const AT_ONCE = 16
/** How often it is tried to catch up with changes, turn by turn, before the rest is encoded at once. */
const MAX_ROUNDS = 4
const COMMA = 1

/** One class of clients: what it has been told, and what it would be told if it knew nothing. */
export class View {
	readonly key: string
	readonly epoch: string
	readonly log: EventLog
	readonly subscribers = new Set<Subscriber>()
	/** Since when there has been no subscriber, in monotonic milliseconds. */
	idleSince: number
	readonly #options: ViewOptions
	readonly #encoded = new WeakMap<Bucket, Encoded>()
	#snapshot: Snapshot | undefined
	#building: Promise<Snapshot> | undefined

	constructor(options: ViewOptions) {
		this.#options = options
		this.key = options.view.key
		this.epoch = options.epoch
		this.log = new EventLog(options.limits)
		this.idleSince = options.clock.monotonic()
	}

	includes(item: unknown, id: string): boolean {
		const { view } = this.#options
		try {
			return view.includes?.(item, id) ?? true
		} catch {
			return false
		}
	}

	/** What this view is told of a change; nothing, where it sees the item neither before nor after. */
	tell(id: string, change: Change): 'patch' | 'delete' | undefined {
		const { collection, onFailure } = this.#options
		if (change.after !== undefined && this.includes(change.after.item, id)) {
			let patch: WireMessage
			try {
				patch = change.patch(collection, id)
			} catch (error) {
				onFailure(id, error)
				return undefined
			}
			this.#append(patch)
			return 'patch'
		}
		if (change.before === undefined || !this.includes(change.before.item, id)) return undefined
		this.#append(change.delete(collection, id))
		return 'delete'
	}

	/** All of it must be told anew: what has happened is not to be told item by item. */
	reset(): void {
		this.log.reset()
		for (const subscriber of this.subscribers) subscriber.refresh()
	}

	/** At once where nearly all of it is there already. All who ask meanwhile get the same one. */
	snapshot(): Snapshot | Promise<Snapshot> {
		if (this.#snapshot?.seq === this.log.last) return this.#snapshot
		if (this.#building !== undefined) return this.#building
		if (this.#stale().length <= AT_ONCE) return this.#take()
		this.#building = this.#build().finally(() => {
			this.#building = undefined
		})
		return this.#building
	}

	/** The sequence number that an id of ours stands for, if its bearer can go on from there. */
	resumable(lastEventId: string): number | undefined {
		const [, epoch, digits] = /^([0-9a-z.]+)-(\d{1,15})$/.exec(lastEventId) ?? []
		const seq = Number(digits)
		return epoch === this.epoch && this.log.holds(seq) ? seq : undefined
	}

	async #build(): Promise<Snapshot> {
		const slices = new Slices(this.#options.clock)
		for (let round = 0; round < MAX_ROUNDS; round++) {
			const stale = this.#stale()
			if (stale.length <= AT_ONCE) break
			for (const bucket of stale) {
				this.#encode(bucket)
				// A bucket is many steps.
				const turn = slices.next()
				if (turn !== undefined) await turn
			}
		}
		return this.#take()
	}

	#stale(): Bucket[] {
		return [...this.#options.buckets.all].filter(
			bucket => this.#encoded.get(bucket)?.revision !== bucket.revision,
		)
	}

	/** At one moment: no event comes between the items and the number that they are up to. */
	#take(): Snapshot {
		const { collection } = this.#options
		const seq = this.log.last
		const head = `event: put\nid: ${this.epoch}-${seq}\ndata: {"path":"/","data":{${JSON.stringify(collection)}:{`
		const chunks: Uint8Array[] = [Buffer.from(head)]
		for (const bucket of this.#options.buckets.all) {
			const { bytes } = this.#encode(bucket)
			if (bytes.length > 0) chunks.push(chunks.length === 1 ? bytes.subarray(COMMA) : bytes)
		}
		chunks.push(Buffer.from('}}}\n\n'))
		this.#snapshot = { chunks, seq }
		return this.#snapshot
	}

	#encode(bucket: Bucket): Encoded {
		const known = this.#encoded.get(bucket)
		if (known?.revision === bucket.revision) return known
		let text = ''
		for (const [id, item] of bucket.items) {
			if (!this.includes(item, id)) continue
			try {
				text += `,${JSON.stringify(id)}:${encode(this.#options.represent(item, id))}`
			} catch (error) {
				this.#options.onFailure(id, error)
			}
		}
		const encoded = { revision: bucket.revision, bytes: Buffer.from(text) }
		this.#encoded.set(bucket, encoded)
		return encoded
	}

	#append({ event, data }: WireMessage): void {
		this.log.append(seq => Buffer.from(`event: ${event}\nid: ${this.epoch}-${seq}\ndata: ${data}\n\n`))
		for (const subscriber of this.subscribers) subscriber.wake()
	}
}

/** One change of one item; each of its messages is made once for all views, and only if one needs it. */
export class Change {
	readonly before: { readonly item: unknown } | undefined
	readonly after: { readonly item: unknown } | undefined
	readonly #version: number
	readonly #represent: ViewOptions['represent']
	#patch: WireMessage | undefined
	#delete: WireMessage | undefined

	constructor(
		before: { readonly item: unknown } | undefined,
		after: { readonly item: unknown } | undefined,
		version: number,
		represent: ViewOptions['represent'],
	) {
		this.before = before
		this.after = after
		this.#version = version
		this.#represent = represent
	}

	patch(collection: string, id: string): WireMessage {
		return (this.#patch ??= patchMessage(collection, id, checked(this.#represent(this.after?.item, id))))
	}

	delete(collection: string, id: string): WireMessage {
		return (this.#delete ??= deleteMessage(collection, id, this.#version))
	}
}

/** An item must be something: a `patch` without data is malformed. */
const checked = (raw: unknown): unknown => {
	if (raw !== undefined && typeof raw !== 'function' && typeof raw !== 'symbol') return raw
	throw new TypeError(`Expected an item to be represented by plain data, found ${typeof raw}`)
}

const encode = (raw: unknown): string => JSON.stringify(checked(raw))
