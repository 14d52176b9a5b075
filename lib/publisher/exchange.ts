import { RemoteTermError, messageOf } from '../core/errors.ts'
import type { ChannelListener, Peer, PeerDownReason } from '../core/transport.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { answerTo } from './answer.ts'
import { Inbox } from './inbox.ts'
import type { Verdict } from './intake.ts'
import type { ModuleVersion } from './module.ts'
import type { Settings } from './options.ts'
import { unpack } from './packing.ts'
import { RemotePeer, type PeerStatus } from './remote-peer.ts'
import { Repairs } from './repairs.ts'
import { Sending } from './sending.ts'
import type { Store } from './store.ts'
import type { Translator } from './translator.ts'
import { UpdateLog } from './update-log.ts'
import { decode, type Body, type Sender } from './wire.ts'

type Of<Kind extends Body['kind']> = Extract<Body, { kind: Kind }>

/** Peers, and what is said between us and them. */
export class Exchange implements ChannelListener<unknown> {
	readonly acknowledgements: Acknowledgements
	readonly log: UpdateLog
	readonly #peers = new Map<string, RemotePeer>()
	readonly #inbox: Inbox
	readonly #settings: Settings
	readonly #scope: string
	readonly #epoch: string
	readonly #store: Store
	readonly #sending: Sending
	readonly #repairs: Repairs
	#asks = 0
	#malformed = 0
	#overflowed = 0
	#closed = false

