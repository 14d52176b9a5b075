import { sleep, type Clock } from '../core/clock.ts'
import { RemoteTermError } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { Hub, type Drift, type FleetNode, type FleetRun } from '../hub/index.ts'
import { NatsTransport } from '../transports/nats.ts'
import { fleetText } from './fleet-text.ts'
import { interruptionOf, write, type Io } from './io.ts'

export interface FleetArguments {
	readonly nats: string
	readonly scope?: string | undefined
	readonly subject?: string | undefined
	readonly json?: boolean | undefined
	readonly watch?: boolean | undefined
	/** How long nothing new must have come before what is known is shown, in milliseconds. */
	readonly settle?: number | undefined
}

/** What is shown, and what `--json` prints. */
export interface FleetReport {
	readonly scope: string
	readonly at: string
	/** Without ourselves. */
	readonly nodes: readonly FleetNode[]
	readonly drift: readonly Drift[]
}

/** How long it may take until the fleet has been heard of. */
const FIRST_SIGN = 5_000
/** Of changes, in `--watch`: so many looks a second at most. */
const BETWEEN_LOOKS = 250

/**
 * `remote-term fleet`: joins, looks, leaves.
 *
 * @throws `INVALID_OPTION`, `TRANSPORT_FAILED`
 */
export const fleet = async (
	{ json = false, nats, scope = 'fleet', settle = 1_000, subject, watch = false }: FleetArguments,
	io: Io,
): Promise<void> => {
	const { clock, signal } = io
	const transport = await NatsTransport.connect({
		...connectionOf(nats),
		...(subject !== undefined && { subject }),
		...{ name: `observer-${process.pid}`, logger: silentLogger, signal },
	})
	const hub = new Hub({ transport, scope, clock, logger: silentLogger, joinDebounce: 50 })
	try {
		await hub.start()
		const changes = new Changes(hub, clock)
		await changes.untilQuiet(settle, FIRST_SIGN, signal)
		const show = (): Promise<void> => {
			const report: FleetReport = {
				...{ scope, at: new Date(clock.now()).toISOString() },
				// Ourselves, and others who only look.
				nodes: hub.nodes().filter(({ isSelf, name }) => !isSelf && !name.startsWith('observer-')),
				drift: hub.drift(),
			}
			const text = json ? `${JSON.stringify(plain(report))}\n` : fleetText(report, clock.now())
			return write(io.stdout, watch && !json ? `${text}\n` : text)
		}
		await show()
		while (watch) {
			await changes.next(signal)
			await sleep(clock, BETWEEN_LOOKS, { signal })
			await show()
		}
	} catch (error) {
		// To be told to end is how a watch is meant to end.
		if (!watch || interruptionOf(signal) === undefined) throw error
	} finally {
		await hub.stop()
		await transport.close()
	}
}

/** Whether something has changed since, and when something last did. */
class Changes {
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
	async untilQuiet(quiet: number, firstSign: number, signal: AbortSignal): Promise<void> {
		const began = this.#clock.monotonic()
		for (;;) {
			const due = Math.min(
				this.#lastAt === undefined ? began + firstSign : this.#lastAt + quiet,
				began + firstSign + 10 * quiet,
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

/** Fields that are always there, `null` where there is nothing to say. */
const plain = ({ drift, nodes, ...report }: FleetReport): unknown => ({
	...report,
	nodes: nodes.map(({ boot, name, runs, startedAt }) => ({
		...{ name, boot, startedAt: dateOf(startedAt) },
		runs: runs.map(plainRun),
	})),
	drift: drift.map(({ reason, version, ...lag }) => ({
		...lag,
		version: version ?? null,
		reason: reason ?? null,
	})),
})

const plainRun = ({
	error,
	kind,
	lastSuccessAt,
	name,
	pinned,
	refused,
	since,
	status,
	version,
}: FleetRun): unknown => ({
	...{ kind, name, status, version: version ?? null, since: dateOf(since) },
	...{ lastSuccessAt: dateOf(lastSuccessAt), pinned: pinned ?? null },
	...{ error: error ?? null, refused: refused ?? null },
})

const dateOf = (at: number | undefined): string | null =>
	at === undefined ? null : new Date(at).toISOString()
