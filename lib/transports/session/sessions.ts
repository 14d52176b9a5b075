import { systemClock, type Clock } from '../../core/clock.ts'
import { RemoteTermError } from '../../core/errors.ts'
import { consoleLogger, safeLogger, type Logger } from '../../core/logger.ts'
import { invalid, positiveInteger } from '../../core/options.ts'
import { bootId, type Random } from '../../core/random.ts'
import { peerOf, type Channel, type ChannelListener, type Peer } from '../../core/transport.ts'
import { Arrivals } from '../arrivals.ts'
import { GuardedListener } from '../listener.ts'
import { peerName, scopeName } from '../names.ts'
import { Room } from './parts.ts'
import { parsePulse, PULSE_OPTIONS, type PulseOptions, type PulseSettings } from './pulse.ts'
import { Session } from './session.ts'
import type { Wire } from './wire.ts'

/** What every transport between real peers can be told. */
export interface SessionOptions extends PulseOptions {
	/** What this peer is called, the same after a restart. Unique among all that are connected. */
	readonly name: string
	/** The size limit of a message as MessagePack, in bytes. Default: 64 MiB. */
	readonly maxMessageBytes?: number | undefined
	/** How many peers of one scope may be known at a time; who comes beyond is not listened to. Default: 10,000. */
	readonly maxPeers?: number | undefined
	readonly clock?: Clock | undefined
	/** Default: `Math.random`. */
	readonly random?: Random | undefined
	readonly logger?: Logger | undefined
}

export const SESSION_OPTIONS = [
	...PULSE_OPTIONS,
	'name',
	'maxMessageBytes',
	'maxPeers',
	'clock',
	'random',
	'logger',
] as const satisfies ReadonlyArray<keyof SessionOptions>

export interface SessionSettings {
	readonly self: Peer
	readonly maxMessageBytes: number
	readonly maxPeers: number
	readonly pulse: PulseSettings
	readonly clock: Clock
	readonly random: Random
	readonly logger: Logger
}

/** @throws `INVALID_OPTION` */
export const parseSessionOptions = (options: SessionOptions): SessionSettings => {
	const {
		maxMessageBytes = 64 * 2 ** 20,
		maxPeers = 10_000,
		clock = systemClock,
		random = Math.random,
		logger = consoleLogger,
	} = options
	return {
		self: peerOf(peerName(options.name), bootId(random)),
		maxMessageBytes: positiveInteger('maxMessageBytes', maxMessageBytes),
		maxPeers: positiveInteger('maxPeers', maxPeers),
		pulse: parsePulse(options),
		clock,
		random,
		logger: safeLogger(logger),
	}
}

/** The open scopes of a transport. */
export class Sessions {
	#openings = 0
	#isClosed = false
	readonly #settings: SessionSettings & { readonly background: boolean }
	readonly #room: Room
	readonly #open = new Map<string, Session>()

	constructor(settings: SessionSettings & { readonly background: boolean }) {
		this.#settings = settings
		this.#room = new Room(settings.maxMessageBytes)
	}

	[Symbol.iterator](): Iterator<Session> {
		return [...this.#open.values()][Symbol.iterator]()
	}

	/** It does not know of the network yet: `connected()` is the caller's. */
	open<Message>(
		scope: string,
		listener: ChannelListener<Message>,
		connect: (hear: (bytes: unknown) => void) => Wire,
	): Session & Channel<Message> {
		const { self, logger, clock } = this.#settings
		if (this.#isClosed) throw new RemoteTermError('STOPPED', `The transport of '${self.name}' is closed`)
		scopeName(scope)
		if (this.#open.has(scope)) throw invalid('scope', 'one that is not open', scope)
		this.#openings += 1
		const context = {
			...this.#settings,
			scope,
			opening: this.#openings,
			room: this.#room,
			listener: new GuardedListener(listener, scope, logger, new Arrivals(self, scope, clock)),
			left: () => void this.#open.delete(scope),
		}
		const session = new Session(context, connect)
		this.#open.set(scope, session)
		return session
	}

	async close(): Promise<void> {
		this.#isClosed = true
		await Promise.all([...this.#open.values()].map(session => session.close()))
	}
}
