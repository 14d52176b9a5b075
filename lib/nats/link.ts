import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node'
import { untilAborted } from '../core/clock.ts'
import { Emitter } from '../core/events.ts'
import { messageOf, RemoteTermError } from '../core/errors.ts'
import { safeLogger, silentLogger, type Logger } from '../core/logger.ts'
import { serversOf, type NatsSettings } from './options.ts'
import { loadTransport, type Transport } from './packages.ts'

/** What happens to a connection after it has stood for the first time. */
export interface NatsLinkEvents {
	/** What was asked of the server and not answered yet will not be answered. */
	readonly disconnected: { readonly server: string }
	/** Subscriptions stand again; what was published to them meanwhile is lost. */
	readonly reconnected: { readonly server: string }
	/** The server's word on something that is nobody's answer: a permission, above all. */
	readonly error: { readonly error: Error }
	/** By `close`, or because the server will not have us any more. Last, and once. */
	readonly closed: { readonly error?: Error | undefined }
}

export interface NatsLinkContext {
	/** Who connects, for messages: `NatsConfigDb`. */
	readonly owner: string
	readonly logger?: Logger | undefined
	/** Interrupts connecting, not what comes after. */
	readonly signal?: AbortSignal | undefined
	/** Default: `Math.random`. */
	readonly random?: (() => number) | undefined
	/** The server does not send us what we publish ourselves. */
	readonly noEcho?: boolean | undefined
}

/**
 * A connection to NATS that reconnects for ever, with exponential backoff and jitter, and says what happens to it.
 * Those who use it map errors to codes of their own (`errors.ts`).
 */
export class NatsLink {
	readonly connection: NatsConnection
	/** What inboxes that others create have to begin with. */
	readonly inboxPrefix: string | undefined
	readonly #events: Emitter<NatsLinkEvents>
	#connected = true
	#closed = false

	/** Rejects with what `@nats-io/transport-node` threw; `INVALID_OPTION` where it is not installed; `STOPPED`. */
	static async open(settings: NatsSettings, context: NatsLinkContext): Promise<NatsLink> {
		const { owner, signal, random = Math.random, noEcho = false } = context
		const logger = safeLogger(context.logger ?? silentLogger)
		const transport = await loadTransport(owner)
		const attempts = new Attempts(settings, random)
		const authenticator = await authenticatorOf(settings, transport)
		const options = { ...connectionOptions(settings, authenticator, attempts), noEcho }
		const connecting = transport.connect(options)
		try {
			const connection = await (signal === undefined ? connecting : untilAborted(connecting, signal))
			logger.info(`${owner} is connected to NATS`, { server: connection.getServer() })
			return new NatsLink(connection, settings, attempts, owner, logger)
		} catch (error) {
			// Given up on: nobody else will close it.
			connecting.then(
				late => late.close(),
				() => {},
			)
			throw error
		}
	}

	private constructor(
		connection: NatsConnection,
		settings: NatsSettings,
		attempts: Attempts,
		owner: string,
		logger: Logger,
	) {
		this.connection = connection
		this.inboxPrefix = settings.inboxPrefix
		this.#events = new Emitter(logger)
		void this.#follow(attempts, owner, logger)
		void connection.closed().then(error => {
			this.#connected = false
			if (!this.#closed) {
				this.#closed = true
				logger.error(`${owner} has lost NATS for good`, { error })
				this.#events.emit('closed', error === undefined ? {} : { error: error })
			}
			this.#events.clear()
		})
	}

	get connected(): boolean {
		return this.#connected
	}

	get closed(): boolean {
		return this.#closed
	}

	on<Name extends keyof NatsLinkEvents>(
		name: Name,
		listener: (event: NatsLinkEvents[Name]) => void,
	): Disposable {
		const off = this.#events.on(name, listener)
		return { [Symbol.dispose]: off }
	}

