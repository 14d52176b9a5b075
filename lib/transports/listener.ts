import type { Logger } from '../core/logger.ts'
import type { ChannelListener, Peer, PeerDownReason } from '../core/transport.ts'

/** Keeps two promises of every channel: a listener that throws harms nobody, and none is called after `close`. */
export class GuardedListener implements ChannelListener<unknown> {
	#listener: ChannelListener<unknown> | undefined
	readonly #logger: Logger
	readonly #scope: string

	constructor(listener: ChannelListener<never>, scope: string, logger: Logger) {
		this.#listener = listener
		this.#scope = scope
		this.#logger = logger
	}

	peerUp(peer: Peer): void {
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
	}

	/** An async function fits where nothing is expected back. Its rejection must not end the process. */
	#watch(result: unknown): void {
		if (result instanceof Promise) result.catch((error: unknown) => this.#report(error))
	}

	#report(error: unknown): void {
		this.#logger.error(`A listener of the channel '${this.#scope}' threw`, { error })
	}
}
