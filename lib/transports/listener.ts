import type { Logger } from '../core/logger.ts'
import type { ChannelListener, Peer, PeerDownReason, WhenUpOptions } from '../core/transport.ts'
import type { Arrivals } from './arrivals.ts'

/**
 * Keeps three promises of every channel: a listener that throws harms nobody, none is called after `close`, and who
 * waits for a peer hears of it.
 */
export class GuardedListener implements ChannelListener<unknown> {
	#listener: ChannelListener<unknown> | undefined
	readonly #logger: Logger
	readonly #scope: string
	readonly #arrivals: Arrivals

	constructor(listener: ChannelListener<never>, scope: string, logger: Logger, arrivals: Arrivals) {
		this.#listener = listener
		this.#scope = scope
		this.#logger = logger
		this.#arrivals = arrivals
	}

	/** @param up Who is, now. */
	whenUp(peer: Peer, up: ReadonlyMap<string, Peer>, options?: WhenUpOptions): Promise<void> {
		return this.#arrivals.wait(peer, up, options)
	}

	peerUp(peer: Peer): void {
		this.#arrivals.arrived(peer)
		try {
			this.#watch(this.#listener?.peerUp(peer))
		} catch (error) {
			this.#report(error)
		}
	}

	peerDown(peer: Peer, reason: PeerDownReason): void {
		try {
			this.#watch(this.#listener?.peerDown(peer, reason))
		} catch (error) {
			this.#report(error)
		}
	}

	message(from: Peer, message: unknown): void {
		try {
			this.#watch(this.#listener?.message(from, message))
		} catch (error) {
			this.#report(error)
		}
	}

	close(): void {
		this.#listener = undefined
		this.#arrivals.close()
	}

	/** An async function fits where nothing is expected back. Its rejection must not end the process. */
	#watch(result: unknown): void {
		if (result instanceof Promise) result.catch((error: unknown) => this.#report(error))
	}

	#report(error: unknown): void {
		this.#logger.error(`A listener of the channel '${this.#scope}' threw`, { error })
	}
}
