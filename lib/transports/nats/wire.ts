import type { NatsConnection, Subscription } from '@nats-io/transport-node'
import { sleep, type Clock } from '../../core/clock.ts'
import type { Peer } from '../../core/transport.ts'
import type { Wire } from '../session/wire.ts'
import type { Backlog } from './backlog.ts'
import type { Subjects } from './subjects.ts'

export interface NatsWireOptions {
	readonly connection: NatsConnection
	readonly subjects: Subjects
	readonly self: Peer
	readonly backlog: Backlog
	readonly clock: Clock
	/** Until when what was said last must have left, in milliseconds. */
	readonly closeTimeout: number
	readonly hear: (bytes: unknown) => void
}

/** Before the server has told. */
const DEFAULT_MAX_PAYLOAD = 2 ** 20

/**
 * One subject for everybody, one for each peer. What one connection publishes comes to another in the order in which it
 * was published, whatever the subjects, through a cluster as well; the numbers in the frames make it certain. Both
 * subscriptions are with the server before the first hello, so that whoever hears it can answer.
 */
export class NatsWire implements Wire {
	readonly mutual = false
	readonly #options: NatsWireOptions
	readonly #subscriptions: readonly Subscription[]

	constructor(options: NatsWireOptions) {
		this.#options = options
		const { connection, subjects, self, hear } = options
		const callback = (error: Error | null, { data }: { data: Uint8Array }): void => {
			if (error === null) hear(data)
		}
		this.#subscriptions = [subjects.all, subjects.of(self)].map(subject =>
			connection.subscribe(subject, { callback }),
		)
	}

	get maxFrameBytes(): number {
		return this.#options.connection.info?.max_payload ?? DEFAULT_MAX_PAYLOAD
	}

	announce(frame: Uint8Array): void {
		this.#publish(this.#options.subjects.all, frame)
	}

	introduce(to: Peer, frame: Uint8Array): void {
		this.#publish(this.#options.subjects.of(to), frame)
	}

	hasRoom(): boolean {
		return this.#options.backlog.hasRoom
	}

	post(to: Peer, frame: Uint8Array): void {
		this.#publish(this.#options.subjects.of(to), frame)
	}

	cast(_to: readonly Peer[], frame: Uint8Array): void {
		this.#publish(this.#options.subjects.all, frame)
	}

	attach(): void {}

	detach(): void {}

	/** The server answers behind all that it has for us; without it, the connection is lost before long. */
	catchUp(done: () => void): void {
		this.#options.connection.flush().then(done, () => {})
	}

	async close(): Promise<void> {
		const { connection, clock, closeTimeout } = this.#options
		for (const subscription of this.#subscriptions) subscription.unsubscribe()
		if (connection.isClosed()) return
		const pause = new AbortController()
		const late = sleep(clock, closeTimeout, { signal: pause.signal }).catch(() => {})
		// Disconnected, or closed meanwhile: there is nobody left to say goodbye to.
		const flushed = connection.flush().catch(() => {})
		await Promise.race([flushed, late])
		pause.abort()
	}

	#publish(subject: string, frame: Uint8Array): void {
		const { connection, backlog } = this.#options
		try {
			connection.publish(subject, frame)
		} catch {
			// The connection is closed for good, which the transport hears of as well; or the server's limit has just shrunk.
			return
		}
		backlog.add(frame.length)
	}
}
