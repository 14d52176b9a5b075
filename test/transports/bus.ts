import { FakeClock } from '../../lib/testing/index.ts'
import { silentLogger, type Logger } from '../../lib/core/logger.ts'
import { seededRandom } from '../../lib/core/random.ts'
import type { Channel, Peer } from '../../lib/core/transport.ts'
import type { PulseOptions } from '../../lib/transports/session/pulse.ts'
import { parseSessionOptions, Sessions } from '../../lib/transports/session/sessions.ts'
import type { Wire } from '../../lib/transports/session/wire.ts'

interface Plug {
	readonly self: Peer
	readonly hear: (bytes: unknown) => void
	isOn: boolean
}

/** A wire of the tests' own, that does what NATS does, and can hold back, lose and count. */
export class Bus {
	readonly clock = new FakeClock()
	/** Frames put on it, and their deliveries. */
	frames = 0
	deliveries = 0
	maxFrameBytes = 1_000_000
	/** How long it takes to read what is on its way, in milliseconds. */
	backlog = 1
	/** What becomes of a frame: itself, or nothing, or something else in its place. */
	tamper: (frame: Uint8Array, to: Peer) => readonly Uint8Array[] = frame => [frame]
	readonly #mutual: boolean
	readonly #plugs = new Set<Plug>()
	readonly #random = seededRandom(3)

	constructor({ mutual = false } = {}) {
		this.#mutual = mutual
	}

	join(
		name: string,
		pulse: PulseOptions & { maxPeers?: number } = {},
		logger: Logger = silentLogger,
		maxMessageBytes = 100_000,
	) {
		const settings = parseSessionOptions({
			...{ name, logger, clock: this.clock, random: this.#random, maxMessageBytes },
			...pulse,
		})
		const sessions = new Sessions({ ...settings, background: true })
		const heard: string[] = []
		const messages: unknown[] = []
		const { self } = settings
		let plug: Plug | undefined
		const session = sessions.open<unknown>(
			'scope',
			{
				peerUp: peer => heard.push(`up ${peer.name}`),
				peerDown: (peer, reason) => heard.push(`down ${peer.name} ${reason}`),
				message: (_, message) => messages.push(message),
			},
			hear => {
				plug = { self, hear, isOn: true }
				this.#plugs.add(plug)
				return this.#wire(plug)
			},
		)
		session.connected()
		const channel: Channel<unknown> = session
		/** Whatever it says or is told is lost from now on. */
		const unplug = (): void => void (plug!.isOn = false)
		const hear = (bytes: unknown): void => plug!.hear(bytes)
		return { self, session, channel, heard, messages, unplug, hear, take: () => heard.splice(0) }
	}

	#wire(plug: Plug): Wire {
		const maxFrameBytes = (): number => this.maxFrameBytes
		const all = (frame: Uint8Array): void => {
			this.frames += 1
			for (const other of this.#plugs) if (other !== plug) this.#deliver(plug, other, frame)
		}
		const one = (to: Peer, frame: Uint8Array): void => {
			this.frames += 1
			for (const other of this.#plugs) if (other.self.id === to.id) this.#deliver(plug, other, frame)
		}
		return {
			get maxFrameBytes() {
				return maxFrameBytes()
			},
			mutual: this.#mutual,
			announce: all,
			introduce: one,
			hasRoom: () => true,
			post: one,
			cast: (to, frame) => (this.#mutual ? to.forEach(peer => one(peer, frame)) : all(frame)),
			attach() {},
			detach() {},
			catchUp: done => void this.clock.timer(this.backlog, done),
			close: async () => void this.#plugs.delete(plug),
		}
	}

	#deliver(from: Plug, to: Plug, frame: Uint8Array): void {
		if (!from.isOn || !to.isOn) return
		for (const tampered of this.tamper(frame, to.self)) {
			this.deliveries += 1
			this.clock.timer(1, () => to.isOn && this.#plugs.has(to) && to.hear(tampered))
		}
	}
}
