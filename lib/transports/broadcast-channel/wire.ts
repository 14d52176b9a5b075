import { BroadcastChannel } from 'node:worker_threads'
import type { Peer } from '../../core/transport.ts'
import type { Wire } from '../session/wire.ts'

export interface ChannelWireOptions {
	/** A prefix of the names of its channels, that nobody else uses. */
	readonly prefix: string
	readonly self: Peer
	/** How many messages, and bytes of them, another thread may have received and not read yet. */
	readonly maxQueue: number
	readonly maxQueueBytes: number
	readonly keepAlive: boolean
	readonly hear: (bytes: unknown) => void
}

/** One thread's place in front of all. `to` is for one of them. */
interface Announced {
	readonly to?: string
	readonly frame: Uint8Array
}

/**
 * The wire between threads. A `BroadcastChannel` has no back-pressure: what a thread does not read piles up in it, for as
 * long as it stays open. So only greetings go over the one that all share, and each pair has two of its own, one for each
 * direction, on which the reader tells every now and then how much it has read, in the other's direction.
 *
 * Whoever opens its end for another does so before it says so: this wire is `mutual`.
 */
export class ChannelWire implements Wire {
	readonly maxFrameBytes = Infinity
	readonly mutual = true
	readonly #options: ChannelWireOptions
	readonly #square: BroadcastChannel
	readonly #lines = new Map<string, Line>()

	constructor(options: ChannelWireOptions) {
		this.#options = options
		this.#square = channel(`${options.prefix} *`, options.keepAlive, data => this.#read(data))
	}

	announce(frame: Uint8Array): void {
		this.#square.postMessage({ frame } satisfies Announced)
	}

	introduce(to: Peer, frame: Uint8Array): void {
		this.#square.postMessage({ to: to.id, frame } satisfies Announced)
	}

	hasRoom(to?: Peer): boolean {
		return to === undefined || this.#lines.get(to.id)?.hasRoom === true
	}

	post(to: Peer, frame: Uint8Array): void {
		this.#lines.get(to.id)?.post(frame)
	}

	cast(to: readonly Peer[], frame: Uint8Array): void {
		for (const peer of to) this.#lines.get(peer.id)?.post(frame)
	}

	attach(peer: Peer): void {
		this.#lines.set(peer.id, new Line(this.#options, peer))
	}

	detach(peer: Peer): void {
		this.#lines.get(peer.id)?.close()
		this.#lines.delete(peer.id)
	}

	async close(): Promise<void> {
		// What is posted is in the others' hands already.
		this.#square.close()
		for (const line of this.#lines.values()) line.close()
		this.#lines.clear()
	}

	#read(data: unknown): void {
		const { to, frame } = (data ?? {}) as Partial<Announced>
		if (to === undefined || to === this.#options.self.id) this.#options.hear(frame)
	}
}

/** Both directions between us and one other thread. */
class Line {
	#queued = 0
	#queuedBytes = 0
	#sent = 0
	#sentBytes = 0
	#read = 0
	#readBytes = 0
	/** What the other has been told. */
	#told = 0
	#toldBytes = 0
	readonly #options: ChannelWireOptions
	readonly #out: BroadcastChannel
	readonly #in: BroadcastChannel

	constructor(options: ChannelWireOptions, peer: Peer) {
		this.#options = options
		const { prefix, self, keepAlive } = options
		this.#in = channel(`${prefix} ${peer.id} ${self.id}`, keepAlive, data => this.#receive(data))
		this.#out = channel(`${prefix} ${self.id} ${peer.id}`, keepAlive, () => {})
	}

	get hasRoom(): boolean {
		return this.#queued < this.#options.maxQueue && this.#queuedBytes < this.#options.maxQueueBytes
	}

	post(frame: Uint8Array): void {
		this.#sent += 1
		this.#sentBytes += frame.length
		this.#queued += 1
		this.#queuedBytes += frame.length
		this.#out.postMessage(frame)
	}

	close(): void {
		this.#in.close()
		this.#out.close()
	}

	#receive(data: unknown): void {
		if (Array.isArray(data)) return this.#release(data)
		if (data instanceof Uint8Array) {
			this.#read += 1
			this.#readBytes += data.length
			const { maxQueue, maxQueueBytes } = this.#options
			if (this.#read - this.#told >= maxQueue / 4 || this.#readBytes - this.#toldBytes >= maxQueueBytes / 4) {
				this.#told = this.#read
				this.#toldBytes = this.#readBytes
				this.#out.postMessage([this.#read, this.#readBytes])
			}
		}
		this.#options.hear(data)
	}

	#release([read, readBytes]: unknown[]): void {
		if (typeof read !== 'number' || typeof readBytes !== 'number') return
		this.#queued = this.#sent - read
		this.#queuedBytes = this.#sentBytes - readBytes
	}
}

const channel = (name: string, keepAlive: boolean, read: (data: unknown) => void): BroadcastChannel => {
	const opened = new BroadcastChannel(name)
	opened.onmessage = event => read((event as { data: unknown }).data)
	// Before it has a listener, there is nothing to unref.
	if (!keepAlive) opened.unref()
	return opened
}
