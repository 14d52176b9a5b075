import { sleep } from '../../core/clock.ts'
import { asRemoteTermError, RemoteTermError } from '../../core/errors.ts'
import { Emitter, type Listener } from '../../core/events.ts'
import { backoffDelay } from '../../term/backoff.ts'
import { isRefusal } from './gateway-answers.ts'
import type { PusherSettings } from './pusher-options.ts'
import type { PushOutcome, Verification } from '../receive/receiver-contract.ts'

/** What made it certain that the gateway has the configuration: a push, or that it had it already. */
export type Announced =
	PushOutcome | { readonly status: 'matched'; readonly service: string; readonly configVersion: string }

export interface AnnouncementEvents {
	/** The gateway has it: for the first time, or again. */
	accepted: { readonly service: string; readonly outcome: Announced }
	/** An attempt failed; the next one is in `retryIn` milliseconds, if there is one. */
	failed: { readonly service: string; readonly error: RemoteTermError; readonly retryIn: number | undefined }
	/** The gateway does not know the service any more. It is pushed again. */
	forgotten: { readonly service: string }
	/** The gateway has been given another version since, by somebody else. It is left alone. */
	superseded: { readonly service: string; readonly stored: string }
}

/** All dates are milliseconds since the Unix epoch. Nothing in here is a secret. */
export interface AnnouncementStatus {
	readonly service: string
	readonly configVersion: string
	/**
	 * - `pushing`: not accepted yet, and nothing has failed yet
	 * - `accepted`: the gateway has it
	 * - `superseded`: the gateway has another version, which somebody else has pushed since
	 * - `failing`: the gateway could not be reached, or had troubles of its own
	 * - `refused`: the gateway will not have it; somebody should look at `lastError`
	 * - `ended`: stopped, or out of attempts
	 */
	readonly state: 'pushing' | 'accepted' | 'superseded' | 'failing' | 'refused' | 'ended'
	/** Failures in a row. */
	readonly failures: number
	readonly lastError: RemoteTermError | undefined
	readonly acceptedAt: number | undefined
	readonly nextAttemptAt: number | undefined
}

export interface AnnouncementOptions {
	readonly service: string
	readonly configVersion: string
	/** How many attempts in a row may fail before the first acceptance. */
	readonly maxAttempts: number
	readonly signal: AbortSignal | undefined
	readonly verify: (signal: AbortSignal) => Promise<Verification>
	/** `again`: it had been accepted before. */
	readonly push: (signal: AbortSignal, again: boolean) => Promise<PushOutcome>
}

type Settings = Pick<
	PusherSettings,
	'backoff' | 'refusedBackoff' | 'verifyInterval' | 'jitter' | 'logger' | 'clock' | 'random'
>

/**
 * Sees to it that a gateway has a service's configuration, for as long as the service lives: asks first, pushes where it
 * has another version or none, tries again until it is accepted, and looks from time to time whether the gateway has
 * forgotten. One loop, one timer, one request at a time.
 */
export class Announcement implements AsyncDisposable {
	/** Resolves when the gateway has it for the first time. Rejects with the last error when there are no attempts left, and with `STOPPED`. */
	readonly accepted: Promise<Announced>
	readonly #settings: Settings
	readonly #options: AnnouncementOptions
	readonly #events: Emitter<AnnouncementEvents>
	readonly #life = new AbortController()
	readonly #running: Promise<void>
	#accept!: (outcome: Announced) => void
	#reject!: (error: RemoteTermError) => void
	#state: AnnouncementStatus['state'] = 'pushing'
	#failures = 0
	#refusals = 0
	#lastError: RemoteTermError | undefined
	#acceptedAt: number | undefined
	#nextAttemptAt: number | undefined

