import type { Clock } from '../../core/clock.ts'
import { reconnectMessage } from '../messages.ts'
import type { Snapshot, View } from './view.ts'

/**
 * Why a stream has ended:
 *
 * - `gone`: the client went
 * - `lifetime`: it was asked to connect anew
 * - `slow`: more waited for it than `maxClientBytes`, or than the log holds, and it took nothing for a second
 * - `stalled`: it took nothing for `stallTimeout`, though there was something to take
 * - `removed`: it may no longer see what it sees
 * - `closed`: the publisher was closed
 * - `failed`: an item could not be encoded
 */
export type StreamEnd = 'gone' | 'lifetime' | 'slow' | 'stalled' | 'removed' | 'closed' | 'failed'

export interface SubscriberOptions {
	readonly view: View
	/** The last event that the client has; `undefined`: it needs a `put`. */
	readonly resumeFrom: number | undefined
	readonly maxBytes: number
	/** Whether it may go on. Default: it may. */
	readonly isAllowed: (() => boolean) | undefined
	/** Breaks the connection, which a stream that nobody reads cannot do. */
	readonly abort: (() => void) | undefined
	readonly clock: Clock
	readonly onBytes: (count: number) => void
	readonly onEnd: (subscriber: Subscriber, reason: StreamEnd) => void
}

/** Of the answer that is a stream. */
export const STREAM_HEADERS = Object.freeze({
	'content-type': 'text/event-stream',
	'cache-control': 'no-store, no-transform',
	// nginx would wait for a full buffer.
	'x-accel-buffering': 'no',
})

const encoder = new TextEncoder()
const HEARTBEAT = encoder.encode(':\n\n')
const { event, data } = reconnectMessage()
const RECONNECT = encoder.encode(`event: ${event}\ndata: ${data}\n\n`)
/**
 * Whoever resumes and has missed nothing would not hear an event for who knows how long, and could not tell whether it
 * goes on. Paths of no collection are passed over by every client (SPEC §1.6), and no collection has such a name.
 */
const RESUMED = encoder.encode('event: patch\ndata: {"path":"/*/resumed","data":{}}\n\n')

/** Whoever took nothing for so many milliseconds is not about to. */
const PATIENCE = 1_000

/** So many bytes of events go into one write. */
const WRITE = 64 * 1024

/**
 * One client. What it is to get is not queued here: it is a place in the snapshot that all share, then a place in the
 * log that all share. It takes the next piece when it has taken the one before.
 */
export class Subscriber {
	readonly body: ReadableStream<Uint8Array>
	readonly #options: SubscriberOptions
	#controller: ReadableStreamDefaultController<Uint8Array> | undefined
	#chunks: readonly Uint8Array[] = []
	#at = 0
	#seq = 0
	/** What the log had written when this was up to date. */
	#seen = 0
	#isFresh: boolean
	#isPreparing = false
	#isLeaving = false
	#hasEnded = false
	/** Ends the wait of a read that found nothing. */
	#taken: (() => void) | undefined
	#tookAt: number

	constructor(options: SubscriberOptions) {
		this.#options = options
		const { view, resumeFrom, clock } = options
		this.#tookAt = clock.monotonic()
		this.#isFresh = resumeFrom !== undefined
		if (resumeFrom !== undefined) {
			this.#chunks = [RESUMED]
			this.#seq = resumeFrom
			this.#seen = view.log.writtenUpTo(resumeFrom)
		}
		this.body = new ReadableStream<Uint8Array>(
			{
				start: controller => {
					this.#controller = controller
				},
				pull: () => this.#pull(),
				cancel: () => this.#finish('gone'),
			},
			// Nothing is taken before somebody reads.
			{ highWaterMark: 0 },
		)
	}