	constructor(
		settings: Settings,
		scope: string,
		epoch: string,
		version: ModuleVersion,
		store: Store,
		translator: Translator,
	) {
		this.#settings = settings
		this.#scope = scope
		this.#epoch = epoch
		this.#store = store
		this.#inbox = new Inbox(settings.clock, settings.maxInbox)
		this.log = new UpdateLog(settings.maxLogUpdates, settings.maxLogBytes)
		this.acknowledgements = new Acknowledgements(settings.clock, settings.maxWaiting)
		this.#sending = new Sending({
			scope,
			epoch,
			version,
			translator,
			log: this.log,
			acknowledgements: this.acknowledgements,
			...{ logger: settings.logger, partBytes: settings.partBytes },
			peers: this.#peers,
			local: () => store.local,
		})
		this.#repairs = new Repairs(settings, this.#peers, this.#sending, () => {
			translator.release()
			store.repair()
			return this.acknowledgements.waiting > 0
		})
	}

	/** @throws what `Transport.open` throws. */
	open(): void {
		if (this.#settings.transport === undefined) return
		this.#sending.open(this.#settings.transport.open<unknown>(this.#scope, this))
		this.#repairs.stir()
	}

	get peers(): readonly PeerStatus[] {
		return [...this.#peers.values()].map(one => one.status(this.acknowledgements.confirmed(one.peer.id)))
	}

	get counts(): { inbox: number; malformed: number; overflowed: number; unsent: number } {
		const unsent = this.#sending.failed
		return { inbox: this.#inbox.size, malformed: this.#malformed, overflowed: this.#overflowed, unsent }
	}

	/** Our data have been updated. Returns the update's number. */
	announce(update: Uint8Array): number {
		const number = this.#sending.announce(update)
		if (this.#settings.transport !== undefined) this.#repairs.stir()
		return number
	}

	/** Until every peer that we talk to now has confirmed all updates so far, or is gone. */
	confirmed(options: { signal?: AbortSignal | undefined; timeout: number }): Promise<void> {
		const waited = [...this.#peers.values()].filter(one => !one.foreign && one.intake.epoch !== undefined)
		const done = this.acknowledgements.wait(this.log.newest, new Set(waited.map(one => one.peer.id)), options)
		for (const one of waited) this.#sending.beat(one, true)
		return done
	}

	async close(): Promise<void> {
		if (this.#closed) return
		this.#closed = true
		this.#inbox.close()
		this.#repairs.close()
		try {
			await this.#sending.close()
		} finally {
			this.#peers.clear()
		}
	}

	peerUp(peer: Peer): void {
		this.#inbox.push(() => {
			const { interval, maxDataBytes, maxLogUpdates, maxLogBytes } = this.#settings
			const limits = { maxDataBytes, held: maxLogUpdates, heldBytes: maxLogBytes }
			const known = new RemotePeer(peer, limits, () => ++this.#asks, interval)
			this.#peers.set(peer.id, known)
			this.#repairs.ask(known, false)
			this.#repairs.stir()
		}, true)
	}

	peerDown(peer: Peer, _reason: PeerDownReason): void {
		this.#inbox.push(() => {
			this.#peers.delete(peer.id)
			this.acknowledgements.forget(peer.id)
			this.#store.remove(peer)
		}, true)
	}

	message(from: Peer, message: unknown): void {
		if (!this.#inbox.push(() => this.#receive(from, message), false)) this.#overflowed++
	}

	/** Its data are no longer part of the view, through no fault of the network: it is asked for all of them. */
	lost(origin: Peer, error: Error): void {
		const peer = this.#peers.get(origin.id)
		if (peer !== undefined) this.#fail(peer, error)
	}

	/**
	 * A plain message has told a peer's version: it speaks no protocol of ours, and gets our data in a way of its own.
	 *
	 * @returns whether the peer is up.
	 */
	meetForeign(origin: Peer, version: ModuleVersion, discovers: boolean): boolean {
		const peer = this.#peers.get(origin.id)
		if (peer === undefined) return false
		const isNew = !peer.foreign
		peer.foreign = true
		peer.version = version
		peer.retryAt = Infinity
		if (isNew || discovers) this.#sending.data(peer, 0)
		return true
	}

	readonly isForeign = (origin: Peer): boolean => this.#peers.get(origin.id)?.foreign === true

	#receive(from: Peer, message: unknown): void {
		const peer = this.#peers.get(from.id)
		if (peer === undefined) return
		const decoded = decode(message)
		if (decoded === undefined) this.#store.foreign(message, from)
		else if (decoded === 'malformed') this.#malformed++
		else this.#hear(peer, decoded.sender, decoded.body)
	}

	#hear(peer: RemotePeer, sender: Sender, body: Body): void {
		// Refreshed by every message: the reference keeps what it was told first, which may have been wrong.
		peer.version = sender.version
		peer.foreign = false
		const met = peer.intake.meet(sender.epoch)
		if (met === 'replaced') {
			peer.forget()
			this.acknowledgements.set(peer.peer.id, 0)
			this.#store.remove(peer.peer)
		}
		switch (body.kind) {
			case 'ask':
				this.#answer(peer, sender, body)
				break
			case 'updates':
				this.#act(peer, peer.intake.updates(body))
				break
			case 'data':
				if (body.parts > 1) this.#repairs.retryLater(peer)
				this.#act(peer, peer.intake.data(body))
				break
			case 'more':
				if (body.of === this.#epoch && peer.outgoing?.ask === body.ask)
					this.#sending.dataParts(peer, body.next, body.again)
				break
			case 'ack':
				if (body.of === this.#epoch) this.acknowledgements.record(peer.peer.id, body.at)
				break
			case 'beat':
		}
		this.#act(peer, peer.intake.compare(sender.newest))
		if (!peer.intake.asking && peer.failure === undefined) peer.retryAt = Infinity
		const { applied } = peer.intake
		if ('acknowledge' in body && body.acknowledge && applied !== undefined)
			this.#sending.send(peer, { kind: 'ack', of: sender.epoch, at: applied })
	}

	#act(peer: RemotePeer, verdict: Verdict): void {
		switch (verdict.kind) {
			case 'nothing':
				return
			case 'ask':
				this.#repairs.ask(peer, false)
				return
			case 'more':
				this.#repairs.more(peer, verdict.next, verdict.again)
				return
			case 'tooLarge':
				this.#fail(
					peer,
					new RemoteTermError(
						'TOO_LARGE',
						`The data of ${peer.peer.name} are larger than ${this.#settings.maxDataBytes} bytes`,
					),
				)
				return
			case 'updates':
				this.#apply(peer, verdict.updates, verdict.last)
				return
			case 'data':
				this.#replace(peer, verdict)
		}
	}

	#apply(peer: RemotePeer, updates: readonly Uint8Array[], last: number): void {
		let number = last - updates.length
		try {
			for (const bytes of updates) {
				if (this.#closed) return
				this.#store.update(peer.peer, unpack(bytes))
				peer.intake.didApply(++number)
			}
		} catch (error) {
			this.#fail(peer, error)
		}
	}

	#replace(peer: RemotePeer, { bytes, at, parts }: Extract<Verdict, { kind: 'data' }>): void {
		try {
			this.#store.replace(peer.peer, unpack(bytes))
		} catch (error) {
			this.#fail(peer, error)
			return
		}
		if (parts > 1) this.#repairs.more(peer, parts, false)
		peer.failure = undefined
		peer.retryDelay = this.#settings.interval
		for (const held of peer.intake.didReplace(at)) this.#act(peer, peer.intake.updates(held))
	}

	/** What was known of the peer stays. The first time, full data are asked for at once; then in growing intervals. */
	#fail(peer: RemotePeer, thrown: unknown): void {
		const first = peer.failure === undefined
		peer.failure = thrown instanceof Error ? thrown : new Error(messageOf(thrown))
		if (first) {
			this.#settings.logger.error(
				`'${this.#scope}': what a peer sent could not be applied; asking for all of it`,
				{
					peer: peer.peer.id,
					error: thrown,
				},
			)
			this.#repairs.ask(peer, true)
		} else this.#repairs.retryLater(peer)
	}

	#answer(peer: RemotePeer, sender: Sender, ask: Of<'ask'>): void {
		const { answered } = peer
		if (answered?.epoch === sender.epoch && answered.number === ask.number) return
		peer.answered = { epoch: sender.epoch, number: ask.number }
		this.acknowledgements.set(
			peer.peer.id,
			ask.has?.epoch === this.#epoch ? Math.min(ask.has.number, this.log.newest) : 0,
		)
		this.#sending.flush()
		const answer = answerTo(ask.has, {
			epoch: this.#epoch,
			newest: this.log.newest,
			oldestLogged: this.log.oldest,
		})
		if (answer.kind === 'nothing') this.#sending.beat(peer, false)
		else if (answer.kind === 'updates')
			this.#sending.updates(peer, answer.from, this.log.from(answer.from), ask.number)
		else this.#sending.data(peer, ask.number)
		// It may not have been listening yet when we asked. If it was, it knows this ask by its number.
		if (peer.intake.applied !== undefined) return
		const mine = peer.intake.currentAsk()
		if (mine === undefined) this.#repairs.ask(peer, false)
		else this.#sending.send(peer, { kind: 'ask', ...mine })
	}
}
