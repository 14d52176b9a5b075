import type { Channel, Peer, Transport } from '../../lib/core/transport.ts'
import { pack } from '../../lib/publisher/packing.ts'
import { decode, encode, type Body } from '../../lib/publisher/wire.ts'

/** A peer whose words we choose ourselves, and who keeps what it is told. */
export class Stranger {
	readonly heard: unknown[] = []
	readonly channel: Channel<unknown>
	readonly peers: Peer[] = []
	/** Whom alone it speaks to, where not to everybody. */
	only: string | undefined
	readonly #epoch: string
	readonly #version: number

	constructor(transport: Transport, { epoch = 'stranger', version = 1 } = {}) {
		this.#epoch = epoch
		this.#version = version
		this.channel = transport.open<unknown>('sets', {
			peerUp: peer => this.peers.push(peer),
			peerDown: () => {},
			message: (_from, message) => this.heard.push(message),
		})
	}

	/** What it has heard of one kind, decoded. */
	bodies<Kind extends Body['kind']>(kind: Kind): Array<Extract<Body, { kind: Kind }>> {
		return this.heard.flatMap(message => {
			const decoded = decode(message)
			return typeof decoded === 'object' && decoded.body.kind === kind
				? [decoded.body as Extract<Body, { kind: Kind }>]
				: []
		})
	}

	say(newest: number, body: Body): void {
		for (const peer of this.peers)
			if (this.only === undefined || peer.name === this.only)
				this.channel.send(peer, encode({ version: this.#version, epoch: this.#epoch, newest }, body))
	}

	ask(number: number, has?: { epoch: string; number: number }): void {
		this.say(0, { kind: 'ask', number, has })
	}

	data(at: number, data: unknown, ask = 0): void {
		this.say(at, { kind: 'data', ask, at, part: 0, parts: 1, bytes: pack('data', data), acknowledge: false })
	}

	updates(first: number, ...updates: unknown[]): void {
		const bytes = updates.map(update => pack('update', update))
		this.say(first + updates.length - 1, {
			kind: 'updates',
			first,
			updates: bytes,
			ask: 0,
			acknowledge: false,
		})
	}
}
