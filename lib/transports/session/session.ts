import type { Channel, ChannelCounts, Peer, PeerDownReason, WhenUpOptions } from '../../core/transport.ts'
import { encodePayload, readPayload } from '../payload.ts'
import { Company } from './company.ts'
import { Fellow } from './fellow.ts'
import { decodeFrame, type Frame, type Kind } from './frame.ts'
import { Notices } from './notices.ts'
import { Outgoing } from './outgoing.ts'
import { Pulse } from './pulse.ts'
import type { SessionContext } from './session-context.ts'
import { Vigil } from './vigil.ts'
import type { Wire } from './wire.ts'

/** What somebody may claim, in milliseconds: an hour. */
const LONGEST_PAUSE = 3_600_000

/**
 * A channel over a wire that can lose, delay and repeat. Membership, by what is said and what is not:
 *
 *     hello     to everybody, when a scope is opened or the network is back. Each answers it, some time in the next second;
 *               or once for all, where many ask.
 *     answer    to one: I am there, and know you.
 *     alive     to everybody, now and then; left out where a message has gone to everybody meanwhile.
 *     goodbye   to everybody.
 *
 * Whoever is heard of is up; whoever is silent for too long is down, and up again with the next word. Another boot of
 * the same name replaces the one before, which is not listened to any more.
 */
export class Session implements Channel<unknown> {
	#state: 'connected' | 'away' | 'closed' = 'away'
	#stints = 0
	/** Since the last sign of life. */
	#hasCast = false
	/** The pause that was announced last to everybody. */
	#announced = 0
	#closing: Promise<void> | undefined
	readonly #context: SessionContext
	readonly #wire: Wire
	readonly #pulse: Pulse
	readonly #outgoing: Outgoing
	readonly #company = new Company()
	readonly #vigil: Vigil
	/** Who is to be told that we are there. */
	readonly #answers = new Map<string, Peer>()
	readonly #counts = { sent: 0, received: 0, dropped: 0, refused: 0, lost: 0 }
	readonly #notices: Notices

