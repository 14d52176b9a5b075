import { sleep, type Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { Hub } from '../hub/index.ts'
import { NatsTransport } from '../transports/nats.ts'
import type { Io } from './io.ts'

/** Which fleet. */
export interface FleetAddress {
	readonly nats: string
	readonly scope?: string | undefined
	readonly subject?: string | undefined
	/** How long nothing new must have come before what is known is taken for all, in milliseconds. */
	readonly settle?: number | undefined
}

export const DEFAULT_SCOPE = 'fleet'

/** How long it may take until the fleet has been heard of. */
const FIRST_SIGN = 5_000

/** What the nodes are called that are there to look, or to say something, and run nothing. */
const VISITOR = 'observer-'
export const isVisitor = (node: string): boolean => node.startsWith(VISITOR)

/**
 * Joins a fleet as one that runs nothing, and leaves it again when `stay` is done. That is called once nothing new comes.
 *
 * @throws `INVALID_OPTION`, `TRANSPORT_FAILED`, and what `stay` does
 */
export const visitFleet = async (
	{ nats, scope = DEFAULT_SCOPE, settle = 1_000, subject }: FleetAddress,
	{ clock, signal }: Io,
	stay: (hub: Hub, changes: Changes) => Promise<void>,
): Promise<void> => {
	const transport = await NatsTransport.connect({
		...connectionOf(nats),
		...(subject !== undefined && { subject }),
		...{ name: `${VISITOR}${process.pid}`, logger: silentLogger, signal },
	})
	const hub = new Hub({ transport, scope, clock, logger: silentLogger, joinDebounce: 50 })
	try {
		await hub.start()
		const changes = new Changes(hub, clock)
		await changes.untilQuiet(settle, signal)
		await stay(hub, changes)
	} finally {
		await hub.stop()
		await transport.close()
	}
}

/** Whether something has changed since, and when something last did. */
export class Changes {
	readonly #clock: Clock
	#lastAt: number | undefined
	#wake: (() => void) | undefined
	#isNew = false

	constructor(hub: Hub, clock: Clock) {
		this.#clock = clock
		hub.watch(() => {
			this.#lastAt = clock.monotonic()
			this.#isNew = true
			this.#wake?.()
		})
	}

	/** Until nothing has come for so long; a fleet of nobody is one, too. */
	async untilQuiet(quiet: number, signal: AbortSignal): Promise<void> {
		const began = this.#clock.monotonic()
		for (;;) {
			const due = Math.min(
				this.#lastAt === undefined ? began + FIRST_SIGN : this.#lastAt + quiet,
				began + FIRST_SIGN + 10 * quiet,
			)
			const wait = due - this.#clock.monotonic()
			if (wait <= 0) break
			await sleep(this.#clock, Math.min(wait, 50), { signal })
		}
		this.#isNew = false
	}

	async next(signal: AbortSignal): Promise<void> {
		const minute = 60_000
		while (!this.#isNew) {
			const end = new AbortController()
			this.#wake = () => end.abort()
			// Ages change although nothing else does.
			await sleep(this.#clock, minute, { signal: AbortSignal.any([signal, end.signal]) }).catch(
				(error: unknown) => {
					if (signal.aborted) throw error
				},
			)
			if (!this.#isNew) return
		}
		this.#isNew = false
	}
}

/** What stands in front of the host, as the transport takes it: there a user without a password is a token. */
const connectionOf = (
	nats: string,
): Parameters<typeof NatsTransport.connect>[0] extends infer Options
	? Partial<Options> & { servers: string }
	: never => {
	const address = /^[a-z]+:\/\//i.test(nats) ? nats : `nats://${nats}`
	if (!URL.canParse(address))
		throw new RemoteTermError('INVALID_OPTION', 'Expected `--nats` to be a URL such as nats://host:4222')
	const url = new URL(address)
	const { password, protocol, username } = url
	const servers = `${protocol}//${url.host}`
	if (username === '') return { servers }
	if (password === '') return { servers, token: decodeURIComponent(username) }
	return { servers, user: decodeURIComponent(username), pass: decodeURIComponent(password) }
}
