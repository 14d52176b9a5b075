import assert from 'node:assert/strict'
import { sleep, systemClock } from '../../core/clock.ts'
import { RemoteTermError, type ErrorCode } from '../../core/errors.ts'
import type { Channel, ChannelListener, Peer, PeerDownReason, Transport } from '../../core/transport.ts'
import { within } from '../within.ts'

/** A network under test, with the hold that the suite needs on it. */
export interface TransportHarness {
	/** Somebody joins. The suite closes what it was given. */
	join(name: string): Transport | Promise<Transport>
	/** Ends a transport of this network as `kill -9` would: without a goodbye. Left out: those checks make do with a close. */
	crash?(transport: Transport): void | Promise<void>
	/** The size limit that `join` gives its transports, in bytes. */
	readonly maxMessageBytes: number
	/** So many messages of at least so many bytes, sent in one go, are more than a queue to one peer holds. */
	readonly queue: { readonly messages: number; readonly bytes: number }
	/** Ends the network. Called once, after the transports were closed. */
	dispose?(): void | Promise<void>
}

export interface Check {
	readonly title: string
	readonly run: (session: Session) => Promise<void>
}

export interface SessionSettings {
	readonly create: () => TransportHarness | Promise<TransportHarness>
	readonly limit: number
}

export type Heard =
	| { readonly kind: 'up'; readonly peer: Peer }
	| { readonly kind: 'down'; readonly peer: Peer; readonly reason: PeerDownReason }
	| { readonly kind: 'message'; readonly peer: Peer; readonly message: unknown }

/** Runs one check on a network of its own, which is gone afterwards, whatever happened. */
export const withSession = async (
	settings: SessionSettings,
	run: (session: Session) => Promise<void>,
): Promise<void> => {
	const session = new Session(settings, await settings.create())
	try {
		await run(session)
		session.checkAllQuiet()
	} finally {
		await session.end()
	}
}

const POLL = 2

export class Session {
	readonly harness: TransportHarness
	/** How long any one step may take, in milliseconds. */
	readonly limit: number
	readonly #transports: Transport[] = []
	readonly #ears: Ear[] = []

	constructor({ limit }: SessionSettings, harness: TransportHarness) {
		this.limit = limit
		this.harness = harness
	}

	async join(name: string): Promise<Transport> {
		const transport = await this.within(Promise.resolve(this.harness.join(name)), 'join')
		this.#transports.push(transport)
		return transport
	}

	/** Opens a scope and writes down all that it hears. */
	open(transport: Transport, scope = 'scope', more: Partial<ChannelListener<unknown>> = {}): Ear {
		const ear = new Ear(transport, scope, more)
		this.#ears.push(ear)
		return ear
	}

	/** Peers of these names in one scope, all of whom know each other. */
	async meet(...names: readonly string[]): Promise<Ear[]> {
		const ears: Ear[] = []
		for (const name of names) ears.push(this.open(await this.join(name)))
		for (const ear of ears)
			await this.until(
				() => ear.channel.peers.size === names.length - 1,
				`${ear.self.name} to know everybody`,
			)
		return ears
	}

	/** It is gone without a word, where the harness can do that; closed otherwise. */
	async crash(transport: Transport): Promise<void> {
		if (this.harness.crash === undefined) await transport.close()
		else await this.harness.crash(transport)
	}

	within<Result>(work: PromiseLike<Result>, subject: string): Promise<Result> {
		return within(this.limit, work, subject)
	}

	/** Waits until a fact is so. */
	async until(fact: () => boolean, subject: string): Promise<void> {
		const end = systemClock.monotonic() + this.limit
		while (!fact()) {
			if (systemClock.monotonic() > end) assert.fail(`Expected ${subject} within ${this.limit} ms`)
			await sleep(systemClock, POLL)
		}
	}

	/** Silence is no fact that can be waited for; that what is sent afterwards has arrived is. */
	async roundTrip(from: Ear, to: Ear): Promise<void> {
		this.#marks += 1
		const mark = `mark ${this.#marks}`
		for (const [here, there] of [
			[from, to],
			[to, from],
		] as const) {
			assert(here.channel.send(there.self, mark), 'Expected a message to a peer that is up to be sent')
			await this.until(() => there.messages.includes(mark), 'a message to arrive')
			there.forget(mark)
		}
	}
	#marks = 0

