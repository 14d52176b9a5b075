import type { Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { onlyKnownOptions, positive } from '../core/options.ts'
import type { Peer, WhenUpOptions } from '../core/transport.ts'
import { waiting, type Settle } from '../core/waiting.ts'

interface Waiter {
	readonly id: string
	settle: Settle
}

/** Who waits for a peer to be up in a scope. */
export class Arrivals {
	#isClosed = false
	readonly #self: Peer
	readonly #scope: string
	readonly #clock: Clock
	readonly #waiters = new Set<Waiter>()

	constructor(self: Peer, scope: string, clock: Clock) {
		this.#self = self
		this.#scope = scope
		this.#clock = clock
	}

	/** Rejects as `Channel.whenUp`. */
	async wait(peer: Peer, up: ReadonlyMap<string, Peer>, options: WhenUpOptions = {}): Promise<void> {
		onlyKnownOptions('whenUp', options, ['signal', 'timeout'])
		const { id } = peer
		const { signal, timeout = 5_000 } = options
		const limits = { signal, timeout: positive('timeout', timeout) }
		if (id === this.#self.id)
			throw new RemoteTermError('INVALID_OPTION', 'Expected another peer to wait for, got ourselves')
		if (this.#isClosed) throw this.#closed()
		const waiter: Waiter = { id, settle: () => {} }
		await waiting(
			this.#clock,
			limits,
			settle => {
				if (up.has(id)) return settle()
				waiter.settle = settle
				this.#waiters.add(waiter)
			},
			() => void this.#waiters.delete(waiter),
			() =>
				new RemoteTermError(
					'TIMEOUT',
					`Expected '${peer.name}' to be up in the scope '${this.#scope}' within ${timeout} ms, and it is not`,
				),
		)
	}

	arrived({ id }: Peer): void {
		for (const waiter of this.#waiters) if (waiter.id === id) waiter.settle()
	}

	close(): void {
		this.#isClosed = true
		for (const waiter of this.#waiters) waiter.settle(this.#closed())
	}

	#closed(): RemoteTermError {
		return new RemoteTermError('STOPPED', `The channel '${this.#scope}' is closed`)
	}
}