	/** Resolves when it stands again; at once, if it does. Rejects with the reason of `signal`. */
	async whenConnected(signal: AbortSignal): Promise<void> {
		if (this.#connected) return
		let listening: Disposable | undefined
		let off: Disposable | undefined
		const connected = new Promise<void>((resolve, reject) => {
			listening = this.on('reconnected', () => resolve())
			off = this.on('closed', () => reject(new Error('The connection is closed')))
			if (this.#closed) reject(new Error('The connection is closed'))
		})
		try {
			await untilAborted(connected, signal)
		} finally {
			listening?.[Symbol.dispose]()
			off?.[Symbol.dispose]()
		}
	}

	/** Settles like `answer`, or rejects as soon as the connection is lost, and the answer with it. */
	async untilDisconnected<Answer>(answer: Promise<Answer>): Promise<Answer> {
		let listening: Disposable | undefined
		const lost = new Promise<never>((_, reject) => {
			listening = this.on('disconnected', () =>
				reject(new Error('The connection was lost before the answer')),
			)
		})
		try {
			return await Promise.race([answer, lost])
		} finally {
			listening?.[Symbol.dispose]()
		}
	}

	/** No event comes after this. What waits for an answer is rejected. */
	async close(): Promise<void> {
		this.#closed = true
		this.#connected = false
		this.#events.clear()
		await this.connection.close()
	}

	async #follow(attempts: Attempts, owner: string, logger: Logger): Promise<void> {
		for await (const status of this.connection.status()) {
			if (this.#closed) continue
			switch (status.type) {
				case 'disconnect':
					if (this.#connected) logger.warn(`${owner} is disconnected from NATS`, { server: status.server })
					this.#connected = false
					this.#events.emit('disconnected', { server: status.server })
					break
				case 'reconnecting':
					attempts.begun()
					break
				case 'reconnect':
					attempts.succeeded()
					this.#connected = true
					logger.info(`${owner} is reconnected to NATS`, { server: status.server })
					this.#events.emit('reconnected', { server: status.server })
					break
				case 'error':
					logger.warn(`NATS says to ${owner}: ${messageOf(status.error)}`)
					this.#events.emit('error', { error: status.error })
					break
				default:
			}
		}
	}
}

/** How long to wait before the same server is tried again. The client asks more often than it tries. */
class Attempts {
	readonly #backoff: NatsSettings['reconnectBackoff']
	readonly #random: () => number
	#failed = 0
	#delay: number

	constructor({ reconnectBackoff }: NatsSettings, random: () => number) {
		this.#backoff = reconnectBackoff
		this.#random = random
		this.#delay = this.#next()
	}

	get delay(): number {
		return this.#delay
	}

	begun(): void {
		this.#failed++
		this.#delay = this.#next()
	}

	succeeded(): void {
		this.#failed = 0
		this.#delay = this.#next()
	}

	#next(): number {
		const { base, cap } = this.#backoff
		// Equal jitter, so that a fleet that lost a server together does not come back together.
		return (Math.min(cap, base * 2 ** Math.min(this.#failed, 52)) * (1 + this.#random())) / 2
	}
}

const connectionOptions = (
	settings: NatsSettings,
	authenticator: NodeConnectionOptions['authenticator'],
	attempts: Attempts,
): NodeConnectionOptions => {
	const { servers, name, tls, connectTimeout, pingInterval, inboxPrefix } = settings
	return {
		servers: [...servers],
		name,
		timeout: connectTimeout,
		pingInterval,
		maxPingOut: 2,
		reconnect: true,
		maxReconnectAttempts: -1,
		// A server that forgets its users for a while, or credentials that rotate, are no reason to give up.
		ignoreAuthErrorAbort: true,
		reconnectDelayHandler: () => attempts.delay,
		noAsyncTraces: true,
		...(authenticator !== undefined && { authenticator }),
		...(tls !== undefined && { tls: definedOf(tls) }),
		...(inboxPrefix !== undefined && { inboxPrefix }),
	}
}

const definedOf = (object: object): Record<string, string> =>
	Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined))

const authenticatorOf = async (
	settings: NatsSettings,
	transport: Transport,
): Promise<NodeConnectionOptions['authenticator']> => {
	const { auth } = settings
	switch (auth.kind) {
		case 'none':
			return undefined
		case 'token':
			return transport.tokenAuthenticator(auth.token)
		case 'user':
			return transport.usernamePasswordAuthenticator(auth.user, auth.pass)
		case 'nkey':
			return transport.nkeyAuthenticator(new TextEncoder().encode(auth.seed))
		case 'credentials':
			return credentialsOf(auth.path, settings, transport)
	}
}

const credentialsOf = async (path: string, settings: NatsSettings, transport: Transport) => {
	const refuse = (reason: string, cause?: unknown): RemoteTermError =>
		new RemoteTermError(
			'INVALID_OPTION',
			`Cannot connect to NATS at ${serversOf(settings)} with the credentials in ${path}: ${reason}`,
			cause === undefined ? {} : { cause },
		)
	let bytes: Uint8Array
	try {
		bytes = await readFile(path)
	} catch (error) {
		throw refuse(messageOf(error), error)
	}
	let good = transport.credsAuthenticator(bytes)
	try {
		good('a nonce')
	} catch {
		throw refuse('it is no .creds file with a JWT and a seed')
	}
	return (nonce?: string) => {
		try {
			const read = transport.credsAuthenticator(readFileSync(path))
			const answer = read(nonce)
			good = read
			return answer
		} catch {
			// Whoever rotates it may be in the midst of it, and what was good last may still be. Where an authenticator
			// throws, the client gives up for good.
			return good(nonce)
		}
	}
}