	constructor(context: SessionContext, connect: (hear: (bytes: unknown) => void) => Wire) {
		this.#context = context
		this.#wire = connect(bytes => this.#hear(bytes))
		this.#outgoing = new Outgoing(context.self, context.opening, () => this.#wire.maxFrameBytes)
		this.#notices = new Notices(context)
		this.#vigil = new Vigil(this.#company, context, this.#wire, one => this.#forget(one, 'silent'))
		this.#pulse = new Pulse(context.pulse, context, {
			size: () => this.#company.size,
			beat: late => this.#beat(late),
			answer: () => this.#answer(),
		})
	}

	get scope(): string {
		return this.#context.scope
	}

	get peers(): ReadonlyMap<string, Peer> {
		return this.#company.peers
	}

	get counts(): ChannelCounts {
		return { ...this.#counts }
	}

	/** The network is there, for the first time or again. */
	connected(): void {
		if (this.#state !== 'away') return
		this.#state = 'connected'
		this.#announce('hello')
		this.#pulse.start()
	}

	/** The network is away: what others say is not heard, and what we would say is lost. */
	disconnected(): void {
		if (this.#state !== 'connected') return
		this.#state = 'away'
		this.#pulse.stop()
		this.#vigil.giveUp()
		for (const fellow of this.#company.all()) this.#forget(fellow, 'disconnected')
	}

	send(to: Peer, message: unknown): boolean {
		const payload = encodePayload(message, this.#context.maxMessageBytes)
		const fellow = this.#company.get(to.id)
		if (this.#state !== 'connected' || !fellow?.isUp || !this.#wire.hasRoom(to)) {
			this.#counts.dropped += 1
			return false
		}
		for (const frame of this.#outgoing.message(payload, fellow)) this.#wire.post(fellow.peer, frame)
		// It knows us by that.
		this.#answers.delete(to.id)
		this.#counts.sent += 1
		return true
	}

	broadcast(message: unknown): number {
		const payload = encodePayload(message, this.#context.maxMessageBytes)
		const peers = [...this.#company.peers.values()]
		const isOpen = this.#state === 'connected' && this.#wire.hasRoom()
		const open = peers.filter(peer => isOpen && this.#wire.hasRoom(peer))
		this.#counts.dropped += peers.length - open.length
		if (open.length === 0) return 0
		for (const frame of this.#outgoing.message(payload)) this.#wire.cast(open, frame)
		this.#hasCast = true
		this.#everybodyHeard()
		this.#counts.sent += 1
		return open.length
	}

	whenUp(peer: Peer, options?: WhenUpOptions): Promise<void> {
		return this.#context.listener.whenUp(peer, this.#company.peers, options)
	}

	close(): Promise<void> {
		this.#closing ??= this.#close()
		return this.#closing
	}

	async #close(): Promise<void> {
		const wasConnected = this.#state === 'connected'
		this.#state = 'closed'
		this.#context.listener.close()
		this.#pulse.stop()
		this.#vigil.giveUp()
		const all = this.#company.all().map(({ peer }) => peer)
		if (wasConnected) this.#wire.cast(all, this.#greeting('goodbye'))
		this.#company.clear()
		this.#answers.clear()
		this.#context.left()
		await this.#wire.close()
	}

	#hear(bytes: unknown): void {
		if (this.#state !== 'connected') return
		const frame = decodeFrame(bytes, id => this.#company.peer(id))
		if (frame === undefined) this.#refuse()
		else if (frame.from.name === this.#context.self.name) this.#hearNamesake(frame.from)
		else this.#hearFrom(frame)
	}

	/** Ourselves, as an echo; or somebody who must not be there. */
	#hearNamesake({ id, name }: Peer): void {
		if (id === this.#context.self.id) return
		this.#refuse()
		this.#notices.namesake(name)
	}

	#hearFrom(frame: Frame): void {
		const { kind, from, opening, stint } = frame
		if (this.#company.hasDeparted(from.id, opening)) return this.#refuse()
		if (kind === 'goodbye') return this.#hearGoodbye(frame)
		let fellow = this.#company.get(from.id)
		if (fellow !== undefined && fellow.opening !== opening) {
			if (fellow.opening > opening) return this.#refuse()
			// It has closed and opened the scope again, and the goodbye was lost.
			this.#leave(fellow, 'goodbye')
			fellow = undefined
		}
		fellow ??= this.#meet(frame)
		if (fellow === undefined) return
		fellow.heardAt = this.#context.clock.monotonic()
		const isAddressed = stint > 0
		if (isAddressed) this.#answers.delete(from.id)
		if (!fellow.isUp) {
			if (isAddressed || !this.#wire.mutual) this.#raise(fellow)
			if (!isAddressed || (this.#wire.mutual && kind === 'hello')) this.#answerSoon(fellow)
		} else if (kind === 'hello') {
			if (isAddressed) this.#wire.attach(from)
			this.#answerSoon(fellow)
		}
		if (kind === 'first' || kind === 'next') this.#take(fellow, frame)
		else {
			fellow.pause = Math.min(frame.more, LONGEST_PAUSE)
			this.#note(fellow, frame)
		}
	}

	/** Where they do not come the same way as messages, greetings say nothing about those. */
	#note(fellow: Fellow, frame: Frame): void {
		if (!this.#wire.mutual) this.#counts.lost += fellow.incoming.note(frame)
	}

	#hearGoodbye(frame: Frame): void {
		const { from, opening } = frame
		const fellow = this.#company.get(from.id)
		if (fellow !== undefined) this.#note(fellow, frame)
		this.#company.depart(from.id, opening)
		if (fellow !== undefined) this.#forget(fellow, 'goodbye')
	}

	/** `undefined` where the channel was closed meanwhile, or is full. */
	#meet({ from, opening }: Frame): Fellow | undefined {
		const before = this.#company.named(from.name)
		if (before !== undefined) this.#leave(before, 'replaced')
		if (this.#state !== 'connected') return undefined
		if (this.#company.size >= this.#context.maxPeers) {
			this.#refuse()
			return this.#notices.full(from.name)
		}
		this.#stints += 1
		const fellow = new Fellow(from, opening, {
			stint: this.#stints,
			heardAt: this.#context.clock.monotonic(),
			pause: this.#pulse.longestPause,
			room: this.#context.room,
		})
		this.#company.add(fellow)
		this.#wire.attach(from)
		return fellow
	}

	#raise(fellow: Fellow): void {
		fellow.isUp = true
		this.#company.peers.set(fellow.peer.id, fellow.peer)
		this.#context.listener.peerUp(fellow.peer)
	}

	/** Down, and not to be listened to any more. */
	#leave(fellow: Fellow, reason: PeerDownReason): void {
		this.#company.depart(fellow.peer.id, fellow.opening)
		this.#forget(fellow, reason)
	}

	#forget(fellow: Fellow, reason: PeerDownReason): void {
		const { peer } = fellow
		if (!this.#company.delete(fellow)) return
		fellow.incoming.close()
		this.#answers.delete(peer.id)
		this.#wire.detach(peer)
		if (this.#company.peers.delete(peer.id)) this.#context.listener.peerDown(peer, reason)
	}

	#take(fellow: Fellow, frame: Frame): void {
		if (!fellow.isUp) return this.#refuse()
		const arrival = fellow.incoming.take(frame)
		if (arrival.kind === 'late') return this.#refuse()
		this.#counts.lost += arrival.lost
		if (arrival.kind === 'too-large') return this.#refuse()
		if (arrival.kind === 'part') return
		const read = readPayload(arrival.payload)
		if (read === undefined) return this.#refuse()
		this.#counts.received += 1
		this.#context.listener.message(fellow.peer, read.message)
	}

	#answerSoon({ peer }: Fellow): void {
		if (this.#state !== 'connected') return
		this.#answers.set(peer.id, peer)
		this.#pulse.answerSoon()
	}

	#answer(): void {
		const asking = [...this.#answers.values()]
		this.#answers.clear()
		// One word to everybody is cheaper than one to each of most of them.
		if (!this.#wire.mutual && asking.length > 3 && asking.length > this.#company.size / 2)
			this.#announce('alive')
		else for (const peer of asking) this.#introduce(this.#company.get(peer.id))
	}

	/** Where only who addresses us is known to hear us, we ask for a word before it is up, and give one after. */
	#introduce(fellow: Fellow | undefined): void {
		const kind = this.#wire.mutual && fellow?.isUp === false ? 'hello' : 'answer'
		if (fellow !== undefined) this.#wire.introduce(fellow.peer, this.#greeting(kind, fellow))
	}

	#beat(late: number): void {
		this.#vigil.look(late)
		const pause = this.#pulse.longestPause
		if (!this.#hasCast || this.#wire.mutual || pause !== this.#announced) this.#announce('alive')
		this.#hasCast = false
	}

	#announce(kind: Kind): void {
		this.#wire.announce(this.#greeting(kind))
		this.#everybodyHeard()
	}

	/** Where everybody who says hello can hear, it is answer enough that something was said to all. */
	#everybodyHeard(): void {
		if (!this.#wire.mutual) this.#answers.clear()
	}

	#refuse(): void {
		this.#counts.refused += 1
	}

	#greeting(kind: Kind, to?: Fellow): Uint8Array {
		const pause = this.#pulse.longestPause
		if (kind === 'alive') this.#announced = pause
		return this.#outgoing.greeting(kind, pause, to)
	}
}
