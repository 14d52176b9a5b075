import type { Clock, Timer } from '../core/clock.ts'
import type { RemotePeer } from './remote-peer.ts'
import type { Sending } from './sending.ts'

export interface RepairSettings {
	readonly clock: Clock
	readonly random: () => number
	readonly interval: number
	readonly maxInterval: number
}

/**
 * What makes the rest certain: questions are repeated until they are answered, and the number of our newest update is
 * told again and again, ever more rarely while nothing changes, so that whoever has missed it will ask. One timer.
 */
export class Repairs {
	readonly #settings: RepairSettings
	readonly #peers: ReadonlyMap<string, RemotePeer>
	readonly #sending: Sending
	/** Called with each beat. Returns whether somebody waits for answers, and the next beat should not be long in coming. */
	readonly #onBeat: () => boolean
	#timer: Timer | undefined
	#timerDue = Infinity
	#beatAt = Infinity
	#beatDelay: number
	#closed = false

	constructor(
		settings: RepairSettings,
		peers: ReadonlyMap<string, RemotePeer>,
		sending: Sending,
		onBeat: () => boolean,
	) {
		this.#settings = settings
		this.#peers = peers
		this.#sending = sending
		this.#onBeat = onBeat
		this.#beatDelay = settings.interval
	}

	close(): void {
		this.#closed = true
		this.#timer?.[Symbol.dispose]()
		this.#timer = undefined
	}

	ask(peer: RemotePeer, full: boolean): void {
		this.#sending.send(peer, { kind: 'ask', ...peer.intake.ask(full) })
		this.retryLater(peer)
	}

	more(peer: RemotePeer, next: number, again: boolean): void {
		const { epoch } = peer.intake
		const ask = peer.intake.currentAsk()
		if (epoch !== undefined && ask !== undefined)
			this.#sending.send(peer, { kind: 'more', of: epoch, ask: ask.number, next, again })
	}

	retryLater(peer: RemotePeer): void {
		peer.retryAt = this.#settings.clock.monotonic() + this.#spread(peer.retryDelay)
		peer.retryDelay = Math.min(peer.retryDelay * 2, this.#settings.maxInterval)
		this.#arm(peer.retryAt)
	}

	/** Something has changed: our newest number is told again soon. */
	stir(): void {
		this.#beatDelay = this.#settings.interval
		const at = this.#settings.clock.monotonic() + this.#spread(this.#beatDelay)
		if (at >= this.#beatAt) return
		this.#beatAt = at
		this.#arm(at)
	}

	#tick(): void {
		const now = this.#settings.clock.monotonic()
		if (now >= this.#beatAt) {
			if (this.#peers.size > 0) this.#sending.beat()
			const { interval, maxInterval } = this.#settings
			this.#beatDelay = this.#onBeat() ? interval : Math.min(this.#beatDelay * 2, maxInterval)
			this.#beatAt = now + this.#spread(this.#beatDelay)
		}
		let next = this.#beatAt
		for (const peer of this.#peers.values()) {
			if (now >= peer.retryAt) this.#retry(peer)
			next = Math.min(next, peer.retryAt)
		}
		this.#arm(next)
	}

	/** Nothing has come for as long as we were ready to wait. */
	#retry(peer: RemotePeer): void {
		const { expectedPart } = peer.intake
		// It has been nudged there already, and has not moved since.
		if (expectedPart === undefined || peer.nudgedAt === expectedPart || peer.failure !== undefined) {
			peer.nudgedAt = undefined
			this.ask(peer, peer.failure !== undefined)
			return
		}
		peer.nudgedAt = expectedPart
		this.more(peer, expectedPart, true)
		this.retryLater(peer)
	}

	#arm(at: number): void {
		if (this.#closed || (this.#timer !== undefined && at >= this.#timerDue)) return
		this.#timer?.[Symbol.dispose]()
		this.#timerDue = at
		const { clock } = this.#settings
		this.#timer = clock.timer(
			Math.max(0, at - clock.monotonic()),
			() => {
				this.#timer = undefined
				this.#tick()
			},
			{ background: true },
		)
	}

	/** Between three quarters and five quarters of it, so that peers which began together do not speak together. */
	#spread(delay: number): number {
		return delay * (0.75 + this.#settings.random() / 2)
	}
}