	constructor(settings: Settings, options: AnnouncementOptions) {
		this.#settings = settings
		this.#options = options
		this.#events = new Emitter(settings.logger)
		this.accepted = new Promise((resolve, reject) => {
			this.#accept = resolve
			this.#reject = reject
		})
		// Whoever does not wait for it is told by events and by the log.
		this.accepted.catch(() => {})
		const { signal } = options
		const onAbort = (): void => void this.stop()
		signal?.addEventListener('abort', onAbort, { once: true, signal: this.#life.signal })
		this.#running = this.#run()
		if (signal?.aborted) onAbort()
	}

	/** Returns the function that removes the listener. A listener that throws is logged and harms nobody. */
	on<Name extends keyof AnnouncementEvents>(
		event: Name,
		listener: Listener<AnnouncementEvents[Name]>,
	): () => void {
		return this.#events.on(event, listener)
	}

	status(): AnnouncementStatus {
		const { service, configVersion } = this.#options
		return {
			service,
			configVersion,
			state: this.#state,
			failures: this.#failures,
			lastError: this.#lastError,
			acceptedAt: this.#acceptedAt,
			nextAttemptAt: this.#nextAttemptAt,
		}
	}

	/** Ends whatever is under way. Final and idempotent; what the gateway has it keeps. */
	async stop(): Promise<void> {
		if (!this.#life.signal.aborted) {
			const reason = new RemoteTermError('STOPPED', `${this.#options.service} is not announced any more`)
			this.#events.clear()
			this.#state = 'ended'
			this.#nextAttemptAt = undefined
			this.#life.abort(reason)
			this.#reject(reason)
		}
		await this.#running
	}

	[Symbol.asyncDispose](): Promise<void> {
		return this.stop()
	}

	async #run(): Promise<void> {
		const { signal } = this.#life
		// Not within the constructor: whoever listens has to have had a chance to.
		await Promise.resolve()
		while (!signal.aborted) {
			let wait: number | undefined
			try {
				await this.#attempt(signal)
				if (signal.aborted) return
				this.#failures = this.#refusals = 0
				wait = this.#verifyDelay()
			} catch (thrown) {
				if (signal.aborted) return
				wait = this.#fail(
					asRemoteTermError(
						thrown,
						'FETCH_FAILED',
						message => `Cannot push ${this.#options.service}: ${message}`,
					),
				)
			}
			if (wait === undefined) {
				if (this.#acceptedAt === undefined) this.#state = 'ended'
				return
			}
			const { clock } = this.#settings
			this.#nextAttemptAt = clock.now() + wait
			await sleep(clock, wait, { signal, background: true }).catch(() => {})
			this.#nextAttemptAt = undefined
		}
	}

	async #attempt(signal: AbortSignal): Promise<void> {
		const { configVersion, push, service } = this.#options
		const again = this.#acceptedAt !== undefined
		const verification = await this.#verify(signal, again)
		if (signal.aborted) return
		if (verification?.status === 'matched') {
			this.#succeed({ status: 'matched', service, configVersion })
			return
		}
		if (again && verification?.status === 'mismatch') {
			this.#supersede(verification.stored)
			return
		}
		if (again) {
			this.#settings.logger.warn(`The gateway has forgotten ${service}; it is pushed again`, { service })
			this.#events.emit('forgotten', { service })
		}
		const outcome = await push(signal, again)
		if (signal.aborted) return
		this.#succeed(outcome)
	}

	/** `undefined` where the token is good for pushing only: then a push will tell, and an equal version is skipped. */
	async #verify(signal: AbortSignal, again: boolean): Promise<Verification | undefined> {
		try {
			return await this.#options.verify(signal)
		} catch (error) {
			if (!again && error instanceof RemoteTermError && error.status === 403) return undefined
			throw error
		}
	}

	#succeed(outcome: Announced): void {
		const { service, configVersion } = this.#options
		const { clock, logger } = this.#settings
		const news = this.#state !== 'accepted' || outcome.status !== 'matched'
		this.#state = 'accepted'
		this.#acceptedAt = clock.now()
		this.#accept(outcome)
		if (!news) return
		logger.info(`The gateway has ${service} at ${configVersion}`, {
			service,
			configVersion,
			status: outcome.status,
		})
		this.#events.emit('accepted', { service, outcome })
	}

	/** A newer instance of the service, most likely: two that push against each other would never come to an end. */
	#supersede(stored: string): void {
		const { service, configVersion } = this.#options
		const news = this.#state !== 'superseded'
		this.#state = 'superseded'
		if (!news) return
		this.#settings.logger.info(
			`The gateway has ${service} at ${stored} instead of ${configVersion}, and keeps it`,
			{
				service,
				configVersion,
				stored,
			},
		)
		this.#events.emit('superseded', { service, stored })
	}

	/** Puts a failure on record, and says when to try again; `undefined`: not at all. */
	#fail(error: RemoteTermError): number | undefined {
		const { maxAttempts, service } = this.#options
		const { backoff, jitter, logger, random, refusedBackoff } = this.#settings
		const refused = isRefusal(error)
		const state = refused ? 'refused' : 'failing'
		// A change of state is worth a line, the twentieth attempt is not.
		const news = this.#state !== state || this.#lastError?.code !== error.code
		this.#state = state
		this.#lastError = error
		this.#failures++
		this.#refusals = refused ? this.#refusals + 1 : 0
		const over = this.#acceptedAt === undefined && this.#failures >= maxAttempts
		const planned = refused
			? backoffDelay(this.#refusals, refusedBackoff, random())
			: backoffDelay(this.#failures, backoff, random())
		const asked = error.retryAfter === undefined ? 0 : error.retryAfter * (1 + jitter * random())
		const retryIn = over ? undefined : Math.ceil(Math.max(planned, asked))
		if (news || over) {
			const how = refused ? 'refuses' : 'cannot be given'
			logger[refused ? 'error' : 'warn'](`The gateway ${how} ${service}: ${error.message}`, {
				service,
				code: error.code,
				issues: error.issues,
				retryIn,
			})
		}
		if (over) this.#reject(error)
		this.#events.emit('failed', { service, error, retryIn })
		return retryIn
	}

	#verifyDelay(): number | undefined {
		const { jitter, random, verifyInterval } = this.#settings
		return verifyInterval === null ? undefined : Math.ceil(verifyInterval * (1 + jitter * (2 * random() - 1)))
	}
}
