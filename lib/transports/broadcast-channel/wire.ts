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

/** What a thread has sent to another so far, this included: the reader gives it back, and both know what was read. */
interface Sent {
	readonly frame: Uint8Array
	readonly count: number
	readonly bytes: number
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
		const line = this.#lines.get(peer.id)
		if (line === undefined) this.#lines.set(peer.id, new Line(this.#options, peer))
		else line.renew()
	}

	detach(peer: Peer): void {
		this.#lines.get(peer.id)?.close()
		this.#lines.delete(peer.id)
	}

	/** In a turn of the event loop each port delivers what it had when its turn came. The first may have begun already. */
	catchUp(done: () => void): void {
		setImmediate(() => setImmediate(done))
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
	#sent = 0
	#sentBytes = 0
	/** How much of that the other is known to have read. */
	#read = 0
	#readBytes = 0
	/** How much of its own the other has been told that we have read. */
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
		const { maxQueue, maxQueueBytes } = this.#options
		return this.#sent - this.#read < maxQueue && this.#sentBytes - this.#readBytes < maxQueueBytes
	}

	post(frame: Uint8Array): void {
		this.#sent += 1
		this.#sentBytes += frame.length
		this.#out.postMessage({ frame, count: this.#sent, bytes: this.#sentBytes } satisfies Sent)
	}

	/** The other had closed its end for a while: what was sent meanwhile is lost, and will never be read. */
	renew(): void {
		this.#read = this.#sent
		this.#readBytes = this.#sentBytes
	}

	close(): void {
		this.#in.close()
		this.#out.close()
	}

	#receive(data: unknown): void {
		if (Array.isArray(data)) return this.#release(data)
		const { frame, count, bytes } = (data ?? {}) as Partial<Sent>
		if (typeof count === 'number' && typeof bytes === 'number') this.#tell(count, bytes)
		this.#options.hear(frame)
	}

	/** Seldom enough to cost little, and often enough that whoever sends steadily never waits. */
	#tell(count: number, bytes: number): void {
		const { maxQueue, maxQueueBytes } = this.#options
		if (count - this.#told < maxQueue / 4 && bytes - this.#toldBytes < maxQueueBytes / 4) return
		this.#told = count
		this.#toldBytes = bytes
		this.#out.postMessage([count, bytes])
	}

	#release([read, readBytes]: unknown[]): void {
		if (typeof read !== 'number' || typeof readBytes !== 'number') return
		this.#read = Math.max(this.#read, read)
		this.#readBytes = Math.max(this.#readBytes, readBytes)
	}
}

const channel = (name: string, keepAlive: boolean, read: (data: unknown) => void): BroadcastChannel => {
	const opened = new BroadcastChannel(name)
	opened.onmessage = event => read((event as { data: unknown }).data)
	// Before it has a listener, there is nothing to unref.
	if (!keepAlive) opened.unref()
	return opened
}