	/** There is something new. */
	wake(): void {
		if (this.#hasEnded) return
		if (this.#taken !== undefined) this.#satisfy()
		else if (this.isSlow) this.drop('slow')
	}

	/** Whether more waits for it than may, and not only since it was last given something. */
	get isSlow(): boolean {
		if (this.#hasEnded || this.#taken !== undefined || !this.#isFresh) return false
		const { view, maxBytes, clock } = this.#options
		const isBehind = view.log.written - this.#seen > maxBytes || !view.log.holds(this.#seq)
		return isBehind && clock.monotonic() - this.#tookAt > PATIENCE
	}

	/** Everything is to be sent anew, after what is being sent. */
	refresh(): void {
		this.#isFresh = false
		this.wake()
	}

	/** Asks the client to connect anew, after what is being sent. */
	leave(): void {
		this.#isLeaving = true
		this.wake()
	}

	/** A sign of life, where there is nothing else to say. */
	heartbeat(): void {
		if (this.#taken === undefined || this.#hasEnded) return
		this.#enqueue(HEARTBEAT)
		this.#resolve()
	}

	/** One whose permission cannot be had has none. */
	isAllowed(): boolean {
		try {
			return this.#options.isAllowed?.() ?? true
		} catch {
			return false
		}
	}

	/** Since when it has taken nothing of what there is; `undefined` for one that waits for news. */
	get stalledSince(): number | undefined {
		return this.#taken === undefined ? this.#tookAt : undefined
	}

	/** Ends it where it is between two events, and its client reads; else the connection is broken. */
	end(reason: StreamEnd): void {
		if (this.#hasEnded) return
		const now = this.#options.clock.monotonic()
		if (this.#at > 0 || (this.#taken === undefined && now - this.#tookAt > PATIENCE)) return this.drop(reason)
		this.#finish(reason)
		this.#controller?.close()
		this.#resolve()
	}

	/** Breaks the connection: what has been handed over and not been sent is lost. */
	drop(reason: StreamEnd): void {
		if (this.#hasEnded) return
		this.#finish(reason)
		const { abort } = this.#options
		if (abort === undefined) this.#controller?.error(new Error(`The stream was ended: ${reason}`))
		else {
			this.#controller?.close()
			abort()
		}
		this.#resolve()
	}

	#pull(): Promise<void> | undefined {
		this.#tookAt = this.#options.clock.monotonic()
		return new Promise<void>(resolve => {
			this.#taken = resolve
			this.#satisfy()
		})
	}

	/** Gives the read that waits the next piece, if there is one. */
	#satisfy(): void {
		try {
			if (this.#deliver()) this.#resolve()
		} catch {
			this.drop('failed')
		}
	}

	#resolve(): void {
		const taken = this.#taken
		this.#taken = undefined
		this.#tookAt = this.#options.clock.monotonic()
		taken?.()
	}

	#deliver(): boolean {
		const { view } = this.#options
		if (this.#hasEnded || this.#isPreparing) return false
		if (this.#at >= this.#chunks.length && !this.#isFresh && !this.#prepare()) return false
		const chunk = this.#chunks[this.#at]
		if (chunk !== undefined) {
			if (++this.#at >= this.#chunks.length) {
				this.#chunks = []
				this.#at = 0
			}
			return this.#enqueue(chunk)
		}
		if (!view.log.holds(this.#seq)) {
			// More came at once than the log holds.
			this.#isFresh = false
			return this.#deliver()
		}
		const events = view.log.read(this.#seq, WRITE)
		if (events !== undefined) {
			this.#seq = events.seq
			this.#seen += events.bytes.length
			return this.#enqueue(events.bytes)
		}
		if (!this.#isLeaving) return false
		this.#enqueue(RECONNECT)
		this.#finish('lifetime')
		this.#controller?.close()
		return true
	}

	/** Returns whether the snapshot is there already. */
	#prepare(): boolean {
		const snapshot = this.#options.view.snapshot()
		if (!(snapshot instanceof Promise)) {
			this.#begin(snapshot)
			return true
		}
		this.#isPreparing = true
		snapshot.then(
			ready => {
				this.#isPreparing = false
				// What came between the snapshot and now is in the log, or another snapshot is due.
				if (this.#options.view.log.holds(ready.seq)) this.#begin(ready)
				this.wake()
			},
			() => this.drop('failed'),
		)
		return false
	}

	#begin({ chunks, seq }: Snapshot): void {
		this.#chunks = chunks
		this.#at = 0
		this.#seq = seq
		this.#seen = this.#options.view.log.writtenUpTo(seq)
		this.#isFresh = true
	}

	#enqueue(bytes: Uint8Array): true {
		this.#controller?.enqueue(bytes)
		this.#options.onBytes(bytes.length)
		return true
	}

	#finish(reason: StreamEnd): void {
		if (this.#hasEnded) return
		this.#hasEnded = true
		this.#chunks = []
		this.#options.onEnd(this, reason)
	}
}
