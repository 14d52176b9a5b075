import type { JetStreamManager } from '@nats-io/jetstream'
import { reasonOf, untilAborted } from '../../lib/core/clock.ts'
import { RemoteTermError } from '../../lib/core/errors.ts'
import type { FetchContext } from '../../lib/core/fetcher.ts'
import { asFetchError } from '../../lib/nats/errors.ts'
import { NatsLink } from '../../lib/nats/link.ts'
import { serversOf, type NatsSettings } from '../../lib/nats/options.ts'
import { loadJetStream, loadTransport, type JetStream, type Transport } from '../../lib/nats/packages.ts'

const OWNER = 'NatsFetcher'

export interface Linked {
	readonly link: NatsLink
	readonly manager: JetStreamManager
	readonly packages: { readonly transport: Transport; readonly jetstream: JetStream }
}

/** One connection for a fetcher and for what lies beside its content. Closed by the last who lets go of it. */
export class SharedLink {
	readonly #settings: NatsSettings
	readonly #requestTimeout: number
	#holders = 0
	#linked: Linked | undefined
	#opening: Promise<Linked> | undefined

	constructor(settings: NatsSettings, requestTimeout: number) {
		this.#settings = settings
		this.#requestTimeout = requestTimeout
	}

	/** The connection, once it was held; `undefined` before, and after it was let go. */
	get linked(): Linked | undefined {
		return this.#linked
	}

	/** @throws `FETCH_FAILED`, `FETCH_DENIED`, `FETCH_TIMEOUT`, `INVALID_OPTION` where a peer is not installed */
	async hold({ signal, logger }: FetchContext): Promise<void> {
		if (signal.aborted) throw reasonOf(signal)
		this.#holders++
		if (this.#linked?.link.closed) this.#linked = undefined
		if (this.#linked !== undefined) return
		this.#opening ??= this.#open(logger).finally(() => (this.#opening = undefined))
		try {
			await untilAborted(this.#opening, signal)
		} catch (error) {
			void this.release()
			throw error
		}
	}

	async release(): Promise<void> {
		this.#holders--
		// Whoever gave up while it was being made does not want it either.
		await this.#opening?.catch(() => {})
		if (this.#holders > 0) return
		const linked = this.#linked
		this.#linked = undefined
		await linked?.link.close()
	}

	/** The answer to one question. What is away is not waited for: the term asks again. */
	async ask<Answer>(
		subject: string,
		{ signal }: FetchContext,
		question: (linked: Linked) => Promise<Answer>,
	): Promise<Answer> {
		if (signal.aborted) throw reasonOf(signal)
		const linked = this.#linked
		if (linked === undefined)
			throw new RemoteTermError('FETCH_FAILED', `Cannot fetch ${subject}: there is no connection to NATS`)
		if (!linked.link.connected)
			throw new RemoteTermError(
				'FETCH_FAILED',
				`Cannot fetch ${subject}: the connection to ${serversOf(this.#settings)} is lost, and being made anew`,
			)
		try {
			return await untilAborted(linked.link.untilDisconnected(question(linked)), signal)
		} catch (error) {
			throw asFetchError(error, `Cannot fetch ${subject}`)
		}
	}

	async #open(logger: FetchContext['logger']): Promise<Linked> {
		try {
			const [transport, jetstream] = await Promise.all([loadTransport(OWNER), loadJetStream(OWNER)])
			const link = await NatsLink.open(this.#settings, { owner: OWNER, logger })
			const client = jetstream.jetstream(link.connection, { timeout: this.#requestTimeout })
			const manager = await client.jetstreamManager(false)
			this.#linked = { link, manager, packages: { transport, jetstream } }
			return this.#linked
		} catch (error) {
			throw asFetchError(error, `Cannot connect to NATS at ${serversOf(this.#settings)}`)
		}
	}
}