	expectCode(code: ErrorCode, call: () => unknown, subject: string): void {
		assert.throws(
			call,
			error => error instanceof RemoteTermError && error.code === code,
			`Expected ${subject} to throw ${code}`,
		)
	}

	async expectRejection(code: ErrorCode, work: Promise<unknown>, subject: string): Promise<void> {
		await assert.rejects(
			work,
			error => error instanceof RemoteTermError && error.code === code,
			`Expected ${subject} to reject with ${code}`,
		)
	}

	checkAllQuiet(): void {
		const faults = this.#ears.flatMap(({ faults }) => faults)
		assert.deepEqual(faults, [], 'Expected every listener to be called as the contract says')
	}

	async end(): Promise<void> {
		try {
			for (const transport of this.#transports) await this.within(transport.close(), 'close')
		} finally {
			await this.harness.dispose?.()
		}
	}
}

/** One channel, what it heard, and whether it was told in the way that the contract says. */
export class Ear {
	readonly channel: Channel<unknown>
	readonly self: Peer
	readonly heard: Heard[] = []
	readonly faults: string[] = []
	/** No callback is right while this is set: within a call of ours, or after a close. */
	mustBeQuiet = true
	readonly #up = new Map<string, Peer>()
	readonly #more: Partial<ChannelListener<unknown>>
	#depth = 0

	constructor(transport: Transport, scope: string, more: Partial<ChannelListener<unknown>>) {
		this.self = transport.self
		this.#more = more
		this.channel = transport.open<unknown>(scope, {
			peerUp: peer => this.#called({ kind: 'up', peer }),
			peerDown: (peer, reason) => this.#called({ kind: 'down', peer, reason }),
			message: (peer, message) => this.#called({ kind: 'message', peer, message }),
		})
		this.mustBeQuiet = false
	}

	get messages(): unknown[] {
		return this.heard.flatMap(one => (one.kind === 'message' ? [one.message] : []))
	}

	messagesOf(name: string): unknown[] {
		return this.heard.flatMap(one => (one.kind === 'message' && one.peer.name === name ? [one.message] : []))
	}

	/** `up b`, `down b goodbye`, in their order. */
	get changes(): string[] {
		return this.heard.flatMap(one => {
			if (one.kind === 'message') return []
			return [one.kind === 'up' ? `up ${one.peer.name}` : `down ${one.peer.name} ${one.reason}`]
		})
	}

	forget(message: unknown): void {
		this.heard.splice(
			this.heard.findIndex(one => one.kind === 'message' && one.message === message),
			1,
		)
	}

	/** Calls something of the transport's, from within which nobody may be called. */
	quietly<Result>(call: () => Result): Result {
		const before = this.mustBeQuiet
		this.mustBeQuiet = true
		try {
			return call()
		} finally {
			this.mustBeQuiet = before
		}
	}

	async close(): Promise<void> {
		this.mustBeQuiet = true
		await this.channel.close()
	}

	#called(heard: Heard): void {
		const { kind, peer } = heard
		if (this.mustBeQuiet) this.faults.push(`${kind} of ${peer.name} came after close, or from within a call`)
		if (this.#depth > 0) this.faults.push(`${kind} of ${peer.name} came from within another callback`)
		if ((kind === 'up') === this.#up.has(peer.id))
			this.faults.push(`${kind} of ${peer.name}, which was ${kind === 'up' ? 'up already' : 'not up'}`)
		if (peer.id === this.self.id) this.faults.push(`${kind} of ourselves`)
		if (kind === 'up') this.#up.set(peer.id, peer)
		if (kind === 'down') this.#up.delete(peer.id)
		this.heard.push(heard)
		this.#depth += 1
		try {
			if (heard.kind === 'up') this.#more.peerUp?.(peer)
			else if (heard.kind === 'down') this.#more.peerDown?.(peer, heard.reason)
			else this.#more.message?.(peer, heard.message)
		} finally {
			this.#depth -= 1
		}
	}
}
