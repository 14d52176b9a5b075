import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Channel } from '../core/transport.ts'
import type { Acknowledgements } from './acknowledgements.ts'
import { PlainMessages, type ModuleVersion } from './module.ts'
import { Outgoing, portions } from './outgoing.ts'
import type { RemotePeer } from './remote-peer.ts'
import type { Translator } from './translator.ts'
import type { UpdateLog } from './update-log.ts'
import { encode, type Body } from './wire.ts'

export interface SendingParts {
	readonly scope: string
	readonly epoch: string
	readonly version: ModuleVersion
	readonly log: UpdateLog
	readonly translator: Translator
	readonly acknowledgements: Acknowledgements
	readonly logger: Logger
	/** How many bytes of data or updates one message carries. */
	readonly partBytes: number
	readonly peers: ReadonlyMap<string, RemotePeer>
	/** Our data as of the newest update. */
	readonly local: () => unknown
}

/** Everything that leaves. What cannot be sent is not repeated here: it is a gap, which the peer notices and asks for. */
export class Sending {
	readonly #parts: SendingParts
	#channel: Channel<unknown> | undefined
	/** The number of the last update that has been handed to the channel. */
	#sent = 0
	#unsentBytes = 0
	#flushing = false
	#failed = 0

	constructor(parts: SendingParts) {
		this.#parts = parts
	}

	/** How many messages the channel has refused. */
	get failed(): number {
		return this.#failed
	}

	open(channel: Channel<unknown>): void {
		this.#channel = channel
	}

	async close(): Promise<void> {
		const channel = this.#channel
		if (channel === undefined) return
		this.flush()
		this.#channel = undefined
		await channel.close()
	}

	/** What is announced in one go leaves in one message. Returns the update's number. */
	announce(update: Uint8Array): number {
		const number = this.#parts.log.append(update)
		this.#unsentBytes += update.length
		if (this.#unsentBytes >= this.#parts.partBytes) this.flush()
		else if (!this.#flushing) {
			this.#flushing = true
			queueMicrotask(() => {
				this.#flushing = false
				this.flush()
			})
		}
		return number
	}

	/** Hands all updates to the channel that have not been yet. */
	flush(): void {
		const { log, peers, version, partBytes } = this.#parts
		const first = this.#sent + 1
		if (first > log.newest) return
		this.#sent = log.newest
		this.#unsentBytes = 0
		// More than the log holds, in one go: whoever notices the gap gets full data.
		if (this.#channel === undefined || first < log.oldest) return
		const updates = log.from(first)
		const contacts = [...peers.values()].filter(one => one.foreign || one.intake.epoch !== undefined)
		if (contacts.length === 0) return
		if (contacts.every(one => !one.foreign && one.version === version)) {
			for (const { offset, updates: some } of portions(updates, partBytes))
				this.broadcast(this.#updates(first + offset, some, 0))
		} else for (const peer of contacts) this.updates(peer, first, updates, 0)
	}

	broadcast(body: Body): void {
		this.#hand(channel => channel.broadcast(this.#encode(body)) >= 0)
	}

	/** Updates that wait to be sent leave first, so that every message tells the truth about the newest one. */
	send(peer: RemotePeer, body: Body): void {
		this.flush()
		this.#hand(channel => channel.send(peer.peer, this.#encode(body)))
	}

	updates(peer: RemotePeer, first: number, updates: readonly Uint8Array[], ask: number): void {
		const translated = this.#parts.translator.updates(peer.version ?? this.#parts.version, updates)
		if (translated === undefined) {
			this.data(peer, ask)
			return
		}
		let from = 0
		const sendRun = (to: number): void => {
			const run = translated.slice(from, to) as readonly Uint8Array[]
			for (const { offset, updates: some } of portions(run, this.#parts.partBytes))
				this.send(peer, this.#updates(first + from + offset, some, ask))
		}
		for (const [index, one] of translated.entries()) {
			if (!(one instanceof PlainMessages)) continue
			sendRun(index)
			this.#plain(peer, one)
			from = index + 1
		}
		sendRun(translated.length)
	}

	data(peer: RemotePeer, ask: number): void {
		const { translator, version, log, local } = this.#parts
		const data = translator.data(peer.version ?? version, local(), log.newest)
		if (data === undefined) return
		if (data instanceof PlainMessages) {
			this.#plain(peer, data)
			return
		}
		peer.outgoing = new Outgoing(ask, log.newest, data, this.#parts.partBytes)
		this.dataParts(peer, 0, false)
	}

	/** The parts of the data under way to this peer that may go out now. */
	dataParts(peer: RemotePeer, next: number, again: boolean): void {
		const { outgoing } = peer
		if (outgoing === undefined) return
		const { ask, at, parts } = outgoing
		if (next >= parts || parts === 1) peer.outgoing = undefined
		for (const part of outgoing.due(next, again))
			this.send(peer, { kind: 'data', ask, at, parts, ...part, acknowledge: this.#wantsAck })
	}

	beat(peer?: RemotePeer, acknowledge = this.#wantsAck): void {
		if (peer === undefined) this.broadcast({ kind: 'beat', acknowledge })
		else this.send(peer, { kind: 'beat', acknowledge })
	}

	#plain(peer: RemotePeer, { messages }: PlainMessages): void {
		for (const message of messages) this.#hand(channel => channel.send(peer.peer, message))
	}

	#updates(first: number, updates: readonly Uint8Array[], ask: number): Body {
		return { kind: 'updates', first, updates, ask, acknowledge: this.#wantsAck }
	}

	get #wantsAck(): boolean {
		return this.#parts.acknowledgements.waiting > 0
	}

	#encode(body: Body): readonly unknown[] {
		const { version, epoch } = this.#parts
		return encode({ version, epoch, newest: this.#sent }, body)
	}

	#hand(send: (channel: Channel<unknown>) => boolean): void {
		if (this.#channel === undefined) return
		try {
			if (!send(this.#channel)) this.#failed++
		} catch (error) {
			if (this.#failed++ === 0)
				this.#parts.logger.error(`'${this.#parts.scope}': a message could not be sent`, {
					reason: messageOf(error),
				})
		}
	}
}
