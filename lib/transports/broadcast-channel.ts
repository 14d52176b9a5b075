import { bool, onlyKnownOptions, positiveInteger } from '../core/options.ts'
import type { Channel, ChannelListener, Peer, Transport } from '../core/transport.ts'
import { ChannelWire } from './broadcast-channel/wire.ts'
import { checkedName } from './names.ts'
import { parseSessionOptions, SESSION_OPTIONS, Sessions, type SessionOptions } from './session/sessions.ts'

export type {
	Channel,
	ChannelCounts,
	ChannelListener,
	Peer,
	PeerDownReason,
	Transport,
	WhenUpOptions,
} from '../core/transport.ts'
export interface BroadcastChannelTransportOptions extends SessionOptions {
	/** Keeps those apart who use the same scopes in one process and have nothing to do with each other. Default: `default`. */
	readonly network?: string | undefined
	/** How many messages one thread may have sent to another that has not read them yet. Default: 10,000. */
	readonly maxQueue?: number | undefined
	/** The same in bytes; a message begun below it is sent whole. Default: 64 MiB. */
	readonly maxQueueBytes?: number | undefined
	/** Whether open channels keep the thread alive. Default: false. */
	readonly keepAlive?: boolean | undefined
}

const OPTIONS = [...SESSION_OPTIONS, 'network', 'maxQueue', 'maxQueueBytes', 'keepAlive'] as const

/**
 * The threads of one process, by `BroadcastChannel` of `node:worker_threads`: no server, nothing to install.
 *
 * ```ts
 * const transport = new BroadcastChannelTransport({ name: `thread-${threadId}` })
 * ```
 *
 * Threads that end without a word are noticed when they have been silent for `patience` heartbeats.
 */
export class BroadcastChannelTransport implements Transport {
	readonly self: Peer
	readonly #sessions: Sessions
	readonly #options: Omit<ConstructorParameters<typeof ChannelWire>[0], 'prefix' | 'hear'>
	readonly #network: string

	/** @throws `INVALID_OPTION` */
	constructor(options: BroadcastChannelTransportOptions) {
		onlyKnownOptions('BroadcastChannelTransport', options, OPTIONS)
		const {
			network = 'default',
			maxQueue = 10_000,
			maxQueueBytes = 64 * 2 ** 20,
			keepAlive = false,
		} = options
		const settings = parseSessionOptions(options)
		this.self = settings.self
		this.#network = checkedName('network', network)
		this.#options = {
			self: settings.self,
			maxQueue: positiveInteger('maxQueue', maxQueue),
			maxQueueBytes: positiveInteger('maxQueueBytes', maxQueueBytes),
			keepAlive: bool('keepAlive', keepAlive),
		}
		this.#sessions = new Sessions({ ...settings, background: !keepAlive })
	}

	open<Message>(scope: string, listener: ChannelListener<Message>): Channel<Message> {
		// No name has a space: nobody's channel can be taken for another's.
		const prefix = `remote-term ${this.#network} ${scope}`
		const session = this.#sessions.open(
			scope,
			listener,
			hear => new ChannelWire({ ...this.#options, prefix, hear }),
		)
		session.connected()
		return session
	}

	async close(): Promise<void> {
		await this.#sessions.close()
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.close()
	}
}
