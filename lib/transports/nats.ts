import { positive, positiveInteger, onlyKnownOptions } from '../core/options.ts'
import type { Channel, ChannelListener, Peer, Transport } from '../core/transport.ts'
import { asTransportError } from '../nats/errors.ts'
import { NatsLink } from '../nats/link.ts'
import { NATS_OPTIONS, parseNatsOptions, serversOf, type NatsOptions } from '../nats/options.ts'
import { Backlog } from './nats/backlog.ts'
import { parseSubjectPrefix, subjectsOf } from './nats/subjects.ts'
import { NatsWire } from './nats/wire.ts'
import {
	parseSessionOptions,
	SESSION_OPTIONS,
	Sessions,
	type SessionOptions,
	type SessionSettings,
} from './session/sessions.ts'

export type {
	Channel,
	ChannelCounts,
	ChannelListener,
	Peer,
	PeerDownReason,
	Transport,
	WhenUpOptions,
} from '../core/transport.ts'
export interface NatsTransportOptions extends Omit<NatsOptions, 'name'>, SessionOptions {
	/** What all subjects begin with. Default: `remote-term`. Permissions to publish and subscribe: `remote-term.>`. */
	readonly subject?: string | undefined
	/** How many bytes may wait until the server takes them; a message begun below it is sent whole. Default: 16 MiB. */
	readonly maxPendingBytes?: number | undefined
	/** How long `close` waits until the goodbye has left, in milliseconds. Default: 1,000. */
	readonly closeTimeout?: number | undefined
	/** Interrupts `connect`. */
	readonly signal?: AbortSignal | undefined
}

const OPTIONS = [
	...new Set([...NATS_OPTIONS, ...SESSION_OPTIONS, 'subject', 'maxPendingBytes', 'closeTimeout', 'signal']),
]

/**
 * Peers on many machines, by a NATS server or cluster (2.9 or newer); core NATS, no JetStream.
 *
 * ```ts
 * const transport = await NatsTransport.connect({ name: hostname(), servers: 'nats.example.com', credentials })
 * ```
 *
 * When the connection is lost, every peer is down as `disconnected`; when it is back, they are discovered anew.
 * Messages larger than the server's `max_payload` travel in parts. Whoever may publish to the subjects may speak in
 * anybody's name: permissions are the server's affair.
 */
export class NatsTransport implements Transport {
	readonly self: Peer
	#closing: Promise<void> | undefined
	readonly #link: NatsLink
	readonly #settings: SessionSettings
	readonly #sessions: Sessions
	readonly #backlog: Backlog
	readonly #subject: string
	readonly #closeTimeout: number

	/**
	 * Resolves when the connection stands.
	 *
	 * @throws `INVALID_OPTION`; `TRANSPORT_FAILED` where no server can be reached or none will have us; `STOPPED`.
	 */
	static async connect(options: NatsTransportOptions): Promise<NatsTransport> {
		onlyKnownOptions('NatsTransport', options, OPTIONS)
		const { subject = 'remote-term', maxPendingBytes = 16 * 2 ** 20, closeTimeout = 1_000, signal } = options
		const settings = parseSessionOptions(options)
		const nats = parseNatsOptions(options)
		const parsed = {
			...settings,
			subject: parseSubjectPrefix(subject),
			maxPendingBytes: positiveInteger('maxPendingBytes', maxPendingBytes),
			closeTimeout: positive('closeTimeout', closeTimeout),
		}
		try {
			const { logger, random } = settings
			const link = await NatsLink.open(nats, {
				...{ owner: `NatsTransport '${settings.self.name}'`, logger, random, noEcho: true },
				...(signal !== undefined && { signal }),
			})
			return new NatsTransport(link, parsed)
		} catch (error) {
			throw asTransportError(error, `Cannot connect '${settings.self.name}' to NATS at ${serversOf(nats)}`)
		}
	}

	private constructor(
		link: NatsLink,
		settings: SessionSettings & {
			readonly subject: string
			readonly maxPendingBytes: number
			readonly closeTimeout: number
		},
	) {
		this.self = settings.self
		this.#link = link
		this.#settings = settings
		this.#subject = settings.subject
		this.#closeTimeout = settings.closeTimeout
		this.#backlog = new Backlog(link.connection, settings.maxPendingBytes)
		// The connection itself keeps the process alive until it is closed.
		this.#sessions = new Sessions({ ...settings, background: true })
		link.on('disconnected', () => this.#away())
		link.on('closed', () => this.#away())
		link.on('reconnected', () => {
			this.#backlog.reset()
			for (const session of this.#sessions) session.connected()
		})
	}

	/** Whether the server can be reached now. */
	get connected(): boolean {
		return this.#link.connected
	}

	open<Message>(scope: string, listener: ChannelListener<Message>): Channel<Message> {
		const { self, clock } = this.#settings
		const session = this.#sessions.open(
			scope,
			listener,
			hear =>
				new NatsWire({
					...{ connection: this.#link.connection, backlog: this.#backlog, self, clock, hear },
					subjects: subjectsOf(this.#subject, scope),
					closeTimeout: this.#closeTimeout,
				}),
		)
		if (this.#link.connected) session.connected()
		return session
	}

	close(): Promise<void> {
		this.#closing ??= this.#sessions.close().then(() => this.#link.close())
		return this.#closing
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close()
	}

	#away(): void {
		for (const session of this.#sessions) session.disconnected()
	}
}
